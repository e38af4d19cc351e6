"""FILE read and checked: long-form CSV or Parquet into one :class:`FileSeries` per series, or all its faults."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.series.cells import Numbers, read_cells, tell
from forecasting.series.newcomers import settled
from forecasting.series.parents import parent_faults
from forecasting.series.request import DEFAULTS, REQUIRED, FileSeries, SeriesSettings, read_settings_file, settings_of
from forecasting.series.sizes import check_sizes, check_sun
from grid.faults import Fault, InputError
from grid.time_axis import TimeAxis

MAX_YEARS = 60
LONGEST_HORIZON = timedelta(days=400)
_STRAY = timedelta(days=1)
"""Less than this before a gap that is longer than all that follows are stray rows."""
_BOUNDS_C = (-90.0, 65.0)


def read_request(table: Path, series: Path) -> list[FileSeries]:
    """Every series of a file, in the order of its rows.

    Raises:
        InputError: With every fault of both files; with the lines of CSV, or the rows of Parquet from 1 on.
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
    made, found = settled(made)
    faults = [*faults, *found] or list(parent_faults(made))
    if faults:
        raise InputError(faults)
    return made


def _series(name: str, settings: SeriesSettings, rows: pd.DataFrame) -> FileSeries | list[Fault]:
    faults: list[Fault] = []
    place = f"series {name}"
    rows = rows[rows["time"].notna()]
    number = rows.index
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
    stray = int(np.argmax(apart))
    if stray * step < _STRAY.total_seconds() and apart[stray] > seconds[-1] - seconds[stray] and not (apart < 0).any():
        problem = f"stands before a gap of {apart[stray] // 86_400:,} days, longer than all that follows"
        before = np.arange(len(seconds)) < stray
        tell(faults, before, f"{place}: time", problem, "correct it, or leave the row out", number)
    faults += [
        Fault(f"SERIES.json {name}: covariates", f"the file has no column {column}", "add it, or remove the entry")
        for column in settings.covariates
        if column not in rows.columns
    ]
    value = rows["value"].to_numpy()
    check_sizes(faults, f"{place}: value", settings, value, number)
    if settings.kind == "solar" and np.isfinite(value).any():
        check_sun(faults, f"{place}: value", settings.capacity, value, number)
    _check_units(faults, name, settings, rows, number)
    known = np.flatnonzero(np.isfinite(value))
    if not len(known):  # a new meter, if others are like it
        return faults or _on_axis(name, settings, rows, (seconds - seconds[0]) // step, known)
    if known[-1] == len(value) - 1 and not (apart < 0).any():  # unsorted, a row's place says nothing
        remedy = "append the rows to forecast, with value empty"
        faults.append(Fault(f"{place}: value", "no row follows the last known value: there is no horizon", remedy))
    minute = (seconds[0] // 60 + np.arange(0, 60, settings.interval_minutes)) % 60
    never = np.setdiff1d(minute, seconds[known] // 60 % 60)
    if len(never):
        problem = f"is never known at minute {', '.join(map(str, never))} of the hour"
        faults.append(Fault(f"{place}: value", problem, "give it, or correct interval_minutes in SERIES.json"))
    if (seconds[-1] - seconds[known[-1]]) > LONGEST_HORIZON.total_seconds():
        faults.append(Fault(f"{place}: time", f"the horizon is longer than {LONGEST_HORIZON.days} days", "shorten it"))
    if seconds.max() - seconds.min() > MAX_YEARS * 366 * 86_400:
        faults.append(Fault(f"{place}: time", f"spans more than {MAX_YEARS} years", "shorten the history"))
    return faults or _on_axis(name, settings, rows, (seconds - seconds[0]) // step, known)


def _check_units(faults: list[Fault], name: str, settings: SeriesSettings, rows: pd.DataFrame, number: Numbers) -> None:
    for column, about in settings.covariates.items():
        if column not in rows.columns:
            continue
        if about.means == "ghi" and to_w_m2(rows[column].to_numpy(), about.unit, settings.interval_minutes) is None:
            remedy = "give W/m2, kW/m2, or Wh/m2 or J/m2 over the interval"
            faults.append(Fault(f"SERIES.json {name}: {column}", f"ghi has the unit {about.unit!r}", remedy))
        if about.means != "air_temperature":
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


def to_w_m2(values: npt.NDArray[np.float64], unit: str, minutes: int) -> npt.NDArray[np.float64] | None:
    """Mean irradiance of intervals of so many minutes in W/m2; None if the unit is none that is known."""
    match unit.replace("²", "2"):
        case "W/m2" | "":
            return values
        case "kW/m2":
            return values * 1000.0
        case "Wh/m2":
            return values * 60.0 / minutes
        case "J/m2":
            return values / (60.0 * minutes)
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

    first = int(known[-1]) + 1 if len(known) else 0  # row of the horizon
    numeric = [column for column in rows.columns if column not in REQUIRED]
    return FileSeries(
        series_id=name,
        settings=settings,
        axis=axis,
        values=spread("value"),
        origin=int(position[first - 1]) + 1 if first else 0,
        asked=position[first:],
        covariates={column: spread(column) for column in numeric if rows[column].notna().any()},
    )
