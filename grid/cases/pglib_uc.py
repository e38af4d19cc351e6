"""Unit commitment instances of pglib-uc (``.json``) into a problem of one bus, or every fault at once.

The library's model, MODEL.tex, is met exactly by the terms of :mod:`grid.dispatch`: a unit's ramps hold above its
minimum and between periods off and on as well, so that the output of a first period is at most the minimum plus the
ramp; load and reserve are hard.

References:
    Knueven, Ostrowski and Watson, "On Mixed-Integer Programming Formulations for the Unit Commitment Problem",
    INFORMS J. Computing 32(4), 2020; https://github.com/power-grid-lib/pglib-uc, MODEL.tex.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np

from grid.assets import CostSegment, RenewableKind, RenewablePlant, StartCost, ThermalUnit
from grid.cases.fields import Fields
from grid.cases.must_take import split_plant
from grid.cases.spans import MOST_PERIODS
from grid.faults import Fault, InputError
from grid.network import Bus, Network
from grid.problem.dispatch_problem import DispatchProblem, StartRule, UnitState
from grid.problem.soft_limits import Penalties
from grid.records import parse_json
from grid.time_axis import FloatArray, TimeAxis

SYSTEM_BUS = "system"
_UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
_HARD = Penalties(*[math.inf] * 7)
_ROUNDING = 1e-6
_BENT = 1e-4


def read_pglib_uc(text: str) -> DispatchProblem:
    """The problem that the text of an instance states; its periods are hours without a date.

    Raises:
        InputError: With every fault: what is missing, no finite number or of the wrong length, reversed limits, costs
            that are not convex, states that contradict one another.
    """
    try:
        data = parse_json(text)
    except ValueError as error:
        raise InputError([Fault("instance", f"is no JSON: {error}", "give a file of pglib-uc")]) from None
    faults: list[Fault] = []
    case = Fields(data, "", faults)
    periods = case.whole("time_periods", least=1, most=MOST_PERIODS)
    if faults:  # how long a profile must be is not known
        raise InputError(faults)
    demand = case.series("demand", periods)
    reserve = case.series("reserves", periods, default=0.0)
    if (reserve < 0.0).any():
        faults.append(Fault("reserves", "no value may be negative", "give what must be held"))
    units = [_unit(name, unit) for name, unit in case.items("thermal_generators")]
    plants = [plant for name, w in case.items("renewable_generators") for plant in _plants(name, w, periods)]
    if faults:
        raise InputError(faults)
    return DispatchProblem(
        axis=TimeAxis(_UNDATED, timedelta(hours=1), periods),
        network=Network((Bus(SYSTEM_BUS),), ()),
        thermal_units=tuple(unit for unit, _ in units),
        renewable_plants=tuple(plant for plant, _ in plants),
        storages=(),
        load_mw=demand[None, :],
        available_mw=np.array([mw for _, mw in plants]).reshape(-1, periods),
        reserve_up_mw=reserve,
        reserve_down_mw=np.zeros(periods),
        initial={unit.unit_id: state for unit, state in units},
        initial_mwh={},
        penalties=_HARD,
        timezone="",
        start_rule=StartRule.PGLIB_UC,
    )


def _unit(name: str, fields: Fields) -> tuple[ThermalUnit, UnitState]:
    minimum, capacity = fields.number("power_output_minimum", least=0.0), fields.number("power_output_maximum")
    if minimum > capacity:
        fields.fault("power_output_minimum", f"{minimum:g} is above the maximum {capacity:g}", "exchange or correct")
    up, down = fields.number("ramp_up_limit", least=0.0), fields.number("ramp_down_limit", least=0.0)
    start, stop = fields.number("ramp_startup_limit"), fields.number("ramp_shutdown_limit")
    for key, value in (("ramp_startup_limit", start), ("ramp_shutdown_limit", stop)):
        if value < minimum - _ROUNDING:
            fields.fault(key, f"{value:g} is below the minimum output {minimum:g}", "the unit could never switch")
    if min(up, down) == 0.0 and capacity > minimum:
        fields.fault("ramp limits", "must be above 0", "a unit that cannot move has one output: set its limits to it")
    least_cost, segments = _costs(fields, minimum, capacity)
    unit = ThermalUnit(
        unit_id=name,
        bus_id=SYSTEM_BUS,
        minimum_mw=minimum,
        capacity_mw=capacity,
        minimum_cost_per_hour=least_cost,
        segments=segments,
        start_costs=_start_costs(fields),
        minimum_up_hours=fields.whole("time_up_minimum", least=0),
        minimum_down_hours=fields.whole("time_down_minimum", least=0),
        ramp_up_mw_per_hour=max(up, _ROUNDING),
        ramp_down_mw_per_hour=max(down, _ROUNDING),
        start_ramp_mw=minimum + min(max(start - minimum, 0.0), up),
        stop_ramp_mw=minimum + min(max(stop - minimum, 0.0), down),
        must_run=bool(fields.whole("must_run", least=0, most=1)),
    )
    return unit, _state(fields, unit)


def _state(fields: Fields, unit: ThermalUnit) -> UnitState:
    on = bool(fields.whole("unit_on_t0", least=0, most=1))
    hours = fields.whole("time_up_t0" if on else "time_down_t0", least=0)
    power = fields.number("power_output_t0") if on else 0.0
    if on and not unit.minimum_mw - _ROUNDING <= power <= unit.capacity_mw + _ROUNDING:
        fields.fault("power_output_t0", f"{power:g} lies outside the unit's limits", "correct it, or unit_on_t0")
    if not on and unit.must_run and hours < unit.minimum_down_hours:
        fields.fault("must_run", "it must run, but its minimum down time has not passed", "correct time_down_t0")
    return UnitState(on=on, hours=float(hours), power_mw=power)


def _costs(fields: Fields, minimum: float, capacity: float) -> tuple[float, tuple[CostSegment, ...]]:
    """Cost at minimum and the segments above it."""
    points = [(point.number("mw"), point.number("cost")) for point in fields.rows("piecewise_production")]
    if not points:
        fields.fault("piecewise_production", "must have a point", "give the cost at minimum and at maximum output")
        return 0.0, ()
    if abs(points[0][0] - minimum) > _ROUNDING or abs(points[-1][0] - capacity) > _ROUNDING:
        problem = f"must lead from {minimum:g} to {capacity:g} MW, leads from {points[0][0]:g} to {points[-1][0]:g}"
        fields.fault("piecewise_production", problem, "give the cost at minimum and at maximum output")
    if any(b[0] < a[0] for a, b in pairwise(points)):
        fields.fault("piecewise_production", "mw must rise from point to point", "order the points")
        return 0.0, ()
    segments: list[CostSegment] = []
    for (low, low_cost), (high, high_cost) in pairwise(points):
        if high - low > 0.0:
            segments.append(CostSegment(high - low, (high_cost - low_cost) / (high - low)))
    for before, after in pairwise(segments):
        if after.cost_per_mwh < before.cost_per_mwh - _BENT * max(abs(before.cost_per_mwh), 1.0):
            problem = f"is not convex: {before.cost_per_mwh:g} per MWh is followed by {after.cost_per_mwh:g}"
            fields.fault("piecewise_production", problem, "give its convex hull")
    return points[0][1], _hull(segments)


def _hull(segments: list[CostSegment]) -> tuple[CostSegment, ...]:
    """Segments in rising order of price; those bent the other way by rounding are joined with the one before."""
    hull: list[CostSegment] = []
    for segment in segments:
        merged = segment
        while hull and hull[-1].cost_per_mwh > merged.cost_per_mwh:
            last = hull.pop()
            width = last.width_mw + merged.width_mw
            cost = last.width_mw * last.cost_per_mwh + merged.width_mw * merged.cost_per_mwh
            merged = CostSegment(width, cost / width)
        hull.append(merged)
    return tuple(hull)


def _start_costs(fields: Fields) -> tuple[StartCost, ...]:
    starts = [StartCost(float(start.whole("lag", least=0)), start.number("cost")) for start in fields.rows("startup")]
    if not starts:
        fields.fault("startup", "must have a category", "give its lag and cost")
        return (StartCost(0.0, 0.0),)
    if any(b.offline_hours <= a.offline_hours or b.cost < a.cost for a, b in pairwise(starts)):
        fields.fault("startup", "lag must rise and cost must not fall from hot to cold", "order the categories")
    return tuple(starts)


def _plants(name: str, fields: Fields, periods: int) -> list[tuple[RenewablePlant, FloatArray]]:
    low, high = fields.series("power_output_minimum", periods), fields.series("power_output_maximum", periods)
    for t in np.flatnonzero(low > high).tolist():
        fields.fault(
            f"power_output_minimum[{t}]", f"{low[t]:g} is above the maximum {high[t]:g}", "exchange or correct"
        )
    if (low < 0.0).any():
        fields.fault("power_output_minimum", "no value may be negative", "count what is consumed as demand")
    plant = RenewablePlant(name, SYSTEM_BUS, RenewableKind.WIND, float(high.max(initial=0.0)), name, 1.0)
    return split_plant(plant, low, high)
