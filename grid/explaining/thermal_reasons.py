"""Why a thermal unit is off, at its minimum, at capacity or in between, from the prices of the plan.

The alternative to a run on is not running; to a stretch off it is the best run that minimum times allow in it. Both are
valued at the plan's prices, which hold for small changes only, so the texts say so. A unit's reserve is valued at the
reserve's price, its ramps are left aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from grid.explaining.explained import Explained, Finding, merged, spread
from grid.explaining.headroom import headroom_mw
from grid.explaining.thermal_schedule import ThermalSchedule
from grid.problem.costs import running_cost_per_hour
from grid.problem.plan import Reason


def thermal_reasons(explained: Explained) -> list[Reason]:
    """Reasons of every thermal unit, by unit, then period."""
    problem, on = explained.problem, explained.plan.on
    minimum = np.array([unit.minimum_mw for unit in problem.thermal_units])[:, None]
    above = np.where(on, explained.plan.power_mw - minimum, 0.0)
    up, down = headroom_mw(problem, explained.terms, on, above)
    reasons: list[Reason] = []
    for i, unit in enumerate(problem.thermal_units):
        schedule = ThermalSchedule(explained, i, above[i], up[i], down[i])
        reasons += merged(unit.unit_id, schedule.findings(), partial(_describe, schedule))
    return reasons


def _describe(schedule: ThermalSchedule, kind: str, run: slice, findings: Sequence[Finding]) -> str:
    """The sentence for a run of periods."""
    told, unit, currency = schedule.explained, schedule.unit, schedule.explained.problem.currency
    price = f"bus price {spread(schedule.lmp[run])}"
    value = float(np.mean([f.value for f in findings if f.value is not None] or [0.0]))
    last, following = spread(schedule.last_cost[run]), spread(schedule.next_cost[run])
    minimum, output = f"{unit.minimum_mw:.0f} MW", spread(schedule.power[run], digits=0)
    match kind:
        case "steady":
            free = spread(schedule.freely[run], digits=0)
            return f"at {output} MW: if changing the plan before were free it would be at {free} MW; {price}"
        case "capacity":
            return (
                f"on at capacity {unit.capacity_mw:.0f} MW: {price} beats its marginal cost {last}; "
                f"1 MW more capacity would save {value:.1f} {currency}/h"
            )
        case "starting":
            return f"starting: its first hour is limited to {output} MW; {price}"
        case "stopping":
            return f"last hour before it stops: limited to {output} MW; {price}"
        case "ramp up" | "ramp down":
            limit = schedule.term.ramp_up_mw if kind == "ramp up" else schedule.term.ramp_down_mw
            way = "raises" if kind == "ramp up" else "lowers"
            return f"{way} output as fast as it can, {limit:.0f} MW a period; {price}, marginal cost {last}"
        case "must run":
            return f"must run: at minimum {minimum}; {price}, marginal cost {following}"
        case "minimum up time":
            until = told.clock(min(schedule.held_until(schedule.run_start(run.start)), len(schedule.on)))
            return f"held at minimum {minimum}: minimum up time until {until}; {price}, marginal cost {following}"
        case "upward reserve":
            return (
                f"held at {output} MW for upward reserve, worth {value:.1f} {currency}/MW and hour; {price}, "
                f"marginal cost {following}"
            )
        case "downward reserve":
            return (
                f"kept up at {output} MW for downward reserve, worth {value:.1f} {currency}/MW and hour; {price}, "
                f"marginal cost {last}"
            )
        case "marginal" if last == following:
            return f"part load, {output} MW, follows the price: {price} against its marginal cost {last}"
        case "marginal":
            return (
                f"part load, {output} MW, follows the price: {price} lies between the "
                f"cost {last} of its last MW and {following} of the next"
            )
        case "minimum":
            below = f"at minimum {minimum}: {price} is below its marginal cost {following}"
            return f"{below}; {_run_worth(schedule, findings)}"
        case "minimum down time":
            until = told.clock(min(schedule.may_start_from(schedule.run_start(run.start)), len(schedule.on)))
            return f"off: minimum down time until {until}; {price}"
        case _:
            return _why_off(schedule, run, findings)


def _run_worth(schedule: ThermalSchedule, findings: Sequence[Finding]) -> str:
    worth = findings[0].alternative or 0.0
    if worth >= 0.0:
        return f"not running at all from its start to its stop would cost {schedule.explained.money(worth)} more"
    loss = schedule.explained.money(-worth)
    return f"its run loses {loss} at these prices, which pay for the last MW, not for starts and minimum output"


def _why_off(schedule: ThermalSchedule, run: slice, findings: Sequence[Finding]) -> str:
    capacity = schedule.unit.capacity_mw
    if capacity <= 0.0:
        return "off: it has no capacity"
    full = float(running_cost_per_hour(schedule.unit, np.array([capacity]))[0]) / capacity
    price = f"bus price {spread(schedule.lmp[run])}"
    side = "above" if full > float(np.max(schedule.lmp[run])) else "not earned back by"
    text = f"off: average cost {full:.1f} at full output is {side} the {price}"
    extra = findings[0].alternative
    if extra is None:
        return f"{text}; no run fits between its minimum times"
    first = schedule.run_start(run.start)
    end = next((t for t in range(first, len(schedule.on)) if schedule.on[t]), len(schedule.on))
    _, (begin, stop) = schedule.best_run(first, end)
    window = f"{schedule.explained.clock(begin)} to {schedule.explained.clock(stop)}"
    if extra >= 0.0:
        return f"{text}; its best run, {window}, would cost {schedule.explained.money(extra)} more at these prices"
    return (
        f"{text}; at these prices a run {window} would earn {schedule.explained.money(-extra)}, but prices are made "
        f"without it and would fall"
    )
