"""Better and better plans: small integer programs around the best one, each solved in a second or a few.

First only the counts of units on that are fractional in the linear relaxation are free, and their neighbours in time.
Then hours are free window by window, all units in them; every count that the relaxation could change for nothing; and
half of the units drawn anew each time, more of them while that is quick and fewer when it is not. Units with long
minimum times change over all hours or not at all, others best in windows. A part need not be solved better than the
whole is known: a third of the gap that is left is close enough.

References:
    Ahuja, Ergun, Orlin and Punnen, "A survey of very large-scale neighborhood search techniques", Discrete Applied
    Mathematics 123, 2002.
"""

from __future__ import annotations

import math
import time

import numpy as np

from grid.formulation.linear import new_highs, require_ok
from grid.formulation.model import DispatchModel
from grid.formulation.relaxation import LinearSolution
from grid.searching.incumbent import Incumbent, begin_from, listen, offer_result
from grid.searching.neighbourhoods import (
    Bounds,
    Part,
    freed,
    held_at,
    near_fractions,
    whole_model,
    without_reduced_cost,
)
from grid.time_axis import FloatArray

_LEAST_GAP, _FIRST_GAP, _OF_GAP = 2e-4, 1e-2, 1.0 / 3.0
_WINDOW_PERIODS = 12
_FIRST_SHARE, _LEAST_SHARE, _MOST_SHARE = 0.5, 0.02, 0.8
_SHORT_PATIENCE, _PATIENCE, _LONG_PATIENCE = 0.12, 0.15, 0.25
_QUICK = 0.2


def improve(
    model: DispatchModel,
    relaxed: LinearSolution,
    start: FloatArray | None,
    incumbent: Incumbent,
    *,
    until: float = math.inf,
    seed: int = 0,
) -> None:
    """Improve the best plan until the search is over.

    Args:
        start: An earlier solution; columns may have been added to the model since.
        until: Of the monotonic clock, when to end before the search does.
        seed: Of the draws of units.
    """

    def left() -> float:
        return min(until - time.monotonic(), incumbent.remaining())

    def free(part: Part, by: str, patience: float = _PATIENCE) -> float:
        """Free a part of the counts, hold the others at the best plan's. Returns how much of its time it took."""
        best = incumbent.found.values
        if best is None or left() <= 0.0:
            return 0.0
        began, seconds = time.monotonic(), patience * left()
        solve_within(model, freed(model, best, part), incumbent, by=by, start=best, seconds=seconds)
        return (time.monotonic() - began) / max(seconds, 1e-9)

    first_tries = [
        *([] if start is None else [(held_at(model, start), "earlier plan")]),
        (near_fractions(model, relaxed), "first plan"),
        (whole_model(model), "any plan"),
    ]
    for bounds, by in first_tries:
        if incumbent.found.values is None:
            solve_within(model, bounds, incumbent, by=by, seconds=left())
    for first in range(0, model.problem.axis.periods, _WINDOW_PERIODS):
        free((slice(None), slice(first, first + _WINDOW_PERIODS)), "window", _SHORT_PATIENCE)
    best = incumbent.found.values
    if best is not None:
        kernel, patience = without_reduced_cost(model, relaxed, best), _LONG_PATIENCE * left()
        solve_within(model, kernel, incumbent, by="without reduced cost", start=best, seconds=patience)
    random, share = np.random.default_rng(seed), _FIRST_SHARE
    while not incumbent.over() and left() > 0.0:
        units = random.permutation(len(model.groups))
        count = max(round(share * len(units)), 1)
        for first in range(0, len(units), count):
            patience_used = free((units[first : first + count], slice(None)), "units")
            share *= 0.7 if patience_used > 1.0 else 1.1 if patience_used < _QUICK else 1.0
        share = min(max(share, _LEAST_SHARE), _MOST_SHARE)


def solve_within(
    model: DispatchModel,
    bounds: Bounds,
    incumbent: Incumbent,
    *,
    by: str,
    start: FloatArray | None = None,
    seconds: float = math.inf,
) -> None:
    """Solve the model within narrower bounds and offer what comes out; its bound is not the whole model's.

    Args:
        start: A solution that lies within ``bounds`` but for rounding; the best one may have changed since they were
            drawn around it.
    """
    if incumbent.over():
        return
    gap = max(min(_OF_GAP * incumbent.gap, _FIRST_GAP), incumbent.target / 4.0, _LEAST_GAP)
    highs = new_highs(gap=gap, seconds=min(incumbent.remaining(), seconds))
    model.linear.load(highs, integer=True, lower=bounds[0], upper=bounds[1])
    begin_from(highs, None if start is None else np.clip(start, *bounds))
    listen(highs, incumbent, by=by)
    require_ok(highs.run(), "run")
    offer_result(highs, incumbent, by=by)
