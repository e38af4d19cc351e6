"""Why a reserve costs what it costs: who holds it, what a MW less would save, and where it falls short."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from grid.explaining.explained import TOLERANCE_MW, TOLERANCE_PRICE, Explained, Finding, merged, spread
from grid.problem.plan import Reason
from grid.problem.requirements import DOWNWARD_RESERVE, UPWARD_RESERVE
from grid.problem.soft_limits import Limit, SoftLimit
from grid.time_axis import FloatArray

_HOLDERS_NAMED = 3


@dataclass(frozen=True, slots=True, eq=False)
class _Requirement:
    """A requirement with what holds it; arrays of shape (periods,), ``held_mw`` by holder."""

    name: str
    required_mw: FloatArray
    short_mw: FloatArray
    price: FloatArray
    held_mw: Mapping[str, FloatArray]


def reserve_reasons(explained: Explained) -> list[Reason]:
    """Reasons of the reserve for net load and of every requirement of a product, those without any left out."""
    reasons: list[Reason] = []
    for requirement in _requirements(explained):
        if requirement.required_mw.any():
            reasons += _reasons(explained, requirement)
    return reasons


def _requirements(explained: Explained) -> Iterator[_Requirement]:
    plan, problem, prices = explained.plan, explained.problem, explained.plan.prices
    at = {unit.unit_id: unit.bus_id for unit in problem.thermal_units}
    at |= {storage.storage_id: storage.bus_id for storage in problem.storages}
    at |= {plant.plant_id: plant.bus_id for plant in problem.renewable_plants}
    held = {reserve.product: reserve for reserve in plan.schedule.products}
    up = plan.schedule.reserve_up_mw, plan.schedule.storage_reserve_up_mw, plan.schedule.renewable_reserve_up_mw
    down = plan.schedule.reserve_down_mw, plan.schedule.storage_reserve_down_mw, plan.schedule.renewable_reserve_down_mw
    for name, limit, required, price, of_assets, upward in (
        (UPWARD_RESERVE, Limit.RESERVE_UP, problem.reserve_up_mw, prices.reserve_up, up, True),
        (DOWNWARD_RESERVE, Limit.RESERVE_DOWN, problem.reserve_down_mw, prices.reserve_down, down, False),
    ):
        for_products = sum(reserve.all_mw for product, reserve in held.items() if product.upward == upward)
        left = dict(zip(at, np.vstack(of_assets) - for_products, strict=True))
        for unit, on in zip(problem.thermal_units, plan.schedule.on, strict=True):
            left[f"a start of {unit.unit_id}"] = np.where(on, 0.0, left[unit.unit_id])
            left[unit.unit_id] = np.where(on, left[unit.unit_id], 0.0)
        yield _Requirement(name, required, plan.relaxed_mw(SoftLimit(limit)), price, left)
    area = {bus.bus_id: bus.area for bus in problem.network.buses}
    for need, price in zip(problem.requirements, prices.requirements, strict=True):
        of_product = zip(at, held[need.product].all_mw, strict=True)
        inside = {name: mw for name, mw in of_product if not need.areas or area[at[name]] in need.areas}
        yield _Requirement(need.title, need.required_mw, plan.relaxed_mw(need.limit), price, inside)


def _reasons(explained: Explained, told: _Requirement) -> Iterator[Reason]:
    def finding(t: int) -> Finding:
        if told.required_mw[t] <= TOLERANCE_MW:
            return Finding("nothing")
        if told.short_mw[t] > TOLERANCE_MW:
            return Finding("short", ("requirement",), float(told.price[t]))
        if told.price[t] > TOLERANCE_PRICE:
            return Finding("dear", ("requirement",), float(told.price[t]))
        return Finding("free")

    def describe(kind: str, run: slice, findings: Sequence[Finding]) -> str:
        required, value = spread(told.required_mw[run]), float(np.mean([f.value or 0.0 for f in findings]))
        saves = f"1 MW less would save {value:.1f} {explained.problem.currency}/h"
        match kind:
            case "nothing":
                return "nothing required"
            case "short":
                return f"short by {spread(told.short_mw[run])} of {required} MW, {_held_by(told, run)}; {saves}"
            case "dear":
                return f"{required} MW, {_held_by(told, run)}; {saves}"
            case _:
                return f"{required} MW, {_held_by(told, run)}, cost nothing: 1 MW less would save nothing"

    findings = [finding(t) for t in range(explained.problem.axis.periods)]
    yield from merged(told.name, findings, describe)


def _held_by(told: _Requirement, run: slice) -> str:
    """The holders of most, with their mean share."""
    mean = {name: float(mw[run].mean()) for name, mw in told.held_mw.items()}
    named = sorted((name for name, mw in mean.items() if mw > TOLERANCE_MW), key=lambda name: -mean[name])
    if not named:
        return "held by nobody"
    others = len(named) - _HOLDERS_NAMED
    shares = ", ".join(f"{name} {mean[name]:.1f}" for name in named[:_HOLDERS_NAMED])
    return f"held by {shares}{f' and {others} more' if others > 0 else ''}"
