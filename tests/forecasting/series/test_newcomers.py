"""Who is new, who is able to teach, and whom: one answer for the faults of a file and for its forecasts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from forecasting.series.newcomers import NEW, SHORT, TRAINED, able_to_teach, age_of, settled, teachers_of
from forecasting.series.request import FileSeries, SeriesSettings
from grid.time_axis import TimeAxis

ENDS = datetime(2026, 4, 12, tzinfo=UTC)
MUNICH = {"kind": "solar", "latitude": 48.1, "longitude": 11.6}


def one(
    name: str, known: float, *, rows: float = 40.0, ahead: float = 1.0, minutes: int = 60, **settings: Any
) -> FileSeries:
    """A series of so many known days before a horizon, all in days."""
    step = timedelta(minutes=minutes)
    a_day = timedelta(days=1) // step
    origin, periods = round(rows * a_day), round((rows + ahead) * a_day)
    at = np.arange(periods)
    return FileSeries(
        series_id=name,
        settings=SeriesSettings(**{"kind": "load", "interval_minutes": minutes} | settings),
        axis=TimeAxis(ENDS - periods * step, step, periods),
        values=np.where((at >= origin - known * a_day) & (at < origin), 1.0, np.nan),
        origin=origin if known else 0,
        asked=at[origin:] if known else at,
        covariates={},
    )


def homes(number: int = 3, **settings: Any) -> list[FileSeries]:
    return [one(f"home {k}", 40.0, **settings) for k in range(number)]


def faults(*series: FileSeries) -> list[str]:
    return [str(fault) for fault in settled(series)[1]]


@pytest.mark.parametrize("minutes", [15, 30, 60])
def test_a_history_is_new_short_or_long_enough_whatever_its_interval(minutes: int) -> None:
    ages = [age_of(one("a", days, rows=max(days, 1.0), minutes=minutes)) for days in (0.0, 0.9, 1.0, 25.0, 28.0)]
    assert ages == [NEW, NEW, SHORT, SHORT, TRAINED]


def test_a_total_and_a_backtest_shorter_than_the_horizon_teach_nobody() -> None:
    parts = [one("part", 40.0, parent="total"), one("total", 40.0), one("far", 40.0, ahead=9.0)]
    assert [other.series_id for other in able_to_teach(parts)] == ["part"]


@pytest.mark.parametrize(
    ("own", "theirs", "like"),
    [
        ({}, {}, True),
        ({"unit": "kW"}, {"unit": "MW"}, False),
        ({"unit": "kW"}, {"unit": "kW"}, True),
        ({"unit": "kW"}, {}, True),
        ({"kind": "generic"}, {}, False),
        ({"minutes": 30}, {}, False),
        ({"ahead": 2.0}, {}, False),
        (MUNICH, MUNICH | {"longitude": 24.0}, True),
        (MUNICH, MUNICH | {"longitude": -74.0}, False),
        (MUNICH, MUNICH | {"latitude": 64.0}, False),
        (MUNICH | {"longitude": 179.0}, MUNICH | {"longitude": -179.0}, True),
        (MUNICH, {"kind": "solar"}, True),
    ],
)
def test_teachers_are_of_one_kind_unit_interval_horizon_and_sun(
    own: dict[str, Any], theirs: dict[str, Any], like: bool
) -> None:
    able, pupil = homes(**theirs), one("new", 0.5, **own)
    assert teachers_of(pupil, able) == (able if like else [])
    assert bool(faults(pupil, *able)) is not like


def test_every_series_that_nobody_can_teach_is_a_fault_at_once() -> None:
    told = faults(*homes(2), one("empty", 0.0), one("young", 0.5))
    assert len(told) == 2
    assert "is empty in every row" in told[0]
    assert "has 12 known values, less than a day of 60 minutes" in told[1]


@pytest.mark.parametrize("rows", [-0.5, 0.0, 3.0])
def test_without_a_reading_a_horizon_begins_with_the_others_and_only_its_own_rows_are_asked(rows: float) -> None:
    *_, made = settled([*homes(), one("new", 0.0, rows=rows)])[0]
    assert made.axis.start + made.axis.step * made.origin == ENDS - timedelta(days=1)
    assert made.axis.end == ENDS
    assert len(made.asked) == (12 if rows < 0.0 else 24)
    assert made.asked[-1] == made.axis.periods - 1
    assert len(made.values) == made.axis.periods


def test_without_a_reading_nobody_can_tell_which_of_two_horizons_is_meant() -> None:
    assert len(faults(*homes(), *homes(ahead=2.0), one("new", 0.0))) == 1
