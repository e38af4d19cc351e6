"""The search for a good commitment within a time limit: a fast start, then a bound and improvements side by side.

1. Relaxation enforced neighbourhood search (RENS): where the linear relaxation is whole, and its neighbours in time
   are too, the commitment is taken from it; the few counts left are found by a small integer program. On RTS-GMLC
   this takes a second or two and lands about one percent above the relaxation.
2. HiGHS's branch and cut on the whole model, started from there, in a thread of its own: it proves the bound.
3. Meanwhile windows of hours are freed one after another, the rest held at the best plan found so far.

The bound that is reported comes from the relaxation or from (2) only, so it holds for the whole problem whatever the
heuristics did. HiGHS can overrun its time limit inside a sub-problem; the search waits for it a short grace, no longer.

References:
    Berthold, "RENS: the optimal rounding", Mathematical Programming Computation 6, 2014.
    Helber and Sahling, "A fix-and-optimize approach for the multi-level capacitated lot sizing problem", Int. J.
    Production Economics 123, 2010 (windows).
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

import highspy
import numpy as np

from grid.dispatch.linear import new_highs, require_ok
from grid.dispatch.model import DispatchModel
from grid.dispatch.relaxation import LinearSolution
from grid.time_axis import FloatArray

log = logging.getLogger(__name__)

_WHOLE = 1e-6
_GRACE_SECONDS = 1.0
_WINDOW_SECONDS = 4.0
_LEAST_SECONDS = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The best integer solution of the model, if any, and the proven lower bound."""

    objective: float
    bound: float
    values: FloatArray | None

    @property
    def gap(self) -> float:
        return gap_between(self.objective, self.bound)


class _Best:
    """The best solution and bound so far, shared by the two threads of a search."""

    def __init__(self, found: Found) -> None:
        self._lock = threading.Lock()
        self._found = found

    @property
    def found(self) -> Found:
        with self._lock:
            return self._found

    def offer(self, objective: float, values: FloatArray) -> None:
        with self._lock:
            if objective < self._found.objective:
                self._found = Found(objective, self._found.bound, values)

    def prove(self, bound: float) -> None:
        with self._lock:
            if np.isfinite(bound) and bound > self._found.bound:
                self._found = Found(self._found.objective, bound, self._found.values)


def gap_between(objective: float, bound: float) -> float:
    """``(objective - bound) / objective``; 0 where they meet, infinite without a bound or a solution."""
    if not (np.isfinite(objective) and np.isfinite(bound)):
        return float("inf")
    return max(objective - bound, 0.0) / max(abs(objective), 1e-9)


def search(
    model: DispatchModel,
    relaxed: LinearSolution,
    *,
    start: FloatArray | None,
    gap: float,
    deadline: float,
    threads: int,
) -> Found:
    """Search until the gap is at most ``gap`` or the monotonic clock reaches ``deadline``.

    Args:
        relaxed: Optimum of the model's linear relaxation.
        start: Column values of a solution found before the latest branch limits came in; None at first.
        threads: With 2 or more the windows are searched beside branch and cut.
    """
    best = _Best(Found(float("inf"), relaxed.objective, None))
    if _remaining(deadline) < _LEAST_SECONDS:
        return best.found
    if start is None:
        lower, upper = _relaxation_neighbourhood(model, relaxed.values)
    else:
        lower, upper = _held_at(model, start)
    _solve_part(model, lower, upper, best, gap=gap / 4, deadline=deadline)
    log.info("relaxation neighbourhood: gap %.3f %%", 100.0 * best.found.gap)
    if best.found.gap <= gap or _remaining(deadline) < _LEAST_SECONDS:
        return best.found

    worker = _BranchAndCut(model, best, gap=gap, deadline=deadline)
    worker.start()
    if threads > 1 and best.found.values is not None:
        _search_windows(model, relaxed, best, worker, gap=gap, deadline=deadline)
    worker.join(timeout=max(_remaining(deadline), 0.0))
    worker.stop.set()
    worker.join(timeout=_GRACE_SECONDS)
    log.info("search ended: gap %.3f %%", 100.0 * best.found.gap)
    return best.found


