"""Joint scenarios: courses of several series, each as its quantiles say, whose hours and series hang together.

Where outcomes lay within their forecasts in the past is told in normal scores. Neighbouring intervals' scores are
alike, which fades exponentially with the time between them; those of different series correlate. Draws from that normal
distribution only order the scenarios: the values themselves are the forecast's own quantiles at evenly spaced
levels, so that no scenario set is wider or narrower than the forecast it comes from.

References:
    Pinson, Madsen, Nielsen, Papaefthymiou and Klöckl, "From Probabilistic Forecasts to Statistical Scenarios of
    Short-term Wind Power Production", Wind Energy 12(1), 2009 (the normal copula with exponential decay).
    Clark, Gangopadhyay, Hay, Rajagopalan and Wilby, "The Schaake Shuffle", Journal of Hydrometeorology 5(1), 2004
    (ordering given values by the ranks of a template).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.quantiles.mixing import at_levels
from grid.time_axis import FloatArray

_STEADIEST = 0.99
_PRIOR_PAIRS = 24.0
"""So many pairs of independent scores are added to those seen: little that was seen moves little."""


@dataclass(frozen=True, slots=True, eq=False)
class Dependence:
    """How normal scores hang together.

    Attributes:
        decay: Correlation of neighbouring intervals of each series, shape (series,), in [0, 1).
        correlation: Of the series in one interval, shape (series, series).
    """

    decay: FloatArray
    correlation: FloatArray


def fit_dependence(scores: FloatArray) -> Dependence:
    """Learn it from the scores of past forecasts that were made at the same origins.

    Args:
        scores: Normal scores (:func:`forecasting.quantiles.conformal.normal_scores`), shape (series, origins,
            intervals ahead). NaN where unknown; without any, nothing hangs together.
    """
    known = np.isfinite(scores)
    filled = np.where(known, scores, 0.0)
    both = known[:, :, 1:] & known[:, :, :-1]
    earlier, later = filled[:, :, :-1] * both, filled[:, :, 1:] * both
    energy = np.sqrt((earlier**2).sum(axis=(1, 2)) * (later**2).sum(axis=(1, 2)))
    decay = (earlier * later).sum(axis=(1, 2)) / (energy + _PRIOR_PAIRS)
    flat, there = filled.reshape(len(scores), -1), known.reshape(len(scores), -1).astype(np.float64)
    squares = (flat**2) @ there.T  # each series' energy where the other one is known too
    correlation = flat @ flat.T / (np.sqrt(squares * squares.T) + _PRIOR_PAIRS)
    np.fill_diagonal(correlation, 1.0)
    return Dependence(np.clip(decay, 0.0, _STEADIEST), correlation)


def draw_scenarios(
    dependence: Dependence, quantiles: FloatArray, *, levels: Sequence[float], count: int, seed: int
) -> FloatArray:
    """Joint courses; in every interval a series' values are its quantiles at the levels (k - 0.5) / count.

    Args:
        quantiles: Shape (series, intervals, levels), non-decreasing along levels.
        count: How many; with the same seed they come out the same.

    Returns:
        Shape (count, series, intervals).

    Raises:
        ValueError: If fewer than one is asked for.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    even = ((np.arange(count) + 0.5) / count).tolist()
    values = np.moveaxis(at_levels(quantiles, levels=levels, wanted=even), -1, 0)  # (count, series, intervals)
    order = np.argsort(np.argsort(_normal_courses(dependence, count, quantiles.shape[1], seed=seed), axis=0), axis=0)
    return np.take_along_axis(values, order, axis=0)


def _normal_courses(dependence: Dependence, count: int, intervals: int, *, seed: int) -> FloatArray:
    """Stationary normal courses with the given decay and correlation, shape (count, series, intervals)."""
    draw = np.random.default_rng(seed).standard_normal((intervals, count, len(dependence.decay)))
    decay = dependence.decay
    first, next_ = (
        _root(dependence.correlation * kept)
        for kept in (np.ones((len(decay),) * 2), 1.0 - decay[:, None] * decay[None, :])
    )
    courses = np.empty_like(draw)
    for i in range(intervals):
        courses[i] = draw[i] @ first.T if i == 0 else decay * courses[i - 1] + draw[i] @ next_.T
    return courses.transpose(1, 2, 0)


def _root(covariance: FloatArray) -> FloatArray:
    """A matrix whose product with its transpose is the covariance, or the nearest that is one."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
