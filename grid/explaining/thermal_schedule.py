"""One thermal unit's hours at the plan's prices: what binds it in each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from grid.assets import DEMAND_RESPONSE
from grid.explaining.explained import STEADY_MW, TOLERANCE_MW, TOLERANCE_PRICE, Explained, Finding
from grid.explaining.runner_ups import RunnerUp
from grid.formulation.unit_terms import UnitTerms, periods_in_state
from grid.problem.costs import running_cost_per_hour, start_costs
from grid.time_axis import FloatArray


class ThermalSchedule:
    """One unit's hours with their prices and costs; arrays have shape (periods,).

    Args:
        i: The unit's position.
        reserves: What the reserve that it holds earns. [money]
    """

    def __init__(self, explained: Explained, i: int, reserves: FloatArray) -> None:
        problem = explained.problem
        self.explained, self.i, self.term = explained, i, explained.terms[i]
        self.unit = self.term.unit
        self.on = explained.plan.schedule.on[i]
        self.power = explained.plan.schedule.power_mw[i]
        self.above = np.where(self.on, self.power - self.unit.minimum_mw, 0.0)
        self.state = problem.initial.get(self.unit.unit_id)
        self.step = problem.axis.step_hours
        self.lmp = explained.lmp_at(self.unit.bus_id)
        self.of_loss = explained.of_loss(self.unit.unit_id)
        self.held_up_for = explained.of_holding(i, upward=True)
        self.held_down_for = explained.of_holding(i, upward=False)
        self.reserve_up, self.reserve_down = explained.plan.prices.held_up, explained.plan.prices.reserve_down
        self.last_cost, self.next_cost = _marginal_costs(self.term, self.above)
        self.freely = explained.freely_mw(i)
        self.words = explained.power_words(self.unit.capacity_mw)
        self.start_cost = start_costs(self.unit, self.on, self.state, step_hours=self.step, rule=problem.start_rule)
        running = running_cost_per_hour(self.unit, self.power)
        self.by_energy = np.where(self.on, self.lmp * self.power - running, 0.0) * self.step
        self.by_reserve = np.where(self.on, reserves, 0.0)

    @property
    def runs(self) -> list[tuple[int, int]]:
        """First and end period of each run on or off."""
        edges = [0, *(np.flatnonzero(np.diff(self.on.astype(np.int8))) + 1).tolist(), len(self.on)]
        return list(pairwise(edges))

    def findings(self, runner_ups: Mapping[int, RunnerUp]) -> list[Finding]:
        """One finding per period; ``runner_ups`` of the runs by their first period, none where there is none."""
        findings: list[Finding] = []
        for first, end in self.runs:
            runner_up = runner_ups.get(first)
            kept = runner_up is not None and runner_up.kept
            found = self._while_on if self.on[first] else self._while_off
            cost = None if runner_up is None else runner_up.cost
            findings += [replace(found(t, first, end, kept), alternative=cost) for t in range(first, end)]
        return findings

    def _while_on(self, t: int, first: int, end: int, kept: bool) -> Finding:
        if abs(self.power[t] - self.freely[t]) > STEADY_MW:
            return Finding("steady", ("price of changes",))
        if self.above[t] >= self.term.span_mw - TOLERANCE_MW and self.above[t] > 0.0:
            value = max(float(self.lmp[t] - self.of_loss[t] - self.last_cost[t]), 0.0)
            return Finding("capacity", ("capacity",), value)
        ramp = self._ramp_in_the_way(t, first, end)
        if ramp is not None:
            return ramp
        if self.lmp[t] > self.next_cost[t] + TOLERANCE_PRICE and (held := self._held_back(t)) is not None:
            return held
        if self.above[t] <= TOLERANCE_MW:
            return self._at_minimum(t, first, kept)
        name, worth = max(self.held_down_for.items(), key=lambda item: float(item[1][t]))
        if self.lmp[t] < self.last_cost[t] - TOLERANCE_PRICE and worth[t] > TOLERANCE_PRICE:
            return Finding("downward reserve", (name,), float(worth[t]))
        if kept:
            return Finding("kept on", ("price of changes",))
        low, high = self.last_cost[t] - TOLERANCE_PRICE, self.next_cost[t] + TOLERANCE_PRICE
        return Finding("marginal" if low <= self.lmp[t] <= high else "part load")

    def _held_back(self, t: int) -> Finding | None:
        """Where more output would pay: what it would cost most of, its own loss or the reserve that it holds."""
        name, worth = max(self.held_up_for.items(), key=lambda item: float(item[1][t]))
        if self.of_loss[t] > max(float(worth[t]), TOLERANCE_PRICE):
            return Finding("loss", (f"loss of {self.unit.unit_id}",), float(self.of_loss[t]))
        return Finding("upward reserve", (name,), float(worth[t])) if worth[t] > TOLERANCE_PRICE else None

    def _ramp_in_the_way(self, t: int, first: int, end: int) -> Finding | None:
        """The ramp that output has reached; None if it has reached none, or if more would not pay for its own loss."""
        term, above, worth = self.term, self.above[t], self.lmp[t] - self.of_loss[t]
        gain, saving = max(float(worth - self.next_cost[t]), 0.0), max(float(self.last_cost[t] - worth), 0.0)
        up = gain > 0.0 or self.of_loss[t] <= TOLERANCE_PRICE
        known_start = first > 0 or (self.state is not None and not self.state.on)
        if up and t == first and known_start and _at_limit(above, term.start_span_mw, term):
            return Finding("starting", ("start ramp",), gain)
        if up and t == end - 1 and end < len(self.on) and _at_limit(above, term.stop_span_mw, term):
            return Finding("stopping", ("stop ramp",), gain)
        before = self._above_before(t)
        if term.ramp_free or before is None:
            return None
        change = above - before
        if up and change >= term.ramp_up_mw - TOLERANCE_MW:
            return Finding("ramp up", ("ramp up",), gain)
        if -change >= term.ramp_down_mw - TOLERANCE_MW:
            return Finding("ramp down", ("ramp down",), saving)
        return None

    def _above_before(self, t: int) -> float | None:
        """Output above minimum in the period before one in which the unit is on; None where it was off or unknown."""
        if t > 0:
            return float(self.above[t - 1]) if self.on[t - 1] else None
        state = self.state
        return max(state.power_mw - self.unit.minimum_mw, 0.0) if state is not None and state.on else None

    def _at_minimum(self, t: int, first: int, kept: bool) -> Finding:
        worth = self.lmp[t] - self.of_loss[t] + self.reserve_down[t]
        saving = max(float(self.next_cost[t] - worth), 0.0)
        if self.unit.fuel == DEMAND_RESPONSE:
            return Finding("not called")
        if self.unit.must_run:
            return Finding("must run", ("must run", "minimum output"), saving)
        if self.term.minimum_up > 1 and t < self.held_until(first):
            return Finding("minimum up time", ("minimum up time", "minimum output"), saving)
        if kept:
            return Finding("kept on", ("price of changes",))
        pays = self.lmp[t] > self.next_cost[t] + TOLERANCE_PRICE
        return Finding("at minimum") if pays else Finding("minimum", ("minimum output",), saving)

    def held_until(self, first: int) -> int:
        """The first period in which a run that began in ``first`` may stop."""
        if first > 0 or (self.state is not None and not self.state.on):
            return first + self.term.minimum_up
        if self.state is None:
            return 0
        return self.term.minimum_up - periods_in_state(self.state, step_hours=self.step)

    def may_start_from(self, first: int) -> int:
        """The first period in which a unit that went off in ``first`` may be on again."""
        if first > 0 or (self.state is not None and self.state.on):
            return first + self.term.minimum_down
        if self.state is None:
            return 0
        return max(self.term.minimum_down - periods_in_state(self.state, step_hours=self.step), 0)

    def _while_off(self, t: int, first: int, end: int, kept: bool) -> Finding:
        chosen = self.explained.committed_by and (first > 0 or self.state is None or self.state.on)
        if not chosen and self.term.minimum_down > 1 and t < self.may_start_from(first):
            return Finding("minimum down time", ("minimum down time",))
        return Finding("kept off", ("price of changes",)) if kept else Finding("off")

    def run_start(self, period: int) -> int:
        """The first period of the run, on or off, that ``period`` lies in."""
        return next(first for first, end in self.runs if first <= period < end)

    def run_end(self, period: int) -> int:
        """The end of that run."""
        return next(end for first, end in self.runs if first <= period < end)


def _at_limit(above: float, limit: float, term: UnitTerms) -> bool:
    """Whether output above minimum has reached a limit that is narrower than the unit's own."""
    return limit < term.span_mw and above >= limit - TOLERANCE_MW


def _marginal_costs(term: UnitTerms, above: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Cost of the last MW and of the next one, each shape (periods,), both the same within a segment. [money/MWh]"""
    edges = np.cumsum([0.0, *(segment.width_mw for segment in term.segments)])
    costs = np.array([segment.cost_per_mwh for segment in term.segments] or [0.0])
    last = np.clip(np.searchsorted(edges, above - TOLERANCE_MW, side="left") - 1, 0, len(costs) - 1)
    following = np.clip(np.searchsorted(edges, above + TOLERANCE_MW, side="right") - 1, 0, len(costs) - 1)
    return costs[last], costs[following]
