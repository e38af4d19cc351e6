"""The outcome of a problem that has no plan: no schedule, but the conflict of its limits and the ways out of it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from grid.dispatch.conflict import find_conflict, limit_name
from grid.dispatch.ways_out import WayOut
from grid.formulation.outages import Outages
from grid.formulation.ptdf import Ptdf
from grid.formulation.unit_terms import UnitTerms
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.plan import DispatchPlan, Reason, Status
from grid.problem.prices import Prices
from grid.problem.schedule import Schedule
from grid.problem.soft_limits import SoftLimit


def infeasible_plan(
    problem: DispatchProblem,
    terms: Sequence[UnitTerms],
    ptdf: Ptdf,
    outages: Outages | None,
    *,
    whole: bool,
    build_seconds: float,
    solve_seconds: float,
    seconds: float,
) -> DispatchPlan:
    """The outcome of a problem that has no plan: no schedule, but the conflict in ``message`` and ``reasons``.

    Args:
        whole: The linear relaxation has a solution, and no commitment in whole numbers has.
        solve_seconds: What the proof took.
        seconds: For the search of the conflict.
    """
    began = time.monotonic()
    conflict = find_conflict(problem, terms, ptdf, outages, whole=whole, seconds=seconds)
    solve_seconds += time.monotonic() - began
    ways = {way.limit: way for way in conflict.ways_out}
    return DispatchPlan(
        status=Status.INFEASIBLE,
        problem=problem,
        objective=np.inf,
        best_bound=np.inf,
        gap=np.inf,
        build_seconds=build_seconds,
        solve_seconds=solve_seconds,
        schedule=Schedule.idle(problem),
        prices=Prices.none(problem),
        violations=(),
        reasons=tuple(_reason(limit, ways.get(limit), problem.axis.periods) for limit in conflict.limits),
        message=conflict.message,
    )


def _reason(limit: SoftLimit, way: WayOut | None, periods: int) -> Reason:
    name = limit_name(limit)
    text = f"{name}: cannot be kept together with the others" if way is None else str(way)
    return Reason(
        asset_id=name,
        first_period=0 if way is None else way.first_period,
        last_period=periods - 1 if way is None else way.last_period,
        binding=(name,),
        shadow_price_per_mwh=None,
        runner_up_cost=None if way is None else way.extra_cost,
        text=text,
    )
