"""Scores of joint forecasts: whether scenarios hang together as what happened did, not only lie at the right height.

Lower is better for both. The energy score mostly feels the level, the variogram score mostly what moves together.

References:
    Gneiting and Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", Journal of the American
    Statistical Association 102(477), 2007 (the energy score).
    Scheuerer and Hamill, "Variogram-Based Proper Scoring Rules for Probabilistic Forecasts of Multivariate Quantities",
    Monthly Weather Review 143(4), 2015.
"""

from __future__ import annotations

import numpy as np

from grid.time_axis import FloatArray


def energy_score(actual: FloatArray, scenarios: FloatArray) -> float:
    """Mean distance of the scenarios from what happened, less half their mean distance from each other.

    Args:
        actual: Shape (values,), such as the intervals of a day; NaN where unknown, which is left out.
        scenarios: Shape (scenarios, values).

    Returns:
        In the values' unit; NaN if nothing is known.

    Raises:
        ValueError: If shapes do not fit.

    Example:
        >>> energy_score(np.array([0.0, 0.0]), np.array([[3.0, 4.0], [3.0, 4.0]]))
        5.0
    """
    actual, scenarios = _known(actual, scenarios)
    if not len(actual):
        return float("nan")
    away = np.linalg.norm(scenarios - actual, axis=1).mean()
    squares = (scenarios**2).sum(axis=1)
    between = squares[:, None] + squares[None, :] - 2.0 * scenarios @ scenarios.T
    return float(away - 0.5 * np.sqrt(np.maximum(between, 0.0)).mean())


def variogram_score(actual: FloatArray, scenarios: FloatArray, *, order: float = 0.5) -> float:
    """Mean squared difference, over pairs of values, between how far apart they were and are expected to be.

    Args:
        actual: Shape (values,). NaN where unknown, which is left out.
        scenarios: Shape (scenarios, values).
        order: Power that distances are taken to.

    Returns:
        In the values' unit to the power ``2 * order``; NaN if fewer than two are known.

    Raises:
        ValueError: If shapes do not fit.

    Example:
        >>> variogram_score(np.array([0.0, 4.0]), np.array([[0.0, 1.0]]))
        1.0
    """
    actual, scenarios = _known(actual, scenarios)
    if len(actual) < 2:
        return float("nan")
    left, right = np.triu_indices(len(actual), k=1)
    happened = np.abs(actual[left] - actual[right]) ** order
    expected = np.mean([np.abs(one[left] - one[right]) ** order for one in scenarios], axis=0)
    return float(np.mean((happened - expected) ** 2))


def _known(actual: FloatArray, scenarios: FloatArray) -> tuple[FloatArray, FloatArray]:
    if scenarios.ndim != 2 or scenarios.shape[1:] != actual.shape or not len(scenarios):
        raise ValueError(f"scenarios must have shape (scenarios, {len(actual)}), got {scenarios.shape}")
    known = np.isfinite(actual)
    return actual[known], scenarios[:, known]
