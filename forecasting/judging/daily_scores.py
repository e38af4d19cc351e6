"""Scores of each series by day: what contests are decided by, and what drift is told from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.nouns import IndexArray
from grid.scores import pinball_losses
from grid.time_axis import FloatArray

DAY = 24
_INNER = (0.05, 0.95)


@dataclass(frozen=True, slots=True, eq=False)
class DailyScores:
    """Scores by series and day, shape (series, days). NaN where nothing was scored.

    Attributes:
        loss: Mean pinball loss as a share of the series' mean power. [1]
        missed: Share of actual values outside the central 90 % band. [1]
    """

    loss: FloatArray
    missed: FloatArray


def daily_scores(
    actual_kw: FloatArray,
    quantiles: FloatArray,
    *,
    levels: tuple[float, ...],
    mean_kw: FloatArray,
    series: IndexArray,
    hours: IndexArray,
) -> DailyScores:
    """Average the scores of many windows by series and by the day that was forecast, over all lead times.

    Args:
        actual_kw: Shape (windows, periods). NaN where unknown.
        quantiles: Shape (windows, periods, levels), 0.05 and 0.95 among the levels. [kW] NaN where not told.
        mean_kw: By which losses are divided, by row of series, shape (series,).
        series: Row of each window's series, shape (windows,).
        hours: Position of each interval, shape (windows, periods); days begin at multiples of 24.
    """
    share = np.where(mean_kw > 0.0, mean_kw, np.nan)[series][:, None]
    loss = pinball_losses(actual_kw, quantiles, levels=levels).mean(axis=-1) / share  # (windows, periods)
    low, high = (quantiles[..., levels.index(level)] for level in _INNER)
    # A night that is told exactly is no band that held.
    missed = np.where(np.isfinite(loss) & (high > 0.0), (actual_kw < low) | (actual_kw > high), np.nan)
    day = hours // DAY
    first, last = (int(day.min()), int(day.max())) if day.size else (0, -1)
    shape = len(mean_kw), last - first + 1
    cell = series[:, None] * shape[1] + (day - first)  # (windows, periods)
    return DailyScores(_mean_by(loss, cell, shape), _mean_by(missed, cell, shape))


def _mean_by(values: FloatArray, cell: IndexArray, shape: tuple[int, int]) -> FloatArray:
    known = np.isfinite(values)
    size = shape[0] * shape[1]
    total = np.bincount(cell[known], weights=values[known], minlength=size)
    count = np.bincount(cell[known], minlength=size)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean.reshape(shape)
