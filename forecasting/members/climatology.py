"""Climatology: what this hour of this kind of day at this time of the year has been, as empirical quantiles.

It knows nothing of the last days, so it is as good a month ahead as a day ahead, and it never runs away.

References:
    Hong, Pinson, Fan, Zareipour, Troccoli and Hyndman, "Probabilistic energy forecasting: Global Energy Forecasting
    Competition 2014 and beyond", Int. J. Forecasting 32(3), 2016 (climatology as a benchmark).
"""

from __future__ import annotations

import numpy as np

from forecasting.nouns import IndexArray
from forecasting.series.calendar import Calendar
from grid.time_axis import FloatArray

YEAR_HOURS = 8766
_NEAR_DAYS = 15
_RECENT_HOURS = 56 * 24
_FEW = 8


class Climatology:
    """Quantiles of the past at the same local hour, of the same kind of day if wanted, near the same day of the year.

    With less than a year and a quarter of history, the last eight weeks stand for the season.

    Args:
        values: Shape (rows, hours). NaN where unknown.
        calendar: Of these hours and of those to forecast.
        by_day_type: Working days, Saturdays and Sundays apart; the sun keeps no week.
        level_hours: A value counts relative to the mean of that many hours before it, so that growth is followed;
            None for values that have no level of their own.
        yearly: Earlier years count, where there are any; otherwise the last eight weeks stand for the season.
    """

    def __init__(
        self,
        values: FloatArray,
        calendar: Calendar,
        *,
        by_day_type: bool,
        level_hours: int | None = YEAR_HOURS,
        yearly: bool = True,
    ) -> None:
        hours = values.shape[1]
        self._yearly = yearly and hours >= 1.25 * YEAR_HOURS
        self._day = np.rint(calendar.year_angle / (2.0 * np.pi) * 365.0).astype(np.int64)  # (all hours,)
        kind = calendar.day_type if by_day_type else np.zeros(len(calendar.hour), dtype=np.int64)
        self._key = kind * 24 + calendar.hour
        self._same = {key: np.flatnonzero(self._key[:hours] == key) for key in np.unique(self._key)}
        level = np.ones((len(values), hours + 1))
        if self._yearly and level_hours is not None:
            level = _trailing_mean(values, level_hours)
        self._level = level
        level = level[:, :hours]
        self._relative = np.divide(values, level, out=np.where(values == 0.0, 0.0, np.nan), where=level > 0.0)

    def quantiles(self, origins: IndexArray, periods: int, *, levels: tuple[float, ...]) -> FloatArray:
        """Shape (rows, origins, periods, levels). NaN for a row without a known value before an origin."""
        rows = len(self._relative)
        made = np.empty((rows, len(origins), periods, len(levels)))
        for i, origin in enumerate(origins):
            done: dict[tuple[int, int], FloatArray] = {}
            for lead in range(periods):
                at = int(origin) + lead
                name = int(self._key[at]), int(self._day[at])
                if name not in done:
                    done[name] = self._samples(*name, origin=int(origin), levels=levels)
                made[:, i, lead] = done[name]
            made[:, i] *= self._level[:, origin][:, None, None]
        return made

    def ordinary(self, values: FloatArray, hours: int) -> FloatArray:
        """The same values with those of the last ``hours`` as they usually are, of shape (rows, hours); NaN stays.

        Of a history that is shorter than twice that, the later half is the last hours.
        """
        count = min(hours, values.shape[1] // 2)
        begin = values.shape[1] - count
        usual = self.quantiles(np.array([begin]), count, levels=(0.5,))[:, 0, :, 0]  # (rows, count)
        late = np.where(np.isfinite(values[:, begin:]) & np.isfinite(usual), usual, values[:, begin:])
        return np.concatenate([values[:, :begin], late], axis=1)

    def _samples(self, key: int, day: int, *, origin: int, levels: tuple[float, ...]) -> FloatArray:
        """Quantiles over the samples of one kind of hour, shape (rows, levels)."""
        same = self._same.get(key, np.empty(0, dtype=np.int64))
        same = same[same < origin]
        apart = np.abs(self._day[same] - day)
        near = np.minimum(apart, 365 - apart) <= _NEAR_DAYS
        if not self._yearly:
            near = same >= origin - _RECENT_HOURS
        chosen = self._relative[:, same[near]]  # (rows, samples)
        few = np.isfinite(chosen).sum(axis=1) < _FEW
        made = known_quantiles(chosen, levels)
        if few.any():  # any hour of the same time of day, then any hour lately, then any hour at all
            clock = np.flatnonzero(self._key[:origin] % 24 == key % 24)
            wider = known_quantiles(self._relative[few][:, clock], levels)
            for begin in (max(origin - _RECENT_HOURS, 0), 0):
                whole = known_quantiles(self._relative[few][:, begin:origin], levels)
                wider = np.where(np.isfinite(wider), wider, whole)
            made[few] = wider
        return made


def known_quantiles(samples: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    """Empirical quantiles of the known samples of each row, shape (rows, levels). NaN where there are none.

    Args:
        samples: Shape (rows, samples). NaN where unknown.
    """
    ordered = np.sort(samples, axis=1)  # NaN at the end
    count = np.isfinite(ordered).sum(axis=1)[:, None]  # (rows, 1)
    if not ordered.shape[1]:
        return np.full((len(samples), len(levels)), np.nan)
    place = np.clip(np.asarray(levels) * count - 0.5, 0.0, np.maximum(count - 1, 0))  # (rows, levels)
    low = np.floor(place).astype(np.int64)
    lower = np.take_along_axis(ordered, low, axis=1)
    upper = np.take_along_axis(ordered, np.minimum(low + 1, np.maximum(count - 1, 0)), axis=1)
    made: FloatArray = lower + (place - low) * (upper - lower)
    return made


def _trailing_mean(values: FloatArray, hours: int) -> FloatArray:
    """Mean of the known values of the ``hours`` before each position, shape (rows, hours + 1).

    The first half year takes the mean of that half year: it serves as the past only.
    """
    known = np.isfinite(values)
    zero = np.zeros((len(values), 1))
    total = np.concatenate([zero, np.cumsum(np.where(known, values, 0.0), axis=1)], axis=1)
    count = np.concatenate([zero, np.cumsum(known, axis=1)], axis=1)
    end = np.maximum(np.arange(values.shape[1] + 1), min(hours // 2, values.shape[1]))
    begin = np.maximum(end - hours, 0)
    made: FloatArray = (total[:, end] - total[:, begin]) / np.maximum(count[:, end] - count[:, begin], 1.0)
    return made
