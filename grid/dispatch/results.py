"""From a solved fixed dispatch to the plan: who gives what, what was relaxed, priced and explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from grid.explaining.headroom import headroom_mw
from grid.explaining.reasons import explain
from grid.formulation.build import available_by_bus
from grid.formulation.commitment import BoolArray
from grid.formulation.holding import PlantShares, held_reserves, plant_reserves
from grid.formulation.linear import IntArray
from grid.formulation.lines import interface_members
from grid.formulation.prices import FixedDispatch, dispatch_fixed, prices_of
from grid.formulation.relaxed import violations
from grid.formulation.unit_terms import UnitTerms
from grid.problem.costs import change_cost
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.plan import DispatchPlan, Status
from grid.problem.schedule import Schedule
from grid.searching.incumbent import gap_between
from grid.time_axis import FloatArray


def plan_of(
    dispatch: FixedDispatch,
    terms: Sequence[UnitTerms],
    on: BoolArray,
    *,
    status: Status,
    bound: float,
    message: str,
    build_seconds: float = 0.0,
    solve_seconds: float = 0.0,
    again_seconds: float = 0.0,
) -> DispatchPlan:
    """The plan of a commitment and its dispatch, with prices and reasons; the model's ``bound`` is -inf if unproven.

    Reasons tell what other commitments would cost as solved again, as many as can be in ``again_seconds``.
    Plants of one bus are curtailed in proportion to what they have. Where changing an earlier plan has a price, prices
    of energy are those of the same commitment dispatched without it.
    """
    model, x = dispatch.model, dispatch.solution.values
    problem = model.problem
    periods = problem.axis.periods
    minimum = np.array([unit.minimum_mw for unit in problem.thermal_units])[:, None]
    above = np.stack([x[c.above] for c in model.thermal]) if model.thermal else np.zeros((0, periods))
    above = np.maximum(np.where(on, above, 0.0), 0.0)

    def storages(name: str) -> FloatArray:
        return np.array([np.maximum(x[getattr(c, name)], 0.0) for c in model.storages]).reshape(-1, periods)

    up, down = storages("reserve_up"), storages("reserve_down")
    taken = taken_by_plant(
        problem,
        {i: x[columns] for i, columns in model.renewable.items()},
        {i: x[columns] for i, columns in model.spill.items()},
    )
    shares = PlantShares.of(problem, taken)
    renewable_up, renewable_down = plant_reserves(dispatch, shares)
    held_up, held_down, products = held_reserves(dispatch, headroom_mw(problem, terms, on, above), shares)
    cost, power = dispatch.cost, np.where(on, minimum, 0.0) + above
    charge, discharge = storages("charge"), storages("discharge")
    moved = change_cost(problem, on, power, discharge - charge)
    free = _freely(dispatch, terms, on, charge > discharge)
    prices = prices_of(free)
    imported, exported = (
        np.array([x[getattr(c, name)] for c in model.exchanges]).reshape(-1, periods)
        for name in ("imported", "exported")
    )
    imported, exported = traded(imported, exported)
    flows = model.lines.ptdf.flows(model.injections.mw(x))
    schedule = Schedule(
        on=on,
        power_mw=power,
        reserve_up_mw=held_up,
        reserve_down_mw=held_down,
        renewable_mw=taken,
        renewable_reserve_up_mw=renewable_up,
        renewable_reserve_down_mw=renewable_down,
        charge_mw=charge,
        discharge_mw=discharge,
        state_of_charge_mwh=storages("energy"),
        storage_reserve_up_mw=up,
        storage_reserve_down_mw=down,
        shed_mw=_by_bus(model.shed, x, problem),
        surplus_mw=_by_bus(model.surplus, x, problem),
        import_mw=imported,
        export_mw=exported,
        link_flow_mw=x[model.link],
        branch_flow_mw=flows,
        interface_flow_mw=interface_members(problem.network) @ flows,
        losses_mw=np.zeros(periods) if model.losses is None else x[model.losses.columns],
        products=products,
    )
    plan = DispatchPlan(
        status=status,
        problem=problem,
        objective=cost,
        best_bound=min(bound - (dispatch.solution.objective - cost), cost),
        gap=gap_between(dispatch.solution.objective, bound),
        build_seconds=build_seconds,
        solve_seconds=solve_seconds,
        schedule=schedule,
        prices=prices,
        violations=tuple(violations(model, x)),
        reasons=(),
        message=message,
        change_cost=moved,
        forgone=max(cost - moved - free.cost, 0.0) if free is not dispatch else 0.0,
        unsecured=() if model.lines.outages is None else model.lines.outages.bridges,
    )
    return replace(plan, reasons=explain(plan, free, terms, planned=dispatch, seconds=again_seconds))


def _by_bus(blocks: Mapping[int, IntArray], values: FloatArray, problem: DispatchProblem) -> FloatArray:
    """Values of columns that some buses have, none below 0, shape (buses, periods); 0 at the others."""
    by_bus = np.zeros_like(problem.load_mw)
    for i, columns in blocks.items():
        by_bus[i] = np.maximum(values[columns], 0.0)
    return by_bus


def _freely(dispatch: FixedDispatch, terms: Sequence[UnitTerms], on: BoolArray, charging: BoolArray) -> FixedDispatch:
    """The same commitment dispatched as if changing an earlier plan were free; the dispatch itself without one."""
    model = dispatch.model
    if model.problem.earlier is None:
        return dispatch
    problem = replace(model.problem, earlier=None)
    lines = list(model.lines.rows)
    return dispatch_fixed(problem, terms, on, charging, ptdf=model.lines.ptdf, outages=model.lines.outages, lines=lines)


def traded(import_mw: FloatArray, export_mw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What exchanges import and export, both (exchanges, periods), less what goes in and out again at one price."""
    through = np.minimum(import_mw, export_mw)
    return np.maximum(import_mw - through, 0.0), np.maximum(export_mw - through, 0.0)


def taken_by_plant(
    problem: DispatchProblem, taken_mw: Mapping[int, FloatArray], spilled_mw: Mapping[int, FloatArray]
) -> FloatArray:
    """Taken from each plant, shape (plants, periods): those of a bus are curtailed in proportion to what they have.

    Args:
        taken_mw: By position of a bus, what is taken of its curtailable plants; ``spilled_mw`` what is not of others.
    """
    taken = np.zeros_like(problem.available_mw)
    totals = {True: available_by_bus(problem, curtailable=True), False: available_by_bus(problem, curtailable=False)}
    bus = {b.bus_id: i for i, b in enumerate(problem.network.buses)}
    for p, plant in enumerate(problem.renewable_plants):
        i = bus[plant.bus_id]
        total = totals[plant.curtailable][i]
        used = taken_mw[i] if plant.curtailable else total - spilled_mw[i]
        share = np.divide(np.clip(used, 0.0, total), total, out=np.zeros_like(total), where=total > 0.0)
        taken[p] = problem.available_mw[p] * share
    return taken
