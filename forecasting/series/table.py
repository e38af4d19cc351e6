"""FILE read and checked: long-form CSV or Parquet into one :class:`FileSeries` per series, or all its faults."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.series.cells import REQUIRED, BoolArray, IndexArray, read_cells, tell
from forecasting.series.request import (
    DEFAULTS,
    FileSeries,
    SeriesSettings,
    parent_faults,
    read_settings_file,
    settings_of,
)
from grid.faults import Fault, InputError
from grid.time_axis import TimeAxis

MAX_YEARS = 60
LONGEST_HORIZON = timedelta(days=400)
_OVER_CAPACITY = 2.0
_HIGHEST = 0.99
"""The quantile of a series' sizes that is usually its highest: a few larger ones may be faults."""
_OVER_USUAL = 1e6
_BELOW_ZERO = 0.1
"""Below zero by such a share of its capacity, or of its largest value, solar power has the wrong sign; by less, it is
what an inverter draws at night."""
_NEARLY_ALWAYS = 0.9
_BOUNDS_C = (-90.0, 65.0)


def read_request(table: Path, series: Path) -> list[FileSeries]:
    """Every series of a file, in the order of its rows.

    Raises:
        InputError: With every fault of both files; rows are counted from 1 below the head of the table.
    """
    faults: list[Fault] = []
    entries: dict[str, dict[str, Any]] = {}
    frame = pd.DataFrame()
    try:
        entries = read_settings_file(series)
    except InputError as error:
        faults.extend(error.faults)
    try:
        frame, found = read_cells(table)
        faults.extend(found)
    except InputError as error:
        faults.extend(error.faults)
    if faults and (frame.empty or not entries):
        raise InputError(faults)
    rows = {str(name): own for name, own in frame.groupby("series_id", sort=False)}
    faults += [
        Fault(f"SERIES.json {name}", "the file has no such series", "remove it, or correct its name")
        for name in entries
        if name != DEFAULTS and name not in rows
    ]
    made = []
    for name, own in rows.items():
        settings = settings_of(name, entries)
        if isinstance(settings, list):
            faults.extend(settings)
            continue
        result = _series(name, settings, own)
        if isinstance(result, FileSeries):
            made.append(result)
        else:
            faults.extend(result)
    faults = faults or list(parent_faults(made))
    if faults:
        raise InputError(faults)
    return made


