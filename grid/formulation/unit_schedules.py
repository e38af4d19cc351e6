"""The cheapest schedule of every thermal unit at given prices: a dynamic programme over its runs, all units at once.

A schedule is a sequence of runs and rests that minimum times and the state before the plan allow. What a period of a
run costs does not hang on other periods but for the first ones, in which the unit ramps up, or away from its output
before the plan, and the last ones, in which it must ramp down; what a rest costs is the start that ends it, by how long
it took. Ramps between other periods are left out: the cost found is that of a relaxation of the unit.

References:
    Muckstadt and Koenig, "An Application of Lagrangian Relaxation to Scheduling in Power-Generation Systems",
    Operations Research 25(3), 1977.
    Frangioni and Gentile, "Solving Nonlinear Single-Unit Commitment Problems with Ramping Constraints", Operations
    Research 54(4), 2006 (runs as the states).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grid.formulation.commitment import earliest_stop
from grid.formulation.starts import start_saving
from grid.formulation.unit_terms import UnitTerms, periods_in_state
from grid.problem.dispatch_problem import DispatchProblem, StartRule
from grid.time_axis import FloatArray

ON, START, STOP, ABOVE, RESERVE_UP, RESERVE_DOWN = range(6)


@dataclass(frozen=True, slots=True, eq=False)
class Valued:
    """What the dynamic programme knows after going forward through the periods.

    Runs and rests are counted by where they begin: 0 is what goes on from before the plan, ``t + 1`` begins in period
    ``t``. They end in a period, or beyond the last one.

    Attributes:
        begun, ended: Least cost up to and with a start (or a stop), by where the run (or rest) begins,
            shape (units, periods + 1).
        run_cost, rest_cost: Cost of each run and each rest by its beginning and its end, shape
            (units, periods + 1, periods + 1); infinite where there can be none.
        run_from, rest_from: Beginning of the best run and the best rest that end in each period, shape
            (units, periods + 1).
        final: Least cost of units that are on (row 0) and off (row 1) at the end, shape (2, units).
    """

    begun: FloatArray
    ended: FloatArray
    run_cost: FloatArray
    rest_cost: FloatArray
    run_from: np.ndarray
    rest_from: np.ndarray
    final: FloatArray

    @property
    def cost(self) -> FloatArray:
        """Least cost of each unit, shape (units,)."""
        least: FloatArray = self.final.min(axis=0)
        return least


class UnitSchedules:
    """The schedules that ``problem`` allows its thermal units; prices and schedules have shape (6, units, periods).

    The first axis is ON, START, STOP, ABOVE, RESERVE_UP, RESERVE_DOWN: what one of each costs, or how much of each
    there is. Start prices are those of cold starts.
    """

    def __init__(self, problem: DispatchProblem, terms: Sequence[UnitTerms]) -> None:
        self.periods = problem.axis.periods
        self._step = problem.axis.step_hours
        self._span = np.array([term.span_mw for term in terms])
        self._set_segments(terms)
        self._start_limit, self._stop_limit = (limits[: self.periods] for limits in _trajectories(terms))
        self._run_ban, self._rest_cost = _runs_and_rests(problem, terms)
        self._most, self._least = _first_run_range(problem, terms)
        bound_until = (self._most < self._span[:, None]).sum(axis=1) + len(self._stop_limit)
        self._stops_free = (
            np.arange(self.periods + 1) < bound_until[:, None]
        )  # of first runs, so that nothing counts twice

    def _set_segments(self, terms: Sequence[UnitTerms]) -> None:
        most = max((len(term.segments) for term in terms), default=0)
        self._width, self._below, self._cost = np.zeros((3, len(terms), most))
        for i, term in enumerate(terms):
            widths = np.array([segment.width_mw for segment in term.segments])
            self._width[i, : len(widths)] = widths
            self._below[i, : len(widths)] = np.cumsum(widths) - widths
            self._cost[i, : len(widths)] = [segment.cost_per_mwh * self._step for segment in term.segments]

    def value(self, prices: FloatArray) -> Valued:
        """Go forward through the periods: the least cost of each unit, and what leads there."""
        units, periods = prices.shape[1:]
        gain, held = self._gains(prices)
        full = self._dispatched(gain, held, self._span, self._span)
        paid = np.zeros((units, periods + 1))
        paid[:, 1:] = np.cumsum(prices[ON] + full, axis=1)
        first, last = np.zeros((2, units, periods + 1))
        for age, limit in enumerate(self._start_limit):
            less = self._dispatched(gain, held, limit, limit) - full
            first[:, 1 : periods - age + 1] += less[:, age:]
        for age, limit in enumerate(self._stop_limit):
            less = self._dispatched(gain, held, limit, limit if age == 0 else self._span) - full
            last[:, age + 1 : periods] += less[:, : periods - age - 1]
        stop = np.append(prices[STOP], np.zeros((units, 1)), axis=1)
        begins = np.maximum(np.arange(periods + 1) - 1, 0)
        run_cost = self._run_ban + (first - paid[:, begins])[:, :, None] + (last + stop + paid)[:, None, :]
        ramping = np.cumsum(self._first_run_extra(gain, held), axis=1)
        run_cost[:, 0, 1:] += ramping - np.where(self._stops_free[:, 1:], last[:, 1:], 0.0)

        begun, ended = np.full((2, units, periods + 1), np.inf)
        begun[:, 0] = ended[:, 0] = 0.0
        run_from, rest_from = np.zeros((2, units, periods + 1), dtype=np.int64)
        everyone = np.arange(units)
        for t in range(periods + 1):
            runs = begun[:, : t + 1] + run_cost[:, : t + 1, t]
            rests = ended[:, : t + 1] + self._rest_cost[:, : t + 1, t]
            run_from[:, t], rest_from[:, t] = runs.argmin(axis=1), rests.argmin(axis=1)
            on, off = runs[everyone, run_from[:, t]], rests[everyone, rest_from[:, t]]
            if t < periods:
                ended[:, t + 1], begun[:, t + 1] = on, off + prices[START, :, t]
        return Valued(begun, ended, run_cost, self._rest_cost, run_from, rest_from, np.stack([on, off]))

    def schedules(self, valued: Valued, prices: FloatArray) -> FloatArray:
        """The schedules that cost ``valued.cost``: how much of what is priced there is, shape (6, units, periods)."""
        made = np.zeros_like(prices)
        initially_on = self._trace(valued, made)
        made[ON] = initially_on[:, None] + np.cumsum(made[START] - made[STOP], axis=1)
        output = np.broadcast_to(self._span[:, None], made[ON].shape).copy()
        capacity = output.copy()
        for age, limit in enumerate(self._start_limit):
            near = made[START, :, : self.periods - age] > 0.0
            for room in (output, capacity):
                later = room[:, age:]
                later[near] = np.minimum(later, limit[:, None])[near]
        first_run = (initially_on[:, None] - np.cumsum(made[STOP], axis=1) > 0.0) & (
            np.cumsum(made[START], axis=1) == 0.0
        )
        ends_first = (initially_on[:, None] > 0.0) & (np.cumsum(made[START], axis=1) == 0.0)
        stops = (made[STOP] > 0.0) & ~(ends_first & self._stops_free[:, : self.periods])
        for age, limit in enumerate(self._stop_limit):
            near = stops[:, age + 1 :]
            for room in (output, capacity) if age == 0 else (output,):
                earlier = room[:, : self.periods - age - 1]
                earlier[near] = np.minimum(earlier, limit[:, None])[near]
        output[first_run] = np.minimum(output, self._most)[first_run]
        capacity[first_run] = np.minimum(capacity, self._most)[first_run]
        gain, held = self._gains(prices)
        widths = np.where(gain < 0.0, self._widths(output), self._widths(np.where(first_run, self._least, 0.0)))
        made[ABOVE] = widths.sum(axis=2) * made[ON]
        made[RESERVE_UP] = np.where(held < 0.0, capacity - made[ABOVE], 0.0) * made[ON]
        made[RESERVE_DOWN] = np.where(prices[RESERVE_DOWN] < 0.0, made[ABOVE], 0.0)
        return made

    def _trace(self, valued: Valued, made: FloatArray) -> np.ndarray:
        """Go back along the best runs and rests, noting starts and stops. Returns who was on before the first."""
        units = np.arange(made.shape[1])
        at, on = np.full(len(units), self.periods), valued.final[0] <= valued.final[1]
        initially_on = np.zeros(len(units))
        while units.size:
            begin = np.where(on, valued.run_from[units, at], valued.rest_from[units, at])
            done = begin == 0
            initially_on[units[done]] = on[done]
            units, begin, on = units[~done], begin[~done], on[~done]
            made[np.where(on, START, STOP), units, begin - 1] = 1.0
            at, on = begin - 1, ~on
        return initially_on

    def _gains(self, prices: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What a MW of each segment costs beside reserve, (units, periods, segments), and what held reserve does."""
        held = np.minimum(prices[RESERVE_UP], 0.0)
        beside = prices[ABOVE] + np.minimum(prices[RESERVE_DOWN], 0.0) - held
        return beside[:, :, None] + self._cost[:, None, :], held

    def _first_run_extra(self, gain: FloatArray, held: FloatArray) -> FloatArray:
        """What the ramp away from the output before the plan costs in each period, shape (units, periods)."""
        missed = self._widths(self._most) - self._width[:, None, :]
        forced = np.maximum(gain, 0.0) * self._widths(self._least)
        extra: FloatArray = (np.minimum(gain, 0.0) * missed + forced).sum(axis=2)
        extra += held * (self._most - self._span[:, None])
        return extra

    def _widths(self, output: FloatArray) -> FloatArray:
        """How much of each segment an output above minimum uses, (units, periods) to (units, periods, segments)."""
        widths: FloatArray = np.clip(output[:, :, None] - self._below[:, None, :], 0.0, self._width[:, None, :])
        return widths

    def _dispatched(
        self, gain: FloatArray, held: FloatArray, output_limit: FloatArray, capacity_limit: FloatArray
    ) -> FloatArray:
        """Least cost of output and reserve above minimum in a period on, shape (units, periods)."""
        widths = np.clip(output_limit[:, None] - self._below, 0.0, self._width)
        cost: FloatArray = np.einsum("utk,uk->ut", np.minimum(gain, 0.0), widths) + held * capacity_limit[:, None]
        return cost


