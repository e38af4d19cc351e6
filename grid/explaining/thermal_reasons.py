"""Why a thermal unit is off, at its minimum, at capacity or in between, from the prices of the plan.

What else a run could be is valued at these prices and, where there is time, solved again; texts say which of the two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from grid.assets import DEMAND_RESPONSE
from grid.explaining.alternative_words import if_not_running, why_off
from grid.explaining.alternatives import alternatives
from grid.explaining.explained import TOLERANCE_PRICE, Explained, Finding, compared, merged, spread
from grid.explaining.runner_ups import RunnerUp, runner_ups
from grid.explaining.thermal_schedule import ThermalSchedule
from grid.problem.plan import Reason
from grid.problem.uplift import reserve_revenue


def thermal_reasons(explained: Explained, *, seconds: float) -> list[Reason]:
    """Reasons of every thermal unit, by unit, then period; ``seconds`` of wall time are for solving again."""
    by_reserve = reserve_revenue(explained.plan)
    schedules = [ThermalSchedule(explained, i, by_reserve[i]) for i in range(len(by_reserve))]
    others = [alternative for schedule in schedules for alternative in alternatives(schedule)]
    by_unit: defaultdict[int, dict[int, RunnerUp]] = defaultdict(dict)
    for runner_up in runner_ups(explained, others, seconds=seconds):
        by_unit[runner_up.alternative.unit][runner_up.alternative.first] = runner_up
    reasons: list[Reason] = []
    for schedule in schedules:
        known = by_unit[schedule.i]
        reasons += merged(schedule.unit.unit_id, schedule.findings(known), partial(_describe, schedule, known))
    return reasons


def _describe(
    schedule: ThermalSchedule, runner_ups: Mapping[int, RunnerUp], kind: str, run: slice, findings: Sequence[Finding]
) -> str:
    """The sentence for a run of periods."""
    runner_up = runner_ups.get(schedule.run_start(run.start))
    if not schedule.on[run.start]:
        return why_off(schedule, runner_up, kind, run)
    if schedule.unit.fuel == DEMAND_RESPONSE and kind in ("not called", "capacity", "marginal"):
        return _called(schedule, kind, run, findings)
    binds = _what_binds(schedule, kind, run, findings)
    if kind == "starting":
        binds = f"{binds}; {_started_for(schedule, run.start)}"
    cost = None if runner_up is None else runner_up.cost
    if schedule.unit.fuel == DEMAND_RESPONSE:
        return binds
    doubtful = cost is None or cost <= 0.0  # nothing tells that the run saves anything
    told = doubtful or kind in ("minimum", "starting", "kept on")
    return f"{binds}; {if_not_running(schedule, runner_up, run.start)}" if told else binds


def _called(schedule: ThermalSchedule, kind: str, run: slice, findings: Sequence[Finding]) -> str:
    """Why a demand response without rebound is called or not: it is load that is not served at its price."""
    price, words = f"bus price {spread(schedule.lmp[run])}", schedule.words
    if kind == "not called":
        return f"not called: {price} is not above the {spread(schedule.next_cost[run])} that it costs"
    costs = spread(schedule.last_cost[run])
    if kind == "capacity":
        value = float(np.mean([finding.value or 0.0 for finding in findings]))
        called = f"called in full, {words.number(schedule.unit.capacity_mw)} MW"
        verb = compared(schedule.lmp[run], schedule.last_cost[run])
        return f"{called}: {price} {verb} the {costs} that it costs; {words.saves(value, 'more')}"
    most = words.number(schedule.unit.capacity_mw)
    return f"called, {words.number(schedule.power[run])} of {most} MW: {price} against the {costs} that it costs"


def _what_binds(schedule: ThermalSchedule, kind: str, run: slice, findings: Sequence[Finding]) -> str:
    told, unit, words = schedule.explained, schedule.unit, schedule.words
    price = f"bus price {spread(schedule.lmp[run])}"
    value = float(np.mean([f.value for f in findings if f.value is not None] or [0.0]))
    last, following = spread(schedule.last_cost[run]), spread(schedule.next_cost[run])
    minimum, output = f"{words.number(unit.minimum_mw)} MW", words.number(schedule.power[run])
    match kind:
        case "steady":
            free = words.number(schedule.freely[run])
            return f"at {output} MW: if changing the plan before were free it would be at {free} MW; {price}"
        case "capacity":
            return (
                f"on at capacity {words.number(unit.capacity_mw)} MW: {price} "
                f"{compared(schedule.lmp[run], schedule.last_cost[run])} its marginal cost {last}; "
                f"{words.saves(value, 'more capacity')}"
            )
        case "starting":
            return f"starting: limited to {output} MW in its first period; {price}"
        case "stopping":
            return f"last period before it stops: limited to {output} MW; {price}"
        case "ramp up" | "ramp down":
            limit = schedule.term.ramp_up_mw if kind == "ramp up" else schedule.term.ramp_down_mw
            way = "raises" if kind == "ramp up" else "lowers"
            return f"{way} output as fast as it can, {words.number(limit)} MW a period; {price}, marginal cost {last}"
        case "must run":
            return f"must run: at minimum {minimum}; {price}, marginal cost {following}"
        case "minimum up time":
            until = told.clock(min(schedule.held_until(schedule.run_start(run.start)), len(schedule.on)))
            return f"held at minimum {minimum}: minimum up time until {until}; {price}, marginal cost {following}"
        case "loss":
            return (
                f"held back at {output} MW, because its loss must be made up for, at {value:.1f} "
                f"{told.problem.currency}/MW and hour; {price}, marginal cost {following}"
            )
        case "upward reserve":
            return f"held at {output} MW for {told.held_ready(findings)}; {price}, marginal cost {following}"
        case "downward reserve":
            return f"kept up at {output} MW for {told.held_ready(findings)}; {price}, marginal cost {last}"
        case "marginal" if last == following:
            return f"part load, {output} MW, follows the price: {price} against its marginal cost {last}"
        case "marginal":
            return (
                f"part load, {output} MW, follows the price: {price} lies between the "
                f"cost {last} of its last MW and {following} of the next"
            )
        case "kept on":
            return f"kept on at {output} MW as in the plan before; {price}"
        case "minimum":
            verb = compared(schedule.lmp[run], schedule.next_cost[run])
            return f"at minimum {minimum}: {price} {verb} its marginal cost {following}"
        case _:
            bound = "" if schedule.term.ramp_free else ", by its ramps tied to what it does before and after"
            return f"{kind}, {output} MW{bound}; {price}, marginal cost {following}"


def _started_for(schedule: ThermalSchedule, first: int) -> str:
    """When in the run that begins in ``first``, and by what, it earns more than running costs."""
    if rule := schedule.explained.committed_by:
        return f"{rule} starts it"
    end = schedule.run_end(first)
    earned = schedule.by_energy + schedule.by_reserve
    pay = [t for t in range(first, end) if earned[t] > TOLERANCE_PRICE]
    if not pay:
        return "no period of its run earns at these prices what running costs"
    clock = schedule.explained.clock
    hours = f"{clock(pay[0])} to {clock(pay[-1] + 1)}"
    shortest = 1 < schedule.term.minimum_up == end - first and end < len(schedule.on)
    until = ", its minimum up time" if shortest else ""
    stays = f"stays on until {clock(end)}{until}"
    if schedule.by_reserve[pay].sum() > schedule.by_energy[pay].sum():
        worth = f"{np.max(schedule.reserve_up[pay]):,.1f} {schedule.explained.problem.currency}/MW and hour"
        return f"it starts for the reserve of {hours}, worth up to {worth}, and {stays}"
    return f"it starts for the bus price of {hours}, up to {np.max(schedule.lmp[pay]):,.1f}, and {stays}"
