"""An independent check of a plan: every constraint again, from the units' own data, without the optimiser's model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from grid.assets import ThermalUnit
from grid.checking.reported import reported_faults
from grid.checking.reserve_check import (
    check_products,
    or_undeliverable,
    product_mw,
    short_of_losses,
    short_of_products,
)
from grid.checking.storage_check import check_storages
from grid.network import Network
from grid.problem.costs import change_cost, production_cost, whole_periods
from grid.problem.plan import DispatchPlan, UnitState
from grid.problem.soft_limits import Limit, SoftLimit
from grid.time_axis import FloatArray

_MW = 1e-2
_MONEY = 1e-4
_HOURS = 1e-6


def check_plan(plan: DispatchPlan) -> list[str]:
    """Everything that does not hold in ``plan``, one sentence each; empty if it is sound.

    Checked: commitment against minimum times and must-run, output and reserves against capacity, ramps, start and stop
    limits, plants against what they have, storages, balance, flows by B-theta (not by PTDF), limits or their reported
    violations, reserve requirements by product and area, the sum of prices, and the objective against the costs counted
    anew.
    """
    return [
        *_thermal(plan),
        *_plants(plan),
        *check_storages(plan),
        *_network(plan),
        *_reserves(plan),
        *check_products(plan),
        *_money(plan),
    ]


def _thermal(plan: DispatchPlan) -> Iterator[str]:
    for i, unit in enumerate(plan.problem.thermal_units):
        state = plan.problem.initial.get(unit.unit_id)
        yield from _minimum_times(plan, unit, state, plan.on[i])
        if unit.must_run:
            yield from _must_run(plan, unit, state, plan.on[i])
        yield from _output(plan, unit, state, i)


def _minimum_times(plan: DispatchPlan, unit: ThermalUnit, state: UnitState | None, on: np.ndarray) -> Iterator[str]:
    """A run that begins within the plan (or in a known past) and ends within it must have been long enough."""
    step = plan.problem.axis.step_hours
    length = np.inf if state is None else max(state.hours, step)
    now = bool(on[0]) if state is None else state.on
    for t, is_on in enumerate(on):
        if bool(is_on) == now:
            length += step
            continue
        least = unit.minimum_up_hours if now else unit.minimum_down_hours
        if length < least - _HOURS:
            yield f"{unit.unit_id} period {t}: {'on' if now else 'off'} for {length} h, at least {least} h are needed"
        now, length = bool(is_on), step


def _must_run(plan: DispatchPlan, unit: ThermalUnit, state: UnitState | None, on: np.ndarray) -> Iterator[str]:
    step = plan.problem.axis.step_hours
    was_off = np.inf if state is None or state.on else whole_periods(state.hours, step_hours=step)
    for t in np.flatnonzero(~on):
        if (was_off + t) * step >= unit.minimum_down_hours - _HOURS:
            yield f"{unit.unit_id} period {t}: it must run and is off"


def _output(plan: DispatchPlan, unit: ThermalUnit, state: UnitState | None, i: int) -> Iterator[str]:
    step, on = plan.problem.axis.step_hours, plan.on[i]
    power, up, down = plan.power_mw[i], plan.reserve_up_mw[i], plan.reserve_down_mw[i]
    was_on: bool | None = None if state is None else state.on
    before = None if state is None else state.power_mw
    startable = _startable_mw(plan, unit, state, on)
    for t, is_on in enumerate(on):
        place = f"{unit.unit_id} period {t}"
        if min(up[t], down[t]) < -_MW:
            yield f"{place}: negative reserve"
        if not is_on:
            if max(power[t], up[t] - startable[t], down[t]) > _MW:
                yield f"{place}: off with output or reserve"
            if was_on and before is not None and before > unit.stop_ramp_mw + _MW:
                yield f"{place}: stopped from {before} MW, at most {unit.stop_ramp_mw} MW are allowed"
        else:
            most = unit.capacity_mw
            if was_on is False:
                most = min(most, unit.start_ramp_mw)
            elif was_on and before is not None:
                most = min(most, max(before, unit.minimum_mw) + unit.ramp_up_mw_per_hour * step)
                least = before - unit.ramp_down_mw_per_hour * step
                if power[t] - down[t] < least - _MW:
                    yield f"{place}: falls to {power[t] - down[t]} MW, at least {least} MW by its ramp"
            if t + 1 < len(on) and not on[t + 1]:
                most = min(most, unit.stop_ramp_mw)
            if power[t] + up[t] > most + _MW:
                yield f"{place}: output and reserve {power[t] + up[t]} MW exceed {most} MW"
            if power[t] - down[t] < unit.minimum_mw - _MW:
                yield f"{place}: output less reserve {power[t] - down[t]} MW is below {unit.minimum_mw} MW"
        was_on, before = bool(is_on), float(power[t])


def _startable_mw(plan: DispatchPlan, unit: ThermalUnit, state: UnitState | None, on: np.ndarray) -> FloatArray:
    """What a unit that is off could start with in each period: nothing before its minimum time off is over."""
    problem, step = plan.problem, plan.problem.axis.step_hours
    most = np.zeros(len(on))
    if not problem.holds_while_off(unit):
        return most
    hours = np.inf if state is None else 0.0 if state.on else max(state.hours, step)
    for t, is_on in enumerate(on):
        stopped = not is_on and (on[t - 1] if t else state is not None and state.on)
        if not is_on and not stopped and hours >= unit.minimum_down_hours - _HOURS:
            most[t] = min(unit.start_ramp_mw, unit.capacity_mw)
        hours = 0.0 if is_on else hours + step
    return most


def _plants(plan: DispatchPlan) -> Iterator[str]:
    taken, available = plan.renewable_mw, plan.problem.available_mw
    for p, t in np.argwhere((taken < -_MW) | (taken > available + _MW)):
        yield f"{plan.problem.renewable_plants[p].plant_id} period {t}: {taken[p, t]} of {available[p, t]} MW"
    spilled: dict[tuple[SoftLimit, int], float] = defaultdict(float)
    for p, plant in enumerate(plan.problem.renewable_plants):
        if not plant.curtailable:
            for t in range(plan.problem.axis.periods):
                spilled[SoftLimit(Limit.SPILL, plant.bus_id), t] += float(available[p, t] - taken[p, t])
    yield from reported_faults(plan, {Limit.SPILL}, spilled)


def injections_of(plan: DispatchPlan) -> FloatArray:
    """Net injection at each bus from the plan's set-points, shape (buses, periods). [MW]"""
    problem = plan.problem
    bus = {b.bus_id: i for i, b in enumerate(problem.network.buses)}
    load = np.maximum(problem.load_mw, 0.0)
    shares: FloatArray = np.where(load.sum(axis=0) > 0.0, load, 1.0)
    injection: FloatArray = (
        plan.shed_mw - plan.surplus_mw - problem.load_mw - plan.losses_mw * shares / shares.sum(axis=0)
    )
    for unit, power in zip(problem.thermal_units, plan.power_mw, strict=True):
        injection[bus[unit.bus_id]] += power
    for plant, power in zip(problem.renewable_plants, plan.renewable_mw, strict=True):
        injection[bus[plant.bus_id]] += power
    for storage, net in zip(problem.storages, plan.discharge_mw - plan.charge_mw, strict=True):
        injection[bus[storage.bus_id]] += net
    for exchange, imported, exported in zip(problem.exchanges, plan.import_mw, plan.export_mw, strict=True):
        injection[bus[exchange.bus_id]] += imported - exported
    for link, flow in zip(problem.network.dc_links, plan.link_flow_mw, strict=True):
        injection[bus[link.from_bus]] -= flow
        injection[bus[link.to_bus]] += flow
    return injection


