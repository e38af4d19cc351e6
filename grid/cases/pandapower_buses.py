"""Buses of a pandapower network: buses that a closed switch joins are one bus of the case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from grid.cases.pandapower_switches import read_switches
from grid.cases.pandapower_tables import NetTables
from grid.cases.source_tables import Row


@dataclass(frozen=True, slots=True)
class NetBuses:
    """The buses of a network.

    Attributes:
        names: Of the case's buses: the lowest index of those that are one.
        in_service: Of the case's buses.
        opened: Kind and index of the lines (``l``) and transformers (``t``) that an open switch cuts off, and from
            which bus.
    """

    names: tuple[str, ...]
    in_service: tuple[bool, ...]
    opened: frozenset[tuple[str, int, int]]
    _position: Mapping[int, int]
    _base_kv: Mapping[int, float]

    def at(self, row: Row, column: str = "bus") -> int:
        """Position of the bus that a cell names; an unknown one is a fault and reads as the first."""
        index = int(row.number(column))
        if index not in self._position:
            row.fault(column, f"there is no bus {index}", "add it, or correct the index")
        return self._position.get(index, 0)

    def of(self, index: int) -> int:
        """Position of the bus that a bus of the file is, or is a part of."""
        return self._position[index]

    def ends(self, row: Row, first: str, second: str) -> tuple[int, int]:
        """Positions of both ends."""
        return self.at(row, first), self.at(row, second)

    def alive(self, row: Row, *columns: str) -> bool:
        """Whether an element and the buses that it stands on are in service."""
        alive = row.flag("in_service", default=True)
        positions = (self._position.get(int(row.number(column)), 0) for column in columns or ("bus",))
        return alive and all(self.in_service[position] for position in positions)

    def base_kv(self, row: Row, column: str) -> float:
        """Nominal voltage of the bus that a cell names."""
        return self._base_kv.get(int(row.number(column)), 1.0)


def read_buses(tables: NetTables) -> NetBuses:
    """The buses and what the switches make of them."""
    rows = dict(tables.rows("bus"))
    order = {index: place for place, index in enumerate(rows)}
    live = {index for index, row in rows.items() if row.flag("in_service", default=True)}
    switches = read_switches(tables, live)
    ends = np.array([[order[a], order[b]] for a, b in switches.joined], dtype=np.int64).reshape(-1, 2)
    links = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(rows), len(rows)))
    count, label = connected_components(links, directed=False) if rows else (0, np.zeros(0, dtype=np.int64))
    position = {index: int(label[place]) for index, place in order.items()}
    members: list[list[int]] = [[] for _ in range(count)]
    for index, group in position.items():
        members[group].append(index)
    return NetBuses(
        names=tuple(str(min(group)) for group in members),
        in_service=tuple(live.issuperset(group) for group in members),
        opened=switches.opened,
        _position=position,
        _base_kv={index: row.number("vn_kv", above=0.0) or 1.0 for index, row in rows.items()},
    )
