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
_FIRST_HOURS = 8 * DAY_HOURS
"""Before that there are no last days to look at."""
_BLOCK_HOURS = 6
"""Hours ahead that are foretold together; divides a day."""
_RIDGE = 10.0
_ALIKE = 0.6
"""A day foretold to differ by this many of the usual deviations counts about 0.6."""
_NEAR_DAYS = 25.0
_FAR_WEIGHT = 1e-6
"""Of a day that is like no other, so that some day always speaks."""
_FEWEST_DAYS = 20
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

    def quantiles(self, origins: IndexArray, periods: int) -> FloatArray:
        """At LEVELS, of the clear-sky index, shape (rows, origins, periods, levels), by what lies before each origin.

        NaN where fewer than twenty days are known.
        """
        made = np.full((len(self._index), len(origins), periods, len(LEVELS)), np.nan)
        for number, origin in enumerate(origins.tolist()):
            for first in range(0, periods, _BLOCK_HOURS):
                # So many days ago that their hours, too, lie before the origin.
                latest = origin - (first // DAY_HOURS + 1) * DAY_HOURS
                past = np.arange(latest, _FIRST_HOURS - 1, -DAY_HOURS)[: self._most]
                if len(past) < _FEWEST_DAYS:
                    continue
                weight = self._weights(origin, past, first)
                for lead in range(first, min(first + _BLOCK_HOURS, periods)):
                    made[:, number, lead] = _spread(self._index[:, past + lead], weight)
        return made

    def _weights(self, origin: int, past: IndexArray, first: int) -> FloatArray:
        """How much each earlier origin counts for what begins ``first`` hours after this one, shape (rows, past)."""
        apart = np.abs(self._year_angle[past] - self._year_angle[origin]) * 365.25 / (2.0 * np.pi)
        near = np.exp(-0.5 * (np.minimum(apart, 365.25 - apart) / _NEAR_DAYS) ** 2)
        made = np.tile(near + _FAR_WEIGHT, (len(self._traits), 1))
        for row, traits in enumerate(self._traits):
            known = np.isfinite(came := self._clearness[row, past + first])
            if known.sum() < _FEWEST_DAYS:
                continue
            shown = _standardised(traits[past], traits[origin])  # (1 + past, traits), the origin first
            learnt = shown[1:][known]
            gram = learnt.T @ learnt + _RIDGE * np.eye(learnt.shape[1])
            foretold = shown @ np.linalg.solve(gram, learnt.T @ (came[known] - came[known].mean()))
            usual = _ALIKE * max(float(foretold[1:].std()), 1e-9)
            made[row] = near * np.exp(-0.5 * ((foretold[1:] - foretold[0]) / usual) ** 2) + _FAR_WEIGHT
        return made


def _spread(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Weighted quantiles of the known values of each row, shape (rows, levels), for both of shape (rows, days)."""
    made = np.full((len(values), len(LEVELS)), np.nan)
    order = np.argsort(values, axis=1)  # NaN at the end
    ordered, weight = np.take_along_axis(values, order, axis=1), np.take_along_axis(weight, order, axis=1)
    count = np.isfinite(values).sum(axis=1)
    for row in np.flatnonzero(count >= _FEWEST_DAYS):
        own = slice(0, count[row])
        share = np.cumsum(weight[row, own])
        made[row] = np.interp(LEVELS, (share - 0.5 * weight[row, own]) / share[-1], ordered[row, own])
    return made


def _standardised(past: FloatArray, now: FloatArray) -> FloatArray:
    """Traits in deviations from their mean over the past, those of now first, (1 + past, traits); 0 where unknown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a trait that was never known
        mean, deviation = np.nanmean(past, axis=0), np.nanstd(past, axis=0)
    every = (np.concatenate([now[None], past]) - mean) / np.maximum(deviation, 1e-9)
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
