"""An independent check of thermal units: minimum times, must-run, output and reserve against capacity and ramps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grid.assets import ThermalUnit
from grid.checking.start_check import may_hold_while_off
from grid.problem.costs import whole_periods
from grid.problem.dispatch_problem import UnitState
from grid.problem.plan import DispatchPlan
from grid.time_axis import FloatArray

_MW = 1e-2
_HOURS = 1e-6


def check_units(plan: DispatchPlan) -> Iterator[str]:
    """Everything that does not hold of the thermal units."""
    for i, unit in enumerate(plan.problem.thermal_units):
        state = plan.problem.initial.get(unit.unit_id)
        yield from _minimum_times(plan, unit, state, plan.schedule.on[i])
        if unit.must_run:
            yield from _must_run(plan, unit, state, plan.schedule.on[i])
        yield from _output(plan, unit, state, i)


def _minimum_times(plan: DispatchPlan, unit: ThermalUnit, state: UnitState | None, on: np.ndarray) -> Iterator[str]:
    """A run that begins within the plan (or in a known past) and ends within it must have been long enough."""
    step = plan.problem.axis.step_hours
    length = np.inf if state is None else max(state.hours, step)
    now = bool(on[0]) if state is None else state.on
    for t, is_on in enumerate(on):
        if bool(is_on) == now:
            length += step
            continue
        least = unit.minimum_up_hours if now else unit.minimum_down_hours
        if length < least - _HOURS:
            yield f"{unit.unit_id} period {t}: {'on' if now else 'off'} for {length} h, at least {least} h are needed"
        now, length = bool(is_on), step


def _must_run(plan: DispatchPlan, unit: ThermalUnit, state: UnitState | None, on: np.ndarray) -> Iterator[str]:
    step = plan.problem.axis.step_hours
    was_off = np.inf if state is None or state.on else whole_periods(state.hours, step_hours=step)
    for t in np.flatnonzero(~on):
        if (was_off + t) * step >= unit.minimum_down_hours - _HOURS:
            yield f"{unit.unit_id} period {t}: it must run and is off"


def _output(plan: DispatchPlan, unit: ThermalUnit, state: UnitState | None, i: int) -> Iterator[str]:
    schedule = plan.schedule
    step, on = plan.problem.axis.step_hours, schedule.on[i]
    power, up, down = schedule.power_mw[i], schedule.reserve_up_mw[i], schedule.reserve_down_mw[i]
    was_on: bool | None = None if state is None else state.on
    before = None if state is None else state.power_mw
    startable = _startable_mw(plan, unit, state, on)
    for t, is_on in enumerate(on):
        place = f"{unit.unit_id} period {t}"
        if min(up[t], down[t]) < -_MW:
            yield f"{place}: negative reserve"
        if not is_on:
            if max(power[t], up[t] - startable[t], down[t]) > _MW:
                yield f"{place}: off with output or reserve"
            if was_on and before is not None and before > unit.stop_ramp_mw + _MW:
                yield f"{place}: stopped from {before} MW, at most {unit.stop_ramp_mw} MW are allowed"
        else:
            most = unit.capacity_mw
            if was_on is False:
                most = min(most, unit.start_ramp_mw)
            elif was_on and before is not None:
                most = min(most, max(before, unit.minimum_mw) + unit.ramp_up_mw_per_hour * step)
                least = before - unit.ramp_down_mw_per_hour * step
                if power[t] - down[t] < least - _MW:
                    yield f"{place}: falls to {power[t] - down[t]} MW, at least {least} MW by its ramp"
            if t + 1 < len(on) and not on[t + 1]:
                most = min(most, unit.stop_ramp_mw)
            if power[t] + up[t] > most + _MW:
                yield f"{place}: output and reserve {power[t] + up[t]} MW exceed {most} MW"
            if power[t] - down[t] < unit.minimum_mw - _MW:
                yield f"{place}: output less reserve {power[t] - down[t]} MW is below {unit.minimum_mw} MW"
        was_on, before = bool(is_on), float(power[t])


def _startable_mw(plan: DispatchPlan, unit: ThermalUnit, state: UnitState | None, on: np.ndarray) -> FloatArray:
    """What a unit that is off could start with in each period: nothing before its minimum time off is over."""
    problem, step = plan.problem, plan.problem.axis.step_hours
    most = np.zeros(len(on))
    if not may_hold_while_off(problem, unit):
        return most
    hours = np.inf if state is None else 0.0 if state.on else max(state.hours, step)
    for t, is_on in enumerate(on):
        stopped = not is_on and (on[t - 1] if t else state is not None and state.on)
        if not is_on and not stopped and hours >= unit.minimum_down_hours - _HOURS:
            most[t] = min(unit.start_ramp_mw, unit.capacity_mw)
        hours = 0.0 if is_on else hours + step
    return most
