"""The baseline beside every forecast, and when a model may be asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.site.issuing import NAIVE, Issuance, baseline_forecast, position_of, why_not_ask
from grid.forecasts import Forecast
from grid.time_axis import FloatArray, TimeAxis

ISSUED = datetime(2008, 6, 16, 10, 20, tzinfo=UTC)
AHEAD = TimeAxis(datetime(2008, 6, 16, 11, tzinfo=UTC), timedelta(hours=1), 48)
ORIGIN = 24 * 92
LEVELS = (0.1, 0.5, 0.9)
ISSUANCE = Issuance(ISSUED, AHEAD, ORIGIN, LEVELS)


def week_after_week() -> FloatArray:
    return np.tile(np.arange(168, dtype=np.float64), 14)[:ORIGIN]


def baseline(kw: FloatArray) -> Forecast:
    made = baseline_forecast("a:load", kw, ISSUANCE, weekly=True)
    assert made is not None
    return made


def test_the_baseline_is_itself_and_not_degraded() -> None:
    made = baseline(week_after_week())
    assert (made.model_id, made.method, made.degraded, made.reasons) == (NAIVE, NAIVE, False, ())
    assert made.issued_at == ISSUED


def test_a_baseline_over_gaps_says_so() -> None:
    kw = week_after_week()
    kw[ORIGIN - 168 : ORIGIN - 160] = np.nan
    made = baseline(kw)
    assert made.degraded
    assert made.reasons == ("8 of 48 hours repeat an older season: the newest one was not known.",)


def test_a_series_that_never_spoke_has_no_baseline() -> None:
    assert baseline_forecast("a:load", np.full(ORIGIN, np.nan), ISSUANCE, weekly=True) is None


def test_night_and_capacity_bind_the_baseline() -> None:
    night = np.arange(48) % 24 < 12
    made = baseline_forecast("p:generation", week_after_week(), ISSUANCE, weekly=False, capacity_kw=50.0, night=night)
    assert made is not None
    assert np.all(made.quantiles[night] == 0.0)
    assert made.quantiles.max() <= 50.0


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (slice(0, 0), None),
        (slice(-12, None), None),
        (slice(-13, None), "13 hours old"),
        (slice(-80, -20), "64%"),
        (slice(-168, None), "No reading arrived"),
    ],
)
def test_a_model_is_asked_only_about_what_it_can_read(missing: slice, said: str | None) -> None:
    kw = week_after_week()
    kw[missing] = np.nan
    reason = why_not_ask(kw, ISSUANCE)
    assert reason is None if said is None else reason is not None and said in reason


def test_an_instant_within_an_hour_belongs_to_the_next_position() -> None:
    axis = TimeAxis(datetime(2008, 6, 16, tzinfo=UTC), timedelta(hours=1), 24)
    assert position_of(axis.start, axis) == 0
    assert position_of(axis.start + timedelta(minutes=1), axis) == 1
    assert position_of(axis.start - timedelta(hours=2), axis) == -2


QUARTERS = Issuance(ISSUED, TimeAxis(AHEAD.start, AHEAD.step / 4, 4 * AHEAD.periods), 4 * ORIGIN, LEVELS)


def test_each_part_of_an_hour_has_the_baseline_that_it_would_have_as_an_hour() -> None:
    parts = [scale * week_after_week() for scale in (1.0, 2.0, 0.5, 3.0)]
    made = baseline_forecast("a:load", np.stack(parts, axis=1).ravel(), QUARTERS, weekly=True)
    assert made is not None
    alone = np.stack([baseline(kw).quantiles for kw in parts])  # (parts, hours, levels)
    np.testing.assert_array_equal(made.quantiles.reshape(-1, 4, len(LEVELS)).swapaxes(0, 1), alone)


def test_what_a_model_can_read_of_quarter_hours_is_told_in_hours() -> None:
    kw = np.repeat(week_after_week(), 4)
    kw[-48:] = np.nan
    assert why_not_ask(kw, QUARTERS) is None
    kw[-49:] = np.nan
    said = "The newest reading is 12.25 hours old; the model copes with 12."
    assert why_not_ask(kw, QUARTERS) == said
