"""An independent check that a plan survives losses and that its reserve can be delivered.

For every loss and every call of reserve a linear program of its own looks for a response: each holder within what the
plan says it holds, every branch within its rating by B-theta flows, beyond it by no more than the plan reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from grid.checking.flows import flows_by_angles, injections_of
from grid.checking.reported import Amounts, reported_amounts
from grid.checking.reserve_check import holding_buses, left_of_products_mw, lost_mw
from grid.problem.plan import DispatchPlan
from grid.problem.requirements import DOWNWARD_RESERVE, UPWARD_RESERVE
from grid.problem.soft_limits import Limit, SoftLimit
from grid.time_axis import FloatArray

_MW = 1e-2


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """One event: what it changes at every bus, shape (buses, periods), and who answers with how much.

    Attributes:
        kind: What going beyond a branch's rating after it is called.
        of: What is lost or called.
        holders: MW at each bus per MW of a holder's answer, shape (buses,), and what it holds, shape (periods,).
    """

    kind: Limit
    of: str
    change: FloatArray
    sign: float
    holders: list[tuple[FloatArray, FloatArray]]

    @property
    def emergency(self) -> bool:
        """Whether the flows after it must keep emergency ratings."""
        return self.kind is Limit.OVERLOAD_AFTER_LOSS

    @property
    def name(self) -> str:
        return SoftLimit(self.kind, event=self.of).worded("")


def check_events(plan: DispatchPlan) -> list[str]:
    """Every loss and call of reserve, among those the problem asks for, that no response makes good."""
    cases = [*(_losses(plan) if plan.problem.secure_units else ()), *(_calls(plan) if plan.problem.deliverable else ())]
    network = plan.problem.network
    nothing = np.zeros((len(network.buses), 1))
    factors = flows_by_angles(network, np.eye(len(network.buses))) - flows_by_angles(network, nothing)
    flows = flows_by_angles(network, injections_of(plan))
    reported = reported_amounts(plan)
    problems = []
    for case in cases:
        for t in range(plan.problem.axis.periods):
            beyond = _least_overload(plan, case, factors, flows[:, t], t, reported)
            if beyond > _MW:
                problems.append(f"{case.name} in period {t}: {beyond} MW beyond what is allowed or reported")
    return problems


def _least_overload(
    plan: DispatchPlan,
    case: _Case,
    factors: FloatArray,
    flow: FloatArray,
    t: int,
    reported: Amounts,
) -> float:
    """By how much the worst branch is beyond its rating under the best response; infinite if there is none."""
    limits = []
    for branch in plan.problem.network.branches:
        rating = branch.limit_mw if branch.emergency_mw is None or not case.emergency else branch.emergency_mw
        told = reported.get(SoftLimit(case.kind, branch.branch_id, case.of))
        limits.append(np.inf if rating is None else rating + (0.0 if told is None else told[t]))
    limit, rated = np.array(limits), np.isfinite(limits)
    after = flow + factors @ case.change[:, t]
    needed = -case.sign * float(case.change[:, t].sum())
    held = np.array([max(float(mw[t]), 0.0) for _, mw in case.holders])
    if needed > held.sum() + _MW:
        return np.inf
    moves = case.sign * factors @ np.array([feed for feed, _ in case.holders]).reshape(-1, len(case.change)).T
    proportional = held * min(needed / held.sum(), 1.0) if held.sum() > 0.0 else held
    if not rated.any() or (np.abs(after + moves @ proportional) - limit)[rated].max() <= _MW:
        return 0.0
    row = np.hstack([moves[rated], -np.ones((int(rated.sum()), 1))])
    back = np.hstack([-moves[rated], -np.ones((int(rated.sum()), 1))])
    answer = linprog(
        c=np.append(np.zeros(len(held)), 1.0),
        A_ub=np.vstack([row, back]),
        b_ub=np.concatenate([(limit - after)[rated], (limit + after)[rated]]),
        A_eq=np.append(np.ones(len(held)), 0.0)[None, :],
        b_eq=[min(needed, held.sum())],
        bounds=[*((0.0, mw) for mw in held), (0.0, None)],
    )
    return float(answer.x[-1]) if answer.success else np.inf


def _losses(plan: DispatchPlan) -> Iterator[_Case]:
    schedule = plan.schedule
    problem = plan.problem
    bus = {b.bus_id: i for i, b in enumerate(problem.network.buses)}
    alone = np.eye(len(bus))
    ids = [unit.unit_id for unit in problem.thermal_units] + [s.storage_id for s in problem.storages]
    at = [bus[asset.bus_id] for asset in problem.thermal_units] + [bus[asset.bus_id] for asset in problem.storages]
    held = [*schedule.reserve_up_mw, *schedule.storage_reserve_up_mw]
    plants = {plant.plant_id: bus[plant.bus_id] for plant in problem.renewable_plants}
    short = plan.relaxed_mw(SoftLimit(Limit.LARGEST_LOSS))
    unserved = (_shares(plan, ()).mean(axis=1), short)  # what the plan says that nobody makes up for, or less of it
    for name, mw in lost_mw(plan).items():
        change = np.zeros_like(problem.load_mw)
        change[plants[name] if name in plants else at[ids.index(name)]] -= mw
        holders = [(alone[i], reserve) for i, reserve, owner in zip(at, held, ids, strict=True) if owner != name]
        others = zip(problem.renewable_plants, schedule.renewable_reserve_up_mw, strict=True)
        holders += [(alone[bus[o.bus_id]], mw) for o, mw in others if plants.get(name) != bus[o.bus_id]]
        yield _Case(Limit.OVERLOAD_AFTER_LOSS, name, change, 1.0, [*holders, unserved])
    for link, flow in zip(problem.network.dc_links, schedule.link_flow_mw, strict=True):
        change = np.zeros_like(problem.load_mw)
        change[bus[link.from_bus]] += flow
        change[bus[link.to_bus]] -= flow
        yield _Case(Limit.OVERLOAD_AFTER_LOSS, link.link_id, change, 1.0, [])


def _calls(plan: DispatchPlan) -> Iterator[_Case]:
    problem = plan.problem
    bus = {b.bus_id: i for i, b in enumerate(problem.network.buses)}
    alone = np.eye(len(bus))
    area = {b.bus_id: b.area for b in problem.network.buses}
    buses = holding_buses(plan)
    for upward, required, limit, title in (
        (True, problem.reserve_up_mw, Limit.RESERVE_UP, UPWARD_RESERVE),
        (False, problem.reserve_down_mw, Limit.RESERVE_DOWN, DOWNWARD_RESERVE),
    ):
        sign = 1.0 if upward else -1.0
        left = left_of_products_mw(plan, upward=upward)
        holders = [(alone[bus[bus_id]], mw) for bus_id, mw in zip(buses, left, strict=True)]
        if not upward and not problem.reserve_from_plants:
            holders = holders[: len(buses) - len(problem.renewable_plants)]
            plants = zip(problem.renewable_plants, plan.schedule.renewable_mw, strict=True)
            holders += [(alone[bus[plant.bus_id]], mw) for plant, mw in plants if plant.curtailable]
        change = -sign * _shares(plan, ()) * (required - plan.relaxed_mw(SoftLimit(limit)))
        yield _Case(Limit.OVERLOAD_BY_RESERVE, title, change, sign, holders)
    products = {held.product: held.all_mw for held in plan.schedule.products}
    for need in problem.requirements:
        sign = 1.0 if need.product.upward else -1.0
        rows = zip(buses, products[need.product], strict=True)
        holders = [(alone[bus[bus_id]], mw) for bus_id, mw in rows if not need.areas or area[bus_id] in need.areas]
        change = -sign * _shares(plan, need.areas) * (need.required_mw - plan.relaxed_mw(need.limit))
        yield _Case(Limit.OVERLOAD_BY_RESERVE, need.title, change, sign, holders)


def _shares(plan: DispatchPlan, areas: tuple[str, ...]) -> FloatArray:
    """How an area's load spreads over its buses; evenly where there is none."""
    load = np.array(
        [
            np.maximum(mw, 0.0) if not areas or bus.area in areas else np.zeros_like(mw)
            for bus, mw in zip(plan.problem.network.buses, plan.problem.load_mw, strict=True)
        ]
    )
    inside = np.array([[float(not areas or bus.area in areas)] for bus in plan.problem.network.buses])
    total = load.sum(axis=0)
    return np.where(total > 0.0, load / np.where(total > 0.0, total, 1.0), inside / inside.sum())
