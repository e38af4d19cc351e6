"""Series of a source folder: what ``timeseries_pointers.csv`` names, from files of one line per period.

The instants of a folder are those of its own clock, taken as UTC. Period ``p`` of a day begins ``p - 1`` periods after
its midnight.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from grid.cases.source_tables import Row, read_table
from grid.faults import Fault
from grid.time_axis import EPOCH, FloatArray, TimeAxis

_DATE = ("Year", "Month", "Day")
_NEEDS = ("Simulation", "Category", "Object", "Parameter", "Data File")
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True, eq=False)
class SeriesTable:
    """Series of one file; each of shape (periods of ``axis``,), by column."""

    axis: TimeAxis
    columns: Mapping[str, FloatArray]

    def column(self, name: str) -> FloatArray | None:
        """A series by its name; the only one of a table is found by any name."""
        only = next(iter(self.columns.values())) if len(self.columns) == 1 else None
        return self.columns.get(name, only)


def read_pointers(text: str, faults: list[Fault]) -> list[Row]:
    """The lines of ``timeseries_pointers.csv``."""
    return read_table(text, "timeseries_pointers.csv", faults, needs=_NEEDS)


def data_files(pointers: str) -> set[str]:
    """The files that the text of ``timeseries_pointers.csv`` names, relative to its folder."""
    return {row.text("Data File", default="") for row in read_pointers(pointers, [])} - {""}


def read_series(text: str, file: str, step: timedelta, faults: list[Fault]) -> SeriesTable | None:
    """The series of one file; None where it cannot be read.

    Two layouts: a line per period (``Year, Month, Day, Period`` and a column per series), or a line per day (``Year,
    Month, Day`` and a column per period, of one series).
    """
    try:
        table = pyarrow.csv.read_csv(io.BytesIO(text.removeprefix("\ufeff").encode()))
    except pa.ArrowInvalid as error:
        faults.append(Fault(file, f"cannot be read: {error}", "give a header and as many cells in every line"))
        return None
    table = table.rename_columns([name.strip() for name in table.column_names])
    missing = [name for name in _DATE if name not in table.column_names]
    faults += [Fault(f"{file}: {name}", "there is no such column in the first line", "add it") for name in missing]
    if missing or not table.num_rows:
        return None
    columns = {name: _numbers(table, name, file, faults) for name in table.column_names}
    year, month, day = (columns.pop(name).astype(np.int64) for name in _DATE)
    instants = ((year - 1970) * 12 + month - 1).astype("datetime64[M]").astype("datetime64[us]") + (day - 1) * _DAY
    length = step
    if "Period" in columns:
        instants = instants + (columns.pop("Period").astype(np.int64) - 1) * np.timedelta64(step)
    else:
        length = timedelta(days=1)
        if len(columns) * step != length:
            told = f"must have a column per {step} of a day, or a column Period, got {len(columns)} columns"
            faults.append(Fault(file, told, "complete it"))
            return None
        columns = {"": np.stack(list(columns.values()), axis=1).ravel()}
    for row in np.flatnonzero(np.diff(instants) != np.timedelta64(length))[:1].tolist():
        problem = f"must follow the line before by {length}, it does by {instants[row + 1] - instants[row]}"
        faults.append(Fault(f"{file} line {row + 3}", problem, "give every period once, in order"))
    start = EPOCH + timedelta(microseconds=int(instants[0].astype(np.int64)))
    return SeriesTable(TimeAxis(start, step, len(instants) * (length // step)), columns)


def _numbers(table: pa.Table, name: str, file: str, faults: list[Fault]) -> FloatArray:
    """A column as numbers; every cell that is none is a fault, the first of them with its line."""
    column = table[name]
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        number = pc.match_substring_regex(pc.cast(column, pa.string()), r"^\s*[-+]?[0-9.]+([eE][-+]?[0-9]+)?\s*$")
        column = pc.cast(pc.if_else(number, pc.utf8_trim_whitespace(pc.cast(column, pa.string())), None), pa.float64())
    values = np.asarray(pc.fill_null(pc.cast(column, pa.float64()), np.nan).to_numpy(), dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        more = f", and {wrong.size - 1} more" if wrong.size > 1 else ""
        faults.append(Fault(f"{file} line {wrong[0] + 2}: {name}", f"must be a finite number{more}", "fill the gap"))
    return np.where(np.isfinite(values), values, 0.0)
