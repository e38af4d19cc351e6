"""Rolling conformal calibration: bands as wide as the backtest's newest origins say, by block of lead times.

The normal score of an actual value is where it lay among its quantiles: 0 at the median, 1.28 at level 0.9. Over an
honest backtest such scores spread like a standard normal. Where the empirical quantiles of their size are larger, the
bands were too narrow, and every level moves outward by that factor of its own normal score; where smaller, inward.

References:
    Romano, Patterson and Candes, "Conformalized Quantile Regression", NeurIPS 2019.
    Gibbs and Candes, "Adaptive Conformal Inference Under Distribution Shift", NeurIPS 2021 (the present weighs more).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from forecasting.nouns import IndexArray
from grid.time_axis import FloatArray

_BLOCK_HOURS = 6
_DAY_EDGES = (1, 3, 7)
CELLS = (len(_DAY_EDGES) + 1) * 24 // _BLOCK_HOURS
_HALF_LIFE = 1.0
"""The oldest origin of a backtest counts half."""
_WHOLE_PRIOR, _CELL_PRIOR = 20.0, 40.0
"""So many origins count half, of the whole horizon and of a cell; hours of one origin say much the same."""
_SIZES = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Central bands that are to hold."""
_NARROWEST, _WIDEST = 0.7, 2.0
_FEWEST_HOURS = 20
_OUTERMOST = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Bands:
    """By how much bands widen.

    Attributes:
        scale: Factor of the normal scores, shape (CELLS,).
    """

    scale: FloatArray

    def calibrated(self, quantiles: FloatArray, *, levels: Sequence[float]) -> FloatArray:
        """Quantiles at the same levels; those that did not cross still do not.

        Args:
            quantiles: Shape (..., periods, levels), from the origin on, non-decreasing.
        """
        return calibrated(quantiles, self.scale, levels=levels)


def calibrated(quantiles: FloatArray, scale: FloatArray, *, levels: Sequence[float]) -> FloatArray:
    """Quantiles of many series, or of one, widened by each one's own bands, as :meth:`Bands.calibrated`.

    Args:
        quantiles: Shape (..., periods, levels).
        scale: Of each series, shape (..., CELLS); what stands before the cells broadcasts.
    """
    score = ndtri(np.asarray(levels))
    wanted = scale[..., cells(quantiles.shape[-2]), None] * score  # (..., periods, levels)
    left = np.clip(np.searchsorted(score, wanted, side="right") - 1, 0, len(score) - 2)
    share = (wanted - score[left]) / (score[left + 1] - score[left])
    left = np.broadcast_to(left, quantiles.shape)
    lower, upper = (np.take_along_axis(quantiles, at, axis=-1) for at in (left, left + 1))
    return np.asarray(lower + share * (upper - lower), dtype=np.float64)


def cells(periods: int) -> IndexArray:
    """Which cell each lead time belongs to: the days ahead by the block of six hours within each 24 of the lead.

    Where every origin is at one hour of the day, as in a file, a block is also so many hours of the day. Where origins
    run through all of them, as for stored telemetry, it tells apart lead times only.
    """
    lead = np.arange(periods)
    days = np.searchsorted(_DAY_EDGES, lead // 24, side="right")
    return np.asarray(days * (24 // _BLOCK_HOURS) + lead % 24 // _BLOCK_HOURS, dtype=np.int64)


def learn_bands(actual: FloatArray, quantiles: FloatArray, *, levels: Sequence[float]) -> Bands:
    """What a backtest says of the bands, held back where little was seen: a cell leans to the whole, that to one.

    Args:
        actual: Shape (rows, origins, hours ahead), the newest origin last. NaN where unknown.
        quantiles: Shape (rows, origins, hours ahead, levels).
    """
    size = np.abs(normal_scores(actual, quantiles, levels=levels))
    origins = actual.shape[1]
    newness = 0.5 ** ((origins - 1 - np.arange(origins)) / max(_HALF_LIFE * origins, 1.0))
    seen = float(newness.sum() ** 2 / (newness**2).sum())  # origins that would say as much if all counted alike
    weight = np.where(np.isfinite(size), newness[None, :, None], 0.0)
    whole = 1.0 + seen / (seen + _WHOLE_PRIOR) * (_spread(size, weight) - 1.0)
    scale = np.full(CELLS, whole)
    cell = cells(actual.shape[2])
    for number in np.unique(cell):
        own = cell == number
        if (weight[..., own] > 0.0).sum() >= _FEWEST_HOURS:
            scale[number] += seen / (seen + _CELL_PRIOR) * (_spread(size[..., own], weight[..., own]) - whole)
    return Bands(scale)


def normal_scores(actual: FloatArray, quantiles: FloatArray, *, levels: Sequence[float]) -> FloatArray:
    """Where values lie among their quantiles, straight lines between them, shape (...).

    Within a level that several quantiles share, its middle. NaN where unknown, or where bands have no width.
    """
    score = ndtri(np.asarray(levels))
    last = len(score) - 1
    found = np.zeros(actual.shape)
    for reached in (quantiles < actual[..., None], quantiles <= actual[..., None]):
        right = np.clip(reached.sum(axis=-1), 1, last)
        lower, upper = (np.take_along_axis(quantiles, at[..., None], axis=-1)[..., 0] for at in (right - 1, right))
        apart = upper - lower
        share = np.where(apart > 0.0, (actual - lower) / np.where(apart > 0.0, apart, 1.0), 0.5)
        found += 0.5 * (score[right - 1] + share * (score[right] - score[right - 1]))
    wide = quantiles[..., -1] > quantiles[..., 0]
    return np.where(wide & np.isfinite(actual), np.clip(found, -_OUTERMOST, _OUTERMOST), np.nan)


def _spread(size: FloatArray, weight: FloatArray) -> float:
    """How much larger the weighted quantiles of ``size`` are than those of a standard normal's; 1 if too few."""
    known = weight > 0.0
    if known.sum() < _FEWEST_HOURS:
        return 1.0
    order = np.argsort(size[known])
    ordered, share = size[known][order], np.cumsum(weight[known][order])
    place = (share - 0.5 * weight[known][order]) / share[-1]
    ratios = [np.interp(band, place, ordered) / ndtri(0.5 + band / 2.0) for band in _SIZES]
    return float(np.clip(np.mean(ratios), _NARROWEST, _WIDEST))