def _network(plan: DispatchPlan) -> Iterator[str]:
    problem, network = plan.problem, plan.problem.network
    injection = injections_of(plan)
    for period, imbalance in enumerate(injection.sum(axis=0)):
        if abs(imbalance) > _MW:
            yield f"period {period}: production and load differ by {imbalance} MW"
    for exchange, imported, exported in zip(problem.exchanges, plan.import_mw, plan.export_mw, strict=True):
        if (imported > exchange.import_mw + _MW).any() or (exported > exchange.export_mw + _MW).any():
            yield f"{exchange.exchange_id}: trades more than it can"
    for link, flow in zip(network.dc_links, plan.link_flow_mw, strict=True):
        if np.abs(flow).max(initial=0.0) > link.limit_mw + _MW:
            yield f"{link.link_id}: flow beyond {link.limit_mw} MW"
    flows = flows_by_angles(network, injection)
    if np.abs(flows - plan.branch_flow_mw).max(initial=0.0) > _MW:
        yield "branch flows do not follow from the injections"
    lost = np.zeros(problem.axis.periods)
    for branch, flow in zip(network.branches if problem.losses else (), flows, strict=False):
        lost += branch.resistance_pu * flow**2 / network.base_mva
    for t in np.flatnonzero(lost > plan.losses_mw + _MW + 1e-5 * lost).tolist():
        yield f"period {t}: branches lose {lost[t]} MW, {plan.losses_mw[t]} MW are counted"
    too_much = np.maximum(plan.losses_mw - lost, 0.0)
    yield from reported_faults(
        plan, {Limit.LOSSES}, {(SoftLimit(Limit.LOSSES), t): mw for t, mw in enumerate(too_much.tolist())}
    )
    relaxed: dict[tuple[SoftLimit, int], float] = {}
    for branch, flow in zip(network.branches, flows, strict=True):
        for t in range(problem.axis.periods):
            excess = 0.0 if branch.limit_mw is None else abs(float(flow[t])) - branch.limit_mw
            relaxed[SoftLimit(Limit.OVERLOAD, branch.branch_id), t] = max(excess, 0.0)
    of_branch = dict(zip((branch.branch_id for branch in network.branches), flows, strict=True))
    for interface in network.interfaces:
        across = np.sum([of_branch[name] for name in interface.branches], axis=0)
        across = across - np.sum([of_branch[name] for name in interface.reversed_branches], axis=0)
        for t in range(problem.axis.periods):
            excess = max(abs(float(np.broadcast_to(across, flows.shape[1:])[t])) - interface.limit_mw, 0.0)
            relaxed[SoftLimit(Limit.INTERFACE_OVERLOAD, interface.interface_id), t] = excess
    for kind, amounts in ((Limit.SHEDDING, plan.shed_mw), (Limit.SURPLUS, plan.surplus_mw)):
        for bus, row in zip(network.buses, amounts, strict=True):
            relaxed.update({(SoftLimit(kind, bus.bus_id), t): mw for t, mw in enumerate(row.tolist())})
    if np.any(plan.shed_mw > np.maximum(problem.load_mw, 0.0) + _MW):
        yield "more load is shed than there is"
    kinds = (Limit.OVERLOAD, Limit.INTERFACE_OVERLOAD, Limit.SHEDDING, Limit.SURPLUS)
    yield from reported_faults(plan, kinds, relaxed)


