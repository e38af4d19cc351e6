"""The whole model of a dispatch problem: thermal groups, renewables, storages, links, balance, reserves, branches.

Per period one balance over the whole network (lossless DC), and a row only for those branches that are asked for:
``-limit <= sum_b PTDF[l, b] * injection[b] <= limit``, with ``PTDF[l] + LODF[l, k] PTDF[k]`` after an outage k. Every
soft limit has a column of its own, priced by :class:`grid.dispatch.plan.Penalties`, so that a well-formed problem
always has an answer.

Reserve upward is held by thermal headroom and by storages that could still serve it for a whole period; downward also
by curtailable renewables, whose surplus can simply be turned down.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from grid.assets import RenewablePlant, Storage
from grid.dispatch.adequacy import add_adequacy
from grid.dispatch.linear import INFINITY, IntArray, LinearModel
from grid.dispatch.outages import Outages
from grid.dispatch.plan import DispatchProblem
from grid.dispatch.ptdf import Ptdf
from grid.dispatch.thermal import ThermalGroup, add_thermal_group
from grid.dispatch.unit_terms import UnitTerms
from grid.time_axis import FloatArray

INTACT = -1


class Line(NamedTuple):
    """A branch in a period, with no other out of service or after the ``outage`` of one."""

    branch: int
    period: int
    outage: int = INTACT


@dataclass(frozen=True, slots=True, eq=False)
class StorageColumns:
    """One storage's columns, each of shape (periods,); ``charging`` is 1 where it may charge, 0 where discharge.

    ``energy_rows`` carry the state of charge on; the dual of one is the worth of a MWh more in store.
    """

    charge: IntArray
    discharge: IntArray
    energy: IntArray
    charging: IntArray
    reserve_up: IntArray
    reserve_down: IntArray
    end_shortfall: IntArray
    energy_rows: IntArray


@dataclass(slots=True, eq=False)
class DispatchModel:
    """The model and where everything stands in it; arrays of columns have the periods last.

    Attributes:
        groups: Positions of the thermal units of each group; ``thermal`` has their columns.
        renewable: Taken of the curtailable plants of one bus together, by bus.
        spill: Not taken of the plants of one bus that are not curtailable, by bus.
        shed, surplus: Priced, by bus.
        link: Flow of each HVDC link, shape (links, periods).
        reserve_short_up, reserve_short_down, renewable_reserve_down: Shape (periods,).
        balance_rows, reserve_up_rows, reserve_down_rows: Shape (periods,).
        outages: Of a problem that asks for N-1 security, else None.
        line_rows: Row of each line that is in the model.
        overload: Its two columns, beyond ``limit`` and beyond ``-limit``.
    """

    problem: DispatchProblem
    ptdf: Ptdf
    outages: Outages | None
    linear: LinearModel
    groups: tuple[tuple[int, ...], ...]
    thermal: list[ThermalGroup]
    storages: list[StorageColumns]
    renewable: dict[int, IntArray]
    spill: dict[int, IntArray]
    shed: dict[int, IntArray]
    surplus: dict[int, IntArray]
    link: IntArray
    reserve_short_up: IntArray
    reserve_short_down: IntArray
    renewable_reserve_down: IntArray
    balance_rows: IntArray
    reserve_up_rows: IntArray
    reserve_down_rows: IntArray
    fixed_injection_mw: FloatArray
    injection_columns: IntArray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    injection_buses: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    injection_factors: FloatArray = field(default_factory=lambda: np.zeros(0))
    line_rows: dict[Line, int] = field(default_factory=dict)
    overload: dict[Line, tuple[int, int]] = field(default_factory=dict)

    def injections_mw(self, values: FloatArray) -> FloatArray:
        """Net injection at each bus, shape (buses, periods), at column values ``values``. [MW]"""
        injection = self.fixed_injection_mw.copy()
        np.add.at(injection, self.injection_buses, values[self.injection_columns] * self.injection_factors[:, None])
        return injection

    def factors(self, line: Line) -> FloatArray:
        """Flow on a line per MW injected at each bus and taken out at the first, shape (buses,)."""
        if self.outages is None or line.outage == INTACT:
            return self.ptdf.row(line.branch)
        moved = self.outages.factor(line.branch, line.outage)
        return self.ptdf.row(line.branch) + moved * self.ptdf.row(line.outage)

    def rating_mw(self, line: Line) -> float:
        """The rating of a line, infinite where there is none."""
        if self.outages is not None and line.outage != INTACT:
            return float(self.outages.emergency_mw[line.branch])
        limit = self.problem.network.branches[line.branch].limit_mw
        return np.inf if limit is None else limit

    def line_name(self, line: Line) -> str:
        """A line in words."""
        branches = self.problem.network.branches
        name = f"branch {branches[line.branch].branch_id}"
        return name if line.outage == INTACT else f"{name} after the outage of {branches[line.outage].branch_id}"

    def add_lines(self, lines: Iterable[Line]) -> None:
        """Put the limits of lines into the model; those that are there already are left alone."""
        price = self.problem.penalties.overload * self.problem.axis.step_hours
        for line in lines:
            limit = self.rating_mw(line)
            if np.isinf(limit) or line in self.line_rows:
                continue
            factors = self.factors(line)
            fixed = float(factors @ self.fixed_injection_mw[:, line.period])
            over = _soft(self.linear, 2, price=price)
            row = self.linear.rows(1, lower=-limit - fixed, upper=limit - fixed)
            self.linear.put(row, over, [-1.0, 1.0])
            self.linear.put(
                row, self.injection_columns[:, line.period], factors[self.injection_buses] * self.injection_factors
            )
            self.line_rows[line] = int(row[0])
            self.overload[line] = (int(over[0]), int(over[1]))


def build_model(
    problem: DispatchProblem,
    terms: Sequence[UnitTerms],
    groups: tuple[tuple[int, ...], ...],
    *,
    ptdf: Ptdf,
    outages: Outages | None = None,
    lines: Iterable[Line] = (),
) -> DispatchModel:
    """Build the model of ``problem`` with its thermal units in ``groups`` and the limits of ``lines``."""
    linear, periods, penalties = LinearModel(), problem.axis.periods, problem.penalties
    step = problem.axis.step_hours
    taken = available_by_bus(problem, curtailable=True)
    must_take = available_by_bus(problem, curtailable=False)
    fixed = -problem.load_mw
    for i, mw in must_take.items():
        fixed[i] += mw
    balance = linear.rows(periods, lower=-fixed.sum(axis=0), upper=-fixed.sum(axis=0))
    reserve_up = linear.rows(periods, lower=problem.reserve_up_mw)
    reserve_down = linear.rows(periods, lower=problem.reserve_down_mw)
    thermal = [
        add_thermal_group(
            linear, problem, terms[group[0]], group, reserve_up_rows=reserve_up, reserve_down_rows=reserve_down
        )
        for group in groups
    ]
    loads = np.flatnonzero(problem.load_mw.any(axis=1))
    bus = {b.bus_id: i for i, b in enumerate(problem.network.buses)}
    limits = np.array([link.limit_mw for link in problem.network.dc_links])[:, None]
    model = DispatchModel(
        problem=problem,
        ptdf=ptdf,
        outages=outages,
        linear=linear,
        groups=groups,
        thermal=thermal,
        storages=[_add_storage(linear, problem, storage) for storage in problem.storages],
        renewable={i: linear.columns(periods, upper=mw) for i, mw in taken.items()},
        spill={i: _soft(linear, periods, upper=mw, price=penalties.spill * step) for i, mw in must_take.items()},
        shed={
            int(i): _soft(linear, periods, upper=np.maximum(problem.load_mw[i], 0.0), price=penalties.shedding * step)
            for i in loads
        },
        surplus={
            i: _soft(linear, periods, price=penalties.surplus * step)
            for i in sorted({bus[unit.bus_id] for unit in problem.thermal_units})
        },
        link=linear.columns((len(limits), periods), lower=-limits, upper=limits),
        reserve_short_up=_soft(linear, periods, upper=problem.reserve_up_mw, price=penalties.reserve_up * step),
        reserve_short_down=_soft(linear, periods, upper=problem.reserve_down_mw, price=penalties.reserve_down * step),
        renewable_reserve_down=linear.columns(periods),
        balance_rows=balance,
        reserve_up_rows=reserve_up,
        reserve_down_rows=reserve_down,
        fixed_injection_mw=fixed,
    )
    _add_injections(model, bus)
    _add_reserves(model)
    add_adequacy(model, terms)
    model.add_lines(lines)
    return model


def available_by_bus(problem: DispatchProblem, *, curtailable: bool) -> dict[int, FloatArray]:
    """Available power of the curtailable (or the other) plants of each bus together, by position of the bus. [MW]"""
    bus = {b.bus_id: i for i, b in enumerate(problem.network.buses)}
    totals: dict[int, FloatArray] = {}
    for plant, available in zip(problem.renewable_plants, problem.available_mw, strict=True):
        if plant.curtailable == curtailable:
            i = bus[plant.bus_id]
            totals[i] = totals.get(i, np.zeros(problem.axis.periods)) + available
    return totals


def plants_at(problem: DispatchProblem, bus_id: str, *, curtailable: bool) -> list[tuple[int, RenewablePlant]]:
    """The curtailable (or the other) plants at one bus, each with its position."""
    return [
        (i, plant)
        for i, plant in enumerate(problem.renewable_plants)
        if plant.bus_id == bus_id and plant.curtailable == curtailable
    ]


def _soft(linear: LinearModel, shape: int, *, price: float, upper: npt.ArrayLike = INFINITY) -> IntArray:
    """Columns by which a limit is relaxed; they stay at zero where the price is infinite."""
    if np.isinf(price):
        return linear.columns(shape, upper=0.0)
    return linear.columns(shape, upper=upper, cost=price)


def _add_storage(linear: LinearModel, problem: DispatchProblem, storage: Storage) -> StorageColumns:
    periods, step = problem.axis.periods, problem.axis.step_hours
    power, penalties = storage.power_mw, problem.penalties
    start = np.zeros(periods)
    start[:1] = problem.initial_mwh.get(storage.storage_id, storage.initial_mwh)
    columns = StorageColumns(
        charge=linear.columns(periods, upper=power),
        discharge=linear.columns(periods, upper=power, cost=storage.cycle_cost_per_mwh * step),
        energy=linear.columns(periods, upper=storage.energy_mwh),
        charging=linear.columns(periods, upper=1.0, integer=True),
        reserve_up=linear.columns(periods, upper=2.0 * power),
        reserve_down=linear.columns(periods, upper=2.0 * power),
        end_shortfall=_soft(linear, 1, upper=storage.end_minimum_mwh, price=penalties.storage_end),
        energy_rows=linear.rows(periods, lower=start, upper=start),
    )
    energy = columns.energy_rows
    linear.put(energy, columns.energy, 1.0)
    linear.put(energy[1:], columns.energy[:-1], -1.0)
    linear.put(energy, columns.charge, -storage.charge_efficiency * step)
    linear.put(energy, columns.discharge, step / storage.discharge_efficiency)
    end = linear.rows(1, lower=storage.end_minimum_mwh)
    linear.put(end, columns.energy[-1:], 1.0)
    linear.put(end, columns.end_shortfall, 1.0)

    charges, discharges = linear.rows(periods, upper=0.0), linear.rows(periods, upper=power)
    linear.put(charges, columns.charge, 1.0)
    linear.put(charges, columns.charging, -power)
    linear.put(discharges, columns.discharge, 1.0)
    linear.put(discharges, columns.charging, power)

    up, up_energy = linear.rows(periods, upper=power), linear.rows(periods, lower=0.0)
    linear.put(up, columns.reserve_up, 1.0)
    linear.put(up, columns.discharge, 1.0)
    linear.put(up, columns.charge, -1.0)
    linear.put(up_energy, columns.energy, 1.0)
    linear.put(up_energy, columns.reserve_up, -step / storage.discharge_efficiency)
    down, down_energy = linear.rows(periods, upper=power), linear.rows(periods, upper=storage.energy_mwh)
    linear.put(down, columns.reserve_down, 1.0)
    linear.put(down, columns.charge, 1.0)
    linear.put(down, columns.discharge, -1.0)
    linear.put(down_energy, columns.energy, 1.0)
    linear.put(down_energy, columns.reserve_down, step * storage.charge_efficiency)
    return columns


def _add_injections(model: DispatchModel, bus: dict[str, int]) -> None:
    """Gather who injects where, and balance it in every period."""
    problem = model.problem
    parts: list[tuple[int, IntArray, float]] = []
    for group, columns in zip(model.groups, model.thermal, strict=True):
        unit = problem.thermal_units[group[0]]
        parts += [(bus[unit.bus_id], columns.above, 1.0), (bus[unit.bus_id], columns.on, unit.minimum_mw)]
    for storage, stored in zip(problem.storages, model.storages, strict=True):
        parts += [(bus[storage.bus_id], stored.discharge, 1.0), (bus[storage.bus_id], stored.charge, -1.0)]
    for blocks, factor in ((model.renewable, 1.0), (model.shed, 1.0), (model.spill, -1.0), (model.surplus, -1.0)):
        parts += [(i, columns, factor) for i, columns in blocks.items()]
    for link, flow in zip(problem.network.dc_links, model.link, strict=True):
        parts += [(bus[link.from_bus], flow, -1.0), (bus[link.to_bus], flow, 1.0)]
    if parts:
        model.injection_buses = np.array([part[0] for part in parts], dtype=np.int64)
        model.injection_columns = np.stack([part[1] for part in parts])
        model.injection_factors = np.array([part[2] for part in parts])
    else:
        model.injection_columns = np.zeros((0, problem.axis.periods), dtype=np.int64)
    model.linear.put(model.balance_rows[None, :], model.injection_columns, model.injection_factors[:, None])


def _add_reserves(model: DispatchModel) -> None:
    linear = model.linear
    for stored in model.storages:
        linear.put(model.reserve_up_rows, stored.reserve_up, 1.0)
        linear.put(model.reserve_down_rows, stored.reserve_down, 1.0)
    linear.put(model.reserve_up_rows, model.reserve_short_up, 1.0)
    linear.put(model.reserve_down_rows, model.reserve_short_down, 1.0)
    linear.put(model.reserve_down_rows, model.renewable_reserve_down, 1.0)
    turned_down = linear.rows(model.problem.axis.periods, lower=0.0)
    for columns in model.renewable.values():
        linear.put(turned_down, columns, 1.0)
    linear.put(turned_down, model.renewable_reserve_down, -1.0)
