"""The search for a good commitment within a time limit: a bound and better and better plans, side by side.

Two threads share what they find:

* *Improving.* Most counts of units on are clear from the linear relaxation, so small integer programs find good plans.
  First only counts that are fractional there are free, and their neighbours in time: on RTS-GMLC over 48 hours
  that takes a second and lands one or two percent above the relaxation. Then every count is free whose reduced cost is
  zero, half of them: a few seconds, and a plan within a few tenths of a percent.
* *Bounding.* HiGHS's branch and cut on the whole model. When the other thread is done it begins anew from the plan
  that was found: what cannot be better then falls away at the root, which is worth more than the nodes it had.

The reported bound comes from the relaxation or from the whole model only, so it holds whatever the heuristics did.
HiGHS can overrun its time limit inside a sub-problem; the search waits for it a short grace, no longer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import highspy
import numpy as np

from grid.dispatch.linear import new_highs, require_ok
from grid.dispatch.model import DispatchModel
from grid.dispatch.neighbourhoods import Bounds, held_at, near_fractions, without_reduced_cost
from grid.dispatch.relaxation import LinearSolution
from grid.time_axis import FloatArray

log = logging.getLogger(__name__)

_ROUNDING = 1e-9
_WITHIN_GAP = 2e-4
_GRACE_SECONDS = 0.5
_LEAST_SECONDS = 0.1
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The best integer solution of the model, if any, and the proven lower bound."""

    objective: float
    bound: float
    values: FloatArray | None


def gap_between(objective: float, bound: float) -> float:
    """``(objective - bound) / objective``; 0 where they meet but for rounding, infinite if one of them is missing."""
    if not (np.isfinite(objective) and np.isfinite(bound)):
        return float("inf")
    gap = (objective - bound) / max(abs(objective), 1e-9)
    return gap if gap > _ROUNDING else 0.0


def search(
    model: DispatchModel,
    relaxed: LinearSolution,
    *,
    start: Found,
    gap: float,
    deadline: float,
    threads: int,
) -> Found:
    """Search until the gap is at most ``gap`` or the monotonic clock reaches ``deadline``.

    Args:
        relaxed: Optimum of the model's linear relaxation.
        start: What was found so far, perhaps before the latest branch limits came into the model.
        threads: With 1, plans are improved first and the bound is worked on in the time left.
    """
    fits = start.values is not None and len(start.values) == model.linear.column_count
    known = (
        Found(start.objective, relaxed.objective, start.values)
        if fits
        else Found(float("inf"), relaxed.objective, None)
    )
    state = _State(known, gap=gap, deadline=deadline)
    improving = _Task("improving", lambda: _improve(model, relaxed, start.values, state), stop=state.stop)
    bounding = _Task("bounding", lambda: _bound(model, state), stop=state.stop)
    tasks = [improving, bounding]
    try:
        for together in [tasks] if threads > 1 else [[improving], [bounding]]:
            for task in together:
                task.start()
            while any(task.is_alive() for task in together) and not state.over():
                time.sleep(_POLL_SECONDS)
    finally:
        state.stop.set()  # on Ctrl-C too: nothing of a search outlives it for long
    give_up = time.monotonic() + _GRACE_SECONDS
    for task in tasks:
        task.finish(until=give_up)
    log.info("search ended with a gap of %.3f %%", 100.0 * state.gap)
    return state.found


def first_plan(model: DispatchModel, relaxed: LinearSolution, *, deadline: float) -> Found:
    """The plan nearest to the relaxation, without a bound of its own: quick, to see which branch limits it meets."""
    state = _State(Found(float("inf"), relaxed.objective, None), gap=0.0, deadline=deadline)
    _solve_within(model, near_fractions(model, relaxed), state, by="first plan")
    return state.found


