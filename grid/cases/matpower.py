"""MATPOWER case files (``.m``, format 2) into a :class:`grid.cases.case.Case`, or every fault at once.

Where the file is silent, the defaults are those of PowerModels, so that results can be compared: an angle limit that is
missing, 0 on both sides or 90 degrees and more is 1.0472 rad, and a rating of 0 is none.

References:
    Zimmerman and Murillo-Sanchez, "MATPOWER User's Manual", version 8.0, 2024, appendix B.
    Coffrin et al., "PowerModels.jl: An Open-Source Framework for Exploring Power Flow Formulations", PSCC 2018.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from grid.cases.case import BoolArray, Branches, Case, Costs, DcConvention, Generators, IntArray, Links
from grid.cases.matpower_costs import read_costs
from grid.cases.matpower_tables import CaseText, read_tables
from grid.cases.spans import MOST
from grid.faults import Fault, InputError
from grid.time_axis import FloatArray

DEFAULT_ANGLE = 1.0472
_COLUMNS = {"bus": 13, "gen": 10, "branch": 11, "gencost": 4, "dcline": 17, "dclinecost": 4}
_REQUIRED = ("bus", "gen", "gencost", "branch")
_BUS_TYPES = (1, 2, 3, 4)
_REFERENCE, _ISOLATED = 3, 4


class _Tables:
    """The tables of one file with the faults found so far; bus numbers are turned into positions."""

    def __init__(self, parts: CaseText, faults: list[Fault]) -> None:
        self.faults = faults
        self._tables = {name: self._table(parts, name) for name in _COLUMNS}
        bus = self._tables["bus"]
        self.buses_known = bus is not None and len(bus) > 0
        numbers = np.zeros(0) if bus is None else bus[:, 0]
        self._order = np.argsort(numbers, kind="stable")
        self._sorted = numbers[self._order]

    def _table(self, parts: CaseText, name: str) -> FloatArray | None:
        if name not in parts.tables:
            if name in _REQUIRED:
                self.faults.append(Fault(f"mpc.{name}", "is missing", "add the table"))
                return None
            return np.zeros((0, _COLUMNS[name]))
        table = parts.tables[name]
        if table is None or not table.size:
            return None if table is None else np.zeros((0, _COLUMNS[name]))
        if table.shape[1] < _COLUMNS[name]:
            problem = f"must have at least {_COLUMNS[name]} columns, got {table.shape[1]}"
            self.faults.append(Fault(f"mpc.{name}", problem, "complete it as the MATPOWER manual, appendix B, says"))
            return None
        return table

    def rows(self, name: str) -> FloatArray:
        """A table; without rows if it could not be read."""
        table = self._tables[name]
        return np.zeros((0, _COLUMNS[name])) if table is None else table

    def readable(self, name: str) -> bool:
        return self._tables[name] is not None

    def fault(self, name: str, wrong: BoolArray, problem: Callable[[int], str], remedy: str) -> None:
        """One fault for every row that is ``wrong``."""
        for i in np.flatnonzero(wrong).tolist():
            self.faults.append(Fault(f"mpc.{name} row {i + 1}", problem(i), remedy))

    def finite(self, name: str, columns: dict[str, int], *, where: BoolArray) -> BoolArray:
        """Rows whose ``columns`` all are numbers of at most 1e12 in size; the others become faults if ``where``."""
        table = self.rows(name)
        finite = np.abs(table[:, list(columns.values())]) <= MOST
        for i, k in np.argwhere(~finite & where[:, None]).tolist():
            title, column = list(columns.items())[k]
            wanted = f"at most {MOST:g} in size" if np.isfinite(table[i, column]) else "finite"
            problem = f"{title} must be {wanted}, got {table[i, column]:g}"
            self.faults.append(Fault(f"mpc.{name} row {i + 1}", problem, "give a number"))
        return np.asarray(finite.all(axis=1))

    def ends(self, name: str, column: int, title: str) -> IntArray:
        """Positions of the buses that a column names; an unknown one is a fault and becomes 0."""
        numbers = self.rows(name)[:, column]
        if not self.buses_known:  # one fault says so already
            return np.zeros(len(numbers), dtype=np.int64)
        place = np.minimum(np.searchsorted(self._sorted, numbers), self._sorted.size - 1)
        unknown = self._sorted[place] != numbers
        remedy = "correct the number, or add the bus to mpc.bus"
        self.fault(name, unknown, lambda i: f"{title} {numbers[i]:g} is no bus", remedy)
        return np.where(unknown, 0, self._order[place]).astype(np.int64)


def read_matpower(text: str) -> Case:
    """The case that the text of a MATPOWER file describes.

    Raises:
        InputError: With every fault: missing or uneven tables, statements that compute, numbers that are none, unknown
            buses, zero reactances, reversed limits, costs that are not convex, no reference bus.
    """
    faults: list[Fault] = []
    parts = read_tables(text, faults)
    version = parts.scalars.get("version", "2")
    if version != "2":
        faults.append(
            Fault("mpc.version", f"must be 2, got {version!r}", "convert it with MATPOWER's loadcase, savecase")
        )
    base_mva = _base_mva(parts, faults)
    storage = parts.tables.get("storage")
    if storage is not None and storage.size:
        remedy = "remove the table: one period cannot use a storage"
        faults.append(Fault("mpc.storage", "must be empty, storages are not part of this problem", remedy))
    tables = _Tables(parts, faults)
    bus = tables.rows("bus")
    isolated = _check_buses(tables)
    generators = _generators(tables, isolated)
    branches = _branches(tables, isolated)
    links = _links(tables, isolated)
    if faults:
        raise InputError(faults)
    return Case(
        name=parts.name,
        base_mva=base_mva,
        bus_ids=tuple(f"{number:.0f}" for number in bus[:, 0]),
        areas=tuple(f"{number:.0f}" for number in bus[:, 6]),
        demand_mw=bus[:, 2] + bus[:, 4],
        reference=bus[:, 1] == _REFERENCE,
        isolated=isolated,
        generators=generators,
        branches=branches,
        links=links,
        convention=DcConvention.SERIES,
    )


def _base_mva(parts: CaseText, faults: list[Fault]) -> float:
    if "baseMVA" not in parts.scalars:
        faults.append(Fault("mpc.baseMVA", "is missing", "add it, usually 100"))
        return 1.0
    try:
        value = float(parts.scalars["baseMVA"])
    except ValueError:
        value = np.nan
    if not 0.0 < value <= MOST:
        shown = parts.scalars["baseMVA"]
        faults.append(
            Fault("mpc.baseMVA", f"must be a number above 0, got {shown}", "give the base of the per-unit system")
        )
    return value


def _check_buses(tables: _Tables) -> BoolArray:
    """Faults of the buses. Returns which of them are out of service."""
    bus = tables.rows("bus")
    number, kind = bus[:, 0], bus[:, 1]
    whole = np.isfinite(number) & (number == np.round(number)) & (number > 0)
    tables.fault(
        "bus", ~whole, lambda i: f"the bus number must be a whole number above 0, got {number[i]:g}", "correct it"
    )
    _, first = np.unique(number, return_index=True)
    again = np.ones(len(bus), dtype=bool)
    again[first] = False
    tables.fault("bus", again & whole, lambda i: f"bus {number[i]:g} stands there twice", "number the buses uniquely")
    known = np.isin(kind, _BUS_TYPES)
    tables.fault("bus", ~known, lambda i: f"the type must be 1, 2, 3 or 4, got {kind[i]:g}", "correct it")
    tables.finite("bus", {"Pd": 2, "Gs": 4}, where=kind != _ISOLATED)
    if tables.readable("bus") and not len(bus):
        tables.faults.append(Fault("mpc.bus", "must have a bus, got none", "add the buses"))
    elif tables.buses_known and not (kind == _REFERENCE).any():
        tables.faults.append(Fault("mpc.bus", "no bus is the reference", "give one bus the type 3"))
    isolated: BoolArray = kind == _ISOLATED
    return isolated


def _alive(tables: _Tables, name: str, status: int, isolated: BoolArray, *ends: IntArray) -> BoolArray:
    """Which rows are in service by their column ``status`` and the buses at their ends."""
    column = tables.rows(name)[:, status]
    tables.finite(name, {"status": status}, where=np.ones(len(column), dtype=bool))
    alive: BoolArray = column > 0
    for end in ends:
        if isolated.size:
            alive = alive & ~isolated[end]
    return alive


def _reversed(tables: _Tables, name: str, low: FloatArray, high: FloatArray, *, where: BoolArray, words: str) -> None:
    tables.fault(
        name,
        where & (low > high),
        lambda i: f"{words} are reversed: {low[i]:g} is above {high[i]:g}",
        "exchange or correct them",
    )


def _generators(tables: _Tables, isolated: BoolArray) -> Generators:
    gen = tables.rows("gen")
    bus = tables.ends("gen", 0, "bus")
    alive = _alive(tables, "gen", 7, isolated, bus)
    tables.finite("gen", {"Pmax": 8, "Pmin": 9}, where=alive)
    _reversed(tables, "gen", gen[:, 9], gen[:, 8], where=alive, words="Pmin and Pmax")
    costs = Costs.none(len(gen))
    if tables.readable("gen") and tables.readable("gencost"):
        costs = read_costs("gencost", tables.rows("gencost"), alive, tables.faults, twice=True)
    return Generators(_names("gen", len(gen)), bus, gen[:, 9], gen[:, 8], alive, costs)


def _branches(tables: _Tables, isolated: BoolArray) -> Branches:
    branch = tables.rows("branch")
    from_bus, to_bus = tables.ends("branch", 0, "from bus"), tables.ends("branch", 1, "to bus")
    alive = _alive(tables, "branch", 10, isolated, from_bus, to_bus)
    tables.finite("branch", {"r": 2, "x": 3, "ratio": 8, "angle": 9}, where=alive)
    loop = branch[:, 0] == branch[:, 1]
    tables.fault("branch", alive & loop, lambda i: f"both ends are bus {branch[i, 0]:g}", "correct an end")
    zero = alive & (branch[:, 3] == 0.0)
    tables.fault("branch", zero, lambda i: "the reactance x must not be 0", "give the true one, or merge the two buses")
    limit, emergency = _ratings(tables, alive)
    angles = branch[:, 11:13] if branch.shape[1] > 12 else np.tile([-360.0, 360.0], (len(branch), 1))
    unclear = alive & np.isnan(angles).any(axis=1)
    tables.fault("branch", unclear, lambda i: "angmin and angmax must be numbers, got nan", "give degrees; 0 0 is none")
    _reversed(tables, "branch", angles[:, 0], angles[:, 1], where=alive, words="angmin and angmax")
    none = (angles == 0.0).all(axis=1)
    return Branches(
        names=_names("branch", len(branch)),
        from_bus=from_bus,
        to_bus=to_bus,
        resistance_pu=branch[:, 2],
        reactance_pu=branch[:, 3],
        limit_mw=limit,
        emergency_mw=emergency,
        tap_ratio=np.where(branch[:, 8] == 0.0, 1.0, branch[:, 8]),
        shift_rad=np.radians(branch[:, 9]),
        angle_minimum=np.where(none | (angles[:, 0] <= -90.0), -DEFAULT_ANGLE, np.radians(angles[:, 0])),
        angle_maximum=np.where(none | (angles[:, 1] >= 90.0), DEFAULT_ANGLE, np.radians(angles[:, 1])),
        in_service=alive,
    )


def _ratings(tables: _Tables, alive: BoolArray) -> tuple[FloatArray, FloatArray]:
    """The rating of each branch, and that after an outage: rateC, else rateB, never below rateA; infinite is none."""
    rates = tables.rows("branch")[:, 5:8]
    for i, k in np.argwhere(alive[:, None] & ~(rates >= 0.0)).tolist():
        problem = f"rate{'ABC'[k]} must be 0 (none) or more, got {rates[i, k]:g}"
        tables.faults.append(Fault(f"mpc.branch row {i + 1}", problem, "correct it"))
    normal, short, emergency = np.where(rates > MOST, np.inf, rates).T
    limit = np.where(normal == 0.0, np.inf, normal)
    return limit, np.maximum(np.where(emergency > 0.0, emergency, short), limit)


def _links(tables: _Tables, isolated: BoolArray) -> Links:
    dcline = tables.rows("dcline")
    from_bus, to_bus = tables.ends("dcline", 0, "from bus"), tables.ends("dcline", 1, "to bus")
    alive = _alive(tables, "dcline", 2, isolated, from_bus, to_bus)
    low, high, loss_mw, loss_share = dcline[:, 9], dcline[:, 10], dcline[:, 15], dcline[:, 16]
    finite = tables.finite("dcline", {"Pmin": 9, "Pmax": 10, "loss0": 15, "loss1": 16}, where=alive)
    lossy = alive & finite & ((loss_share < 0.0) | (loss_share >= 1.0))
    tables.fault(
        "dcline", lossy, lambda i: f"loss1 must be in [0, 1), got {loss_share[i]:g}", "give the share that is lost"
    )
    # Limits below zero are of the power that arrives: at least Pmin of it, at most -Pmax.
    share = np.where(loss_share < 1.0, 1.0 - loss_share, 1.0)
    minimum = np.where(low < 0.0, (low + loss_mw) / share, low)
    maximum = np.where(high < 0.0, (loss_mw - high) / share, high)
    _reversed(tables, "dcline", minimum, maximum, where=alive & ~lossy, words="Pmin and Pmax")
    costs = Costs.none(len(dcline))
    if tables.readable("dcline") and len(tables.rows("dclinecost")):
        costs = read_costs("dclinecost", tables.rows("dclinecost"), alive, tables.faults, twice=False)
    return Links(_names("dcline", len(dcline)), from_bus, to_bus, minimum, maximum, loss_share, loss_mw, alive, costs)


def _names(kind: str, rows: int) -> tuple[str, ...]:
    return tuple(f"{kind}-{i + 1}" for i in range(rows))
