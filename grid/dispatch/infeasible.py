"""Why a problem whose limits may not be relaxed has no plan: a smallest set of limits in conflict, and the ways out.

The limits are the operator's: load served, production taken, reserves, branch ratings, a storage's final level. A
deletion filter relaxes them one after another; a limit without which there still is no plan stays relaxed, so that what
remains is irreducible: no plan keeps all of it, and without any one of them there is one. Each way out relaxes one of
them alone, by as little as its price allows. All of it on the linear relaxation, which proves the conflict.

References:
    Chinneck and Dravnieks, "Locating Minimal Infeasible Constraint Sets in Linear Programs", ORSA J. Computing 3, 1991.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from grid.dispatch.results import REPORTED_MW
from grid.formulation.build import build_model
from grid.formulation.linear import IntArray
from grid.formulation.model import DispatchModel
from grid.formulation.outages import Outages
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import LinearSolution, UnsolvedError, solve_with_lines
from grid.formulation.unit_terms import UnitTerms, identical_units
from grid.problem.plan import DispatchPlan, DispatchProblem, Reason, Status

_LOAD, _SURPLUS = "load served in full", "production within what can be taken"
_RESERVE_UP, _RESERVE_DOWN = "upward reserve", "downward reserve"
_FINAL_LEVEL, _ENERGY_DUE = "final level of storage", "energy due in storage"


@dataclass(frozen=True, slots=True)
class WayOut:
    """Relaxing one limit alone: by how much at most in a period, over which periods, at which cost.

    Attributes:
        most_mw: None where the limit is one of energy, not of power.
        first_period, last_period: Inclusive.
        extra_cost: What it costs at the limit's usual price.
    """

    limit: str
    most_mw: float | None
    energy_mwh: float
    first_period: int
    last_period: int
    extra_cost: float


@dataclass(frozen=True, slots=True)
class Conflict:
    """Limits that cannot all hold, none of which can be left out, and the ways out of it, the cheapest first.

    Without limits, those of the units and storages themselves contradict their states before the plan.
    """

    limits: tuple[str, ...]
    ways_out: tuple[WayOut, ...]

    @property
    def message(self) -> str:
        if not self.limits:
            theirs = "The own limits of thermal units or storages contradict their states before the plan"
            return f"{theirs}: no schedule of theirs exists."
        held = f"No plan keeps all of: {', '.join(self.limits)}." if len(self.limits) > 1 else ""
        alone = f"No plan keeps the limit: {self.limits[0]}." if len(self.limits) == 1 else ""
        return " ".join(text for text in (held, alone, *(_in_words(way) for way in self.ways_out)) if text)


def infeasible_plan(
    problem: DispatchProblem,
    terms: Sequence[UnitTerms],
    ptdf: Ptdf,
    outages: Outages | None,
    *,
    build_seconds: float,
    solve_seconds: float,
) -> DispatchPlan:
    """The outcome of a problem that has no plan: no schedule, but the conflict in ``message`` and ``reasons``."""
    conflict = find_conflict(problem, terms, ptdf, outages)
    periods, buses = problem.axis.periods, len(problem.network.buses)
    units, plants, storages = (len(a) for a in (problem.thermal_units, problem.renewable_plants, problem.storages))
    network, exchanges = problem.network, len(problem.exchanges)
    branches, links, interfaces = len(network.branches), len(network.dc_links), len(network.interfaces)
    nothing = np.zeros(periods)
    sizes = {units, plants, storages, buses, branches, links, interfaces, exchanges}
    zeros = {rows: np.zeros((rows, periods)) for rows in sizes}
    ways = {way.limit: way for way in conflict.ways_out}
    return DispatchPlan(
        status=Status.INFEASIBLE,
        problem=problem,
        objective=np.inf,
        best_bound=np.inf,
        gap=np.inf,
        build_seconds=build_seconds,
        solve_seconds=solve_seconds,
        on=np.zeros((units, periods), dtype=np.bool_),
        power_mw=zeros[units],
        reserve_up_mw=zeros[units],
        reserve_down_mw=zeros[units],
        renewable_mw=zeros[plants],
        renewable_reserve_up_mw=zeros[plants],
        renewable_reserve_down_mw=zeros[plants],
        charge_mw=zeros[storages],
        discharge_mw=zeros[storages],
        state_of_charge_mwh=zeros[storages],
        storage_reserve_up_mw=zeros[storages],
        storage_reserve_down_mw=zeros[storages],
        shed_mw=zeros[buses],
        surplus_mw=zeros[buses],
        import_mw=zeros[exchanges],
        export_mw=zeros[exchanges],
        link_flow_mw=zeros[links],
        branch_flow_mw=zeros[branches],
        branch_shadow_price=zeros[branches],
        interface_flow_mw=zeros[interfaces],
        interface_shadow_price=zeros[interfaces],
        lmp=zeros[buses],
        energy_price=zeros[buses],
        congestion_price=zeros[buses],
        loss_price=zeros[buses],
        losses_mw=nothing,
        reserve_up_price=nothing,
        reserve_down_price=nothing,
        violations=(),
        reasons=tuple(_reason(limit, ways.get(limit), periods) for limit in conflict.limits),
        message=conflict.message,
        change_cost=0.0,
        forgone=0.0,
    )


def find_conflict(
    problem: DispatchProblem, terms: Sequence[UnitTerms], ptdf: Ptdf, outages: Outages | None = None
) -> Conflict:
    """The irreducible conflict of a problem whose linear relaxation is infeasible while every limit is held."""
    relaxable = replace(problem, penalties=problem.penalties.finite())
    model = build_model(relaxable, terms, identical_units(problem), ptdf=ptdf, outages=outages)
    if _solve(model, relaxed=None) is None:
        return Conflict((), ())
    relaxed: set[str] = set()
    for limit in _columns_by_limit(model):
        relaxed.add(limit)
        if _solve(model, relaxed=relaxed) is not None:
            relaxed.remove(limit)
    limits = [limit for limit in _columns_by_limit(model) if limit not in relaxed]
    ways_out = []
    for limit in limits:
        solution = _solve(model, relaxed={*relaxed, limit})
        if solution is not None:
            ways_out.append(_way_out(model, limit, solution))
    return Conflict(tuple(limits), tuple(sorted(ways_out, key=lambda way: way.extra_cost)))


def _columns_by_limit(model: DispatchModel) -> dict[str, list[IntArray]]:
    """The columns that relax each limit, each array with one column per period or, at a horizon's end, one."""
    problem, network = model.problem, model.problem.network
    columns: dict[str, list[IntArray]] = {
        _LOAD: list(model.shed.values()),
        _SURPLUS: list(model.surplus.values()),
        _RESERVE_UP: [model.reserves.short_up],
        _RESERVE_DOWN: [model.reserves.short_down],
    }
    for need, short in zip(problem.requirements, model.reserves.product_short, strict=True):
        columns[f"{need.title} reserve"] = [short]
    if problem.secure_units:
        columns["upward reserve for the largest loss"] = [model.reserves.coverage_short]
    for i, spill in model.spill.items():
        columns[f"must-take plants at bus {network.buses[i].bus_id}"] = [spill]
    for storage, stored in zip(problem.storages, model.storages, strict=True):
        columns[f"{_FINAL_LEVEL} {storage.storage_id}"] = [stored.end_shortfall]
        columns[f"{_ENERGY_DUE} {storage.storage_id}"] = [stored.due_shortfall]
    for line, over in sorted(model.lines.overload.items()):
        columns.setdefault(f"rating of {model.lines.name(line)}", []).append(np.array(over))
    return columns


