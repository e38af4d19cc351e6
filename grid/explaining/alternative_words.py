"""Sentences on what a unit could have done instead, each saying whether prices tell it or the plan was solved again."""

from __future__ import annotations

import math

import numpy as np

from grid.explaining.explained import TOLERANCE_PRICE, spread
from grid.explaining.runner_ups import RunnerUp
from grid.explaining.thermal_schedule import ThermalSchedule
from grid.problem.costs import running_cost_per_hour

_FOR_THE_LAST_MW = "which pay for the last MW, not for starts and minimum output"


def if_not_running(schedule: ThermalSchedule, runner_up: RunnerUp | None, period: int) -> str:
    """What becomes of the plan's cost without the run on that ``period`` lies in."""
    if runner_up is None:
        return "it must run" if schedule.unit.must_run else "its minimum up time lasts for all of this run"
    told, money, clock = runner_up.alternative, schedule.explained.money, schedule.explained.clock
    whole = told.begin == told.first
    instead = "not running at all from its start to its stop" if whole else f"stopping at {clock(told.begin)}"
    loss = f"at these prices its run loses {money(-told.at_prices)}, {_FOR_THE_LAST_MW}"
    return _compared(schedule, runner_up, instead, although=loss, yet=f"; but {instead}")


def why_off(schedule: ThermalSchedule, runner_up: RunnerUp | None, kind: str, run: slice) -> str:
    """Why a unit is off in a run of periods."""
    explained, unit = schedule.explained, schedule.unit
    price = f"bus price {spread(schedule.lmp[run])}"
    if unit.capacity_mw <= 0.0:
        return "off: it has no capacity"
    if kind == "minimum down time":
        may_start = schedule.may_start_from(schedule.run_start(run.start))
        text = f"off: minimum down time until {explained.clock(min(may_start, len(schedule.on)))}; {price}"
    elif kind == "kept off":
        text = f"kept off as in the plan before; {price}"
    else:
        full = float(running_cost_per_hour(unit, np.array([unit.capacity_mw]))[0]) / unit.capacity_mw
        average = f"average cost {full:.1f} at full output"
        side = "above" if full > float(np.max(schedule.lmp[run])) + TOLERANCE_PRICE else "not earned back by"
        text = f"off: {average} is {side} the {price}"
        if explained.committed_by:
            text = f"off: {explained.committed_by} left it off; {average}, {price}"
    return f"{text}; {_if_running(schedule, runner_up)}"


def _if_running(schedule: ThermalSchedule, runner_up: RunnerUp | None) -> str:
    """What becomes of the plan's cost with the best run in the stretch off."""
    if runner_up is None:
        return "no run fits between its minimum times"
    told, money = runner_up.alternative, schedule.explained.money
    window = f"{schedule.explained.clock(told.begin)} to {schedule.explained.clock(told.end)}"
    earn = f"at these prices a run {window} would earn {money(-told.at_prices)} ({_paid_by(schedule, runner_up)})"
    return _compared(
        schedule, runner_up, f"its best run, {window},", although=f"{earn}, but they fall with it", yet=": the plan"
    )


def _compared(schedule: ThermalSchedule, runner_up: RunnerUp, instead: str, *, although: str, yet: str) -> str:
    """What ``instead`` would cost, by prices or solved again.

    Args:
        although: What prices say where they speak for it.
        yet: How the sentence goes on from there, up to what it would cost.
    """
    at_prices, money = runner_up.alternative.at_prices, schedule.explained.money
    match runner_up.extra_cost:
        case None if at_prices >= 0.0:
            return f"{instead} would cost {money(at_prices)} more at these prices"
        case None:
            return f"{although}; what {instead} would cost was not solved again"
        case cost if math.isinf(cost):
            return f"{instead} would break limits that are never relaxed"
        case cost if cost < 0.0:
            return f"{instead} would cost {money(-cost)} less, {_proof(schedule)}"
        case cost if runner_up.kept:
            saved = f"{instead} would save {money(runner_up.saving)} but for the price of changes"
            return f"{saved}, and costs {money(cost)} more with it"
        case cost:
            relaxed = f": {runner_up.relaxed}" if runner_up.relaxed else ""
            subject = instead if at_prices >= 0.0 else although + yet
            return f"{subject} would cost {money(cost)} more, solved again{relaxed}"


def _paid_by(schedule: ThermalSchedule, runner_up: RunnerUp) -> str:
    hours = slice(runner_up.alternative.begin, runner_up.alternative.end)
    price, reserve = f"bus price {spread(schedule.lmp[hours])}", float(np.max(schedule.reserve_up[hours]))
    if reserve <= TOLERANCE_PRICE:
        return price
    return f"{price}, upward reserve up to {reserve:,.1f} {schedule.explained.problem.currency}/MW and hour"


def _proof(schedule: ThermalSchedule) -> str:
    gap = schedule.explained.plan.gap
    if not math.isfinite(gap):
        return "as nothing is proven about this plan"
    return f"as this plan is only proven within {100.0 * gap:.2f} %"