def _trajectories(terms: Sequence[UnitTerms]) -> tuple[FloatArray, FloatArray]:
    """Highest output above minimum by periods since the start, and by periods before the stop, (ages, units). [MW]

    No more ages than can exclude one another by the minimum up time; those of the start go first.
    """
    starts, stops = [], []
    for term in terms:
        start = _reached(term.start_span_mw, term.ramp_up_mw, term.span_mw, term.minimum_up)
        starts.append(start)
        stops.append(_reached(term.stop_span_mw, term.ramp_down_mw, term.span_mw, term.minimum_up - len(start)))
    spans = [term.span_mw for term in terms]
    return _padded(starts, spans), _padded(stops, spans)


def _reached(first_mw: float, ramp_mw: float, span_mw: float, longest: int) -> list[float]:
    limits: list[float] = []
    while len(limits) < longest and first_mw + len(limits) * ramp_mw < span_mw:
        limits.append(first_mw + len(limits) * ramp_mw)
    return limits


def _padded(limits: Sequence[list[float]], spans: Sequence[float]) -> FloatArray:
    longest = max((len(own) for own in limits), default=0)
    rows = [own + [span] * (longest - len(own)) for own, span in zip(limits, spans, strict=True)]
    return np.array(rows).reshape(len(limits), longest).T