def flows_by_angles(network: Network, injection: FloatArray) -> FloatArray:
    """Branch flows from a dense B-theta solution, shape (branches, periods). [MW]

    The flow is (angle at its first bus - angle at its second - phase shift) / (x * tap).
    """
    bus = {b.bus_id: i for i, b in enumerate(network.buses)}
    laplacian, fed = np.zeros((len(bus), len(bus))), injection.astype(np.float64)
    for branch in network.branches:
        i, j, b = bus[branch.from_bus], bus[branch.to_bus], 1.0 / (branch.reactance_pu * branch.tap_ratio)
        laplacian[[i, j, i, j], [i, j, j, i]] += [b, b, -b, -b]
        fed[i] += b * np.deg2rad(branch.phase_shift_deg) * network.base_mva
        fed[j] -= b * np.deg2rad(branch.phase_shift_deg) * network.base_mva
    angles = np.zeros_like(fed)
    angles[1:] = np.linalg.solve(laplacian[1:, 1:], fed[1:])
    flows = [
        (angles[bus[b.from_bus]] - angles[bus[b.to_bus]] - np.deg2rad(b.phase_shift_deg) * network.base_mva)
        / (b.reactance_pu * b.tap_ratio)
        for b in network.branches
    ]
    return np.array(flows).reshape(-1, injection.shape[1])


