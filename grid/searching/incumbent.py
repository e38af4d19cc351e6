"""What the threads of a search share: the best plan and bound so far, and when to stop."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

import highspy
import numpy as np

from grid.formulation.linear import require_ok
from grid.time_axis import FloatArray

log = logging.getLogger(__name__)

_ROUNDING = 1e-9
_LEAST_SECONDS = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The best integer solution of the model, if any, and the proven lower bound: infinite if there can be none."""

    objective: float
    bound: float
    values: FloatArray | None


def gap_between(objective: float, bound: float) -> float:
    """``(objective - bound) / objective``; 0 where they meet but for rounding, infinite if one of them is missing."""
    if not (np.isfinite(objective) and np.isfinite(bound)):
        return float("inf")
    gap = (objective - bound) / max(abs(objective), 1e-9)
    return gap if gap > _ROUNDING else 0.0


class Incumbent:
    """The best solution and bound so far; ``deadline`` is of the monotonic clock, ``target`` the gap that suffices."""

    def __init__(self, found: Found, *, gap: float, deadline: float) -> None:
        self.stop = threading.Event()
        self.target, self.deadline = gap, deadline
        self._lock = threading.Lock()
        self._found = found

    @property
    def found(self) -> Found:
        """The best solution and the best bound, of one instant."""
        with self._lock:
            return self._found

    @property
    def gap(self) -> float:
        """Relative, of the best solution to the best bound."""
        found = self.found
        return gap_between(found.objective, found.bound)

    def remaining(self) -> float:
        return self.deadline - time.monotonic()

    def over(self) -> bool:
        return self.stop.is_set() or self.gap <= self.target or self.remaining() < _LEAST_SECONDS

    def offer(self, objective: float, values: FloatArray, *, by: str) -> None:
        """Take a solution if it is better than the best; ``by`` is who found it, for the log."""
        with self._lock:
            if objective < self._found.objective:
                self._found = Found(objective, self._found.bound, values)
                log.info(
                    "%s: plan of %.0f, gap %.3f %%", by, objective, 100.0 * gap_between(objective, self._found.bound)
                )

    def prove(self, bound: float) -> None:
        """Take a bound if it is better than the best."""
        with self._lock:
            if bound > self._found.bound:
                self._found = Found(self._found.objective, bound, self._found.values)


def begin_from(highs: highspy.Highs, values: FloatArray | None) -> None:
    """Give the solver a solution to begin with, if there is one.

    HiGHS refuses values beyond their bounds by more than its tolerance, which its own solutions may be.
    """
    if values is not None:
        program = highs.getLp()
        within = np.clip(values, program.col_lower_, program.col_upper_)
        require_ok(highs.setSolution(len(within), np.arange(len(within), dtype=np.int32), within), "setSolution")


def listen(highs: highspy.Highs, incumbent: Incumbent, *, by: str) -> None:
    """Take over solutions as the solver finds them, and interrupt it when the search is over."""

    def improved(event: highspy.HighsCallbackEvent) -> None:
        incumbent.offer(float(event.data_out.objective_function_value), np.array(event.data_out.mip_solution), by=by)

    def interrupt(event: highspy.HighsCallbackEvent) -> None:
        if incumbent.over():
            event.interrupt()

    highs.cbMipImprovingSolution.subscribe(improved)
    highs.cbMipInterrupt.subscribe(interrupt)


def offer_result(highs: highspy.Highs, incumbent: Incumbent, *, by: str) -> None:
    """Offer what a solver ended with."""
    info = highs.getInfo()
    if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
        incumbent.offer(float(info.objective_function_value), np.array(highs.getSolution().col_value), by=by)
