"""How much more and less a committed unit could give: what its reserve is dealt out from and a plan tells of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grid.formulation.commitment import BoolArray
from grid.formulation.unit_terms import UnitTerms, unit_terms
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.plan import DispatchPlan
from grid.time_axis import FloatArray


def headroom_mw(
    problem: DispatchProblem, terms: Sequence[UnitTerms], on: BoolArray, above_mw: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What every unit could give more and less within capacity, ramps, start and stop limits, both (units, periods).

    Args:
        above_mw: Output above minimum, same shape.
    """
    up, down = np.zeros_like(above_mw), above_mw.copy()
    for i, (unit, term) in enumerate(zip(problem.thermal_units, terms, strict=True)):
        state = problem.initial.get(unit.unit_id)
        before_on = np.concatenate([[on[i, 0] if state is None else state.on], on[i, :-1]])
        start = on[i] & ~before_on
        last = np.append(on[i, :-1] & ~on[i, 1:], False)
        limit = np.where(start, term.start_span_mw, term.span_mw)
        limit = np.where(last, np.minimum(limit, term.stop_span_mw), limit)
        if not term.ramp_free:
            first = 0.0 if state is None else max(state.power_mw - unit.minimum_mw, 0.0)
            before = np.concatenate([[first], above_mw[i, :-1]])
            known = np.ones(len(limit), dtype=np.bool_)
            known[0] = state is not None
            limit = np.where(known & ~start, np.minimum(limit, before + term.ramp_up_mw), limit)
            floor = np.where(known & before_on, before - term.ramp_down_mw, 0.0)
            down[i] = np.clip(above_mw[i] - np.maximum(floor, 0.0), 0.0, None)
        up[i] = np.clip(limit - above_mw[i], 0.0, None)
    return np.where(on, up, 0.0), np.where(on, down, 0.0)


def plan_headroom_mw(plan: DispatchPlan) -> tuple[FloatArray, FloatArray]:
    """The same of a plan's schedule, what is held as reserve included."""
    schedule = plan.schedule
    units, step = plan.problem.thermal_units, plan.problem.axis.step_hours
    minimum = np.array([unit.minimum_mw for unit in units])[:, None]
    terms = [unit_terms(unit, step_hours=step) for unit in units]
    return headroom_mw(plan.problem, terms, schedule.on, np.where(schedule.on, schedule.power_mw - minimum, 0.0))