def _first_run_range(problem: DispatchProblem, terms: Sequence[UnitTerms]) -> tuple[FloatArray, FloatArray]:
    """Highest and lowest output above minimum of a run that goes on from before the plan, (units, periods). [MW]"""
    later = np.arange(1, problem.axis.periods + 1)
    most, least = np.zeros((2, len(terms), problem.axis.periods))
    for i, term in enumerate(terms):
        state = problem.initial.get(term.unit.unit_id)
        if state is None or not state.on:
            most[i] = term.span_mw
            continue
        above = max(state.power_mw - term.unit.minimum_mw, 0.0)
        most[i] = np.minimum(above + state.within_mw + later * term.ramp_up_mw, term.span_mw)
        least[i] = np.clip(above - state.within_mw - later * term.ramp_down_mw, 0.0, term.span_mw)
    return most, least


def _runs_and_rests(problem: DispatchProblem, terms: Sequence[UnitTerms]) -> tuple[FloatArray, FloatArray]:
    """Which runs are allowed (0, else infinite), and what rests cost, shape (units, periods + 1, periods + 1)."""
    periods = problem.axis.periods
    points = np.arange(periods + 1)
    length = points[None, :] - (points[:, None] - 1)  # from beginning to end, both counted from where they begin
    runs = np.full((len(terms), periods + 1, periods + 1), np.inf)
    rests = np.full_like(runs, np.inf)
    for i, term in enumerate(terms):
        state = problem.initial.get(term.unit.unit_id)
        age = 0 if state is None else periods_in_state(state, step_hours=problem.axis.step_hours)
        ended = points == periods
        runs[i][(length >= term.minimum_up) | ((length >= 1) & ended)] = 0.0
        rests[i][(length >= term.minimum_down) | ((length >= 1) & ended)] = 0.0
        runs[i, 0], rests[i, 0] = np.inf, np.inf
        if state is None:
            runs[i, 0, 1:] = rests[i, 0, 1:] = 0.0
        elif state.on:
            runs[i, 0, max(term.minimum_up - age, earliest_stop(term, state.power_mw - state.within_mw)) :] = 0.0
            runs[i, 0, periods] = 0.0
        else:
            rests[i, 0, max(term.minimum_down - age, 0) :] = 0.0
            rests[i, 0, periods] = 0.0
        if len(term.tiers) > 1:
            off_before = age if problem.start_rule is StartRule.PGLIB_UC and state is not None and not state.on else 0
            for begin, end in zip(*np.nonzero(np.isfinite(rests[i, :, :periods])), strict=True):
                if begin > 0:
                    rests[i, begin, end] = -start_saving(term, end - begin + 1, end, off_before)
                elif state is not None:
                    rests[i, 0, end] = -start_saving(term, end + age, end, off_before)
        if term.unit.must_run:
            runs[i, :, :periods] = np.inf
            rests[i, 1:] = np.inf
            if state is not None and not state.on:
                begin = max(term.minimum_down - age, 0)
                rests[i, 0, begin + 1 :] = np.inf
            elif state is None:
                rests[i, 0] = np.inf
    return runs, rests
