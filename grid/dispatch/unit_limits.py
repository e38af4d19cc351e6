"""Which limits of thermal units take part in a conflict: without any one of them there would be a plan.

Units' own limits are never relaxed. Here they are left out one after another, as the operator's are in
:mod:`.conflict`, halves of all of them first: as few as possible remain, and with the operator's limits in conflict
they leave no plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from grid.assets import CostSegment, ThermalUnit
from grid.dispatch.relaxable import Relaxable
from grid.formulation.outages import Outages
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import UnsolvedError
from grid.formulation.unit_terms import unit_terms
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.soft_limits import SoftLimit
from grid.words import listed

_NAMED = 4


class _Own(StrEnum):
    """A kind of limit of a unit's own, in the order in which they are left out: what stays is told."""

    MUST_RUN = "the duty to run"
    MINIMUM = "minimum output"
    TIMES = "minimum up and down times"
    RAMPS = "ramps"
    STATE = "the state before the plan"
    CAPACITY = "capacity"


_Part = tuple[_Own, int]
"""A kind of limit, and the position of its unit."""


@dataclass(frozen=True, slots=True)
class UnitLimits:
    """Limits of units that take part in a conflict.

    Attributes:
        units: Whose, by kind of limit.
    """

    units: tuple[tuple[str, tuple[str, ...]], ...]

    def __str__(self) -> str:
        """A sentence."""
        told = [f"{kind} of {listed(names, most=_NAMED)}" for kind, names in self.units]
        return f"Limits of units take part: {'; '.join(told)}."


def limits_of_units(
    problem: DispatchProblem,
    limits: Sequence[SoftLimit],
    ptdf: Ptdf,
    outages: Outages | None,
    *,
    whole: bool,
    until: float,
) -> UnitLimits | None:
    """Those limits of units without any one of which there would be a plan that keeps ``limits``.

    Args:
        limits: In conflict: with them kept, and all other limits of the operator's given up, there is no plan.
        whole: The linear relaxation has a solution, and no commitment in whole numbers has.
        until: Of the monotonic clock.

    Returns:
        None if there is no plan without any of them either, or if time runs out.
    """
    parts = [(kind, i) for kind in _Own for i, unit in enumerate(problem.thermal_units) if _has(kind, unit, problem)]
    left_out: set[_Part] = set()

    def needed(some: Sequence[_Part]) -> list[_Part]:
        freed = _without(problem, left_out.union(some))
        terms = [unit_terms(unit, step_hours=problem.axis.step_hours) for unit in freed.thermal_units]
        program = Relaxable(freed, terms, ptdf, outages, until=until)
        if program.solve(None, held=limits, whole=whole) is None:
            left_out.update(some)
            return []
        if len(some) == 1:
            return list(some)
        half = len(some) // 2
        return needed(some[:half]) + needed(some[half:])

    try:
        found = needed(parts) if parts else []
    except UnsolvedError:
        return None
    names = {kind.value: tuple(problem.thermal_units[i].unit_id for one, i in found if one is kind) for kind in _Own}
    return UnitLimits(tuple((kind, units) for kind, units in names.items() if units)) if found else None


def _has(kind: _Own, unit: ThermalUnit, problem: DispatchProblem) -> bool:
    """Whether a unit has a limit at all."""
    step_hours = problem.axis.step_hours
    if kind is _Own.MUST_RUN:
        return unit.must_run
    if kind is _Own.MINIMUM:
        return unit.minimum_mw > 0.0
    if kind is _Own.TIMES:
        return max(unit.minimum_up_hours, unit.minimum_down_hours) > step_hours
    if kind is _Own.RAMPS:
        return _ramps_bind(unit, step_hours)
    return kind is _Own.CAPACITY or unit.unit_id in problem.initial


def _ramps_bind(unit: ThermalUnit, step_hours: float) -> bool:
    """Whether a ramp can keep a unit from any output between its minimum and its capacity."""
    between = step_hours * min(unit.ramp_up_mw_per_hour, unit.ramp_down_mw_per_hour)
    at_switch = min(unit.start_ramp_mw, unit.stop_ramp_mw)
    return between < unit.capacity_mw - unit.minimum_mw or at_switch < unit.capacity_mw


def _without(problem: DispatchProblem, parts: set[_Part]) -> DispatchProblem:
    """A problem whose units lack some of their limits."""
    most_mw = float(np.abs(problem.load_mw).sum(axis=0).max(initial=0.0) + problem.reserve_up_mw.max(initial=0.0))
    most_mw += sum(unit.capacity_mw for unit in problem.thermal_units)
    units, initial = list(problem.thermal_units), dict(problem.initial)
    for kind, i in sorted(parts):
        if kind is _Own.STATE:
            del initial[units[i].unit_id]
        else:
            units[i] = _freed(units[i], kind, most_mw, step_hours=problem.axis.step_hours)
    return replace(problem, thermal_units=tuple(units), initial=initial)


def _freed(unit: ThermalUnit, kind: _Own, most_mw: float, *, step_hours: float) -> ThermalUnit:
    """A unit without a limit; ``most_mw`` is more than it ever needs to give."""
    prices = [segment.cost_per_mwh for segment in unit.segments] or [0.0]
    if kind is _Own.MUST_RUN:
        return replace(unit, must_run=False)
    if kind is _Own.MINIMUM:
        return replace(unit, minimum_mw=0.0, segments=(CostSegment(unit.minimum_mw, prices[0]), *unit.segments))
    if kind is _Own.TIMES:
        return replace(unit, minimum_up_hours=0.0, minimum_down_hours=0.0)
    if kind is _Own.RAMPS:
        ramp = most_mw / step_hours
        faster = replace(unit, ramp_up_mw_per_hour=ramp, ramp_down_mw_per_hour=ramp)
        return replace(faster, start_ramp_mw=most_mw, stop_ramp_mw=most_mw)
    more = replace(
        unit,
        capacity_mw=unit.capacity_mw + most_mw,
        segments=(*unit.segments, CostSegment(most_mw, prices[-1])),
    )
    return more if _ramps_bind(unit, step_hours) else _freed(more, _Own.RAMPS, 2.0 * most_mw, step_hours=step_hours)
