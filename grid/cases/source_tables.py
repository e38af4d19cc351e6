"""Rows of tables with named columns, such as those of CSV files: every fault comes with its place and column."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Mapping
from typing import Any

from grid.cases.spans import MOST
from grid.faults import Fault

_ABSENT = ("", "na", "nan", "none", "null")


class Row:
    """One line of a table. A cell that is missing or wrong is a fault, and reads as 0 or as an empty text.

    Args:
        cells: By column; an empty cell, ``NA`` and NaN count as absent.
        place: Such as file and line, for faults.
        told: Columns that are not there, which a fault of the whole table says.
    """

    def __init__(
        self, cells: Mapping[Any, Any], place: str, faults: list[Fault], *, told: Collection[str] = ()
    ) -> None:
        self._cells, self._place, self._faults, self._told = cells, place, faults, told

    def fault(self, column: str, problem: str, remedy: str) -> None:
        """Note a fault of a cell."""
        self._faults.append(Fault(f"{self._place}: {column}", problem, remedy))

    def has(self, column: str) -> bool:
        """Whether the cell is there and not empty."""
        return str(self._cells.get(column, "")).strip().lower() not in _ABSENT

    def knows(self, column: str) -> bool:
        """Whether the table has the column."""
        return column in self._cells

    def cell(self, column: str) -> Any:
        """The cell as it stands, None if it is not there."""
        return self._cells.get(column)

    def flag(self, column: str, *, default: bool) -> bool:
        """The cell as true or false."""
        if not self.has(column):
            return default
        value = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}.get(
            str(self._cells[column]).strip().lower()
        )
        if value is None:
            self.fault(column, f"must be true or false, got {self._cells[column]!r}", "correct it")
        return default if value is None else value

    def text(self, column: str, *, default: str | None = None) -> str:
        """The cell as text, without the blanks around it."""
        if self.has(column):
            return str(self._cells[column]).strip()
        if default is None:
            self._missing(column)
        return default or ""

    def number(
        self, column: str, *, default: float | None = None, least: float = -math.inf, above: float = -math.inf
    ) -> float:
        """The cell as a finite number of at least ``least`` and more than ``above``, by 1e-12 or more."""
        if not self.has(column):
            if default is None:
                self._missing(column)
            return default or 0.0
        try:
            value = float(self._cells[column])
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if not abs(value) <= MOST:
            shown = str(self._cells[column])[:40]
            self.fault(column, f"must be a finite number of at most {MOST:g} in size, got {shown!r}", "give a number")
            return 0.0
        if not (value >= least and value > above + 1.0 / MOST):
            bound = f"at least {least:g}" if value < least else f"above {above:g}"
            self.fault(column, f"must be {bound}, got {value:g}", "correct it")
            return max(least, above, 0.0)
        return value

    def _missing(self, column: str) -> None:
        if column not in self._told:
            self.fault(column, "is missing", "give it")


def read_table(text: str, file: str, faults: list[Fault], *, needs: tuple[str, ...], name: str = "") -> list[Row]:
    """The lines of a table; a column of ``needs`` that is not in the header is one fault, not one per line.

    Args:
        name: Column that names a line, shown in its faults and unique.
    """
    lines = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    header = [column.strip() for column in lines[0]] if lines else []
    missing = [column for column in needs if column not in header]
    faults += [Fault(f"{file}: {column}", "there is no such column in the first line", "add it") for column in missing]
    rows: list[Row] = []
    seen: set[str] = set()
    for number, line in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        place = f"{file} line {number}"
        if len(line) > len(header):
            problem = f"has {len(line)} cells, the first line {len(header)}"
            faults.append(Fault(place, problem, "put what has a comma in quotes"))
        cells = dict(zip(header, line, strict=False))
        called = cells.get(name, "").strip()
        if called and called in seen:
            faults.append(Fault(f"{place}: {name}", f"{called!r} must be unique", "rename or delete one of the lines"))
        seen.add(called)
        rows.append(Row(cells, f"{place} {called}".rstrip(), faults, told=missing))
    return rows
