"""Rows of the reserves: what must be held, of which product and where, and who holds it.

Reserve upward is held by thermal headroom and by storages that could still serve it for a whole period; downward also
by curtailable renewables, which can simply be turned down: for net load always, for a product where the problem lets
plants hold any reserve. Then they hold upward reserve as well, by what is curtailed of them. Plants of a bus are one.
Units that are off may hold upward reserve for net load, too (:mod:`grid.formulation.quick_starts`).

Without products it is of no interest who holds it, and headroom goes straight into the system's requirement. With
products each holder has a column for all it holds and one per product within it; what is left is for net load.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from grid.assets import ThermalUnit
from grid.formulation.linear import INFINITY, IntArray, LinearModel
from grid.formulation.storages import StorageColumns
from grid.formulation.thermal import ThermalGroup
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.requirements import Product, products_of
from grid.time_axis import FloatArray

_MINUTES_PER_HOUR = 60.0


class PlantReserve(NamedTuple):
    """Columns of what the plants of one bus hold, both of shape (periods,)."""

    up: IntArray
    down: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class StartReserve:
    """What units hold that are off.

    Attributes:
        held: By position of a group, columns of shape (periods,).
        called: Of the equal parts of the requirement that starts hold, shape (parts, periods).
        within: Rows that let starts hold no more than these parts, shape (periods,).
    """

    held: dict[int, IntArray]
    called: IntArray
    within: IntArray


@dataclass(slots=True, eq=False)
class Reserves:
    """Rows of the requirements (``>=``) and the columns of what is short of them, all of shape (periods,).

    Attributes:
        up_rows, down_rows, short_up, short_down: Of the reserve for net load.
        renewable_down: What curtailable plants together hold ready to turn down for it.
        product_rows, product_short: By requirement, in the problem's order.
        parts: Of each product by holder: thermal groups, then storages, then plants by bus.
        within_up, within_down: Rows that keep products within all that is held, by holder; none without products.
        plants: What the plants of each bus hold, where they may hold any reserve.
        by_starts: What units hold that are off, where any may.
        coverage_rows: By loss that upward reserve must make up for; ``coverage_short`` is by how much it does not,
            shape (periods,); none where no loss is looked at.
    """

    up_rows: IntArray
    down_rows: IntArray
    short_up: IntArray
    short_down: IntArray
    renewable_down: IntArray
    product_rows: list[IntArray] = field(default_factory=list)
    product_short: list[IntArray] = field(default_factory=list)
    parts: dict[Product, list[IntArray]] = field(default_factory=dict)
    within_up: list[IntArray] = field(default_factory=list)
    within_down: list[IntArray] = field(default_factory=list)
    plants: dict[int, PlantReserve] = field(default_factory=dict)
    by_starts: StartReserve | None = None
    coverage_rows: list[IntArray] = field(default_factory=list)
    coverage_short: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def starting(self) -> dict[int, IntArray]:
        """What the units of each group hold that are off, by the group's position."""
        return {} if self.by_starts is None else self.by_starts.held


@dataclass(frozen=True, slots=True, eq=False)
class Holder:
    """Who holds reserve, and the columns of all it holds; ``unit`` and its count ``on`` where a ramp limits it."""

    bus_id: str
    up: IntArray
    down: IntArray
    unit: ThermalUnit | None = None
    on: IntArray | None = None


def add_reserves(linear: LinearModel, problem: DispatchProblem) -> Reserves:
    """Add the requirements for net load, with nobody to hold anything yet."""
    periods, step, prices = problem.axis.periods, problem.axis.step_hours, problem.penalties
    reserves = Reserves(
        up_rows=linear.rows(periods, lower=problem.reserve_up_mw),
        down_rows=linear.rows(periods, lower=problem.reserve_down_mw),
        short_up=linear.priced(periods, upper=problem.reserve_up_mw, price=prices.reserve_up * step),
        short_down=linear.priced(periods, upper=problem.reserve_down_mw, price=prices.reserve_down * step),
        renewable_down=linear.columns(periods, upper=0.0 if problem.reserve_from_plants else INFINITY),
        coverage_short=linear.priced(periods if problem.secure_units else 0, price=prices.reserve_up * step),
    )
    linear.put(reserves.up_rows, reserves.short_up, 1.0)
    linear.put(reserves.down_rows, reserves.short_down, 1.0)
    linear.put(reserves.down_rows, reserves.renewable_down, 1.0)
    return reserves