class _State:
    """What the threads of a search share: the best solution and bound so far, and when to stop."""

    def __init__(self, found: Found, *, gap: float, deadline: float) -> None:
        self.stop = threading.Event()
        self.improved = threading.Event()
        self.target, self.deadline = gap, deadline
        self._lock = threading.Lock()
        self._found = found

    @property
    def found(self) -> Found:
        with self._lock:
            return self._found

    @property
    def gap(self) -> float:
        found = self.found
        return gap_between(found.objective, found.bound)

    def remaining(self) -> float:
        return self.deadline - time.monotonic()

    def over(self) -> bool:
        return self.stop.is_set() or self.gap <= self.target or self.remaining() < _LEAST_SECONDS

    def offer(self, objective: float, values: FloatArray, *, by: str) -> None:
        with self._lock:
            if objective < self._found.objective:
                self._found = Found(objective, self._found.bound, values)
                log.info(
                    "%s: plan of %.0f, gap %.3f %%", by, objective, 100.0 * gap_between(objective, self._found.bound)
                )

    def prove(self, bound: float) -> None:
        with self._lock:
            if np.isfinite(bound) and bound > self._found.bound:
                self._found = Found(self._found.objective, bound, self._found.values)


class _Task(threading.Thread):
    """A thread whose exception stops the search and is raised where it is waited for.

    If it will not end in time it is left behind, and ends by itself when HiGHS next asks whether to go on. It is no
    daemon: the interpreter waits for it at exit, since a thread that is cut off inside HiGHS aborts the process.
    """

    def __init__(self, name: str, work: Callable[[], None], *, stop: threading.Event) -> None:
        super().__init__(name=name)
        self._work, self._stop_all = work, stop
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self._error = error
            self._stop_all.set()

    def finish(self, *, until: float) -> None:
        """Wait for the end of a task that was started, at most until the monotonic clock reaches ``until``."""
        if self.ident is not None:
            self.join(timeout=max(until - time.monotonic(), 0.0))
        if self._error is not None:
            raise self._error


def _improve(model: DispatchModel, relaxed: LinearSolution, start: FloatArray | None, state: _State) -> None:
    if state.found.values is None and start is not None:
        _solve_within(model, held_at(model, start), state, by="earlier plan")
    _solve_within(model, without_reduced_cost(model, relaxed), state, by="without reduced cost")
    state.improved.set()


def _solve_within(model: DispatchModel, bounds: Bounds, state: _State, *, by: str) -> None:
    """Solve the model within narrower bounds and offer what comes out; its bound is not the whole model's."""
    if state.over():
        return
    highs = new_highs(gap=max(state.target / 4.0, _WITHIN_GAP), seconds=state.remaining())
    model.linear.load(highs, integer=True, lower=bounds[0], upper=bounds[1])
    _begin_from(highs, state.found.values)
    _listen(highs, state, by=by)
    require_ok(highs.run(), "run")
    _offer_result(highs, state, by=by)


def _bound(model: DispatchModel, state: _State) -> None:
    """Branch and cut on the whole model, begun anew once when the plans are as good as the other thread makes them."""
    while not state.over():
        highs = new_highs(gap=state.target, seconds=state.remaining())
        model.linear.load(highs, integer=True)
        last = state.improved.is_set()
        _begin_from(highs, state.found.values)

        def follow(event: highspy.HighsCallbackEvent, last: bool = last) -> None:
            state.prove(float(event.data_out.mip_dual_bound))
            if state.improved.is_set() and not last:
                event.interrupt()

        highs.cbMipInterrupt.subscribe(follow)
        _listen(highs, state, by="branch and cut")
        require_ok(highs.run(), "run")
        state.prove(float(highs.getInfo().mip_dual_bound))
        _offer_result(highs, state, by="branch and cut")
        if last or highs.getModelStatus() == highspy.HighsModelStatus.kOptimal:
            return


def _begin_from(highs: highspy.Highs, values: FloatArray | None) -> None:
    if values is not None:
        require_ok(highs.setSolution(len(values), np.arange(len(values), dtype=np.int32), values), "setSolution")


def _listen(highs: highspy.Highs, state: _State, *, by: str) -> None:
    """Take over solutions as they are found, and interrupt the solver when the search is over."""

    def improved(event: highspy.HighsCallbackEvent) -> None:
        state.offer(float(event.data_out.objective_function_value), np.array(event.data_out.mip_solution), by=by)

    def interrupt(event: highspy.HighsCallbackEvent) -> None:
        if state.over():
            event.interrupt()

    highs.cbMipImprovingSolution.subscribe(improved)
    highs.cbMipInterrupt.subscribe(interrupt)


def _offer_result(highs: highspy.Highs, state: _State, *, by: str) -> None:
    info = highs.getInfo()
    if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
        state.offer(float(info.objective_function_value), np.array(highs.getSolution().col_value), by=by)