def _series(name: str, settings: SeriesSettings, rows: pd.DataFrame) -> FileSeries | list[Fault]:
    faults: list[Fault] = []
    place = f"series {name}"
    rows = rows[rows["time"].notna()]
    number = rows.index.to_numpy(dtype=np.int64)
    if rows.empty:
        return [Fault(place, "has no row with a usable time", "correct its times")]
    seconds = rows["time"].dt.as_unit("ns").astype("int64").to_numpy() // 10**9
    step = settings.interval_minutes * 60
    apart = np.diff(seconds, prepend=seconds[0] - step)
    twice = pd.Series(seconds).duplicated().to_numpy()
    tell(faults, twice, f"{place}: time", "stands twice", "keep one row per interval", number)
    tell(faults, apart < 0, f"{place}: time", "is earlier than the row before it", "sort the rows by time", number)
    problem = f"is not on the grid of {settings.interval_minutes} minutes that its first row begins"
    off = (seconds - seconds[0]) % step != 0
    tell(faults, off, f"{place}: time", problem, "correct it, or interval_minutes in SERIES.json", number)
    if (settings.interval_minutes < 60 or not off.any()) and seconds[0] % 60:
        faults.append(Fault(f"{place}: time", "the first row is not on a whole minute", "round the times"))
    faults += [
        Fault(f"SERIES.json {name}: covariates", f"the file has no column {column}", "add it, or remove the entry")
        for column in settings.covariates
        if column not in rows.columns
    ]
    value = rows["value"].to_numpy()
    _check_sizes(faults, f"{place}: value", value, number)
    if settings.kind == "solar" and np.isfinite(value).any():
        _check_sun(faults, f"{place}: value", settings.capacity, value, number)
    _check_temperatures(faults, name, settings, rows, number)
    known = np.flatnonzero(np.isfinite(value))
    if not len(known):
        faults.append(Fault(f"{place}: value", "is empty in every row", "give the history of the series"))
        return faults
    if known[-1] == len(value) - 1 and not (apart < 0).any():  # unsorted, a row's place says nothing
        remedy = "append the rows to forecast, with value empty"
        faults.append(Fault(f"{place}: value", "no row follows the last known value: there is no horizon", remedy))
    minute = (seconds[0] // 60 + np.arange(0, 60, settings.interval_minutes)) % 60
    never = np.setdiff1d(minute, seconds[known] // 60 % 60)
    if len(never):
        problem = f"is never known at minute {', '.join(map(str, never))} of the hour"
        faults.append(Fault(f"{place}: value", problem, "give it, or correct interval_minutes in SERIES.json"))
    if len(known) * step < 86_400:
        problem = f"has {len(known)} known values, less than a day of {settings.interval_minutes} minutes"
        faults.append(Fault(f"{place}: value", problem, "give a longer history"))
    if (seconds[-1] - seconds[known[-1]]) > LONGEST_HORIZON.total_seconds():
        faults.append(Fault(f"{place}: time", f"the horizon is longer than {LONGEST_HORIZON.days} days", "shorten it"))
    if seconds.max() - seconds.min() > MAX_YEARS * 366 * 86_400:
        faults.append(Fault(f"{place}: time", f"spans more than {MAX_YEARS} years", "shorten the history"))
    return faults or _on_axis(name, settings, rows, (seconds - seconds[0]) // step, known)


def _check_sizes(faults: list[Fault], place: str, value: npt.NDArray[np.float64], number: IndexArray) -> None:
    size = np.abs(value[np.isfinite(value) & (value != 0.0)])
    if len(size):
        usual = np.quantile(size, _HIGHEST, method="lower")  # at night, or in standby, most values are next to nothing
        problem = f"is absurd: more than a million times what is usually its highest, {usual:.3g}"
        far = np.abs(value) > _OVER_USUAL * usual
        tell(faults, far, place, problem, "correct it, or leave the cell empty", number)


def _check_sun(
    faults: list[Fault], place: str, capacity: float | None, value: npt.NDArray[np.float64], number: IndexArray
) -> None:
    remedy = "turn its sign, leave the cell empty, or give capacity in SERIES.json"
    if capacity is not None:
        over, problem = value > _OVER_CAPACITY * capacity, f"is more than twice the capacity of {capacity:g}"
        tell(faults, over, place, problem, "correct it, or capacity in SERIES.json", number)
        remedy = "turn its sign, or leave the cell empty"
    problem = "is far below zero, where solar power cannot be"
    tell(faults, _of_wrong_sign(value, capacity), place, problem, remedy, number)


def _of_wrong_sign(value: npt.NDArray[np.float64], capacity: float | None) -> BoolArray:
    """Where solar power is further below zero than what an inverter draws.

    Where capacity is unknown, a plant in snow must not be taken for one of the wrong sign: what it draws is less than
    what it ever yields, or is drawn at nearly all hours, at which the sun does not shine.
    """
    if capacity is not None:
        return np.less(value, -_BELOW_ZERO * capacity)
    lowest, highest = np.nanmin(value), np.nanmax(value)
    below: BoolArray = np.less(value, _BELOW_ZERO * lowest)
    by_day = below[np.isfinite(value)].mean() < _NEARLY_ALWAYS
    return np.logical_and(below, by_day and -lowest > highest)


def _check_temperatures(
    faults: list[Fault], name: str, settings: SeriesSettings, rows: pd.DataFrame, number: IndexArray
) -> None:
    for column, about in settings.covariates.items():
        if about.means != "air_temperature" or column not in rows.columns:
            continue
        celsius = to_celsius(rows[column].to_numpy(), about.unit)
        if celsius is None:
            problem = f"air_temperature has the unit {about.unit!r}"
            faults.append(Fault(f"SERIES.json {name}: {column}", problem, "give degC, degF or K"))
        else:
            absurd = (celsius < _BOUNDS_C[0]) | (celsius > _BOUNDS_C[1])
            tell(faults, absurd, f"series {name}: {column}", "is no air temperature", "correct it or its unit", number)


def to_celsius(values: npt.NDArray[np.float64], unit: str) -> npt.NDArray[np.float64] | None:
    """Temperatures in degC; None if the unit is none of degC, degF and K."""
    match unit:
        case "degC" | "°C" | "C" | "":
            return values
        case "degF" | "°F" | "F":
            return (values - 32.0) / 1.8
        case "K":
            return values - 273.15
    return None


def _on_axis(
    name: str,
    settings: SeriesSettings,
    rows: pd.DataFrame,
    position: npt.NDArray[np.int64],
    known: npt.NDArray[np.int64],
) -> FileSeries:
    start = rows["time"].iloc[0].to_pydatetime()
    axis = TimeAxis(start, timedelta(minutes=settings.interval_minutes), int(position[-1]) + 1)

    def spread(column: str) -> npt.NDArray[np.float64]:
        values = np.full(axis.periods, np.nan)
        values[position] = rows[column].to_numpy()
        return values

    numeric = [column for column in rows.columns if column not in REQUIRED]
    return FileSeries(
        series_id=name,
        settings=settings,
        axis=axis,
        values=spread("value"),
        origin=int(position[known[-1]]) + 1,
        asked=position[known[-1] + 1 :],
        covariates={column: spread(column) for column in numeric if rows[column].notna().any()},
    )
