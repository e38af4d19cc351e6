"""A thermal unit's data counted in periods, and identical units gathered into groups."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

from grid.assets import CostSegment, ThermalUnit
from grid.problem.costs import whole_periods
from grid.problem.dispatch_problem import DispatchProblem, UnitState

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class StartTier:
    """A start after ``first_period`` to ``end_period - 1`` periods off costs ``cost``; None: any longer time."""

    first_period: int
    end_period: int | None
    cost: float


@dataclass(frozen=True, slots=True)
class UnitTerms:
    """What the model needs to know of ``unit``, times in periods and ramps in MW per period.

    Attributes:
        span_mw: ``capacity_mw - minimum_mw``.
        start_span_mw, stop_span_mw: Highest output above minimum in the first and in the last period on.
        ramp_up_mw, ramp_down_mw: Change of output from one period to the next while on.
        ramp_free: No ramp between two periods on can ever bind.
        segments: Neighbours of one price merged, in rising order of price.
        tiers: From hottest to coldest; the last has no end.
    """

    unit: ThermalUnit
    minimum_up: int
    minimum_down: int
    span_mw: float
    start_span_mw: float
    stop_span_mw: float
    ramp_up_mw: float
    ramp_down_mw: float
    ramp_free: bool
    segments: tuple[CostSegment, ...]
    tiers: tuple[StartTier, ...]


def unit_terms(unit: ThermalUnit, *, step_hours: float) -> UnitTerms:
    """Count ``unit``'s times in periods of ``step_hours``. A minimum time is rounded up, and is one period at least."""
    span = unit.capacity_mw - unit.minimum_mw
    minimum_down = max(_periods_up(unit.minimum_down_hours, step_hours), 1)
    ramp_up, ramp_down = unit.ramp_up_mw_per_hour * step_hours, unit.ramp_down_mw_per_hour * step_hours
    return UnitTerms(
        unit=unit,
        minimum_up=max(_periods_up(unit.minimum_up_hours, step_hours), 1),
        minimum_down=minimum_down,
        span_mw=span,
        start_span_mw=min(max(unit.start_ramp_mw - unit.minimum_mw, 0.0), span),
        stop_span_mw=min(max(unit.stop_ramp_mw - unit.minimum_mw, 0.0), span),
        ramp_up_mw=ramp_up,
        ramp_down_mw=ramp_down,
        ramp_free=min(ramp_up, ramp_down) >= span - _ROUNDING,
        segments=_merged(unit.segments),
        tiers=_tiers(unit, minimum_down, step_hours),
    )


def periods_in_state(state: UnitState, *, step_hours: float) -> int:
    """For how many whole periods, one at least, a unit has been on or off before the plan begins."""
    return whole_periods(state.hours, step_hours=step_hours)


def identical_units(problem: DispatchProblem) -> tuple[tuple[int, ...], ...]:
    """Positions of the thermal units, those together that a count can stand for without loss.

    Such units differ in their name only, their ramps cannot bind, their starts have one cost, and their states before
    the plan are all known or all unknown. Which of them is on then changes neither cost nor power. What an earlier plan
    tells apart stays apart, and so does every unit whose loss is looked at.
    """
    if problem.secure_units:
        return single_units(problem)
    groups: dict[tuple[ThermalUnit, bool], list[int]] = {}
    told = {} if problem.earlier is None else problem.earlier.on
    for i, unit in enumerate(problem.thermal_units):
        terms = unit_terms(unit, step_hours=problem.axis.step_hours)
        one_of_many = terms.ramp_free and len(terms.tiers) == 1 and unit.unit_id not in told
        alike = replace(unit, unit_id="") if one_of_many else unit
        groups.setdefault((alike, unit.unit_id in problem.initial), []).append(i)
    return tuple(tuple(group) for group in groups.values())


def single_units(problem: DispatchProblem) -> tuple[tuple[int, ...], ...]:
    """Every thermal unit by itself."""
    return tuple((i,) for i in range(len(problem.thermal_units)))


def _periods_up(hours: float, step_hours: float) -> int:
    return math.ceil(hours / step_hours - _ROUNDING)


def _merged(segments: tuple[CostSegment, ...]) -> tuple[CostSegment, ...]:
    merged: list[CostSegment] = []
    for segment in segments:
        if segment.width_mw <= 0.0:
            continue
        if merged and segment.cost_per_mwh <= merged[-1].cost_per_mwh + _ROUNDING:
            merged[-1] = CostSegment(merged[-1].width_mw + segment.width_mw, merged[-1].cost_per_mwh)
        else:
            merged.append(segment)
    return tuple(merged)


def _tiers(unit: ThermalUnit, minimum_down: int, step_hours: float) -> tuple[StartTier, ...]:
    """Tiers that a start can meet: those that end before the minimum down time, and empty ones, fall away."""
    starts = [max(_periods_up(start.offline_hours, step_hours), minimum_down) for start in unit.start_costs]
    starts[0] = minimum_down
    tiers = [
        StartTier(first, end, start.cost)
        for start, (first, end) in zip(unit.start_costs[:-1], pairwise(starts), strict=True)
        if end > first and start.cost < unit.start_costs[-1].cost
    ]
    return (*tiers, StartTier(starts[-1], None, unit.start_costs[-1].cost))
