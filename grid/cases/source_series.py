"""Series of a source folder: what ``timeseries_pointers.csv`` names, from files of one line per period.

The instants of a folder are those of its own clock, taken as UTC. Period ``p`` of a day begins ``p - 1`` periods after
its midnight.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from grid.cases.source_tables import Row, read_table
from grid.cases.spans import FIRST_YEAR, LAST_YEAR
from grid.faults import Fault
from grid.time_axis import EPOCH, FloatArray, TimeAxis

_DATE = ("Year", "Month", "Day")
_RANGES = {"Year": (FIRST_YEAR, LAST_YEAR), "Month": (1, 12), "Day": (1, 31)}
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
    import pyarrow.csv

    try:
        table = pyarrow.csv.read_csv(io.BytesIO(text.removeprefix("\ufeff").encode()))
    except ValueError as error:
        faults.append(Fault(file, f"cannot be read: {error}", "give a header and as many cells in every line"))
        return None
    table = table.rename_columns([name.strip() for name in table.column_names])
    missing = [name for name in _DATE if name not in table.column_names]
    faults += [Fault(f"{file}: {name}", "there is no such column in the first line", "add it") for name in missing]
    if missing or not table.num_rows:
        return None
    columns = {name: _numbers(table[name], f"{file} line {{line}}: {name}", faults) for name in table.column_names}
    begun = len(faults)
    year, month, day = (_whole(columns.pop(name), file, name, *_RANGES[name], faults) for name in _DATE)
    instants = ((year - 1970) * 12 + month - 1).astype("datetime64[M]").astype("datetime64[us]") + (day - 1) * _DAY
    length = step
    if "Period" in columns:
        period = _whole(columns.pop("Period"), file, "Period", 1, -(-timedelta(days=1) // step), faults)
        instants = instants + (period - 1) * np.timedelta64(step)
    else:
        length = timedelta(days=1)
        if len(columns) * step != length:
            told = f"must have a column per {step} of a day, or a column Period, got {len(columns)} columns"
            faults.append(Fault(file, told, "complete it"))
            return None
        columns = {"": np.stack(list(columns.values()), axis=1).ravel()}
    if len(faults) > begun:
        return None
    for row in np.flatnonzero(np.diff(instants) != np.timedelta64(length))[:1].tolist():
        problem = f"must follow the line before by {length}, it does by {instants[row + 1] - instants[row]}"
        faults.append(Fault(f"{file} line {row + 3}", problem, "give every period once, in order"))
    start = EPOCH + timedelta(microseconds=int(instants[0].astype(np.int64)))
    return SeriesTable(TimeAxis(start, step, len(instants) * (length // step)), columns)


def _numbers(cells: Any, place: str, faults: list[Fault]) -> FloatArray:
    """A column's cells as numbers; where some are none, the first of them is a fault.

    Args:
        place: With ``{line}`` for its number.
    """
    try:
        values = np.asarray(cells.cast("float64").to_numpy())
    except ValueError:
        values = np.array([_number(cell) for cell in cells.to_pylist()])
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        others = f", as {wrong.size - 1} others of this column" if wrong.size > 1 else ""
        problem = f"must be a finite number{others}, got {cells[int(wrong[0])].as_py()!r}"
        faults.append(Fault(place.format(line=wrong[0] + 2), problem, "fill the gap, or correct it"))
    return np.where(np.isfinite(values), values, 0.0)


def _whole(
    values: FloatArray, file: str, column: str, least: int, most: int, faults: list[Fault]
) -> npt.NDArray[np.int64]:
    """A column's values as whole numbers; where some are none or out of range, the first of them is a fault."""
    wrong = np.flatnonzero((values != np.round(values)) | (values < least) | (values > most))
    for row in wrong[:1].tolist():
        problem = f"must be a whole number from {least} to {most}, got {values[row]:g}"
        faults.append(Fault(f"{file} line {row + 2}: {column}", problem, "correct it"))
    return np.where(wrong.size, least, values).astype(np.int64)


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return math.nan
