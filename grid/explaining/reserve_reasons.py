"""Why a reserve costs what it costs: who holds it, what a MW less would save, and where it falls short."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from grid.explaining.explained import TOLERANCE_MW, TOLERANCE_PRICE, Explained, Finding, PowerWords, merged
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
    """Reasons of the reserve for net load, of every requirement of a product, those without any left out, and of every
    loss that costs anything to be made up for.
    """
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
    called = {event.of: event.less for event in explained.events if not event.loss}
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
        yield _Requirement(name, required, plan.relaxed_mw(SoftLimit(limit)), price + called.get(name, 0.0), left)
    area = {bus.bus_id: bus.area for bus in problem.network.buses}
    for need, price in zip(problem.requirements, prices.requirements, strict=True):
        of_product = zip(at, held[need.product].all_mw, strict=True)
        inside = {name: mw for name, mw in of_product if not need.areas or area[at[name]] in need.areas}
        yield _Requirement(
            need.title, need.required_mw, plan.relaxed_mw(need.limit), price + called.get(need.title, 0.0), inside
        )
    everyone = dict(zip(at, np.vstack(up), strict=True))
    for loss in explained.events:
        if loss.loss and (loss.less > TOLERANCE_PRICE).any():
            others = {name: mw for name, mw in everyone.items() if name != loss.of}
            short = np.where(loss.less > TOLERANCE_PRICE, plan.relaxed_mw(SoftLimit(Limit.LARGEST_LOSS)), 0.0)
            yield _Requirement(loss.title, loss.needed_mw, short, loss.less, others)


def _reasons(explained: Explained, told: _Requirement) -> Iterator[Reason]:
    power = explained.power_words(told.required_mw)

    def finding(t: int) -> Finding:
        if told.required_mw[t] <= TOLERANCE_MW:
            return Finding("nothing")
        if told.short_mw[t] > TOLERANCE_MW:
            return Finding("short", ("requirement",), float(told.price[t]))
        if told.price[t] > TOLERANCE_PRICE:
            return Finding("dear", ("requirement",), float(told.price[t]))
        return Finding("free")

    def describe(kind: str, run: slice, findings: Sequence[Finding]) -> str:
        required, held = power.number(told.required_mw[run]), _held_by(told, run, power)
        saves = power.saves(float(np.mean([f.value or 0.0 for f in findings])), "less")
        match kind:
            case "nothing":
                return "nothing required"
            case "short":
                return f"short by {power.number(told.short_mw[run])} of {required} MW, {held}; {saves}"
            case "dear":
                return f"{required} MW, {held}; {saves}"
            case _:
                return f"{required} MW, {held}, cost nothing: less would save nothing"

    findings = [finding(t) for t in range(explained.problem.axis.periods)]
    yield from merged(told.name, findings, describe)


def _held_by(told: _Requirement, run: slice, power: PowerWords) -> str:
    """The holders of most, with their mean share."""
    mean = {name: float(mw[run].mean()) for name, mw in told.held_mw.items()}
    named = sorted((name for name, mw in mean.items() if mw > TOLERANCE_MW), key=lambda name: -mean[name])
    if not named:
        return "held by nobody"
    others = len(named) - _HOLDERS_NAMED
    shares = ", ".join(f"{name} {power.number(mean[name])}" for name in named[:_HOLDERS_NAMED])
    return f"held by {shares}{f' and {others} more' if others > 0 else ''}"
