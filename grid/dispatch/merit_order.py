"""Commitment by rule: must-run units, then by average cost at full output until the load and its reserve are covered.

Average cost at full output is the classic priority list; minimum outputs that would have nowhere to go are passed over.
Storages cover nothing: they are dispatched afterwards.

References:
    Wood, Wollenberg and Sheblé, "Power Generation, Operation and Control", 3rd ed., 2013, section 4.2 (priority list).
"""

from __future__ import annotations

import numpy as np

from grid.assets import ThermalUnit
from grid.formulation.commitment import BoolArray
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.requirements import leading


def merit_order(problem: DispatchProblem) -> BoolArray:
    """Which thermal units the rule wants on, shape (units, periods), whatever their minimum times and states."""
    units, load = problem.thermal_units, problem.load_mw.sum(axis=0)
    must_take = np.array([not plant.curtailable for plant in problem.renewable_plants], dtype=np.bool_)
    products = [problem.requirements[i].required_mw for i in leading(problem.requirements, upward=True)]
    needed = load + problem.reserve_up_mw + sum(products) - problem.available_mw.sum(axis=0)
    if problem.secure_units:
        needed = needed + max((unit.capacity_mw for unit in units), default=0.0)
    needed = needed - sum(exchange.import_mw for exchange in problem.exchanges)
    room = load - problem.available_mw[must_take].sum(axis=0)
    on = np.zeros((len(units), problem.axis.periods), dtype=np.bool_)
    for i in sorted(range(len(units)), key=lambda i: (not units[i].must_run, _full_output_cost(units[i]))):
        on[i] = units[i].must_run | ((needed > 0.0) & (units[i].minimum_mw <= room))
        needed = needed - np.where(on[i], units[i].capacity_mw, 0.0)
        room = room - np.where(on[i], units[i].minimum_mw, 0.0)
    return on


def _full_output_cost(unit: ThermalUnit) -> float:
    """Mean cost of a MWh at full output; a unit of no capacity comes last. [money/MWh]"""
    cost = unit.minimum_cost_per_hour + sum(segment.width_mw * segment.cost_per_mwh for segment in unit.segments)
    return cost / unit.capacity_mw if unit.capacity_mw > 0.0 else np.inf