def _solve(model: DispatchModel, *, relaxed: set[str] | None) -> LinearSolution | None:
    """The cheapest solution with these limits relaxed and the others held; None: all relaxed. None if there is none.

    The model grows by the branch limits that are met.
    """
    while True:
        lower, upper, _, _ = model.linear.column_arrays()
        held = {} if relaxed is None else {k: v for k, v in _columns_by_limit(model).items() if k not in relaxed}
        for blocks in held.values():
            for block in blocks:
                upper[block] = 0.0
        known = len(model.lines.rows)
        try:
            solution = solve_with_lines(model, lower=lower, upper=upper)
        except UnsolvedError:
            return None
        if len(model.lines.rows) == known:
            return solution


def _way_out(model: DispatchModel, limit: str, solution: LinearSolution) -> WayOut:
    problem, step = model.problem, model.problem.axis.step_hours
    blocks, by_period = _columns_by_limit(model)[limit], np.zeros(problem.axis.periods)
    cost = model.linear.column_arrays()[2]
    periods = [line.period for line in sorted(model.lines.overload) if f"rating of {model.lines.name(line)}" == limit]
    if periods:
        by_period[periods] = [float(solution.values[block].sum()) for block in blocks]
    else:
        for block in blocks:
            by_period[-len(block) :] += solution.values[block]
    used = np.flatnonzero(by_period > REPORTED_MW)
    first, last = (int(used[0]), int(used[-1])) if used.size else (0, 0)
    price = sum(float(cost[block] @ solution.values[block]) for block in blocks)
    if limit.startswith((_FINAL_LEVEL, _ENERGY_DUE)):  # their columns are MWh
        return WayOut(limit, None, float(by_period.sum()), first, last, price)
    return WayOut(limit, float(by_period.max(initial=0.0)), float(by_period.sum() * step), first, last, price)


def _in_words(way: WayOut) -> str:
    periods = f"period {way.first_period}" if way.first_period == way.last_period else (
        f"periods {way.first_period} to {way.last_period}"
    )  # fmt: skip
    energy = f"{way.energy_mwh:,.1f} MWh"
    amount = f"{energy} in {periods}" if way.most_mw is None else f"up to {way.most_mw:,.1f} MW in {periods}, {energy}"
    return f"Way out: relax {way.limit} by {amount}, at a cost of {way.extra_cost:,.0f}."


def _reason(limit: str, way: WayOut | None, periods: int) -> Reason:
    text = f"{limit}: cannot be kept together with the others" if way is None else _in_words(way)
    return Reason(
        asset_id=limit,
        first_period=0 if way is None else way.first_period,
        last_period=periods - 1 if way is None else way.last_period,
        binding=(limit,),
        shadow_price_per_mwh=None,
        runner_up_cost=None if way is None else way.extra_cost,
        text=text,
    )
