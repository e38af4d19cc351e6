"""What a thermal unit could do instead of a run on or off, valued at the plan's prices.

The alternative to a run on is not to run, or to stop as soon as the unit may; to a stretch off it is the best run that
minimum times allow in it. Reserve is valued at the price of that for net load, ramps are left aside.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import accumulate

import numpy as np

from grid.explaining.runner_ups import Alternative
from grid.explaining.thermal_schedule import ThermalSchedule
from grid.problem.costs import start_costs
from grid.time_axis import FloatArray


def alternatives(schedule: ThermalSchedule) -> Iterator[Alternative]:
    """The best alternative to each run on or off that has any."""
    while_off = _earned_while_off(schedule)
    profit = np.where(schedule.on, schedule.by_energy + schedule.by_reserve - while_off, 0.0) - schedule.start_cost
    for first, end in schedule.runs:
        if not schedule.on[first]:
            cost, (begin, stop) = _best_run(schedule, first, end, while_off)
            if not math.isinf(cost):
                yield Alternative(schedule.i, first, begin, stop, cost)
            continue
        begin = first if first > 0 else max(schedule.held_until(0), 0) if _was_on(schedule) else 0
        if begin < end and not schedule.unit.must_run:
            yield Alternative(schedule.i, first, begin, end, float(profit[begin:end].sum()))


def _was_on(schedule: ThermalSchedule) -> bool:
    return schedule.state is not None and schedule.state.on


def _best_run(schedule: ThermalSchedule, first: int, end: int, while_off: FloatArray) -> tuple[float, tuple[int, int]]:
    """Extra cost at the plan's prices of the best run within an off stretch, and its periods.

    A run may join its neighbours (it then needs no start, or spares the next one) or keep the minimum down time from
    them; it lasts for the minimum up time unless it joins one or reaches the horizon's end. Infinite if no run fits.
    """
    minimum_down, periods = schedule.term.minimum_down, len(schedule.on)
    earned = np.concatenate([[0.0], list(accumulate(_earned_if_on(schedule, first, end, while_off).tolist()))])
    spared = float(schedule.start_cost[end]) if end < periods else 0.0
    best, window = math.inf, (first, end)
    for begin, stop, start in _runs_within(schedule, first, end):
        cost = start - (spared if stop == end else 0.0) - float(earned[stop - first] - earned[begin - first])
        cost += float(while_off[stop : min(stop + minimum_down, end)].sum())
        if cost < best:
            best, window = cost, (begin, stop)
    return best, window


def _runs_within(schedule: ThermalSchedule, first: int, end: int) -> Iterator[tuple[int, int, float]]:
    """Every run that fits into an off stretch: first period, end, and what its start costs."""
    term, state, periods = schedule.term, schedule.state, len(schedule.on)
    was_on = bool(schedule.on[first - 1]) if first else state is None or state.on  # or could have been
    for begin in range(first, end):
        joins = begin == first and was_on
        if not joins and begin < schedule.may_start_from(first):
            continue
        start = 0.0 if joins else _start_cost(schedule, first, begin)
        shortest = 1 if joins else term.minimum_up
        for stop in range(begin + 1, end):
            rests = end == periods or end - stop >= term.minimum_down
            if rests and stop - begin >= shortest:
                yield begin, stop, start
        yield begin, end, start


def _earned_if_on(schedule: ThermalSchedule, first: int, end: int, while_off: FloatArray) -> FloatArray:
    """What each hour on would earn over its running cost and what it earns off, at its best output. [money]"""
    unit, term, hours = schedule.unit, schedule.term, slice(first, end)
    price, up, down = schedule.lmp[hours], schedule.reserve_up[hours], schedule.reserve_down[hours]
    earned = price * unit.minimum_mw + up * term.span_mw - unit.minimum_cost_per_hour
    for segment in term.segments:
        earned = earned + segment.width_mw * np.maximum(price - up + down - segment.cost_per_mwh, 0.0)
    return np.asarray(earned * schedule.step - while_off[hours])


def _earned_while_off(schedule: ThermalSchedule) -> FloatArray:
    """What the unit earns by reserve that it holds while off or, where it is on, could instead. [money]"""
    plan, on = schedule.explained.plan, schedule.on
    if not plan.problem.holds_while_off(schedule.unit):
        return np.zeros(len(on))
    startable = np.full(len(on), schedule.unit.minimum_mw + schedule.term.start_span_mw)
    if on[0]:
        startable[: schedule.may_start_from(0)] = 0.0
    return np.where(on, startable, plan.schedule.reserve_up_mw[schedule.i]) * plan.prices.held_by_start * schedule.step


def _start_cost(schedule: ThermalSchedule, first: int, begin: int) -> float:
    on = np.zeros(begin + 1, dtype=np.bool_)
    on[:first], on[begin] = schedule.on[:first], True
    rule = schedule.explained.problem.start_rule
    return float(start_costs(schedule.unit, on, schedule.state, step_hours=schedule.step, rule=rule)[begin])
