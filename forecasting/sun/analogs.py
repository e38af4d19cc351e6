"""Days like the one ahead: what the sun gave when the last days had looked as they look now.

Where nobody tells the weather, the past tells some of it: how clear the last hours and days were, and the newest
readings of other sensors against what is usual (a clear night cools). A ridge draws these traits together into how
clear a time they foretell. Past days then count by how alike theirs was foretold, and by how near they lie in season;
their hours, so weighted, are the distribution. Few numbers are learnt: a year is but 365 days of weather.

References:
    Delle Monache, Eckel, Rife, Nagarajan and Searight, "Probabilistic Weather Prediction with an Analog Ensemble",
    Monthly Weather Review 141(10), 2013.
    Hall and Yao, "Approximating conditional distribution functions using dimension reduction", Annals of Statistics
    33(3), 2005 (what many traits say of a distribution, by one linear index of them).
"""

from __future__ import annotations

import warnings

import numpy as np

from forecasting.members.baseline import DAY_HOURS
from forecasting.members.course import LEVELS
from forecasting.nouns import IndexArray
from forecasting.sun.windows import SolarPanel
from grid.time_axis import FloatArray

_LOOK_BACK_HOURS = (12, 24, 168)
_USUAL_DAYS = 14
_TREND_HOURS = 3
_BLOCK_HOURS = 6
"""Hours ahead that are foretold together; divides a day."""
_RIDGE = 10.0
_ALIKE = 0.6
"""A day foretold to differ by this many of the usual deviations counts about 0.6."""
_NEAR_DAYS = 25.0
_FAR_WEIGHT = 1e-6
"""Of a day that is like no other, so that some day always speaks."""
_FEWEST_ALIKE = 20
"""Days that must be known for any of them to speak."""
_RECENT_DAYS = 80
"""Where earlier years are not read: an issue of stored telemetry reads three months."""


