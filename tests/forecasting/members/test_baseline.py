"""The seasonal naive forecast, against answers worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.members.baseline import DAY_HOURS, WEEK_HOURS, seasonal_naive
from forecasting.series.calendar import make_calendar
from grid.time_axis import TimeAxis

LEVELS = (0.05, 0.5, 0.95)
DAYS = 80


def test_a_load_that_repeats_weekly_is_told_exactly() -> None:
    kw = np.tile(np.arange(WEEK_HOURS, dtype=np.float64), 12)
    made = seasonal_naive(kw, origins=np.array([1900]), periods=48, season_hours=WEEK_HOURS, levels=LEVELS)
    expected = np.arange(1900, 1948) % WEEK_HOURS
    assert made.quantiles.shape == (1, 48, 3)
    np.testing.assert_allclose(made.quantiles[0], np.repeat(expected[:, None], 3, axis=1))
    assert made.substituted.tolist() == [0]


def test_bands_are_the_errors_that_repeating_made() -> None:
    draw = np.random.default_rng(0)
    kw = 100.0 + draw.normal(size=24 * DAYS)
    made = seasonal_naive(kw, origins=np.array([24 * DAYS]), periods=24, season_hours=DAY_HOURS, levels=LEVELS)
    width = (made.quantiles[0, :, 2] - made.quantiles[0, :, 0]).mean()
    assert width == pytest.approx(2 * 1.645 * np.sqrt(2.0), rel=0.12)


def test_the_second_day_repeats_the_last_one_that_is_known() -> None:
    kw = np.repeat(np.arange(DAYS, dtype=np.float64), 24)
    made = seasonal_naive(kw, origins=np.array([24 * DAYS]), periods=48, season_hours=DAY_HOURS, levels=(0.5,))
    # Each day is one above the day before: the errors of repeating are +1 after a day and +2 after two.
    np.testing.assert_allclose(made.quantiles[0, :24, 0], DAYS)
    np.testing.assert_allclose(made.quantiles[0, 24:, 0], DAYS + 1)


def test_after_a_clock_change_the_same_local_hour_is_repeated() -> None:
    axis = TimeAxis(datetime(2008, 1, 1, 5, tzinfo=UTC), timedelta(hours=1), 24 * 75)
    calendar = make_calendar(axis, timezone="America/New_York", holidays="")
    kw = calendar.hour.astype(np.float64)
    origin = int((datetime(2008, 3, 11, 4, tzinfo=UTC) - axis.start) / timedelta(hours=1))  # two days after the change
    local = seasonal_naive(
        kw[:origin],
        origins=np.array([origin]),
        periods=24,
        season_hours=WEEK_HOURS,
        levels=(0.5,),
        utc_offset_hours=calendar.utc_offset_hours,
    )
    np.testing.assert_array_equal(local.quantiles[0, :, 0], calendar.hour[origin : origin + 24])


def test_a_gap_is_bridged_by_an_older_season_and_counted() -> None:
    kw = np.tile(np.arange(WEEK_HOURS, dtype=np.float64), 12)
    kw[1900 - WEEK_HOURS : 1900 - WEEK_HOURS + 5] = np.nan
    made = seasonal_naive(kw, origins=np.array([1900]), periods=48, season_hours=WEEK_HOURS, levels=(0.5,))
    np.testing.assert_allclose(made.quantiles[0, :, 0], np.arange(1900, 1948) % WEEK_HOURS)
    assert made.substituted.tolist() == [5]


@pytest.mark.parametrize(("season", "days"), [(WEEK_HOURS, 7), (WEEK_HOURS, 8), (WEEK_HOURS, 11), (DAY_HOURS, 5)])
def test_a_short_history_that_repeats_daily_is_told_as_itself(season: int, days: int) -> None:
    lamps = np.where(np.arange(DAY_HOURS) >= 18, 20.0, 0.0)
    made = seasonal_naive(
        np.tile(lamps, days), origins=np.array([days * DAY_HOURS]), periods=48, season_hours=season, levels=LEVELS
    )
    np.testing.assert_allclose(made.quantiles[0], np.tile(lamps, 2)[:, None] * np.ones(3), atol=1e-9)


@pytest.mark.parametrize("days", [1, 2, 3, 4])
def test_a_plant_of_a_few_days_is_told_no_more_than_it_ever_gave(days: int) -> None:
    plant = np.maximum(np.sin(np.linspace(-np.pi, np.pi, DAY_HOURS)), 0.0)
    made = seasonal_naive(
        np.tile(plant, days), origins=np.array([days * DAY_HOURS]), periods=48, season_hours=DAY_HOURS, levels=LEVELS
    )
    assert made.quantiles.max() <= plant.max() + 1e-9
    np.testing.assert_allclose(made.quantiles[0, :, 1], np.tile(plant, 2), atol=0.1)


def test_a_series_without_any_hour_is_refused() -> None:
    with pytest.raises(ValueError, match="no known hour"):
        seasonal_naive(
            np.full(2000, np.nan), origins=np.array([2000]), periods=48, season_hours=WEEK_HOURS, levels=LEVELS
        )


@settings(max_examples=25, deadline=None)
@given(origin=st.integers(200, 24 * DAYS), seed=st.integers(0, 999), season=st.sampled_from([DAY_HOURS, WEEK_HOURS]))
def test_the_baseline_sees_nothing_of_its_future_and_never_crosses(origin: int, seed: int, season: int) -> None:
    draw = np.random.default_rng(seed)
    kw = draw.uniform(0, 10, 24 * DAYS)
    kw[draw.random(len(kw)) < 0.1] = np.nan
    other = kw.copy()
    other[origin:] = draw.uniform(50, 60, len(kw) - origin)
    one, two = (
        seasonal_naive(values, origins=np.array([origin]), periods=48, season_hours=season, levels=LEVELS)
        for values in (kw, other)
    )
    np.testing.assert_array_equal(one.quantiles, two.quantiles)
    assert np.all(np.diff(one.quantiles, axis=2) >= -1e-9)
    assert np.all(one.quantiles >= 0.0)
