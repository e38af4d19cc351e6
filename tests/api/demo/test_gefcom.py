from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from api.demo.gefcom import HOUR_COLUMNS, hours_of_days, read_loads, read_temperatures
from api.demo.recordings import Recording
from api.demo.wheels import GEFCOM_WHEEL


def days(*dates: str) -> pd.DataFrame:
    """Days whose hours count on: 1 to 24 on the first, 101 to 124 on the second."""
    values = [[100.0 * day + hour for hour in range(1, 25)] for day in range(len(dates))]
    return pd.DataFrame(values, index=pd.DatetimeIndex(dates), columns=HOUR_COLUMNS)


def test_first_column_is_the_hour_that_begins_at_local_midnight() -> None:
    axis, values = hours_of_days(days("2007-07-01"))
    assert axis.start == datetime(2007, 7, 1, 4, tzinfo=UTC)
    assert values.tolist() == [float(hour) for hour in range(1, 25)]


def test_hour_that_never_was_is_dropped_in_spring() -> None:
    axis, values = hours_of_days(days("2007-03-11", "2007-03-12"))
    assert axis.start == datetime(2007, 3, 11, 5, tzinfo=UTC)
    assert values[:4].tolist() == [1.0, 2.0, 4.0, 5.0]
    assert axis.end == datetime(2007, 3, 13, 4, tzinfo=UTC)
    assert axis.periods == 23 + 24
    assert not np.isnan(values).any()


def test_hour_that_happens_twice_stands_once_in_autumn() -> None:
    axis, values = hours_of_days(days("2007-11-04", "2007-11-05"))
    assert axis.periods == 25 + 24
    assert values[:2].tolist() == [1.0, 2.0]
    assert np.isnan(values[2])
    assert values[3] == 3.0
    assert values[25] == 101.0


def test_missing_day_leaves_missing_hours() -> None:
    axis, values = hours_of_days(days("2007-07-01", "2007-07-03"))
    assert axis.periods == 72
    assert np.isnan(values[24:48]).all()
    assert values[48] == 101.0


@pytest.fixture(scope="module")
def loads(demo_cache: Path) -> dict[str, Recording]:
    return {load.owner_id: load for load in read_loads(demo_cache / GEFCOM_WHEEL.filename)}


def at(recording: Recording, *when: int) -> float:
    return float(recording.values[recording.axis.position(datetime(*when, tzinfo=UTC))])


def test_zones_have_the_published_numbers(loads: dict[str, Recording]) -> None:
    assert len(loads) == 19
    assert "zone-7" not in loads
    assert at(loads["zone-1"], 2004, 1, 1, 5) == 16_853  # Load_history.csv, zone 1, 2004-01-01, h1
    assert at(loads["zone-1"], 2005, 3, 6, 5) == 19_964  # Load_solution.csv, zone 1, 2005-03-06, h1
    assert at(loads["zone-20"], 2008, 7, 8, 3) == 85_887  # Load_solution.csv, zone 20, 2008-07-07, h24


def test_only_autumn_hours_and_the_unpublished_day_are_missing(loads: dict[str, Recording]) -> None:
    load = loads["zone-1"]
    missing = load.axis.index[np.isnan(load.values)]
    unpublished = pd.date_range("2008-06-30T10:00Z", "2008-07-01T03:00Z", freq="h")
    autumn = pd.DatetimeIndex([f"{day}T06:00Z" for day in ("2004-10-31", "2005-10-30", "2006-10-29", "2007-11-04")])
    assert missing.equals(autumn.append(unpublished))


CLOCK_CHANGES = (
    *("2004-04-04", "2004-10-31", "2005-04-03", "2005-10-30", "2006-04-02"),
    *("2006-10-29", "2007-03-11", "2007-11-04", "2008-03-09"),
)


@pytest.mark.parametrize("change", CLOCK_CHANGES)
def test_morning_ramp_keeps_its_wall_clock_hour_over_clock_changes(loads: dict[str, Recording], change: str) -> None:
    """Stamps in standard time all year would show a jump of one hour."""
    total = pd.Series(sum(load.values for load in loads.values()), index=loads["zone-1"].axis.index)
    local = total.tz_convert("America/New_York")
    workdays = local[local.index.day_of_week < 5]
    days = workdays.groupby([workdays.index.normalize().tz_localize(None), workdays.index.hour]).first().unstack()
    rise = days.diff(axis=1).loc[:, 4:9].clip(lower=0)
    centre = (rise * np.arange(4, 10)).sum(axis=1) / rise.sum(axis=1)
    day, fortnight = pd.Timestamp(change), pd.Timedelta(days=14)
    assert abs(centre[day : day + fortnight].median() - centre[day - fortnight : day].median()) < 0.5


def test_temperatures_end_with_the_loads_and_their_mean_is_a_site(demo_cache: Path) -> None:
    stations = read_temperatures(demo_cache / GEFCOM_WHEEL.filename)
    assert [station.owner_id for station in stations] == [f"station-{i}" for i in range(1, 12)] + ["stations-mean"]
    assert all(station.axis.end == datetime(2008, 7, 8, 4, tzinfo=UTC) for station in stations)
    assert at(stations[0], 2004, 1, 1, 5) == 46
    assert at(stations[0], 2008, 6, 30, 10) == 75  # temperature_solution.csv, station 1, 2008-06-30, hour 7
    assert at(stations[10], 2008, 7, 8, 3) == 66
    hour = stations[0].axis.position(datetime(2006, 5, 1, 12, tzinfo=UTC))
    mean = np.mean([station.values[hour] for station in stations[:-1]])
    assert stations[-1].values[hour] == pytest.approx(mean)
