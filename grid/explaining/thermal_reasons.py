"""Why a thermal unit is off, at its minimum, at capacity or in between, from the prices of the plan.

The alternative to a run on is not running; to a stretch off it is the best run that minimum times allow in it. Both are
valued at the plan's prices, which hold for small changes only, so the texts say so. A unit's reserve is valued at the
reserve's price, its ramps are left aside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

from grid.explaining.explained import (
    STEADY_MW,
    TOLERANCE_MW,
    TOLERANCE_PRICE,
    Explained,
    Finding,
    merged,
    spread,
)
from grid.explaining.headroom import headroom_mw
from grid.formulation.commitment import BoolArray
from grid.formulation.unit_terms import UnitTerms, periods_in_state
from grid.problem.costs import running_cost_per_hour, start_costs
from grid.problem.plan import Reason
from grid.time_axis import FloatArray


def thermal_reasons(explained: Explained) -> list[Reason]:
    """Reasons of every thermal unit, by unit, then period."""
    problem, on = explained.problem, explained.plan.on
    minimum = np.array([unit.minimum_mw for unit in problem.thermal_units])[:, None]
    above = np.where(on, explained.plan.power_mw - minimum, 0.0)
    up, down = headroom_mw(problem, explained.terms, on, above)
    reasons: list[Reason] = []
    for i, unit in enumerate(problem.thermal_units):
        schedule = _Schedule(explained, i, above[i], up[i], down[i])
        reasons += merged(unit.unit_id, schedule.findings(), schedule.describe)
    return reasons


class _Schedule:
    """One unit's hours with their prices and costs; arrays have shape (periods,)."""

    def __init__(self, explained: Explained, i: int, above: FloatArray, up: FloatArray, down: FloatArray) -> None:
        problem = explained.problem
        self.explained, self.term, self.above = explained, explained.terms[i], above
        self.unit = self.term.unit
        self.on = explained.plan.on[i]
        self.power = explained.plan.power_mw[i]
        self.state = problem.initial.get(self.unit.unit_id)
        self.step = problem.axis.step_hours
        self.lmp = explained.lmp_at(self.unit.bus_id)
        self.reserve_up, self.reserve_down = explained.prices.reserve_up, explained.prices.reserve_down
        self.last_cost, self.next_cost = _marginal_costs(self.term, above)
        self.rule = problem.start_rule
        self.start_cost = start_costs(self.unit, self.on, self.state, step_hours=self.step, rule=self.rule)
        reserves = self.reserve_up * up + self.reserve_down * down
        running = running_cost_per_hour(self.unit, self.power)
        self.freely = explained.freely_mw(i)
        self.profit = np.where(self.on, (self.lmp * self.power + reserves - running) * self.step, 0.0) - self.start_cost

    def findings(self) -> list[Finding]:
        """One finding per period, each run on or off with its alternative."""
        findings: list[Finding] = []
        for first, end in _runs(self.on):
            if self.on[first]:
                alternative = float(self.profit[first:end].sum())
                findings += [self._while_on(t, first, end, alternative) for t in range(first, end)]
            else:
                findings += self._while_off(first, end)
        return findings

    def _while_on(self, t: int, first: int, end: int, alternative: float) -> Finding:
        term, above, price = self.term, self.above[t], self.lmp[t]
        known_start = first > 0 or (self.state is not None and not self.state.on)
        gain = max(float(price - self.next_cost[t]), 0.0)
        if abs(self.power[t] - self.freely[t]) > STEADY_MW:
            return Finding("steady", ("price of changes",), None, alternative)
        if above >= term.span_mw - TOLERANCE_MW and term.span_mw > 0.0:
            value = max(float(price - self.last_cost[t]), 0.0)
            return Finding("capacity", ("capacity",), value, alternative)
        if t == first and known_start and _at_limit(above, term.start_span_mw, term):
            return Finding("starting", ("start ramp",), gain, alternative)
        if t == end - 1 and end < len(self.on) and _at_limit(above, term.stop_span_mw, term):
            return Finding("stopping", ("stop ramp",), gain, alternative)
        if not term.ramp_free and t > 0 and self.on[t - 1]:
            change = above - self.above[t - 1]
            if change >= term.ramp_up_mw - TOLERANCE_MW:
                return Finding("ramp up", ("ramp up",), gain, alternative)
            if -change >= term.ramp_down_mw - TOLERANCE_MW:
                return Finding("ramp down", ("ramp down",), max(float(self.last_cost[t] - price), 0.0), alternative)
        if above <= TOLERANCE_MW:
            return self._at_minimum(t, first, alternative)
        if price > self.next_cost[t] + TOLERANCE_PRICE and self.reserve_up[t] > TOLERANCE_PRICE:
            return Finding("upward reserve", ("upward reserve",), float(self.reserve_up[t]), alternative)
        if price < self.last_cost[t] - TOLERANCE_PRICE and self.reserve_down[t] > TOLERANCE_PRICE:
            return Finding("downward reserve", ("downward reserve",), float(self.reserve_down[t]), alternative)
        return Finding("marginal", (), None, alternative)

    def _at_minimum(self, t: int, first: int, alternative: float) -> Finding:
        saving = max(float(self.next_cost[t] - self.lmp[t] - self.reserve_down[t]), 0.0)
        if self.unit.must_run:
            return Finding("must run", ("must run", "minimum output"), saving, alternative)
        if t < self._held_until(first):
            return Finding("minimum up time", ("minimum up time", "minimum output"), saving, alternative)
        if self.lmp[t] > self.next_cost[t] + TOLERANCE_PRICE and self.reserve_up[t] > TOLERANCE_PRICE:
            return Finding("upward reserve", ("upward reserve",), float(self.reserve_up[t]), alternative)
        return Finding("minimum", ("minimum output",), saving, alternative)

    def _held_until(self, first: int) -> int:
        """The first period in which a run that began in ``first`` may stop."""
        if first > 0 or (self.state is not None and not self.state.on):
            return first + self.term.minimum_up
        if self.state is None:
            return 0
        return self.term.minimum_up - periods_in_state(self.state, step_hours=self.step)

    def _may_start_from(self, first: int) -> int:
        """The first period in which a unit that went off in ``first`` may be on again."""
        if first > 0 or (self.state is not None and self.state.on):
            return first + self.term.minimum_down
        if self.state is None:
            return 0
        return max(self.term.minimum_down - periods_in_state(self.state, step_hours=self.step), 0)

    def _while_off(self, first: int, end: int) -> list[Finding]:
        cost, _ = self.best_run(first, end)
        held = self._may_start_from(first)
        alternative = None if math.isinf(cost) else cost
        return [
            Finding("minimum down time", ("minimum down time",), None, alternative)
            if t < held
            else Finding("off", (), None, alternative)
            for t in range(first, end)
        ]

    def best_run(self, first: int, end: int) -> tuple[float, tuple[int, int]]:
        """Extra cost at the plan's prices of the best run within an off stretch, and its periods.

        A run may join its neighbours (it then needs no start, or spares the next one) or keep the minimum down time
        from them; it lasts for the minimum up time unless it joins one or reaches the horizon's end. Infinite if no
        run fits.
        """
        term, periods = self.term, len(self.on)
        earned = np.concatenate([[0.0], list(accumulate(self._earned_if_on(first, end).tolist()))])
        was_on = bool(self.on[first - 1]) if first else self.state is not None and self.state.on
        unknown = first == 0 and self.state is None
        best, window = math.inf, (first, end)
        for begin in range(first, end):
            joins = begin == first and (was_on or unknown)
            if not joins and begin < self._may_start_from(first):
                continue
            start = 0.0 if joins else self._start_cost(first, begin)
            for stop in range(begin + 1, end + 1):
                touches = stop == end
                if not touches and (end < periods and end - stop < term.minimum_down):
                    continue
                if stop - begin < term.minimum_up and not (joins or touches):
                    continue
                spared = float(self.start_cost[end]) if touches and end < periods else 0.0
                cost = start - spared - float(earned[stop - first] - earned[begin - first])
                if cost < best:
                    best, window = cost, (begin, stop)
        return best, window

    def _earned_if_on(self, first: int, end: int) -> FloatArray:
        """What each hour on would earn over its running cost, at the best output for its prices. [money]"""
        price, up, down = self.lmp[first:end], self.reserve_up[first:end], self.reserve_down[first:end]
        earned = price * self.unit.minimum_mw + up * self.term.span_mw - self.unit.minimum_cost_per_hour
        for segment in self.term.segments:
            earned = earned + segment.width_mw * np.maximum(price - up + down - segment.cost_per_mwh, 0.0)
        return np.asarray(earned * self.step)

    def _start_cost(self, first: int, begin: int) -> float:
        on = np.zeros(begin + 1, dtype=np.bool_)
        on[:first], on[begin] = self.on[:first], True
        return float(start_costs(self.unit, on, self.state, step_hours=self.step, rule=self.rule)[begin])

    def describe(self, kind: str, run: slice, findings: Sequence[Finding]) -> str:
        """The sentence for a run of periods."""
        told, unit, currency = self.explained, self.unit, self.explained.problem.currency
        price = f"bus price {spread(self.lmp[run])}"
        value = float(np.mean([f.value for f in findings if f.value is not None] or [0.0]))
        last, following = spread(self.last_cost[run]), spread(self.next_cost[run])
        minimum, output = f"{unit.minimum_mw:.0f} MW", spread(self.power[run], digits=0)
        match kind:
            case "steady":
                free = spread(self.freely[run], digits=0)
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
                limit = self.term.ramp_up_mw if kind == "ramp up" else self.term.ramp_down_mw
                way = "raises" if kind == "ramp up" else "lowers"
                return f"{way} output as fast as it can, {limit:.0f} MW a period; {price}, marginal cost {last}"
            case "must run":
                return f"must run: at minimum {minimum}; {price}, marginal cost {following}"
            case "minimum up time":
                until = told.clock(min(self._held_until(self._run_start(run.start)), len(self.on)))
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
                return f"{below}; {self._run_worth(findings)}"
            case "minimum down time":
                until = told.clock(min(self._may_start_from(self._run_start(run.start)), len(self.on)))
                return f"off: minimum down time until {until}; {price}"
            case _:
                return self._why_off(run, findings)

    def _run_start(self, period: int) -> int:
        while period > 0 and self.on[period - 1] == self.on[period]:
            period -= 1
        return period

    def _run_worth(self, findings: Sequence[Finding]) -> str:
        worth = findings[0].alternative or 0.0
        if worth >= 0.0:
            return f"not running at all from its start to its stop would cost {self.explained.money(worth)} more"
        loss = self.explained.money(-worth)
        return f"its run loses {loss} at these prices, which pay for the last MW, not for starts and minimum output"

    def _why_off(self, run: slice, findings: Sequence[Finding]) -> str:
        if self.unit.capacity_mw <= 0.0:
            return "off: it has no capacity"
        full = float(running_cost_per_hour(self.unit, np.array([self.unit.capacity_mw]))[0]) / self.unit.capacity_mw
        price = f"bus price {spread(self.lmp[run])}"
        side = "above" if full > float(np.max(self.lmp[run])) else "not earned back by"
        text = f"off: average cost {full:.1f} at full output is {side} the {price}"
        extra = findings[0].alternative
        if extra is None:
            return f"{text}; no run fits between its minimum times"
        first = self._run_start(run.start)
        end = next((t for t in range(first, len(self.on)) if self.on[t]), len(self.on))
        _, (begin, stop) = self.best_run(first, end)
        window = f"{self.explained.clock(begin)} to {self.explained.clock(stop)}"
        if extra >= 0.0:
            return f"{text}; its best run, {window}, would cost {self.explained.money(extra)} more at these prices"
        return (
            f"{text}; at these prices a run {window} would earn {self.explained.money(-extra)}, but prices are made "
            f"without it and would fall"
        )


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


def _runs(on: BoolArray) -> list[tuple[int, int]]:
    """First and end period of each run of equal values."""
    edges = [0, *(np.flatnonzero(np.diff(on.astype(np.int8))) + 1).tolist(), len(on)]
    return list(pairwise(edges))
