"""The cells of FILE: CSV or Parquet read into text ids, UTC instants and numbers, and what is wrong with any."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from forecasting.series.request import REQUIRED
from grid.faults import Fault, InputError

MAX_ROWS = 5_000_000
_ABSURD = 1e12
_SHOWN_ROWS = 8

BoolArray = npt.NDArray[np.bool_]
Numbers: TypeAlias = "pd.Index[int]"
"""Where each row stands, as an editor or a reader of Parquet would say, named ``line`` or ``row``; both from 1."""


def read_cells(path: Path) -> tuple[pd.DataFrame, list[Fault]]:
    """The table with text ids, UTC times (NaT where faulty) and numbers, and what is wrong with single cells.

    Its index is named ``line``, with the file's lines, of CSV, and ``row`` of Parquet.

    Raises:
        InputError: If it is no table, or none of series.
    """
    faults: list[Fault] = []
    raw = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path, faults)
    missing = [name for name in REQUIRED if name not in raw.columns]
    if missing:
        problem = f"has no column {', '.join(missing)}; it has {', '.join(map(str, raw.columns))[:200]}"
        raise InputError([Fault(path.name, problem, "name the columns series_id, time, value")])
    if not 0 < len(raw) <= MAX_ROWS:
        raise InputError([Fault(path.name, f"has {len(raw)} rows", f"give between 1 and {MAX_ROWS:,} rows")])
    names = raw["series_id"]
    unnamed = names.isna().to_numpy() | (names.astype(str).str.strip() == "").to_numpy()
    tell(faults, unnamed, "series_id", "is empty", "name the series of every row", raw.index)
    frame = pd.DataFrame({"series_id": names.astype(str), "time": _times(raw["time"], faults)})
    for column in [name for name in raw.columns if name not in ("series_id", "time")]:
        frame[str(column)] = _numbers(raw[column], str(column), faults)
    return frame[~unnamed], faults


def _read_parquet(path: Path) -> pd.DataFrame:
    with _in_our_words(path):
        try:
            head = pq.read_schema(path).names
        except pa.ArrowInvalid:
            raise ValueError("it is no Parquet") from None
    _check_names(path, pd.Series(head))
    with _in_our_words(path):
        raw = pd.read_parquet(path)
    return raw.set_axis(pd.RangeIndex(1, len(raw) + 1, name="row"))


def _read_csv(path: Path, faults: list[Fault]) -> pd.DataFrame:
    """The named columns; those that a spreadsheet appends, without a name or a cell, are left out, and empty lines."""
    with _in_our_words(path):
        head = _texts(path, header=None, nrows=1).iloc[0]
    if len(head) == 1 and re.search(r"[;\t|]", head[0]):
        remedy = "separate cells by commas, and write decimals with a point"
        raise InputError([Fault(path.name, f"has one column, {head[0][:200]!r}", remedy)])
    named = (head.str.strip() != "").to_numpy()
    _check_names(path, head[named])
    with _in_our_words(path):
        raw = _texts(path)
    if not isinstance(raw.index, pd.RangeIndex):  # pandas takes what is too many on the left for names of rows
        raise InputError([Fault(path.name, "its rows have more cells than its head", "name every column")])
    for place, (_, column) in enumerate(raw.items()):
        if not named[place] and (column.fillna("").str.strip() != "").any():
            remedy = "name it, or take it out (pandas writes its index so, without index=False)"
            raise InputError([Fault(path.name, f"its column {place + 1} holds cells but has no name", remedy)])
    return _with_lines(raw, path, faults).loc[:, named]


def _with_lines(raw: pd.DataFrame, path: Path, faults: list[Fault]) -> pd.DataFrame:
    """Its rows numbered by line, and told where cells lack; only numbered if lines do not show what pandas has read."""
    try:
        (_, cells), *below = _lengths(path)
    except (ValueError, csv.Error):  # compressed, for instance
        below = []
    if len(below) != len(raw):
        return raw.set_axis(pd.RangeIndex(1, len(raw) + 1, name="row"))
    lines = pd.Index([line for line, _ in below], name="line")
    short = np.array([length < cells for _, length in below], dtype=np.bool_)
    tell(faults, short, path.name, "has fewer cells than the head", "write every comma of the line", lines)
    return raw.set_axis(lines)


def _lengths(path: Path) -> Iterator[tuple[int, int]]:
    """The first line of every record, the head's first, and how many cells it has; without those that are empty."""
    with path.open(encoding="utf-8-sig", newline="") as text:
        records, line = csv.reader(text), 1
        for record in records:
            if record and (len(record) > 1 or not record[0].isspace()):
                yield line, len(record)
            line = records.line_num + 1


