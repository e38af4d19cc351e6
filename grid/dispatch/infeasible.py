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
    periods, buses = problem.axis.periods, len(problem.network.buses)
    units, plants, storages = (len(a) for a in (problem.thermal_units, problem.renewable_plants, problem.storages))
    network, exchanges = problem.network, len(problem.exchanges)
    branches, links, interfaces = len(network.branches), len(network.dc_links), len(network.interfaces)
    requirements, nothing = len(problem.requirements), np.zeros(periods)
    sizes = {requirements, units, plants, storages, buses, branches, links, interfaces, exchanges}
    zeros = {rows: np.zeros((rows, periods)) for rows in sizes}
    prices = Prices(
        lmp=zeros[buses],
        energy=zeros[buses],
        congestion=zeros[buses],
        loss=zeros[buses],
        branches=zeros[branches],
        interfaces=zeros[interfaces],
        reserve_up=nothing,
        reserve_down=nothing,
        held_up=nothing,
        held_by_start=nothing,
        requirements=zeros[requirements],
    )
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
        interface_flow_mw=zeros[interfaces],
        losses_mw=nothing,
        prices=prices,
        violations=(),
        reasons=tuple(_reason(limit, ways.get(limit), periods) for limit in conflict.limits),
        message=conflict.message,
        change_cost=0.0,
        forgone=0.0,
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