class AnalogDays:
    """What the last days foretell of the clear-sky index.

    Args:
        panel: Of all hours.
        withheld: Covariates that are known of the past only, shape (rows, hours, covariates). NaN where unknown.
        yearly: All earlier days count; otherwise the last eighty.
    """

    def __init__(self, panel: SolarPanel, withheld: FloatArray, *, yearly: bool = True) -> None:
        self._most = None if yearly else _RECENT_DAYS
        self._index, self._year_angle = panel.index, panel.year_angle
        self._lit = np.any(panel.clear_kw > 0.0, axis=0)  # (hours + periods,)
        hours = panel.axis.periods
        known = np.isfinite(self._index)
        power = _running(np.where(known, panel.kw, 0.0))
        clear = _running(np.where(known, panel.clear_kw[:, :hours], 0.0))
        origin = np.arange(hours + 1)

        def clearness(begin: IndexArray, end: IndexArray) -> FloatArray:
            possible = clear[:, end] - clear[:, begin]
            given = power[:, end] - power[:, begin]
            return np.where(possible > 0.0, given / np.where(possible > 0.0, possible, 1.0), np.nan)

        traits = [clearness(np.maximum(origin - back, 0), origin) for back in _LOOK_BACK_HOURS]
        newest = np.maximum(origin - 1, 0)
        for values in np.moveaxis(withheld, -1, 0):
            trend = values - _moved(values, _TREND_HOURS)
            traits += [_unusual(values)[:, newest], _unusual(trend)[:, newest]]
        self._traits = np.stack(traits, axis=-1)  # (rows, origins, traits)
        self._clearness = clearness(origin, np.minimum(origin + _BLOCK_HOURS, hours))  # of what follows

    def speaks(self, origin: int, periods: int) -> bool:
        """Whether enough days lie before an origin for every hour of a horizon."""
        return len(self._days_before(origin, periods - 1)) >= _FEWEST_ALIKE

    def quantiles(self, origins: IndexArray, periods: int) -> FloatArray:
        """At LEVELS, of the clear-sky index, shape (rows, origins, periods, levels), by what lies before each origin.

        NaN at night and where fewer than twenty days are known.
        """
        made = np.full((len(self._index), len(origins), periods, len(LEVELS)), np.nan)
        for number, origin in enumerate(origins.tolist()):
            lit = np.flatnonzero(self._lit[origin : origin + periods])
            for first in np.unique(lit // _BLOCK_HOURS * _BLOCK_HOURS).tolist():
                past = self._days_before(origin, first)
                if len(past) < _FEWEST_ALIKE:
                    continue
                leads = lit[(lit >= first) & (lit < first + _BLOCK_HOURS)]
                came = self._index[:, leads[:, None] + past]  # (rows, leads, past)
                made[:, number, leads] = _spread(came, self._weights(origin, past, first))
        return made

    def _days_before(self, origin: int, lead: int) -> IndexArray:
        """Origins at the same hour of earlier days, the newest first, so long ago that their hour, too, had come."""
        latest = origin - (lead // DAY_HOURS + 1) * DAY_HOURS
        return np.arange(latest, _LOOK_BACK_HOURS[-1] + DAY_HOURS - 1, -DAY_HOURS)[: self._most]

    def _weights(self, origin: int, past: IndexArray, first: int) -> FloatArray:
        """How much each earlier origin counts for what begins ``first`` hours after this one, shape (rows, past)."""
        apart = np.abs(self._year_angle[past] - self._year_angle[origin]) * 365.25 / (2.0 * np.pi)
        near = np.exp(-0.5 * (np.minimum(apart, 365.25 - apart) / _NEAR_DAYS) ** 2)
        came = self._clearness[:, past + first]  # (rows, past)
        known = np.isfinite(came)
        count = known.sum(axis=1, keepdims=True)
        mean = np.where(known, came, 0.0).sum(axis=1, keepdims=True) / np.maximum(count, 1)
        shown = _standardised(self._traits[:, past], self._traits[:, [origin]])  # (rows, 1 + past, traits)
        learnt = np.where(known[..., None], shown[:, 1:], 0.0).swapaxes(1, 2)  # (rows, traits, past)
        gram = learnt @ learnt.swapaxes(1, 2) + _RIDGE * np.eye(learnt.shape[1])
        worth = np.linalg.solve(gram, learnt @ np.where(known, came - mean, 0.0)[..., None])  # (rows, traits, 1)
        foretold = (shown @ worth)[..., 0]  # (rows, 1 + past)
        usual = _ALIKE * np.maximum(foretold[:, 1:].std(axis=1, keepdims=True), 1e-9)
        alike = np.exp(-0.5 * ((foretold[:, 1:] - foretold[:, :1]) / usual) ** 2)
        return np.asarray(near * np.where(count >= _FEWEST_ALIKE, alike, 1.0) + _FAR_WEIGHT)


def _spread(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Weighted quantiles of what is known, shape (rows, leads, levels).

    Args:
        values: Shape (rows, leads, days).
        weight: Shape (rows, days).
    """
    order = np.argsort(values, axis=-1)  # NaN at the end
    ordered = np.take_along_axis(values, order, axis=-1)
    own = np.where(np.isfinite(ordered), np.take_along_axis(weight[:, None], order, axis=-1), 0.0)
    total = np.cumsum(own, axis=-1)
    share = (total - 0.5 * own) / np.maximum(total[..., -1:], _FAR_WEIGHT)
    count = np.isfinite(values).sum(axis=-1)[..., None]  # (rows, leads, 1)
    passed = np.stack([(share < level).sum(axis=-1) for level in LEVELS], axis=-1)  # (rows, leads, levels)
    above = np.clip(passed, 1, np.maximum(count - 1, 1))
    low, high = (np.take_along_axis(share, at, axis=-1) for at in (above - 1, above))
    begin, end = (np.take_along_axis(ordered, at, axis=-1) for at in (above - 1, above))
    part = np.clip((LEVELS - low) / np.maximum(high - low, np.finfo(float).tiny), 0.0, 1.0)
    return np.where(count >= _FEWEST_ALIKE, begin + part * (end - begin), np.nan)


def _standardised(past: FloatArray, now: FloatArray) -> FloatArray:
    """Traits in deviations from their mean over the past, of now first, (rows, 1 + past, traits); 0 if unknown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a trait that was never known
        mean, deviation = np.nanmean(past, axis=1, keepdims=True), np.nanstd(past, axis=1, keepdims=True)
    every = (np.concatenate([now, past], axis=1) - mean) / np.maximum(deviation, 1e-9)
    return np.asarray(np.nan_to_num(every))


def _unusual(values: FloatArray) -> FloatArray:
    """Values less their mean at the same hour of the last days, shape (rows, hours). NaN where unknown."""
    total, count = np.zeros_like(values), np.zeros_like(values)
    for day in range(1, _USUAL_DAYS + 1):
        before = _moved(values, day * DAY_HOURS)
        total += np.nan_to_num(before)
        count += np.isfinite(before)
    return np.where(count > 0.0, values - total / np.maximum(count, 1.0), np.nan)


def _moved(values: FloatArray, by: int) -> FloatArray:
    """What stood ``by`` hours before, shape (rows, hours). NaN where that is before the first one."""
    return np.concatenate([np.full((len(values), by), np.nan), values], axis=1)[:, : values.shape[1]]


def _running(values: FloatArray) -> FloatArray:
    """Sum of all that stands before each position, shape (rows, hours + 1)."""
    return np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