def _texts(path: Path, **options: Any) -> pd.DataFrame:
    cells: pd.DataFrame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8", **options)
    return cells


def _check_names(path: Path, names: pd.Series[Any]) -> None:
    twice = list(dict.fromkeys(names[names.duplicated()]))
    if twice:
        problem = f"has two columns {', '.join(map(repr, twice))[:200]}"
        raise InputError([Fault(path.name, problem, "give every column a name of its own")])


@contextmanager
def _in_our_words(path: Path) -> Iterator[None]:
    """What pandas and Arrow say of a file that they cannot read, as a fault."""
    try:
        yield
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
        raise InputError([Fault(path.name or str(path), problem, "name another file")]) from None
    except (ValueError, pa.ArrowException) as error:
        remedy = "give CSV, or Parquet with a name that ends in .parquet"
        raise InputError([Fault(path.name, f"is no table: {_why_no_table(error)}", remedy)]) from None


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
    no_offset = "has no offset", "write it, as in 2026-03-01T00:00:00Z"
    if pd.api.types.is_datetime64_any_dtype(column):
        empty = column.isna().to_numpy()
        tell(faults, empty, "time", "is empty", "give every row its time", column.index)
        if column.dt.tz is None:
            tell(faults, ~empty, "time", *no_offset, column.index)
            unzoned: pd.Series[Any] = column.dt.tz_localize("UTC")
            return unzoned
        times = column.dt.tz_convert("UTC")
    else:
        text = column.astype(str).str.strip()
        times = pd.to_datetime(text, utc=True, format="ISO8601", errors="coerce")
        zoned = text.str.contains(r"(?:[zZ]|[+-]\d\d:?\d\d)$", regex=True).to_numpy()
        unread = times.isna().to_numpy()
        tell(faults, unread, "time", "is no RFC 3339 instant", "write it as 2026-03-01T00:00:00+01:00", column.index)
        tell(faults, ~unread & ~zoned, "time", *no_offset, column.index)
        times = times.where(zoned)
    far = ((times.dt.year < 1900) | (times.dt.year > 2100)).to_numpy()
    tell(faults, far, "time", "is not between 1900 and 2100", "correct it", column.index)
    kept: pd.Series[Any] = times.where(~far)
    within = ((kept.dt.microsecond > 0) | (kept.dt.nanosecond > 0)).to_numpy()
    tell(faults, within, "time", "has a fraction of a second", "round it: intervals begin on the minute", column.index)
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
    remedy = "write a number, or leave the cell empty where it is unknown"
    tell(faults, bad, name, "is no number", remedy, column.index)
    absurd = np.abs(numbers) > _ABSURD
    tell(faults, absurd, name, "is absurd: beyond 1e12", "correct it, or leave the cell empty", column.index)
    return np.where(absurd, np.nan, numbers)


def tell(faults: list[Fault], bad: BoolArray, place: str, problem: str, remedy: str, numbers: Numbers) -> None:
    """Add one fault that names the lines or rows in which ``bad`` holds, if there are any.

    Args:
        bad: Shape (cells,).
        numbers: Of their lines or rows, same shape.
    """
    at = numbers[bad]
    if len(at):
        shown = ", ".join(map(str, at[:_SHOWN_ROWS]))
        more = f" and {len(at) - _SHOWN_ROWS} more" if len(at) > _SHOWN_ROWS else ""
        faults.append(Fault(f"{place}, {numbers.name} {shown}{more}", problem, remedy))
