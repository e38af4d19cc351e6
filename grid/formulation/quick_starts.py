"""Reserve of units that are off but start quickly (non-spinning reserve), priced by what calls of it may cost.

A unit counts that is off and has been so for its minimum time, with what it may start with. The parts of the
requirement that are called more and more often bear higher prices (:class:`grid.problem.quick_starts.QuickStarts`).

What is held may be delivered in full. A call that is smaller than the minimum output of a start can only be met where
units that run come down by the rest; whether they can is not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grid.formulation.model import DispatchModel
from grid.formulation.reserves import StartReserve
from grid.formulation.unit_terms import UnitTerms, periods_in_state
from grid.time_axis import FloatArray


def hold_by_starts(model: DispatchModel, terms: Sequence[UnitTerms]) -> StartReserve | None:
    """Let the quick starts of the problem hold upward reserve for net load; None where no unit may or need."""
    problem, linear, periods = model.problem, model.linear, model.problem.axis.periods
    quick, required = problem.quick_starts, problem.reserve_up_mw
    holding = [problem.holds_while_off(terms[group[0]].unit) for group in model.groups]
    if quick is None or not any(holding) or not required.any():
        return None
    prices = quick.prices(problem.thermal_units) * problem.axis.step_hours
    called = linear.columns((len(prices), periods), upper=required / len(prices), cost=prices[:, None])
    within, held_by = linear.rows(periods, lower=0.0), {}
    linear.put(within, called, 1.0)
    for i, (group, columns) in enumerate(zip(model.groups, model.thermal, strict=True)):
        term = terms[group[0]]
        if not holding[i]:
            continue
        mw, count = term.unit.minimum_mw + term.start_span_mw, len(group)
        held = linear.columns(periods, upper=mw * count)
        startable = linear.rows(periods, upper=mw * (count - _still_resting(model, term, group)))
        linear.put(np.stack([startable, model.reserves.up_rows]), held, 1.0)
        linear.put(within, held, -1.0)
        linear.put(startable, columns.on, mw)
        for age in range(min(term.minimum_down, periods)):
            linear.put(startable[age:], columns.stop[: periods - age], mw)
        held_by[i] = held
    return StartReserve(held_by, called, within)


def _still_resting(model: DispatchModel, term: UnitTerms, group: Sequence[int]) -> FloatArray:
    """How many units of a group stopped too short a time before the plan to start in each period, shape (periods,)."""
    problem, resting = model.problem, np.zeros(model.problem.axis.periods)
    for state in (problem.initial.get(problem.thermal_units[unit].unit_id) for unit in group):
        if state is not None and not state.on:
            age = periods_in_state(state, step_hours=problem.axis.step_hours)
            resting[: max(term.minimum_down - age, 0)] += 1.0
    return resting
