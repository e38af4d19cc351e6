"""From how many units of a group are on to which of them are, within minimum times and initial states."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from grid.formulation.linear import IntArray
from grid.formulation.unit_terms import UnitTerms, periods_in_state
from grid.problem.dispatch_problem import DispatchProblem

BoolArray = npt.NDArray[np.bool_]
_LONG = 1_000_000
_ROUNDING = 1e-6


def assign_units(
    problem: DispatchProblem,
    terms: Sequence[UnitTerms],
    groups: Sequence[Sequence[int]],
    counts: IntArray,
) -> BoolArray:
    """Commit units so that ``counts`` of each group are on wherever minimum times allow it.

    Counts that satisfy the group's own minimum times (an integer solution of the model) are met exactly: who has been
    on longest stops first, so that the others still may. Units without a minimum up time stop in the opposite order: a
    unit that starts and stops at once loses the narrow output of both in one period. Of those that may start the one
    that stopped last starts, its start being the hottest.

    Args:
        groups: Positions of identical units.
        counts: Shape (groups, periods).

    Returns:
        Commitment, shape (units, periods).
    """
    on = np.zeros((len(problem.thermal_units), problem.axis.periods), dtype=np.bool_)
    for group, wanted in zip(groups, counts, strict=True):
        _assign_group(problem, terms[group[0]], group, wanted, on)
    return on


def bridge_dips(counts: IntArray, terms: Sequence[UnitTerms], groups: Sequence[Sequence[int]]) -> IntArray:
    """Fill dips of each group's count that are shorter than its minimum down time (a morphological closing).

    For counts that were rounded without regard to minimum times: a unit stopped in such a dip could not come back.
    """
    periods = counts.shape[1]
    filled = counts.copy()
    for i, group in enumerate(groups):
        width = min(terms[group[0]].minimum_down, periods)
        ahead = np.array([counts[i, t : t + width].max(initial=0) for t in range(periods)])
        filled[i] = [ahead[max(t - width + 1, 0) : t + 1].min(initial=_LONG) for t in range(periods)]
    return np.maximum(filled, counts)


def _assign_group(
    problem: DispatchProblem, term: UnitTerms, group: Sequence[int], wanted: IntArray, on: BoolArray
) -> None:
    """Walk through the periods, keeping for every unit how long it has been on (positive) or off (negative)."""
    age, stops_from = _before(problem, term, group, int(wanted[0]))
    for t, target in enumerate(wanted):
        active = [k for k in range(len(group)) if age[k] > 0]
        surplus = len(active) - int(target)
        may_stop = [k for k in active if age[k] >= term.minimum_up and stops_from[k] <= t and not term.unit.must_run]
        for k in sorted(may_stop, key=lambda k: age[k], reverse=term.minimum_up > 1)[: max(surplus, 0)]:
            age[k] = 0
        may_start = [k for k in range(len(group)) if age[k] < 0 and -age[k] >= term.minimum_down]
        missing = len(may_start) if term.unit.must_run else max(-surplus, 0)
        started = sorted(may_start, key=lambda k: age[k], reverse=True)[:missing]
        for k in range(len(group)):
            age[k] = 1 if k in started else age[k] + 1 if age[k] > 0 else age[k] - 1
            on[group[k], t] = age[k] > 0


def _before(
    problem: DispatchProblem, term: UnitTerms, group: Sequence[int], wanted: int
) -> tuple[list[int], list[int]]:
    """For how many periods each unit has been on, or off (negative), and from which period on it may stop.

    Of units without a state as many are on as are ``wanted`` at first.
    """
    age, stops_from = [], []
    free = 0
    for i in group:
        state = problem.initial.get(problem.thermal_units[i].unit_id)
        if state is None:
            age.append(_LONG if free < wanted else -_LONG)
            stops_from.append(0)
            free += 1
        else:
            age.append(periods_in_state(state, step_hours=problem.axis.step_hours) * (1 if state.on else -1))
            stops_from.append(earliest_stop(term, state.power_mw - state.within_mw) if state.on else 0)
    return age, stops_from


def earliest_stop(term: UnitTerms, power_mw: float) -> int:
    """The first period in which a unit at ``power_mw`` may be off: it must first ramp down to where it may stop."""
    excess = power_mw - term.unit.minimum_mw - term.stop_span_mw
    return math.ceil(excess / term.ramp_down_mw - _ROUNDING) if excess > _ROUNDING else 0
