"""What it costs at given prices that a unit is on in a period rather than off: min-marginals of its schedules.

References:
    Kolmogorov, "Convergent Tree-Reweighted Message Passing for Energy Minimization", IEEE Transactions on Pattern
    Analysis and Machine Intelligence 28(10), 2006 (min-marginals).
"""

from __future__ import annotations

import numpy as np

from grid.formulation.unit_schedules import Valued
from grid.time_axis import FloatArray


def least_costs(valued: Valued, start_price: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Least cost of each unit when it must be on, and when it must be off, in each period, (units, periods) each.

    Infinite where it cannot be. Both are at least ``valued.cost``, and one of them equals it.

    Args:
        start_price: Shape (units, periods).
    """
    units, points = valued.begun.shape
    periods = points - 1
    after_run, after_rest = np.zeros((2, units, points))  # by the period in which it ends
    for t in range(periods - 1, -1, -1):
        runs = valued.run_cost[:, t + 1, t + 1 :] + after_run[:, t + 1 :]
        rests = valued.rest_cost[:, t + 1, t + 1 :] + after_rest[:, t + 1 :]
        after_rest[:, t], after_run[:, t] = start_price[:, t] + runs.min(axis=1), rests.min(axis=1)
    through_runs = valued.begun[:, :, None] + valued.run_cost + after_run[:, None, :]
    through_rests = valued.ended[:, :, None] + valued.rest_cost + after_rest[:, None, :]
    return _over(through_runs), _over(through_rests)


def _over(through: FloatArray) -> FloatArray:
    """Least of ``through[unit, begin, end]`` over what begins in each period or before and ends after it."""
    begun_by = np.minimum.accumulate(through, axis=1)
    ends_after = np.minimum.accumulate(begun_by[:, :, ::-1], axis=2)[:, :, ::-1]
    periods = through.shape[1] - 1
    at = np.arange(periods)
    return ends_after[:, at + 1, at + 1]
