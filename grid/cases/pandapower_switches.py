"""Switches of a pandapower network: what they join and what they cut off."""

from __future__ import annotations

from dataclasses import dataclass

from grid.cases.pandapower_tables import NetTables

_SWITCHED = {"b": "bus", "l": "line", "t": "trafo"}
_NOT_READ = "t3"


@dataclass(frozen=True, slots=True)
class Switches:
    """Switches by what they do.

    Attributes:
        joined: Pairs of buses in service that a closed switch makes one.
        opened: Kind (``l`` or ``t``) and index of the lines and transformers with an open switch at an end, and the bus
            that this end would be at.
    """

    joined: tuple[tuple[int, int], ...]
    opened: frozenset[tuple[str, int, int]]


def read_switches(tables: NetTables, live: set[int]) -> Switches:
    """The switches; those of transformers with three windings are left out, as these are.

    Args:
        live: Buses in service. As in pandapower, a switch joins no other.
    """
    known = {kind: {index for index, _ in tables.rows(name)} for kind, name in _SWITCHED.items()}
    joined: list[tuple[int, int]] = []
    opened: set[tuple[str, int, int]] = set()
    for _, row in tables.rows("switch"):
        kind, closed = row.text("et"), row.flag("closed", default=True)
        if kind == _NOT_READ:
            continue
        bus, element = int(row.number("bus")), int(row.number("element"))
        if bus not in known["b"]:
            row.fault("bus", f"there is no bus {bus}", "add it, or correct the index")
        if kind not in known:
            row.fault("et", f"must be one of {', '.join((*known, _NOT_READ))}, got {kind!r}", "correct it")
        elif element not in known[kind]:
            row.fault("element", f"there is no {_SWITCHED[kind]} {element}", "add it, or correct the index")
        elif kind != "b":
            opened |= set() if closed else {(kind, element, bus)}
        elif closed and {bus, element} <= live:
            if row.number("z_ohm", default=0.0) > 0.0:
                row.fault("z_ohm", "must be 0: its impedance is not read", "give a line of that impedance instead")
            joined.append((bus, element))
    return Switches(tuple(joined), frozenset(opened))
