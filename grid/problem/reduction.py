"""Many scenarios to a few that stand for them.

References:
    Heitsch and Römisch, "Scenario Reduction Algorithms in Stochastic Programming", Computational Optimization and
    Applications 24, 2003 (fast forward selection).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from grid.time_axis import FloatArray


def reduced(courses: FloatArray, weight: FloatArray, *, count: int) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Choose ``count`` scenarios; those left out give their probability to the nearest that is kept.

    One is chosen after another, each so that the probability-weighted distance of all to the nearest chosen falls most.

    Args:
        courses: Shape (scenarios, values); distances are Euclidean.
        weight: Probabilities, shape (scenarios,).

    Returns:
        Positions of the chosen, ascending, and their probabilities.
    """
    squares = (courses**2).sum(axis=1)
    distance = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2.0 * courses @ courses.T, 0.0))
    np.fill_diagonal(distance, 0.0)
    nearest = np.full(len(courses), np.inf)
    chosen: list[int] = []
    for _ in range(min(count, len(courses))):
        left = weight @ np.minimum(distance, nearest[:, None])  # by candidate: what would remain
        left[chosen] = np.inf
        chosen.append(int(np.argmin(left)))
        nearest = np.minimum(nearest, distance[:, chosen[-1]])
    kept = np.array(sorted(chosen), dtype=np.int64)
    heir = np.argmin(distance[:, kept], axis=1)
    inherited = np.zeros(len(kept))
    np.add.at(inherited, heir, weight)
    return kept, inherited
