"""Days like the one ahead: those that looked alike speak, none is read before it came."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.members.course import ANALOGS, LEVELS, WEATHER, Course, single_trial
from forecasting.series.request import FileSeries, SeriesSettings
from forecasting.series.rows import make_rows
from forecasting.sun.analogs import AnalogDays
from forecasting.sun.members import SolarMembers
from forecasting.sun.windows import SolarPanel
from grid.time_axis import FloatArray, TimeAxis

DAYS, PERIODS = 120, 48
HOURS = 24 * DAYS
START = datetime(2024, 1, 1, tzinfo=UTC)
CLOCK = np.arange(HOURS + PERIODS) % 24
CLEAR = np.maximum(np.sin((CLOCK - 6.0) / 12.0 * np.pi), 0.0)
LOW, MIDDLE, HIGH = (LEVELS.index(level) for level in (0.05, 0.5, 0.95))
NOON = 12


def panel(cloudless: FloatArray) -> SolarPanel:
    """A plant of 1 kW that gives such a share of a clear sky on each day, shape (days,)."""
    return SolarPanel(
        axis=TimeAxis(START, timedelta(hours=1), HOURS),
        series_ids=("plant",),
        kw=(np.repeat(cloudless, 24) * CLEAR[:HOURS])[None],
        capacity_kw=np.ones(1),
        clear_kw=CLEAR[None],
        day_angle=np.zeros((1, HOURS + PERIODS)),
        year_angle=np.zeros(HOURS + PERIODS),
    )


def thermometer(cloudless: FloatArray, *, cooling: float) -> FloatArray:
    """Degrees that fall by so much in the night before a clear day, and by nothing before a dull one."""
    celsius = np.full(HOURS, 20.0)
    for day in range(DAYS - 1):
        celsius[24 * day + 21 : 24 * day + 24] -= cooling * cloudless[day + 1] * np.arange(1.0, 4.0)
    return celsius[None, :, None]


def nothing() -> FloatArray:
    return np.empty((1, HOURS, 0))


def test_what_a_thermometer_tells_in_the_evening_chooses_the_days_that_speak() -> None:
    cloudless = np.random.default_rng(0).choice([0.2, 0.9], DAYS)
    celsius = thermometer(cloudless, cooling=1.0)
    told = {}
    for ahead in (0.2, 0.9):
        celsius[0, HOURS - 3 :, 0] = 20.0 - ahead * np.arange(1.0, 4.0)
        told[ahead] = AnalogDays(panel(cloudless), celsius).quantiles(np.array([HOURS]), PERIODS)[0, 0, NOON]
    assert told[0.2][HIGH] == pytest.approx(0.2)
    assert told[0.9][LOW] == pytest.approx(0.9)


def test_where_clear_days_follow_each_other_a_clear_day_raises_the_next() -> None:
    draw = np.random.default_rng(1)
    spell = np.repeat(draw.uniform(0.1, 1.0, DAYS // 4), 4)
    told = []
    for last in (0.2, 0.9):
        spell[-2:] = last
        told.append(AnalogDays(panel(spell), nothing()).quantiles(np.array([HOURS]), PERIODS)[0, 0, NOON])
    assert told[1][MIDDLE] > told[0][MIDDLE] + 0.2


def test_seasons_far_away_stay_silent() -> None:
    cloudless = np.where(np.arange(DAYS) < DAYS // 2, 0.2, 0.8)
    shown = panel(cloudless)
    shown.year_angle[: HOURS // 2] = np.pi
    told = AnalogDays(shown, nothing()).quantiles(np.array([HOURS]), 24)[0, 0, NOON]
    assert np.allclose(told, 0.8)


def test_where_earlier_years_are_not_read_neither_is_anything_before_the_last_eighty_days() -> None:
    cloudless = np.random.default_rng(6).uniform(0.1, 1.0, DAYS)
    other = cloudless.copy()
    other[: DAYS - 95] = 1.0  # the eighty days, and two weeks that tell what was usual
    told, again, yearly = (
        AnalogDays(panel(one), nothing(), yearly=every).quantiles(np.array([HOURS]), 24)[0, 0, NOON]
        for one, every in ((cloudless, False), (other, False), (other, True))
    )
    assert told == pytest.approx(again)
    assert told != pytest.approx(yearly)


def test_nothing_from_an_origin_on_is_looked_at() -> None:
    draw = np.random.default_rng(2)
    before, after = draw.uniform(0.1, 1.0, DAYS), draw.uniform(0.1, 1.0, DAYS)
    after[: DAYS - 10] = before[: DAYS - 10]
    celsius = draw.normal(20.0, 5.0, (1, HOURS, 1))
    later = celsius.copy()
    later[:, 24 * (DAYS - 10) :] = 99.0
    origins = np.array([24 * (DAYS - 10) - 7, 24 * (DAYS - 10)])  # at another hour of the day, too
    told, again = (
        AnalogDays(panel(cloudless), seen).quantiles(origins, PERIODS)
        for cloudless, seen in ((before, celsius), (after, later))
    )
    assert np.isfinite(told[:, 1, NOON]).all()
    assert np.array_equal(told, again, equal_nan=True)


def test_quantiles_do_not_cross_and_lie_among_what_came() -> None:
    cloudless = np.random.default_rng(3).uniform(0.1, 1.0, DAYS)
    told = AnalogDays(panel(cloudless), nothing()).quantiles(np.array([HOURS]), PERIODS)[0, 0]
    day = np.isfinite(told).all(axis=-1)
    assert day.sum() == 2 * 11
    assert (np.diff(told[day], axis=-1) >= 0.0).all()
    assert told[day].min() >= 0.1
    assert told[day].max() <= 1.0


def test_a_sensor_that_never_spoke_and_a_short_history_are_no_ground_to_fail() -> None:
    shown = panel(np.random.default_rng(4).uniform(0.1, 1.0, DAYS))
    silent = np.full((1, HOURS, 1), np.nan)
    made = AnalogDays(shown, silent).quantiles(np.array([HOURS, 20 * 24]), 24)[0]
    assert np.isfinite(made[0, NOON]).all()
    assert np.isnan(made[1]).all()


def test_hours_that_are_further_ahead_than_days_are_known_are_not_spoken_of() -> None:
    analogs = AnalogDays(panel(np.full(DAYS, 0.5)), nothing())
    origin = 24 * (8 + 20)
    assert analogs.speaks(origin, 24)
    assert not analogs.speaks(origin, 25)
    assert not analogs.speaks(origin - 1, 24)
    told = analogs.quantiles(np.array([origin]), 48)[0, 0]
    assert np.isfinite(told[NOON]).all()
    assert np.isnan(told[24 + NOON]).all()


def members_of(days: int, *, covariate: Callable[[FloatArray], FloatArray], ahead: bool) -> SolarMembers:
    """Of a plant with so many days of history, and what may be known of each day's cloudless share, by hour."""
    hours = 24 * days
    clear = CLEAR[: hours + PERIODS]
    cloudless = np.repeat(np.random.default_rng(5).uniform(0.1, 1.0, days + PERIODS // 24), 24)
    past = np.arange(hours + PERIODS) < hours
    one = FileSeries(
        series_id="plant",
        settings=SeriesSettings(kind="solar", interval_minutes=60, capacity=1.0),
        axis=TimeAxis(START, timedelta(hours=1), hours + PERIODS),
        values=np.where(past, cloudless * clear, np.nan),
        covariates={"column": np.where(past | ahead, covariate(cloudless), np.nan)},
        origin=hours,
        asked=np.arange(hours, hours + PERIODS),
    )
    trial = single_trial(hours, PERIODS)
    return SolarMembers(make_rows([one]), course=Course(share=0.01), trial=trial, trained=True)


def cloud(cloudless: FloatArray) -> FloatArray:
    return 1.0 - cloudless


def number_of_the_row(cloudless: FloatArray) -> FloatArray:
    return np.arange(len(cloudless), dtype=np.float64)


@pytest.mark.parametrize(
    ("covariate", "ahead", "speaking"),
    [(cloud, True, WEATHER), (cloud, False, ANALOGS), (number_of_the_row, True, ANALOGS)],
)
def test_they_speak_only_where_no_weather_is_known_ahead(
    covariate: Callable[[FloatArray], FloatArray], ahead: bool, speaking: str
) -> None:
    members = members_of(DAYS, covariate=covariate, ahead=ahead)
    assert members.present(asked={ANALOGS, WEATHER}).keys() & {ANALOGS, WEATHER} == {speaking}
    told = any("none is read as weather" in reason for reason in members.reasons)
    assert told is (covariate is number_of_the_row)


@pytest.mark.parametrize(("days", "speak"), [(34, False), (60, True)])
def test_they_speak_only_where_they_are_judged_from_the_first_origin_on(days: int, speak: bool) -> None:
    members = members_of(days, covariate=cloud, ahead=False)
    assert (ANALOGS in members.present(asked={ANALOGS})) is speak
