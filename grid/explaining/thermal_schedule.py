"""One thermal unit's hours at the plan's prices: what binds it in each, and what running otherwise would cost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import accumulate, pairwise

import numpy as np

from grid.explaining.explained import STEADY_MW, TOLERANCE_MW, TOLERANCE_PRICE, Explained, Finding
from grid.formulation.commitment import BoolArray
from grid.formulation.unit_terms import UnitTerms, periods_in_state
from grid.problem.costs import running_cost_per_hour, start_costs
from grid.time_axis import FloatArray


class ThermalSchedule:
    """One unit's hours with their prices and costs; arrays have shape (periods,).

    Args:
        i: The unit's position.
        above: Its output above its minimum.
        up, down: The headroom that it holds as reserve.
    """

    def __init__(self, explained: Explained, i: int, above: FloatArray, up: FloatArray, down: FloatArray) -> None:
        problem = explained.problem
        self.explained, self.term, self.above = explained, explained.terms[i], above
        self.unit = self.term.unit
        self.on = explained.plan.on[i]
        self.power = explained.plan.power_mw[i]
        self.state = problem.initial.get(self.unit.unit_id)
        self.step = problem.axis.step_hours
        self.lmp = explained.lmp_at(self.unit.bus_id)
        self.reserve_up, self.reserve_down = explained.plan.prices.held_up, explained.plan.prices.reserve_down
        self.last_cost, self.next_cost = _marginal_costs(self.term, above)
        self.rule = problem.start_rule
        self.start_cost = start_costs(self.unit, self.on, self.state, step_hours=self.step, rule=self.rule)
        reserves = self.reserve_up * up + self.reserve_down * down
        running = running_cost_per_hour(self.unit, self.power)
        self.freely = explained.freely_mw(i)
        self.while_off = self._earned_while_off(explained.plan.reserve_up_mw[i])
        earned = (self.lmp * self.power + reserves - running) * self.step - self.while_off
        self.profit = np.where(self.on, earned, 0.0) - self.start_cost

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
        price, reserve_down = self.lmp[t], self.reserve_down[t]
        if abs(self.power[t] - self.freely[t]) > STEADY_MW:
            return Finding("steady", ("price of changes",), None, alternative)
        if self.above[t] >= self.term.span_mw - TOLERANCE_MW and self.term.span_mw > 0.0:
            value = max(float(price - self.last_cost[t]), 0.0)
            return Finding("capacity", ("capacity",), value, alternative)
        ramp = self._ramp_in_the_way(t, first, end)
        if ramp is not None:
            kind, limit, value = ramp
            return Finding(kind, (limit,), max(value, 0.0), alternative)
        if self.above[t] <= TOLERANCE_MW:
            return self._at_minimum(t, first, alternative)
        if self._serves_reserve_up(t):
            return Finding("upward reserve", ("upward reserve",), float(self.reserve_up[t]), alternative)
        if price < self.last_cost[t] - TOLERANCE_PRICE and reserve_down > TOLERANCE_PRICE:
            return Finding("downward reserve", ("downward reserve",), float(reserve_down), alternative)
        return Finding("marginal", (), None, alternative)

    def _ramp_in_the_way(self, t: int, first: int, end: int) -> tuple[str, str, float] | None:
        """Kind, name and value per MW of the ramp that output has reached; None if it has reached none."""
        term, above = self.term, self.above[t]
        gain, saving = float(self.lmp[t] - self.next_cost[t]), float(self.last_cost[t] - self.lmp[t])
        known_start = first > 0 or (self.state is not None and not self.state.on)
        if t == first and known_start and _at_limit(above, term.start_span_mw, term):
            return "starting", "start ramp", gain
        if t == end - 1 and end < len(self.on) and _at_limit(above, term.stop_span_mw, term):
            return "stopping", "stop ramp", gain
        if term.ramp_free or t == 0 or not self.on[t - 1]:
            return None
        change = above - self.above[t - 1]
        if change >= term.ramp_up_mw - TOLERANCE_MW:
            return "ramp up", "ramp up", gain
        if -change >= term.ramp_down_mw - TOLERANCE_MW:
            return "ramp down", "ramp down", saving
        return None

    def _serves_reserve_up(self, t: int) -> bool:
        """Whether more output would pay, were it not for the upward reserve that the unit holds."""
        pays = self.lmp[t] > self.next_cost[t] + TOLERANCE_PRICE
        return bool(pays and self.reserve_up[t] > TOLERANCE_PRICE)

    def _at_minimum(self, t: int, first: int, alternative: float) -> Finding:
        saving = max(float(self.next_cost[t] - self.lmp[t] - self.reserve_down[t]), 0.0)
        if self.unit.must_run:
            return Finding("must run", ("must run", "minimum output"), saving, alternative)
        if t < self.held_until(first):
            return Finding("minimum up time", ("minimum up time", "minimum output"), saving, alternative)
        if self._serves_reserve_up(t):
            return Finding("upward reserve", ("upward reserve",), float(self.reserve_up[t]), alternative)
        return Finding("minimum", ("minimum output",), saving, alternative)

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

    def _while_off(self, first: int, end: int) -> list[Finding]:
        cost, _ = self.best_run(first, end)
        held = self.may_start_from(first)
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
        earned = np.concatenate([[0.0], list(accumulate(self._earned_if_on(first, end).tolist()))])
        spared = float(self.start_cost[end]) if end < len(self.on) else 0.0
        best, window = math.inf, (first, end)
        for begin, stop, start in self._runs_within(first, end):
            cost = start - (spared if stop == end else 0.0) - float(earned[stop - first] - earned[begin - first])
            cost += float(self.while_off[stop : min(stop + self.term.minimum_down, end)].sum())
            if cost < best:
                best, window = cost, (begin, stop)
        return best, window

    def _runs_within(self, first: int, end: int) -> Iterator[tuple[int, int, float]]:
        """Every run that fits into an off stretch: first period, end, and what its start costs."""
        term, periods = self.term, len(self.on)
        was_on = bool(self.on[first - 1]) if first else self.state is None or self.state.on  # or could have been
        for begin in range(first, end):
            joins = begin == first and was_on
            if not joins and begin < self.may_start_from(first):
                continue
            start = 0.0 if joins else self._start_cost(first, begin)
            shortest = 1 if joins else term.minimum_up
            for stop in range(begin + 1, end):
                rests = end == periods or end - stop >= term.minimum_down
                if rests and stop - begin >= shortest:
                    yield begin, stop, start
            yield begin, end, start

    def _earned_if_on(self, first: int, end: int) -> FloatArray:
        """What each hour on would earn over its running cost and what it earns off, at its best output. [money]"""
        price, up, down = self.lmp[first:end], self.reserve_up[first:end], self.reserve_down[first:end]
        earned = price * self.unit.minimum_mw + up * self.term.span_mw - self.unit.minimum_cost_per_hour
        for segment in self.term.segments:
            earned = earned + segment.width_mw * np.maximum(price - up + down - segment.cost_per_mwh, 0.0)
        return np.asarray(earned * self.step - self.while_off[first:end])

    def _earned_while_off(self, held_mw: FloatArray) -> FloatArray:
        """What the unit earns by reserve that it holds while off or, where it is on, could instead. [money]"""
        if not self.explained.problem.holds_while_off(self.unit):
            return np.zeros_like(held_mw)
        startable = np.full_like(held_mw, self.unit.minimum_mw + self.term.start_span_mw)
        if self.on[0]:
            startable[: self.may_start_from(0)] = 0.0
        return np.where(self.on, startable, held_mw) * self.explained.plan.prices.held_by_start * self.step

    def _start_cost(self, first: int, begin: int) -> float:
        on = np.zeros(begin + 1, dtype=np.bool_)
        on[:first], on[begin] = self.on[:first], True
        return float(start_costs(self.unit, on, self.state, step_hours=self.step, rule=self.rule)[begin])

    def run_start(self, period: int) -> int:
        """The first period of the run, on or off, that ``period`` lies in."""
        while period > 0 and self.on[period - 1] == self.on[period]:
            period -= 1
        return period


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
