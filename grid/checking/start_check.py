"""Reserve of units that are off, again from the case's own data: who may hold it, and what its calls come to."""

from __future__ import annotations

from statistics import NormalDist, fmean

import numpy as np

from grid.assets import ThermalUnit
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.plan import DispatchPlan

_PARTS = 4


def may_hold_while_off(problem: DispatchProblem, unit: ThermalUnit) -> bool:
    """Whether a unit may hold upward reserve for net load while it is off."""
    quick = problem.quick_starts
    if quick is None or problem.requirements or problem.secure_units or problem.deliverable:
        return False
    slow = unit.minimum_up_hours > quick.hours or unit.minimum_down_hours > quick.hours
    return not (problem.reserve_from_plants or slow or unit.must_run or unit.capacity_mw == 0.0)


def cost_of_calls(plan: DispatchPlan) -> float:
    """What calls of the reserve that units hold while off are expected to cost. [money]

    The reserve is called part by part; what starts hold are its last parts, and each is called as often as net load
    comes out beyond the middle of the part.
    """
    problem = plan.problem
    units = [unit for unit in problem.thermal_units if may_hold_while_off(problem, unit)]
    if problem.quick_starts is None or not units:
        return 0.0
    per_mwh, error = max(fmean(map(_cost_per_mwh, units)), 0.0), NormalDist()
    width, left = (
        problem.reserve_up_mw / _PARTS,
        np.where(plan.schedule.on, 0.0, plan.schedule.reserve_up_mw).sum(axis=0),
    )
    cost = 0.0
    for part in range(_PARTS, 0, -1):
        middle = (part - 0.5) / _PARTS * error.inv_cdf(1.0 - problem.quick_starts.beyond)
        taken = np.minimum(left, width)
        cost += (1.0 - error.cdf(middle)) * per_mwh * float(taken.sum())
        left = left - taken
    return cost * problem.axis.step_hours


def _cost_per_mwh(unit: ThermalUnit) -> float:
    """At full output from a cold start for the minimum time, an hour at least. [money/MWh]"""
    hours = max(unit.minimum_up_hours, 1.0)
    running = unit.minimum_cost_per_hour + sum(part.width_mw * part.cost_per_mwh for part in unit.segments)
    return (running * hours + unit.start_costs[-1].cost) / (unit.capacity_mw * hours)
