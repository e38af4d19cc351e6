"""Better and better plans: small integer programs around the best one, each solved in a second or a few.

First only the counts of units on that are fractional in the linear relaxation are free, and their neighbours in time.
Then hours are freed window by window, all units in them and no other; then every count that the relaxation could change
for nothing, which is half of them. On RTS-GMLC over 48 hours the windows do most on some days and the reduced costs on
others: from three percent above the relaxation to 0.4 within ten CPU seconds. Then half of the units are freed over all
hours, drawn anew each time, more of them while that is quick and fewer when it is not.

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

_WITHIN_GAP = 2e-4
_WINDOW_PERIODS = 12
_FIRST_SHARE, _LEAST_SHARE, _MOST_SHARE = 0.5, 0.02, 0.8
_PATIENCE, _LONG_PATIENCE = 0.15, 0.25
_QUICK = 0.2


def improve(
    model: DispatchModel, relaxed: LinearSolution, start: FloatArray | None, incumbent: Incumbent, *, seed: int = 0
) -> None:
    """Improve the best plan until the search is over.

    Args:
        start: An earlier solution; columns may have been added to the model since.
        seed: Of the draws of units.
    """
    first_tries = [
        *([] if start is None else [(held_at(model, start), "earlier plan")]),
        (near_fractions(model, relaxed), "first plan"),
        (whole_model(model), "any plan"),
    ]
    for bounds, by in first_tries:
        if incumbent.found.values is None:
            solve_within(model, bounds, incumbent, by=by)
    for first in range(0, model.problem.axis.periods, _WINDOW_PERIODS):
        _free(model, incumbent, (slice(None), slice(first, first + _WINDOW_PERIODS)), by="window")
    best = incumbent.found.values
    if best is not None:
        kernel, patience = without_reduced_cost(model, relaxed, best), _LONG_PATIENCE * incumbent.remaining()
        solve_within(model, kernel, incumbent, by="without reduced cost", start=best, seconds=patience)
    random, share = np.random.default_rng(seed), _FIRST_SHARE
    while not incumbent.over():
        units = random.permutation(len(model.groups))
        count = max(round(share * len(units)), 1)
        for first in range(0, len(units), count):
            patience_used = _free(model, incumbent, (units[first : first + count], slice(None)), by="units")
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
    gap = max(incumbent.target / 4.0, _WITHIN_GAP)
    highs = new_highs(gap=gap, seconds=min(incumbent.remaining(), seconds))
    model.linear.load(highs, integer=True, lower=bounds[0], upper=bounds[1])
    begin_from(highs, None if start is None else np.clip(start, *bounds))
    listen(highs, incumbent, by=by)
    require_ok(highs.run(), "run")
    offer_result(highs, incumbent, by=by)


def _free(model: DispatchModel, incumbent: Incumbent, part: Part, *, by: str) -> float:
    """Free a part of the counts, hold the others at the best plan's. Returns how much of its time it took."""
    best = incumbent.found.values
    if best is None:
        return 0.0
    began, patience = time.monotonic(), _PATIENCE * incumbent.remaining()
    solve_within(model, freed(model, best, part), incumbent, by=by, start=best, seconds=patience)
    return (time.monotonic() - began) / max(patience, 1e-9)
