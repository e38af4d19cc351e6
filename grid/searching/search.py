"""The search for a good commitment within a time limit: a bound and better and better plans, side by side.

Two threads share what they find: :mod:`.improving` looks for plans, :mod:`.bounding` proves how good a plan can be. The
reported bound comes from the relaxation or from the whole model only, so it holds whatever the heuristics did. HiGHS
can overrun its time limit inside a sub-problem; the search waits for it a short grace, no longer, and what comes after
that is not lost either.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from grid.formulation.model import DispatchModel
from grid.formulation.relaxation import LinearSolution
from grid.searching.bounding import bound
from grid.searching.improving import improve, solve_within
from grid.searching.incumbent import Found, Incumbent
from grid.searching.neighbourhoods import near_fractions

log = logging.getLogger(__name__)

_GRACE_SECONDS = 0.5
_IMPROVING_SHARE = 0.5
_POLL_SECONDS = 0.02


def search(
    model: DispatchModel,
    relaxed: LinearSolution,
    *,
    start: Found,
    gap: float,
    deadline: float,
    threads: int,
    enough: Callable[[Found], bool] = lambda _: False,
) -> Incumbent:
    """Search until the gap is at most ``gap``, the monotonic clock reaches ``deadline``, or a plan is ``enough``.

    Args:
        relaxed: Optimum of the model's linear relaxation.
        start: What was found so far, perhaps before the latest branch limits came into the model.
        threads: With 1, plans are improved first and the bound is worked on in the time left.
        enough: Asked about the better plans, beside the search.

    Returns:
        The best plan and bound so far: what HiGHS finds after the grace still comes into it.
    """
    fits = start.values is not None and len(start.values) == model.linear.column_count
    known = (
        Found(start.objective, relaxed.objective, start.values)
        if fits
        else Found(float("inf"), relaxed.objective, None)
    )
    state = Incumbent(known, gap=gap, deadline=deadline)
    if threads == 1:
        half = time.monotonic() + _IMPROVING_SHARE * state.remaining()

        def one_by_one() -> None:
            improve(model, relaxed, start.values, state, until=half)
            bound(model, state)

        works: dict[str, Callable[[], None]] = {"searching": one_by_one}
    else:
        works = {
            "bounding": lambda: bound(model, state),
            "improving": lambda: improve(model, relaxed, start.values, state),
        }
    _run(works, state, enough)
    log.info("search ended with a gap of %.3f %%", 100.0 * state.gap)
    return state


def _run(works: Mapping[str, Callable[[], None]], incumbent: Incumbent, enough: Callable[[Found], bool]) -> None:
    """Do ``works`` in a thread each, until the search is over or the first of them is done."""
    tasks = [_Task(name, work, stop=incumbent.stop) for name, work in works.items()]
    asked = incumbent.found.values
    try:
        for task in tasks:
            task.start()
        while tasks[0].is_alive() and not incumbent.over():
            time.sleep(_POLL_SECONDS)
            best = incumbent.found
            if best.values is not asked:
                asked = best.values
                if enough(best):
                    break
    finally:
        incumbent.stop.set()  # on Ctrl-C too: nothing of a search outlives it for long
    give_up = time.monotonic() + _GRACE_SECONDS
    for task in tasks:
        task.finish(until=give_up)


def first_plan(model: DispatchModel, relaxed: LinearSolution, *, gap: float, deadline: float) -> Found:
    """The plan nearest to the relaxation, without a bound of its own: quick, to see which branch limits it meets."""
    state = Incumbent(Found(float("inf"), relaxed.objective, None), gap=gap, deadline=deadline)
    solve_within(model, near_fractions(model, relaxed), state, by="first plan")
    return state.found


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
