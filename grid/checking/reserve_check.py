"""An independent check of reserves: what is held against what each asset can, each requirement counted anew."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grid.checking.reported import Amounts, reported_amounts, reported_faults
from grid.problem.plan import DispatchPlan
from grid.problem.requirements import ReserveRequirement
from grid.problem.soft_limits import Limit, SoftLimit
from grid.time_axis import FloatArray

_MW = 1e-2
_KINDS = (Limit.RESERVE_UP, Limit.RESERVE_DOWN, Limit.PRODUCT_UP, Limit.PRODUCT_DOWN, Limit.LARGEST_LOSS)


def check_reserves(plan: DispatchPlan) -> Iterator[str]:
    """Plants hold no more than they can, and what every requirement is short of is reported."""
    schedule = plan.schedule
    problem = plan.problem
    free = np.array([plant.curtailable for plant in problem.renewable_plants], dtype=np.bool_)[:, None]
    left = (problem.available_mw - schedule.renewable_mw) * (free & problem.reserve_from_plants)
    if np.any(schedule.renewable_reserve_up_mw > left + _MW):
        yield "plants hold more upward reserve than is left of them"
    if np.any(schedule.renewable_reserve_down_mw > schedule.renewable_mw * free + _MW):
        yield "plants hold more downward reserve than they produce"
    short = {
        SoftLimit(Limit.RESERVE_UP): np.maximum(problem.reserve_up_mw - _for_net_load(plan, upward=True), 0.0),
        SoftLimit(Limit.RESERVE_DOWN): np.maximum(problem.reserve_down_mw - _for_net_load(plan, upward=False), 0.0),
        **{need.limit: _short_of(plan, need) for need in problem.requirements},
    }
    if problem.deliverable:
        short = _or_undeliverable(plan, short)
    if problem.secure_units:
        short |= _or_undeliverable(plan, {SoftLimit(Limit.LARGEST_LOSS): _short_of_losses(plan)})
    yield from reported_faults(plan, _KINDS, short)


def check_products(plan: DispatchPlan) -> Iterator[str]:
    """No asset holds more of its products than of reserve, nor a unit more of one than its ramp yields in time."""
    schedule = plan.schedule
    problem = plan.problem
    directions = (
        (True, schedule.reserve_up_mw, schedule.storage_reserve_up_mw, schedule.renewable_reserve_up_mw),
        (
            False,
            schedule.reserve_down_mw,
            schedule.storage_reserve_down_mw,
            schedule.renewable_reserve_down_mw,
        ),
    )
    for upward, of_units, of_storages, of_plants in directions:
        held = [p for p in schedule.products if p.product.upward == upward]
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
    for product in schedule.products:
        for unit, on, mw in zip(problem.thermal_units, schedule.on, product.unit_mw, strict=True):
            ramp = unit.ramp_up_mw_per_hour if product.product.upward else unit.ramp_down_mw_per_hour
            if (mw > np.where(on, ramp * minutes[product.product] / 60.0, 0.0) + _MW).any():
                yield f"{unit.unit_id}: more {product.product.title} than its ramp yields in time"


def held_mw(plan: DispatchPlan, *, upward: bool) -> FloatArray:
    """What units, then storages, then plants hold of all reserve of one direction, shape (assets, periods). [MW]"""
    schedule = plan.schedule
    if upward:
        return np.vstack([schedule.reserve_up_mw, schedule.storage_reserve_up_mw, schedule.renewable_reserve_up_mw])
    return np.vstack([schedule.reserve_down_mw, schedule.storage_reserve_down_mw, schedule.renewable_reserve_down_mw])


def holding_buses(plan: DispatchPlan) -> list[str]:
    """The bus of each of them, in the same order."""
    problem = plan.problem
    buses = [unit.bus_id for unit in problem.thermal_units] + [storage.bus_id for storage in problem.storages]
    return buses + [plant.bus_id for plant in problem.renewable_plants]


def left_of_products_mw(plan: DispatchPlan, *, upward: bool) -> FloatArray:
    """What they hold less their products, shape (assets, periods): what is there for net load. [MW]"""
    products = [held.all_mw for held in plan.schedule.products if held.product.upward == upward]
    return np.asarray(held_mw(plan, upward=upward) - sum(products))


def _for_net_load(plan: DispatchPlan, *, upward: bool) -> FloatArray:
    return np.asarray(left_of_products_mw(plan, upward=upward).sum(axis=0))


def _short_of(plan: DispatchPlan, need: ReserveRequirement) -> FloatArray:
    """What is short of a requirement, shape (periods,). [MW]"""
    problem = plan.problem
    area = {bus.bus_id: bus.area for bus in problem.network.buses}
    inside = np.array([not need.areas or area[bus_id] in need.areas for bus_id in holding_buses(plan)])
    (held,) = (held.all_mw for held in plan.schedule.products if held.product == need.product)
    return np.asarray(np.maximum(need.required_mw - held[inside].sum(axis=0), 0.0))


def _short_of_losses(plan: DispatchPlan) -> FloatArray:
    """By how much the upward reserve of all others falls short of the worst loss, shape (periods,). [MW]

    What the plants of a bus hold does not count for the loss of one of them.
    """
    own = {unit.unit_id: mw for unit, mw in zip(plan.problem.thermal_units, plan.schedule.reserve_up_mw, strict=True)}
    for plant in plan.problem.renewable_plants:
        own[plant.plant_id] = plan.schedule.renewable_reserve_up_mw[at_bus(plan, plant.bus_id)].sum(axis=0)
    everyone = held_mw(plan, upward=True).sum(axis=0)
    short = [mw - (everyone - own[name]) for name, mw in lost_mw(plan).items()]
    return np.asarray(np.max([np.zeros(plan.problem.axis.periods), *short], axis=0))


def _or_undeliverable(plan: DispatchPlan, short: Amounts) -> dict[SoftLimit, FloatArray]:
    """What is short, or more where a plan reports more: reserve that cannot be delivered is short, too.

    Whether that is so :mod:`grid.checking.event_check` looks into.
    """
    told = reported_amounts(plan)
    return {limit: np.maximum(mw, told.get(limit, 0.0)) for limit, mw in short.items()}


def at_bus(plan: DispatchPlan, bus_id: str) -> list[int]:
    """Positions of the plants at a bus."""
    return [p for p, plant in enumerate(plan.problem.renewable_plants) if plant.bus_id == bus_id]


def lost_mw(plan: DispatchPlan) -> dict[str, FloatArray]:
    """What the loss of each unit and of each plant that can be curtailed takes away, shape (periods,). [MW]"""
    problem = plan.problem
    units = {unit.unit_id: power for unit, power in zip(problem.thermal_units, plan.schedule.power_mw, strict=True)}
    plants = zip(problem.renewable_plants, plan.schedule.renewable_mw, strict=True)
    return units | {plant.plant_id: power for plant, power in plants if plant.curtailable}
