"""What a regression leaves over goes on for a while: its mean fades with lead time, and its spread is what it was.

References:
    Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd ed., chapter 10 (regression with errors that
    remember).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.nouns import IndexArray
from grid.time_axis import FloatArray

MEMORY_HOURS = 28 * 24
"""Hours before an origin that are looked at."""
LEAD_EDGES = (1, 2, 3, 6, 12, 24, 48, 72, 168, 336)
"""Where one group of lead times ends and the next begins."""
_MEAN_HOURS = (3, 12, 24, 72, 168, 672)
FEATURES = len(_MEAN_HOURS) + 3
_PENALTY = 10.0
_FEW = 40
_LEADS_PER_GROUP = 24


def lead_group(leads: IndexArray) -> IndexArray:
    """Which group each lead time belongs to, same shape."""
    return np.searchsorted(LEAD_EDGES, leads, side="right").astype(np.int64)


def recent_features(residual: FloatArray, origins: IndexArray, leads: IndexArray) -> FloatArray:
    """Means of the last residuals, and those of the same hour: the last day's, the last week's, the mean week's.

    Args:
        residual: Shape (hours,). NaN where unknown, counted as 0; nothing at or after an origin is looked at.
        origins: Shape (origins,).
        leads: Shape (leads,).

    Returns:
        Shape (origins, leads, FEATURES).
    """
    return features_of(recent(residual, origins, MEMORY_HOURS), leads)


def features_of(past: FloatArray, leads: IndexArray) -> FloatArray:
    """The same of the residuals themselves, oldest first, shape (origins, MEMORY_HOURS)."""
    past = np.nan_to_num(past)
    wide = np.ones((1, len(leads)))
    days = past.reshape(len(past), -1, 24)  # whole days before the origin, oldest first
    hour = leads % 24
    total = np.cumsum(past[:, ::-1], axis=1)  # (origins, hours back)
    same = [days[:, -1, :][:, hour], days[:, -7:, :].mean(axis=1)[:, hour], past[:, -168:][:, leads % 168]]
    return np.stack([*(total[:, hours - 1, None] / hours * wide for hours in _MEAN_HOURS), *same], axis=-1)


def recent(values: FloatArray, origins: IndexArray, hours: int) -> FloatArray:
    """The hours before each origin, oldest first, shape (..., origins, hours). NaN before the beginning.

    Args:
        values: Shape (..., hours of history).
    """
    at = origins[:, None] + np.arange(-hours, 0)
    return np.where(at >= 0, values[..., np.maximum(at, 0)], np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class ResidualModel:
    """How residuals go on.

    Attributes:
        weights: Of the recent features, shape (lead groups, FEATURES).
        quantiles: Of what is then left, by lead group and hour of day (position modulo 24), shape (lead groups, 24,
            levels). NaN if nothing was there to learn from: who knows of no error is not certain, but silent.
    """

    weights: FloatArray
    quantiles: FloatArray

    def centre(self, features: FloatArray, leads: IndexArray) -> FloatArray:
        """Expected residual by the recent features, shape (origins, leads)."""
        return np.asarray(np.einsum("olf,lf->ol", features, self.weights[lead_group(leads)]))

    def spread(self, origins: IndexArray, leads: IndexArray) -> FloatArray:
        """Quantiles about the expected residual, shape (origins, leads, levels)."""
        return np.asarray(self.quantiles[lead_group(leads), (origins[:, None] + leads) % 24])


def expected_residual(
    models: Sequence[ResidualModel], which: IndexArray, features: FloatArray, leads: IndexArray
) -> FloatArray:
    """Expected residual by the recent features, as of one of the models for each, shape (batch, leads).

    Args:
        which: Shape (batch,).
        features: Shape (batch, leads, FEATURES).
    """
    weights = np.stack([one.weights for one in models])[:, lead_group(leads)]  # (models, leads, FEATURES)
    return np.asarray(np.einsum("blf,blf->bl", features, weights[which]))


def residual_spread(models: Sequence[ResidualModel], origins: IndexArray, leads: IndexArray) -> FloatArray:
    """Quantiles about the expected residual, shape (models, origins, leads, levels)."""
    group, hour = lead_group(leads), (origins[:, None] + leads) % 24
    return np.stack([one.quantiles[group, hour] for one in models])


def fit_residuals(
    residual: FloatArray, ahead: FloatArray, origins: IndexArray, *, levels: tuple[float, ...]
) -> ResidualModel:
    """Fit on the given origins.

    Args:
        residual: Out of sample, shape (hours,). NaN where unknown.
        ahead: The residuals that followed each origin, shape (origins, periods). NaN where they must not be known.
        origins: Shape (origins,).
    """
    groups = len(LEAD_EDGES) + 1
    weights = np.zeros((groups, FEATURES))
    quantiles = np.zeros((groups, 24, len(levels)))
    every = ahead[np.isfinite(ahead)]
    quantiles[:] = np.quantile(every, levels) if len(every) else np.nan
    group = lead_group(np.arange(ahead.shape[1]))
    for number in np.unique(group):
        leads = np.flatnonzero(group == number)
        leads = leads[:: max(len(leads) // _LEADS_PER_GROUP, 1)] if len(leads) <= 336 else leads[::23]
        target = ahead[:, leads]
        known = np.isfinite(target)
        if known.sum() < _FEW:
            continue
        features = recent_features(residual, origins, leads)
        x, y = features[known], target[known]
        scale = float(np.mean(y**2)) * _PENALTY
        weights[number] = np.linalg.solve(x.T @ x + scale * np.eye(FEATURES), x.T @ y)
        left = (target - features @ weights[number])[known]
        clock = ((origins[:, None] + leads) % 24)[known]
        for hour in range(24):
            own = left[np.abs((clock - hour + 12) % 24 - 12) <= 1]
            own = own if len(own) >= _FEW else left
            quantiles[number, hour] = np.quantile(own, levels)
    return ResidualModel(weights, quantiles)
