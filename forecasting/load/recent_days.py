"""Recent days as a member: what this hour of the day has been in the last four weeks, the newest days counting more.

Where a load is mostly chance, as that of a home is, little tells more than how it has been scattered lately: nothing is
fitted that could be overfitted, and season and habits are those of now. A month ahead they no longer are.
"""

from __future__ import annotations

import numpy as np

from forecasting.load.residuals import recent
from forecasting.members.climatology import known_quantiles
from forecasting.nouns import IndexArray
from grid.time_axis import FloatArray

_DAYS = 28
_COUNTED_AGAIN = (14, 7)
"""So many of the last days count once more, each time."""
_TOGETHER = 32
"""Rows whose samples are put in order at once: they fit into the processor's cache."""


def recent_days(values: FloatArray, origins: IndexArray, periods: int, *, levels: tuple[float, ...]) -> FloatArray:
    """Quantiles of the hours so many whole days before, pooled with their two neighbours.

    Args:
        values: Shape (rows, hours). NaN where unknown; nothing at or after an origin is looked at.

    Returns:
        Shape (rows, origins, periods, levels), the same for every day ahead. NaN where no such hour is known.
    """
    hour = np.arange(periods) % 24
    made = np.empty((len(values), len(origins), periods, len(levels)))
    for begin in range(0, len(values), _TOGETHER):
        part = slice(begin, begin + _TOGETHER)
        for i in range(len(origins)):
            days = recent(values[part], origins[i : i + 1], _DAYS * 24)[:, 0]  # (rows, hours back)
            samples = np.take(days, _POOLED, axis=1)  # (rows, 24, samples)
            told = known_quantiles(samples.reshape(-1, samples.shape[-1]), levels)
            made[part, i] = told.reshape(len(days), 24, -1)[:, hour]
    return made


def _pooled() -> IndexArray:
    """Which of the hours back, oldest first, speak of each hour of a day, shape (24, samples)."""
    days = np.concatenate([np.arange(_DAYS - late, _DAYS) for late in (_DAYS, *_COUNTED_AGAIN)])
    hours = (np.arange(24)[:, None] + np.arange(-1, 2)) % 24  # (24, neighbours)
    return np.asarray(24 * days + hours[:, :, None]).reshape(24, -1)


_POOLED = _pooled()
