"""An independent check of reserve products: each requirement counted anew from what every unit and storage holds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grid.checking.reported import Amounts, reported_amounts
from grid.problem.plan import DispatchPlan
from grid.problem.soft_limits import Limit, SoftLimit
from grid.time_axis import FloatArray

_MW = 1e-2


def product_mw(plan: DispatchPlan, *, upward: bool) -> FloatArray:
    """What is held of all products of one direction together, shape (periods,). [MW]"""
    held = [p.all_mw.sum(axis=0) for p in plan.products if p.product.upward == upward]
    return np.asarray(np.sum([np.zeros(plan.problem.axis.periods), *held], axis=0))


def check_products(plan: DispatchPlan) -> Iterator[str]:
    """No asset holds more of its products than of reserve, nor a unit more of one than its ramp yields in time."""
    problem = plan.problem
    directions = (
        (True, plan.reserve_up_mw, plan.storage_reserve_up_mw, plan.renewable_reserve_up_mw),
        (False, plan.reserve_down_mw, plan.storage_reserve_down_mw, plan.renewable_reserve_down_mw),
    )
    for upward, of_units, of_storages, of_plants in directions:
        held = [p for p in plan.products if p.product.upward == upward]
        if not held:
            continue
        for name, kind, all_of_it in (
            ("units", "unit_mw", of_units),
            ("storages", "storage_mw", of_storages),
            ("plants", "plant_mw", of_plants if problem.reserve_from_plants else 0.0 * of_plants),
        ):
            parts = np.array([getattr(product, kind) for product in held])
            if parts.min(initial=0.0) < -_MW or (parts.sum(axis=0) > all_of_it + _MW).any():
                yield f"{name} hold more {'upward' if upward else 'downward'} products than reserve"
    minutes = {need.product: need.minutes for need in problem.requirements}
    for product in plan.products:
        for unit, on, mw in zip(problem.thermal_units, plan.on, product.unit_mw, strict=True):
            ramp = unit.ramp_up_mw_per_hour if product.product.upward else unit.ramp_down_mw_per_hour
            if (mw > np.where(on, ramp * minutes[product.product] / 60.0, 0.0) + _MW).any():
                yield f"{unit.unit_id}: more {product.product.title} than its ramp yields in time"


def short_of_products(plan: DispatchPlan) -> dict[tuple[SoftLimit, int], float]:
    """What is short of each requirement in each period. [MW]"""
    problem, short = plan.problem, {}
    held = {product.product: product for product in plan.products}
    for need in problem.requirements:
        inside = {bus.bus_id for bus in problem.network.buses if not need.areas or bus.area in need.areas}
        for t in range(problem.axis.periods):
            product = held[need.product]
            units, stores, plants = product.unit_mw[:, t], product.storage_mw[:, t], product.plant_mw[:, t]
            mw = sum(mw for unit, mw in zip(problem.thermal_units, units, strict=True) if unit.bus_id in inside)
            mw += sum(mw for store, mw in zip(problem.storages, stores, strict=True) if store.bus_id in inside)
            mw += sum(mw for plant, mw in zip(problem.renewable_plants, plants, strict=True) if plant.bus_id in inside)
            short[need.limit, t] = max(float(need.required_mw[t]) - mw, 0.0)
    return short


def or_undeliverable(plan: DispatchPlan, short: Amounts) -> dict[tuple[SoftLimit, int], float]:
    """What is short, or more where a plan reports more: reserve that cannot be delivered is short, too.

    Whether that is so :mod:`grid.checking.event_check` looks into.
    """
    told = reported_amounts(plan)
    return {key: max(mw, told.get(key, 0.0)) for key, mw in short.items()}


def at_bus(plan: DispatchPlan, bus_id: str) -> list[int]:
    """Positions of the plants at a bus."""
    return [p for p, plant in enumerate(plan.problem.renewable_plants) if plant.bus_id == bus_id]


def lost_mw(plan: DispatchPlan) -> dict[str, FloatArray]:
    """What the loss of each unit and of each plant that can be curtailed takes away, shape (periods,). [MW]"""
    problem = plan.problem
    units = {unit.unit_id: power for unit, power in zip(problem.thermal_units, plan.power_mw, strict=True)}
    plants = zip(problem.renewable_plants, plan.renewable_mw, strict=True)
    return units | {plant.plant_id: power for plant, power in plants if plant.curtailable}


def short_of_losses(plan: DispatchPlan) -> dict[tuple[SoftLimit, int], float]:
    """By how much the upward reserve of all others falls short of the worst loss. [MW]

    What the plants of a bus hold does not count for the loss of one of them.
    """
    if not plan.problem.secure_units:
        return {}
    of_plants = plan.renewable_reserve_up_mw
    everyone = plan.reserve_up_mw.sum(axis=0) + plan.storage_reserve_up_mw.sum(axis=0) + of_plants.sum(axis=0)
    own = {unit.unit_id: mw for unit, mw in zip(plan.problem.thermal_units, plan.reserve_up_mw, strict=True)}
    for plant in plan.problem.renewable_plants:
        own[plant.plant_id] = of_plants[at_bus(plan, plant.bus_id)].sum(axis=0)
    short = [mw - (everyone - own.get(name, 0.0)) for name, mw in lost_mw(plan).items()]
    worst = np.max([np.zeros(plan.problem.axis.periods), *short], axis=0)
    return or_undeliverable(plan, {(SoftLimit(Limit.LARGEST_LOSS), t): float(mw) for t, mw in enumerate(worst)})
