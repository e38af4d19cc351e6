"""Several forecasts into one: their quantiles averaged with weights learnt on origins that no member was trained on.

References:
    Lichtendahl, Grushka-Cockayne and Winkler, "Is It Better to Average Probabilities or Quantiles?", Management Science
    59(7), 2013.
    Kivinen and Warmuth, "Exponentiated Gradient versus Gradient Descent for Linear Predictors", Information and
    Computation 132(1), 1997.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri, softmax

from grid.scores import pinball_losses
from grid.time_axis import FloatArray

_MOST_INTERVALS = 8_000
_STEPS = 150
_RATE = 0.3
_LEARNT = 0.3
"""Share of the weights that the best average of the past has a say in."""
_POWER = 4
_FINE = tuple((k + 0.5) / 200.0 for k in range(200))
"""Levels at which a distribution is averaged."""
_LEAST = 0.02
"""A member that would count for less is left out."""


def learn_weights(
    actual: FloatArray,
    quantiles: FloatArray,
    *,
    levels: Sequence[float],
    seed: int,
    trust: float = 1.0,
    prior: Sequence[float] | None = None,
) -> FloatArray:
    """Weights of the members, none negative, summing to one: by each one's own loss, leaning to the best average.

    The weights at which the average has the least loss in a backtest are partly luck: they flatter members that were
    lucky together. What each member's own loss says (its fourth power, inverse) is steadier.

    Args:
        actual: Shape (intervals,). NaN where unknown.
        quantiles: Shape (members, intervals, levels).
        seed: Of the sample that is looked at where there are many intervals.
        trust: From 0 to 1: how much the best average may have its say; little where few origins were seen.
        prior: What each member counts for before anything is known of its loss; all the same if None.

    Returns:
        Shape (members,); the prior's share if nothing is known.
    """
    count = len(quantiles)
    known = np.flatnonzero(np.isfinite(actual) & np.isfinite(quantiles).all(axis=(0, 2)))
    counted = np.ones(count) if prior is None else np.asarray(prior, dtype=np.float64)
    weights: FloatArray = counted / counted.sum()
    if not len(known) or count == 1:
        return weights
    if len(known) > _MOST_INTERVALS:
        known = np.sort(np.random.default_rng(seed).choice(known, _MOST_INTERVALS, replace=False))
    said, happened = quantiles[:, known], actual[known]
    tau = np.asarray(levels)
    own = np.array([float(pinball_losses(happened, one, levels=levels).mean()) for one in said])
    alone = (own.min() / np.maximum(own, 1e-12)) ** _POWER if own.min() > 0.0 else (own <= 0.0).astype(np.float64)
    alone = alone * counted
    best, best_loss = weights, np.inf
    logs = np.log(weights)
    for _ in range(_STEPS):
        mixed = np.einsum("m,mil->il", weights, said)
        loss = float(pinball_losses(happened, mixed, levels=levels).mean())
        if loss < best_loss:
            best, best_loss = weights, loss
        slope = (happened[:, None] < mixed) - tau  # (intervals, levels): of the loss by the quantile
        gradient = np.einsum("il,mil->m", slope, said) / slope.size
        logs -= _RATE * gradient / max(loss, 1e-12)
        weights = softmax(logs)
    best = _LEARNT * trust * best + (1.0 - _LEARNT * trust) * alone / alone.sum()
    kept = np.where(best < _LEAST, 0.0, best)
    return np.asarray(kept / kept.sum(), dtype=np.float64)


def at_levels(quantiles: FloatArray, *, levels: Sequence[float], wanted: Sequence[float]) -> FloatArray:
    """Quantiles at other levels: straight lines in the normal score, carried on beyond the outermost levels.

    Args:
        quantiles: Shape (..., levels), non-decreasing.
        levels: Two at least, increasing.

    Returns:
        Shape (..., wanted), non-decreasing where ``wanted`` increases.
    """
    have, want = ndtri(np.asarray(levels)), ndtri(np.asarray(wanted))
    left = np.clip(np.searchsorted(have, want, side="right") - 1, 0, len(have) - 2)
    share = (want - have[left]) / (have[left + 1] - have[left])
    lower, upper = quantiles[..., left], quantiles[..., left + 1]
    return np.asarray(lower + share * (upper - lower), dtype=np.float64)


def mean_of(quantiles: FloatArray, *, levels: Sequence[float]) -> FloatArray:
    """Mean of the distribution that the quantiles outline, shape (...)."""
    return np.asarray(at_levels(quantiles, levels=levels, wanted=_FINE).mean(axis=-1), dtype=np.float64)


def variance_of(quantiles: FloatArray, *, levels: Sequence[float]) -> FloatArray:
    """Variance of the distribution that the quantiles outline, shape (...)."""
    return np.asarray(at_levels(quantiles, levels=levels, wanted=_FINE).var(axis=-1), dtype=np.float64)