def _reserves(plan: DispatchPlan) -> Iterator[str]:
    problem = plan.problem
    of_plants = plan.renewable_reserve_up_mw, plan.renewable_reserve_down_mw
    up = sum(mw.sum(axis=0) for mw in (plan.reserve_up_mw, plan.storage_reserve_up_mw, of_plants[0]))
    down = sum(mw.sum(axis=0) for mw in (plan.reserve_down_mw, plan.storage_reserve_down_mw, of_plants[1]))
    up, down = up - product_mw(plan, upward=True), down - product_mw(plan, upward=False)
    free = np.array([plant.curtailable for plant in problem.renewable_plants], dtype=np.bool_)[:, None]
    left = (problem.available_mw - plan.renewable_mw) * (free & problem.reserve_from_plants)
    if np.any(of_plants[0] > left + _MW):
        yield "plants hold more upward reserve than is left of them"
    if np.any(of_plants[1] > plan.renewable_mw * free + _MW):
        yield "plants hold more downward reserve than they produce"
    short: dict[tuple[SoftLimit, int], float] = {}
    for t in range(problem.axis.periods):
        short[SoftLimit(Limit.RESERVE_UP), t] = max(float(problem.reserve_up_mw[t] - up[t]), 0.0)
        short[SoftLimit(Limit.RESERVE_DOWN), t] = max(float(problem.reserve_down_mw[t] - down[t]), 0.0)
    short |= short_of_products(plan)
    if problem.deliverable:
        short = or_undeliverable(plan, short)
    kinds = (Limit.RESERVE_UP, Limit.RESERVE_DOWN, Limit.PRODUCT_UP, Limit.PRODUCT_DOWN, Limit.LARGEST_LOSS)
    yield from reported_faults(plan, kinds, short | short_of_losses(plan))


def _money(plan: DispatchPlan) -> Iterator[str]:
    problem = plan.problem
    if not np.allclose(plan.lmp, plan.energy_price + plan.congestion_price + plan.loss_price, atol=1e-6):
        yield "prices are not the sum of energy, congestion and loss"
    cost = float(production_cost(problem, plan.on, plan.power_mw, plan.discharge_mw).sum())
    for exchange, imported, exported in zip(problem.exchanges, plan.import_mw, plan.export_mw, strict=True):
        cost += float(exchange.import_price @ imported - exchange.export_price @ exported) * problem.axis.step_hours
    for violation in plan.violations:
        cost += violation.cost(problem.axis.step_hours)
    if problem.quick_starts is not None:
        by_starts = np.where(plan.on, 0.0, plan.reserve_up_mw).sum(axis=0)
        calls = problem.quick_starts.cost(by_starts, problem.reserve_up_mw, problem.thermal_units)
        cost += float(calls.sum()) * problem.axis.step_hours
    cost += change_cost(problem, plan.on, plan.power_mw, plan.discharge_mw - plan.charge_mw)
    slack = max(1.0, abs(plan.schedule_cost)) * _MONEY
    if abs(cost - plan.schedule_cost) > slack:
        yield f"the schedule costs {cost}, the plan says {plan.schedule_cost}"
    if plan.best_bound > plan.objective + slack:
        yield f"the bound {plan.best_bound} lies above the objective {plan.objective}"
