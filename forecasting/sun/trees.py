"""Boosted trees and a forest for solar power: the clear-sky index from weather known ahead, the sun and the last days.

Every hour of the past is learnt from once for each few days of horizon, at a lead time drawn at random among those that
the horizon has for that hour of day: so they know how much the last days are worth at each lead. The season is not
shown: in few years it mostly tells which day it was.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from forecasting.members.course import LEVELS
from forecasting.members.forest import ForestOptions, QuantileForest, fit_forest
from forecasting.members.trees import QuantileTrees, TreeOptions, fit_trees
from forecasting.nouns import Float32Array, IndexArray, ShortHistoryError
from forecasting.sun.sent_irradiance import SentIrradiance
from forecasting.sun.windows import SolarPanel
from grid.time_axis import FloatArray

_MEAN_HOURS = (6, 24, 72, 168)
_EDGE_WEIGHT = 0.02
_LONGEST_MEMORY_HOURS = 8 * 24
"""Where weather is known over a longer horizon, the last days before it would only add noise."""
_LEAST_HOURS = 10 * 24
"""Hours before the first one that is learnt from, so that there are last days."""


class SolarTrees:
    """Cuts samples from a panel, and turns the trees' answers back into power.

    Args:
        panel: Its ``weather`` is what is known ahead.
        withheld: Covariates that are known of the past only, shape (rows, hours, covariates).
        limit: Highest power of each row, shape (rows,).
        periods: Hours to forecast.
        seed: Of the leads at which hours are learnt from.
        sent: Irradiance forecasts to read; nothing is learnt or said of hours of which none had been sent.
    """

    def __init__(
        self,
        panel: SolarPanel,
        withheld: FloatArray,
        limit: FloatArray,
        *,
        periods: int,
        seed: int = 0,
        sent: SentIrradiance | None = None,
    ) -> None:
        self._panel, self._limit, self._periods, self._seed, self._sent = panel, limit, periods, seed, sent
        self._share = panel.clear_kw / limit[:, None]  # (rows, hours + periods)
        hours = panel.axis.periods
        known = np.isfinite(panel.index)
        self._power = _running(np.where(known, panel.kw, 0.0))
        self._clear = _running(np.where(known, panel.clear_kw[:, :hours], 0.0))
        self._index = panel.index
        self._withheld = withheld

    def boost(self, until: int, *, options: TreeOptions, fewest_hours: int = 1) -> QuantileTrees:
        """Boosted trees that learnt from the hours before ``until``.

        Raises:
            ShortHistoryError: If fewer hours of daylight can be learnt from.
        """
        features, target, weight = self._samples(until)
        if len(target) < fewest_hours:
            raise ShortHistoryError(f"trees need {fewest_hours} hours of daylight, there are {len(target)}")
        return fit_trees(features, target, weight, options=options)

    def plant(self, until: int, *, options: ForestOptions) -> QuantileForest:
        """A forest that learnt from the hours before ``until``.

        Raises:
            ShortHistoryError: If no hour of daylight is known there.
        """
        return fit_forest(*self._samples(until), options=options)

    def _samples(self, until: int) -> tuple[Float32Array, FloatArray, FloatArray]:
        """Features, clear-sky index and what an error costs, of the daylight before ``until``."""
        draw = np.random.default_rng(self._seed)
        row, at = np.nonzero(np.isfinite(self._index[:, :until]))
        row, at = row[at >= _LEAST_HOURS], at[at >= _LEAST_HOURS]
        # The lead is the hour's own on the first day of a horizon, and a random number of days more.
        first = (at - self._panel.axis.periods) % 24
        days = np.minimum((self._periods - 1 - first) // 24, (at - first - _LEAST_HOURS // 2) // 24)
        lead = first + 24 * np.floor(draw.random(len(at)) * (np.maximum(days, 0) + 1)).astype(np.int64)
        if self._sent is not None:  # how old a forecast is at an hour also hangs on when it was sent
            lead = draw.integers(self._periods, size=len(at))
        features = self._features(row, at, at - lead)
        told = self._told(features)
        row, at = row[told], at[told]
        return features[told], self._index[row, at], self._share[row, at] + _EDGE_WEIGHT

    def speak(self, trees: QuantileTrees | QuantileForest, origins: IndexArray, periods: int) -> FloatArray:
        """Quantiles at LEVELS, shape (rows, origins, periods, levels), 0 at night; NaN where nothing can be said."""
        rows = len(self._share)
        row, origin, lead = np.meshgrid(np.arange(rows), origins, np.arange(periods), indexing="ij")
        clear = self._panel.clear_kw[row, origin + lead]  # (rows, origins, periods)
        day = clear > 0.0
        made = np.zeros((*clear.shape, len(LEVELS)))
        if day.any():
            features = self._features(row[day], (origin + lead)[day], origin[day])
            said = trees.quantiles(list(features.T), levels=LEVELS) * clear[day][:, None]
            made[day] = np.where(self._told(features)[:, None], said, np.nan)
        return np.clip(made, 0.0, self._limit[:, None, None, None])

    def _told(self, features: Float32Array) -> npt.NDArray[np.bool_]:
        """Samples whose irradiance had been sent, where it is to be read; shape (samples,)."""
        return np.isfinite(features[:, -1]) if self._sent is not None else np.ones(len(features), dtype=bool)

    def _features(self, row: IndexArray, at: IndexArray, origin: IndexArray) -> Float32Array:
        """Shape (samples, features)."""
        panel = self._panel
        same = origin + (at - origin) % 24 - 24  # the newest known hour at this hour of day
        day = panel.day_angle[row, at]
        columns = [
            np.minimum(at - origin, _LONGEST_MEMORY_HOURS),
            np.sin(day),
            np.cos(day),
            self._share[row, at],
            panel.first_row + row,
        ]
        if panel.weather is None or self._periods <= _LONGEST_MEMORY_HOURS:
            columns += [self._index[row, same], self._index[row, np.maximum(same - 24, 0)]]
            columns += list(self._withheld[row, same].T)
            for hours in _MEAN_HOURS:
                begin = np.maximum(origin - hours, 0)
                clear = self._clear[row, origin] - self._clear[row, begin]
                power = self._power[row, origin] - self._power[row, begin]
                columns.append(np.where(clear > 0.0, power / np.maximum(clear, 1e-9), np.nan))
        if panel.weather is not None:
            columns += list(panel.weather[row, at].T)
        if self._sent is not None:
            columns += list(self._sent.features(row, at, origin).T)
        return np.stack(columns, axis=-1).astype(np.float32)


def _running(values: FloatArray) -> FloatArray:
    """Sum of all that stands before each position, shape (rows, hours + 1)."""
    return np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
