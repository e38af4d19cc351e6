"""The tables of a network that pandapower wrote as JSON (``pandapower.to_json``), read as plain data.

The document names classes, and tables stand in it as JSON within JSON. Nothing of that is imported or built: a table is
its rows by index, whatever layout pandas gave it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from grid.cases.source_tables import Row
from grid.faults import Fault, InputError
from grid.records import parse_json

_READ = (
    "bus", "line", "trafo", "gen", "sgen", "ext_grid", "load", "storage", "shunt", "switch", "poly_cost", "pwl_cost",
)  # fmt: skip
_IGNORED = ("measurement", "controller", "group", "characteristic", "trafo_characteristic_table", "geo", "bus_geodata")


class NetTables:
    """The tables of one document, with the faults found so far; ``content`` is all of it.

    Raises:
        InputError: If the text is no such document.
    """

    def __init__(self, text: str, faults: list[Fault]) -> None:
        try:
            content = parse_json(text)["_object"]
        except (ValueError, KeyError, TypeError):
            problem = "is no network of pandapower's: it must be JSON with _object"
            raise InputError([Fault("file", problem, "write it with pandapower.to_json")]) from None
        self.faults = faults
        self.content: dict[str, Any] = content if isinstance(content, dict) else {}
        self._tables = {name: self._table(name) for name in _READ}
        for name in sorted(set(self.content) - set(_READ) - set(_IGNORED)):
            if self._is_element(name) and any(row.flag("in_service", default=True) for row in self._table(name)[1]):
                problem = "has elements in service, which are not read"
                faults.append(Fault(name, problem, "replace them by lines, transformers, loads and generators"))

    def rows(self, name: str) -> Iterator[tuple[int, Row]]:
        """Index and row of each element of a table."""
        yield from zip(*self._tables[name], strict=True)

    def scalar(self, name: str, *, default: float) -> float:
        """A number of the network, above 0."""
        return Row(self.content, "network", self.faults).number(name, default=default, above=0.0) or default

    def _is_element(self, name: str) -> bool:
        """Whether a name is that of a table of elements; results and standard types are none."""
        value = self.content[name]
        table = isinstance(value, dict) and value.get("_class") == "DataFrame"
        return table and not name.startswith(("res_", "_"))

    def _table(self, name: str) -> tuple[list[int], list[Row]]:
        try:
            cells = _cells(self.content.get(name))
        except (ValueError, KeyError, TypeError, AttributeError):
            self.faults.append(Fault(name, "is no table", "write the file with pandapower.to_json"))
            return [], []
        return list(cells), [Row(row, f"{name} {index}", self.faults) for index, row in cells.items()]


def _cells(value: Any) -> dict[int, dict[str, Any]]:
    """Cells by index and column, of a table in pandas' layouts ``split`` or ``columns``."""
    table = value.get("_object", value) if isinstance(value, dict) else value
    table = parse_json(table) if isinstance(table, str) else table
    if not table:
        return {}
    if "data" in table and "columns" in table:
        rows = (dict(zip(table["columns"], row, strict=True)) for row in table["data"])
        return {int(index): row for index, row in zip(table["index"], rows, strict=True)}
    cells: dict[int, dict[str, Any]] = {}
    for column, values in table.items():
        for index, cell in values.items():
            cells.setdefault(int(index), {})[column] = cell
    return cells
