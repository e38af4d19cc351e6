"""Rolling conformal calibration: bands as wide as the backtest's newest origins say, by block of lead times.

A central band is stretched about its median by the factor at which it would have held as often as it claims to, over an
honest backtest. The central half and the central 90 % have a factor each, for errors have heavier tails than forecasts
admit. What is learnt from few origins is uncertain itself, which widens a band as Student's t is wider than a normal
distribution.

References:
    Romano, Patterson and Candes, "Conformalized Quantile Regression", NeurIPS 2019; Sesia and Candes, "A comparison of
    some conformal quantile regression methods", Stat 9(1), 2020 (errors counted in widths of the band).
    Gibbs and Candes, "Adaptive Conformal Inference Under Distribution Shift", NeurIPS 2021 (the present weighs more).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from forecasting.nouns import IndexArray
from forecasting.quantiles.mixing import at_levels
from grid.time_axis import FloatArray

_BLOCK_HOURS = 6
_DAY_EDGES = (1, 3, 7)
CELLS = (len(_DAY_EDGES) + 1) * 24 // _BLOCK_HOURS
_HALF_LIFE = 1.0
"""The oldest origin of a backtest counts half."""
_WHOLE_PRIOR, _CELL_PRIOR = 20.0, 40.0
"""So many origins count half, of the whole horizon and of a cell; hours of one origin say much the same."""
_SIZES = (0.5, 0.9)
"""Central bands that are to hold."""
_EDGES = np.array([0.5 + size / 2.0 for size in _SIZES])
_NARROWEST, _WIDEST = 0.7, 2.0
_FEWEST_HOURS = 20
_OUTERMOST = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Bands:
    """By how much bands widen.

    Attributes:
        factors: Of the central half and of the central 90 %, shape (CELLS, 2).
    """

    factors: FloatArray

    def only_wider(self) -> Bands:
        """The same, but no band becomes narrower."""
        return Bands(np.maximum(self.factors, 1.0))

    def calibrated(self, quantiles: FloatArray, *, levels: Sequence[float]) -> FloatArray:
        """Quantiles at the same levels, in order.

        Args:
            quantiles: Shape (..., periods, levels), from the origin on, non-decreasing.
        """
        return calibrated(quantiles, self.factors, levels=levels)


def calibrated(quantiles: FloatArray, factors: FloatArray, *, levels: Sequence[float]) -> FloatArray:
    """Quantiles of many series, or of one, stretched about their median by each one's own bands.

    Args:
        quantiles: Shape (..., periods, levels).
        factors: Of each series, shape (..., CELLS, 2); what stands before the cells broadcasts. Levels between the two
            bands follow straight lines in the normal score.
    """
    inner, outer = ndtri(_EDGES)
    share = np.clip((np.abs(ndtri(np.asarray(levels))) - inner) / (outer - inner), 0.0, 1.0)
    factor = factors[..., cells(quantiles.shape[-2]), :] @ np.stack([1.0 - share, share])  # (..., periods, levels)
    median = at_levels(quantiles, levels=levels, wanted=(0.5,))
    return np.sort(median + factor * (quantiles - median), axis=-1)


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
    origins = actual.shape[1]
    newness = 0.5 ** ((origins - 1 - np.arange(origins)) / max(_HALF_LIFE * origins, 1.0))
    seen = float(newness.sum() ** 2 / (newness**2).sum())  # origins that would say as much if all counted alike
    stretch = _stretches(actual, quantiles, levels=levels)
    weight = np.where(np.isfinite(stretch[0]), newness[None, :, None], 0.0)
    found = _factors(stretch, weight)
    if found is None:
        return Bands(np.ones((CELLS, len(_SIZES))))
    whole = 1.0 + seen / (seen + _WHOLE_PRIOR) * (found - 1.0)
    whole *= stdtrit(seen + _WHOLE_PRIOR, _EDGES) / ndtri(_EDGES)
    factors = np.tile(whole, (CELLS, 1))
    cell = cells(actual.shape[2])
    for number in np.unique(cell):
        own = cell == number
        if (here := _factors(stretch[..., own], weight[..., own])) is not None:
            factors[number] *= 1.0 + seen / (seen + _CELL_PRIOR) * (here.mean() / found.mean() - 1.0)
    return Bands(factors)


def _stretches(actual: FloatArray, quantiles: FloatArray, *, levels: Sequence[float]) -> FloatArray:
    """By how much each central band would have to be stretched to reach a value, shape (bands, ...).

    NaN where unknown, or where quantiles have no width.
    """
    median, *edges = (
        at_levels(quantiles, levels=levels, wanted=(level,))[..., 0] for level in (0.5, *(1.0 - _EDGES), *_EDGES)
    )
    away = np.abs(actual - median)
    said = np.isfinite(actual) & (quantiles[..., -1] > quantiles[..., 0])
    made = []
    for lower, upper in zip(edges[: len(_SIZES)], edges[len(_SIZES) :], strict=True):
        half = np.where(actual >= median, upper - median, median - lower)
        far = np.full(actual.shape, np.where(away > 0.0, np.inf, 0.0))
        np.divide(away, half, out=far, where=half > 0.0)
        made.append(np.where(said, np.minimum(far, 2.0 * _WIDEST), np.nan))
    return np.stack(made)


def _factors(stretch: FloatArray, weight: FloatArray) -> FloatArray | None:
    """The factors at which the central bands would have held as often as they claim to, shape (bands,).

    None if too little is known.

    Args:
        stretch: Shape (bands, ...).
        weight: Shape (...), 0 where unknown.
    """
    known = weight > 0.0
    if known.sum() < _FEWEST_HOURS:
        return None
    made = []
    for size, one in zip(_SIZES, stretch[:, known], strict=True):
        order = np.argsort(one)
        share = np.cumsum(weight[known][order])
        place = (share - 0.5 * weight[known][order]) / share[-1]
        made.append(np.interp(size, place, one[order]))
    return np.asarray(np.clip(made, _NARROWEST, _WIDEST), dtype=np.float64)


def normal_scores(actual: FloatArray, quantiles: FloatArray, *, levels: Sequence[float]) -> FloatArray:
    """Where values lie among their quantiles, straight lines between them, shape (...).

    The normal score is 0 at the median, 1.28 at level 0.9. Within a level that several quantiles share, its middle. NaN
    where unknown, or where bands have no width.
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
