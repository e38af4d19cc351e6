"""Networks that pandapower wrote as JSON (``pandapower.to_json``) into a :class:`grid.cases.case.Case`.

What ``rundcopp`` would dispatch is a generator: generators, external grids, and static generators, loads and storages
that are controllable; the others stand at their power. Without any cost every MW costs 1, as there. DC flows follow
pandapower too: susceptance 1 / (reactance × turns ratio), and phase shifts count.

Reference: Thurner et al., "pandapower: an open-source Python tool for convenient modeling, analysis and optimization of
electric power systems", IEEE Transactions on Power Systems 33(6), 2018.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from grid.cases.case import BoolArray, Case, Costs, DcConvention, Generators, Links
from grid.cases.pandapower_branches import read_branches
from grid.cases.pandapower_buses import NetBuses, read_buses
from grid.cases.pandapower_costs import CostTables
from grid.cases.pandapower_tables import NetTables
from grid.cases.source_tables import Row
from grid.cases.spans import MOST
from grid.faults import Fault, InputError

_FEEDS = {"gen": 1.0, "sgen": 1.0, "ext_grid": 1.0, "load": -1.0, "storage": -1.0}
ALWAYS_FREE = ("gen", "ext_grid")
"""What is dispatched, and holds the voltage of its bus, whether it says so or not."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element that feeds in its power times ``feeds``."""

    kind: str
    index: int
    row: Row
    feeds: float
    dispatched: bool


@dataclass(frozen=True, slots=True)
class _Machine:
    """What can be dispatched; limits of what it feeds in. [MW]"""

    name: str
    bus: int
    minimum_mw: float
    maximum_mw: float
    in_service: bool


def read_pandapower(text: str) -> Case:
    """The case that a network states.

    Raises:
        InputError: With every fault: elements that are not read, numbers that are none, unknown buses, reversed limits,
            costs that are not convex, no external grid.
    """
    faults: list[Fault] = []
    tables = NetTables(text, faults)
    buses = read_buses(tables)
    if not buses.names:  # what stands on them cannot be told
        raise InputError([*faults, Fault("bus", "must have a bus, got none", "add the buses")])
    base_mva = tables.scalar("sn_mva", default=1.0)
    demand = np.zeros(len(buses.names))
    machines, costs = [], CostTables(tables, tuple(_FEEDS))
    for element in elements(tables):
        alive, bus = buses.alive(element.row), buses.at(element.row)
        if element.dispatched:
            machines.append(_machine(element, bus, alive))
            costs.read(element.kind, element.index, element.feeds)
        elif alive:
            demand[bus] -= element.feeds * standing(element.row, "p_mw")
    for _, row in tables.rows("shunt"):
        if buses.alive(row):
            demand[buses.at(row)] += shunt_at_nominal(row, buses, "p_mw")
    reference = _references(tables, buses)
    if not reference.any():
        faults.append(Fault("ext_grid", "nothing is the reference", "add an external grid, or a generator with slack"))
    branches = read_branches(tables, buses, base_mva)
    if faults:
        raise InputError(faults)
    most = float(np.abs(demand).sum() + sum(abs(m.maximum_mw) for m in machines if math.isfinite(m.maximum_mw)))
    none = np.zeros(0)
    no_bus = np.zeros(0, dtype=np.int64)
    return Case(
        name=Row(tables.content, "network", []).text("name", default="") or "network",
        base_mva=base_mva,
        bus_ids=buses.names,
        areas=tuple("" for _ in buses.names),
        demand_mw=demand,
        reference=reference,
        isolated=~np.array(buses.in_service, dtype=bool),
        generators=Generators(
            names=tuple(machine.name for machine in machines),
            bus=np.array([machine.bus for machine in machines], dtype=np.int64),
            minimum_mw=np.array([max(machine.minimum_mw, -most) for machine in machines]),
            maximum_mw=np.array([min(machine.maximum_mw, most) for machine in machines]),
            in_service=np.array([machine.in_service for machine in machines], dtype=bool),
            costs=costs.costs(),
        ),
        branches=branches,
        links=Links((), no_bus, no_bus, none, none, none, none, np.zeros(0, dtype=bool), Costs.none(0)),
        convention=DcConvention.TAPS_AND_SHIFTS,
    )


def elements(tables: NetTables) -> Iterator[Element]:
    """Everything but shunts that gives or takes power, in the order of the case's generators."""
    for kind, feeds in _FEEDS.items():
        for index, row in tables.rows(kind):
            dispatched = kind in ALWAYS_FREE or row.flag("controllable", default=False)
            yield Element(kind, index, row, feeds, dispatched)


def _machine(element: Element, bus: int, alive: bool) -> _Machine:
    """A machine; one that is not controllable stands at its power, an external grid may lack limits."""
    kind, row, sign, name = element.kind, element.row, element.feeds, f"{element.kind}-{element.index}"
    if kind == "gen" and not row.flag("controllable", default=True):
        fixed = standing(row, "p_mw")
        return _Machine(name, bus, fixed, fixed, alive)
    endless = (-math.inf, math.inf) if kind == "ext_grid" else (None, None)
    low = row.number("min_p_mw", default=endless[0])
    high = row.number("max_p_mw", default=endless[1])
    if alive and low > high:
        row.fault("min_p_mw", f"{low:g} is above max_p_mw {high:g}", "exchange or correct them")
    low, high = sorted((sign * low, sign * high))
    return _Machine(name, bus, low, high, alive)


def standing(row: Row, column: str, *, default: float | None = None) -> float:
    """The power at which something that is not dispatched stands. [MW or MVAr]"""
    power = row.number(column, default=default) * row.number("scaling", default=1.0)
    if abs(power) > MOST:
        row.fault("scaling", f"makes {power:g} MW, at most {MOST:g} can be planned", "correct it, or p_mw")
    return power


def shunt_at_nominal(row: Row, buses: NetBuses, column: str) -> float:
    """What a shunt takes at its bus's nominal voltage; its power is told at its own. [MW or MVAr]"""
    kilovolt = buses.base_kv(row, "bus")
    own = row.number("vn_kv", default=kilovolt, above=0.0) or kilovolt
    return row.number(column, default=0.0) * row.number("step", default=1.0) * (kilovolt / own) ** 2


def _references(tables: NetTables, buses: NetBuses) -> BoolArray:
    reference = np.zeros(len(buses.names), dtype=bool)
    for kind in ALWAYS_FREE:
        for _, row in tables.rows(kind):
            if buses.alive(row) and (kind == "ext_grid" or row.flag("slack", default=False)):
                reference[buses.at(row)] = True
    return reference
