"""FILE read and checked: long-form CSV or Parquet into one :class:`FileSeries` per series, or all its faults."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

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

REQUIRED = ("series_id", "time", "value")
MAX_ROWS = 5_000_000
MAX_YEARS = 60
LONGEST_HORIZON = timedelta(days=400)
_ABSURD = 1e12
_OVER_CAPACITY = 2.0
_SHOWN_ROWS = 8
_BOUNDS_C = (-90.0, 65.0)

BoolArray = npt.NDArray[np.bool_]
IndexArray = npt.NDArray[np.int64]


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
        frame, found = _read_table(table)
        faults.extend(found)
    except InputError as error:
        faults.extend(error.faults)
    if faults and (frame.empty or not entries):
        raise InputError(faults)
    names = list(dict.fromkeys(frame["series_id"]))
    faults += [
        Fault(f"SERIES.json {name}", "the file has no such series", "remove it, or correct its name")
        for name in entries
        if name != DEFAULTS and name not in names
    ]
    made = []
    for name in names:
        settings = settings_of(name, entries)
        if isinstance(settings, list):
            faults.extend(settings)
            continue
        result = _series(name, settings, frame[frame["series_id"] == name])
        if isinstance(result, FileSeries):
            made.append(result)
        else:
            faults.extend(result)
    faults = faults or list(parent_faults(made))
    if faults:
        raise InputError(faults)
    return made


def _read_table(path: Path) -> tuple[pd.DataFrame, list[Fault]]:
    """The table with text ids, UTC times (NaT where faulty) and numbers, and what is wrong with single cells."""
    try:
        if path.suffix == ".parquet":
            raw = pd.read_parquet(path)
        else:
            raw = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except OSError as error:
        raise InputError([Fault(path.name, f"cannot be read: {error}", "name another file")]) from None
    except (ValueError, pa.ArrowException, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        remedy = "give CSV, or Parquet with a name that ends in .parquet"
        raise InputError([Fault(path.name, f"is no table: {_why_no_table(error)}", remedy)]) from None
    missing = [name for name in REQUIRED if name not in raw.columns]
    if missing:
        problem = f"has no column {', '.join(missing)}; it has {', '.join(map(str, raw.columns))[:200]}"
        raise InputError([Fault(path.name, problem, "name the columns series_id, time, value")])
    if not 0 < len(raw) <= MAX_ROWS:
        raise InputError([Fault(path.name, f"has {len(raw)} rows", f"give between 1 and {MAX_ROWS:,} rows")])
    raw = raw.reset_index(drop=True)
    faults: list[Fault] = []
    names = raw["series_id"]
    unnamed = names.isna().to_numpy() | (names.astype(str).str.strip() == "").to_numpy()
    _tell(faults, unnamed, "series_id", "is empty", "name the series of every row")
    frame = pd.DataFrame({"series_id": names.astype(str), "time": _times(raw["time"], faults)})
    for column in [name for name in raw.columns if name not in ("series_id", "time")]:
        frame[str(column)] = _numbers(raw[column], str(column), faults)
    return frame[~unnamed], faults


def _why_no_table(error: Exception) -> str:
    if odd := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error)):
        return f"line {odd[2]} has {odd[3]} cells where the lines before it have {odd[1]}"
    if "EOF inside string" in str(error):
        return "a quotation mark is never closed"
    if isinstance(error, UnicodeDecodeError):
        return "it is no UTF-8 text"
    return "it is empty" if isinstance(error, pd.errors.EmptyDataError) else str(error)[:200]


def _times(column: pd.Series[Any], faults: list[Fault]) -> pd.Series[Any]:
    """UTC instants, NaT where they are faulty."""
    if pd.api.types.is_datetime64_any_dtype(column):
        if column.dt.tz is None:
            _tell(faults, np.ones(len(column), bool), "time", "has no offset", "write it, as in 2026-03-01T00:00:00Z")
            times: pd.Series[Any] = column.dt.tz_localize("UTC")
            return times
        times = column.dt.tz_convert("UTC")
    else:
        text = column.astype(str).str.strip()
        times = pd.to_datetime(text, utc=True, format="ISO8601", errors="coerce")
        zoned = text.str.contains(r"(?:[zZ]|[+-]\d\d:?\d\d)$", regex=True).to_numpy()
        unread = times.isna().to_numpy()
        _tell(faults, unread, "time", "is no RFC 3339 instant", "write it as 2026-03-01T00:00:00+01:00")
        _tell(faults, ~unread & ~zoned, "time", "has no offset", "write it, as in 2026-03-01T00:00:00Z")
        times = times.where(zoned)
    far = ((times.dt.year < 1900) | (times.dt.year > 2100)).to_numpy()
    _tell(faults, far, "time", "is not between 1900 and 2100", "correct it")
    kept: pd.Series[Any] = times.where(~far)
    return kept


def _numbers(column: pd.Series[Any], name: str, faults: list[Fault]) -> npt.NDArray[np.float64]:
    """Floats, NaN where empty."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        bad = np.zeros(len(column), dtype=bool)
    else:
        empty = column.isna().to_numpy() | (column.astype(str).str.strip() == "").to_numpy()
        read = pd.to_numeric(column.astype(str).where(~empty), errors="coerce")
        numbers = read.to_numpy(dtype=np.float64, na_value=np.nan)
        bad = np.isnan(numbers) & ~empty
    _tell(faults, bad, name, "is no number", "write a number, or leave the cell empty where it is unknown")
    absurd = np.abs(numbers) > _ABSURD
    _tell(faults, absurd, name, "is absurd: beyond 1e12", "correct it, or leave the cell empty")
    return np.where(absurd, np.nan, numbers)


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
    _tell(faults, apart == 0, f"{place}: time", "stands twice", "keep one row per interval", number)
    _tell(faults, apart < 0, f"{place}: time", "is earlier than the row before it", "sort the rows by time", number)
    problem = f"is not on the grid of {settings.interval_minutes} minutes that its first row begins"
    off = (seconds - seconds[0]) % step != 0
    _tell(faults, off, f"{place}: time", problem, "correct it, or interval_minutes in SERIES.json", number)
    if (settings.interval_minutes < 60 or not off.any()) and seconds[0] % 60:
        faults.append(Fault(f"{place}: time", "the first row is not on a whole minute", "round the times"))
    faults += [
        Fault(f"SERIES.json {name}: covariates", f"the file has no column {column}", "add it, or remove the entry")
        for column in settings.covariates
        if column not in rows.columns
    ]
    value = rows["value"].to_numpy()
    _check_values(faults, place, settings, rows, number)
    known = np.flatnonzero(np.isfinite(value))
    if not len(known):
        faults.append(Fault(f"{place}: value", "is empty in every row", "give the history of the series"))
        return faults
    if known[-1] == len(value) - 1 and not (apart < 0).any():  # unsorted, a row's place says nothing
        remedy = "append the rows to forecast, with value empty"
        faults.append(Fault(f"{place}: value", "no row follows the last known value: there is no horizon", remedy))
    if len(known) * step < 86_400:
        problem = f"has {len(known)} known values, less than a day of {settings.interval_minutes} minutes"
        faults.append(Fault(f"{place}: value", problem, "give a longer history"))
    if (seconds[-1] - seconds[known[-1]]) > LONGEST_HORIZON.total_seconds():
        faults.append(Fault(f"{place}: time", f"the horizon is longer than {LONGEST_HORIZON.days} days", "shorten it"))
    if seconds.max() - seconds.min() > MAX_YEARS * 366 * 86_400:
        faults.append(Fault(f"{place}: time", f"spans more than {MAX_YEARS} years", "shorten the history"))
    return faults or _on_axis(name, settings, rows, (seconds - seconds[0]) // step, known)


def _check_values(
    faults: list[Fault], place: str, settings: SeriesSettings, rows: pd.DataFrame, number: npt.NDArray[np.int64]
) -> None:
    if settings.kind == "solar" and settings.capacity is not None:
        over = rows["value"].to_numpy() > _OVER_CAPACITY * settings.capacity
        problem = f"is more than twice the capacity of {settings.capacity:g}"
        _tell(faults, over, f"{place}: value", problem, "correct it, or capacity in SERIES.json", number)
    for column, about in settings.covariates.items():
        if about.means == "air_temperature" and column in rows.columns:
            celsius = to_celsius(rows[column].to_numpy(), about.unit)
            if celsius is None:
                problem = f"air_temperature has the unit {about.unit!r}"
                faults.append(Fault(f"SERIES.json {place}: {column}", problem, "give degC, degF or K"))
            else:
                absurd = (celsius < _BOUNDS_C[0]) | (celsius > _BOUNDS_C[1])
                _tell(faults, absurd, f"{place}: {column}", "is no air temperature", "correct it or its unit", number)


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


def _tell(
    faults: list[Fault], bad: BoolArray, place: str, problem: str, remedy: str, rows: IndexArray | None = None
) -> None:
    """One fault that names the rows in which ``bad`` holds, if there are any."""
    at = np.flatnonzero(bad)
    if len(at):
        shown = [int(i if rows is None else rows[i]) + 1 for i in at[:_SHOWN_ROWS]]
        more = f" and {len(at) - len(shown)} more" if len(at) > len(shown) else ""
        faults.append(Fault(f"{place}, row {', '.join(map(str, shown))}{more}", problem, remedy))