def hold_reserves(
    linear: LinearModel, reserves: Reserves, storages: Iterable[StorageColumns], renewable: Mapping[int, IntArray]
) -> None:
    """Let storages and what is taken of curtailable plants hold reserve; thermal units do so themselves."""
    for stored in storages:
        linear.put(reserves.up_rows, stored.reserve_up, 1.0)
        linear.put(reserves.down_rows, stored.reserve_down, 1.0)
    turned_down = linear.rows(len(reserves.down_rows), lower=0.0)
    for columns in renewable.values():
        linear.put(turned_down, columns, 1.0)
    linear.put(turned_down, reserves.renewable_down, -1.0)


def hold_by_plants(
    linear: LinearModel, reserves: Reserves, taken: Mapping[int, IntArray], available_mw: Mapping[int, FloatArray]
) -> None:
    """Let the curtailable plants of each bus hold reserve, upward what is left of them, downward what is taken."""
    for i, columns in taken.items():
        periods = len(columns)
        held = PlantReserve(linear.columns(periods), linear.columns(periods))
        left, produced = linear.rows(periods, upper=available_mw[i]), linear.rows(periods, lower=0.0)
        linear.put(np.stack([left, produced]), columns, 1.0)
        linear.put(np.stack([left, reserves.up_rows]), held.up, 1.0)
        linear.put(produced, held.down, -1.0)
        linear.put(reserves.down_rows, held.down, 1.0)
        reserves.plants[i] = held


def holders_of(
    problem: DispatchProblem,
    groups: Sequence[Sequence[int]],
    thermal: Sequence[ThermalGroup],
    storages: Sequence[StorageColumns],
    plants: Mapping[int, PlantReserve],
) -> list[Holder]:
    """Thermal groups, then storages, then plants by bus; none where a group does not tell what it holds."""
    holders = []
    for group, columns in zip(groups, thermal, strict=True):
        if columns.reserve_up is None or columns.reserve_down is None:
            return []
        unit = problem.thermal_units[group[0]]
        holders.append(Holder(unit.bus_id, columns.reserve_up, columns.reserve_down, unit, columns.on))
    holders += [
        Holder(storage.bus_id, stored.reserve_up, stored.reserve_down)
        for storage, stored in zip(problem.storages, storages, strict=True)
    ]
    return holders + [Holder(problem.network.buses[i].bus_id, held.up, held.down) for i, held in plants.items()]


def add_products(linear: LinearModel, problem: DispatchProblem, reserves: Reserves, holders: Sequence[Holder]) -> None:
    """Add the products: what each holder holds of them, and the requirements."""
    periods, step, prices = problem.axis.periods, problem.axis.step_hours, problem.penalties
    area = {bus.bus_id: bus.area for bus in problem.network.buses}
    by_product = products_of(problem.requirements)
    for upward, net_load in ((True, reserves.up_rows), (False, reserves.down_rows)):
        products = [product for product in by_product if product.upward == upward]
        reserves.parts.update({product: [] for product in products})
        for holder in holders if products else ():
            parts = linear.columns((len(products), periods))
            within = linear.rows(periods, lower=0.0)
            linear.put(within, holder.up if upward else holder.down, 1.0)
            linear.put(np.stack([within, net_load])[:, None, :], parts, -1.0)
            (reserves.within_up if upward else reserves.within_down).append(within)
            for product, part in zip(products, parts, strict=True):
                _limit_by_ramp(linear, holder, part, upward=upward, minutes=by_product[product][0].minutes)
                reserves.parts[product].append(part)
    for requirement in problem.requirements:
        price = (prices.reserve_up if requirement.product.upward else prices.reserve_down) * step
        rows = linear.rows(periods, lower=requirement.required_mw)
        short = linear.priced(periods, upper=requirement.required_mw, price=price)
        linear.put(rows, short, 1.0)
        for holder, part in zip(holders, reserves.parts[requirement.product], strict=True):
            if not requirement.areas or area[holder.bus_id] in requirement.areas:
                linear.put(rows, part, 1.0)
        reserves.product_rows.append(rows)
        reserves.product_short.append(short)


def _limit_by_ramp(linear: LinearModel, holder: Holder, part: IntArray, *, upward: bool, minutes: float) -> None:
    """No unit that is on holds more than its ramp yields in ``minutes``."""
    unit, on = holder.unit, holder.on
    if unit is None or on is None:
        return
    ramp = (unit.ramp_up_mw_per_hour if upward else unit.ramp_down_mw_per_hour) * minutes / _MINUTES_PER_HOUR
    if ramp < unit.capacity_mw - unit.minimum_mw:
        rows = linear.rows(len(part), upper=0.0)
        linear.put(rows, part, 1.0)
        linear.put(rows, on, -ramp)