class _BranchAndCut(threading.Thread):
    """HiGHS on the whole model. A daemon: if it will not stop, the plan does not wait for it."""

    def __init__(self, model: DispatchModel, best: _Best, *, gap: float, deadline: float) -> None:
        super().__init__(name="branch-and-cut", daemon=True)
        self.stop = threading.Event()
        self._best, self._gap, self._deadline = best, gap, deadline
        self._highs = new_highs(gap=gap, seconds=_remaining(deadline))
        model.linear.load(self._highs, integer=True)
        values = best.found.values
        if values is not None:
            _set_start(self._highs, values)
        self._highs.cbMipImprovingSolution.subscribe(self._on_solution)
        self._highs.cbMipLogging.subscribe(self._on_progress)
        self._highs.cbMipInterrupt.subscribe(self._on_interrupt)

    def run(self) -> None:
        require_ok(self._highs.run(), "run")
        info = self._highs.getInfo()
        self._best.prove(float(info.mip_dual_bound))
        if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
            self._best.offer(float(info.objective_function_value), np.array(self._highs.getSolution().col_value))

    def _on_solution(self, event: highspy.HighsCallbackEvent) -> None:
        data = event.data_out
        self._best.offer(float(data.objective_function_value), np.array(data.mip_solution))

    def _on_progress(self, event: highspy.HighsCallbackEvent) -> None:
        self._best.prove(float(event.data_out.mip_dual_bound))

    def _on_interrupt(self, event: highspy.HighsCallbackEvent) -> None:
        if self.stop.is_set() or self._best.found.gap <= self._gap:
            event.interrupt()


def _search_windows(
    model: DispatchModel,
    relaxed: LinearSolution,
    best: _Best,
    worker: _BranchAndCut,
    *,
    gap: float,
    deadline: float,
) -> None:
    """Free one window of hours after the other, those with the least whole relaxation first, until nothing improves."""
    on = np.stack([group.on for group in model.thermal])
    periods = on.shape[1]
    doubt = np.abs(relaxed.values[on] - np.round(relaxed.values[on])).sum(axis=0)
    own_lower, own_upper, _, _ = model.linear.column_arrays()
    width = min(16, periods)
    while width <= periods:
        before = best.found.objective
        firsts = range(0, max(periods - width, 0) + 1, max(width // 2, 1))
        for first in sorted(firsts, key=lambda first: -float(doubt[first : first + width].sum())):
            found = best.found
            if not worker.is_alive() or found.gap <= gap or _remaining(deadline) < _LEAST_SECONDS:
                return
            assert found.values is not None
            lower, upper = _held_at(model, found.values)
            free = on[:, first : first + width]
            lower[free], upper[free] = own_lower[free], own_upper[free]
            until = min(deadline, time.monotonic() + _WINDOW_SECONDS)
            _solve_part(model, lower, upper, best, gap=gap / 2, deadline=until, start=found.values)
            log.info("window %d+%d: gap %.3f %%", first, width, 100.0 * best.found.gap)
        if best.found.objective >= before:
            width = width * 3 // 2


def _relaxation_neighbourhood(model: DispatchModel, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Column bounds that leave free only counts between the relaxation's floor and ceiling, and next to such counts."""
    lower, upper, _, _ = model.linear.column_arrays()
    on = np.stack([group.on for group in model.thermal])
    counts = values[on]
    floor, ceiling = np.floor(counts + _WHOLE), np.ceil(counts - _WHOLE)
    doubtful = ceiling > floor
    padded = np.pad(doubtful, ((0, 0), (1, 1)))
    near = padded[:, :-2] | padded[:, 2:] | doubtful
    lowest = _neighbours(floor, np.minimum)
    highest = _neighbours(ceiling, np.maximum)
    lower[on] = np.where(near, lowest, floor)
    upper[on] = np.where(near, highest, ceiling)
    return lower, upper


def _held_at(model: DispatchModel, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Column bounds that hold every count at ``values``."""
    lower, upper, _, _ = model.linear.column_arrays()
    on = np.stack([group.on for group in model.thermal])
    lower[on] = upper[on] = np.round(values[on])
    return lower, upper


def _neighbours(counts: FloatArray, choose: np.ufunc) -> FloatArray:
    padded = np.pad(counts, ((0, 0), (1, 1)), mode="edge")
    chosen: FloatArray = choose(choose(padded[:, :-2], padded[:, 2:]), counts)
    return chosen


def _solve_part(
    model: DispatchModel,
    lower: FloatArray,
    upper: FloatArray,
    best: _Best,
    *,
    gap: float,
    deadline: float,
    start: FloatArray | None = None,
) -> None:
    """Solve the model within narrower bounds and offer what comes out; its bound is not the whole model's."""
    highs = new_highs(gap=gap, seconds=_remaining(deadline))
    model.linear.load(highs, integer=True, lower=lower, upper=upper)
    if start is not None:
        _set_start(highs, start)
    require_ok(highs.run(), "run")
    info = highs.getInfo()
    if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
        best.offer(float(info.objective_function_value), np.array(highs.getSolution().col_value))


def _set_start(highs: highspy.Highs, values: FloatArray) -> None:
    require_ok(highs.setSolution(len(values), np.arange(len(values), dtype=np.int32), values), "setSolution")


def _remaining(deadline: float) -> float:
    return deadline - time.monotonic()
