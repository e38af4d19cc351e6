"""Irradiance as somebody had forecast it by any origin, as trees read it: about each hour, and over its day.

What is read at an hour is what the newest forecast of the origin said of it, so that a training sees each hour with the
errors that forecasts of its lead had, and no origin sees what was sent after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.nouns import Float32Array, IndexArray
from forecasting.series.rows import Rows
from forecasting.series.sent import SentForecast
from grid.time_axis import FloatArray

_NEAR_HOURS = (-2, -1, 0, 1, 2)
_HALF_DAY = 11
_LEAST_CLEAR = 0.02
"""Of the highest clear sky; with less, nothing is divided by it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Issues:
    """Forecasts of one place, padded to one length.

    Attributes:
        issued, start: Positions, shape (issues,); in order of issue.
        values: Shape (issues, hours). NaN where they say nothing.
    """

    issued: IndexArray
    start: IndexArray
    values: Float32Array

    def told(self, at: IndexArray, origin: IndexArray) -> tuple[FloatArray, FloatArray]:
        """What was said of hours by origins, and how old that forecast is at the hour.

        Args:
            at: Shape (samples, hours).
            origin: Shape (samples,).

        Returns:
            Shapes (samples, hours) and (samples,). NaN where nothing was said.
        """
        newest = np.searchsorted(self.issued, origin, side="right") - 1
        place = at - self.start[newest][:, None]
        known = (newest >= 0)[:, None] & (place >= 0) & (place < self.values.shape[1])
        said = self.values[newest[:, None], np.clip(place, 0, self.values.shape[1] - 1)]
        age = np.where(newest >= 0, at[:, at.shape[1] // 2] - self.issued[newest], np.nan)
        return np.where(known, said, np.nan), age


class SentIrradiance:
    """What was sent of the irradiance at every row's place.

    Args:
        rows: Their series' forecasts that mean ``ghi`` are read.
        clear: Power under a clear sky, shape (rows, all hours).
    """

    def __init__(self, rows: Rows, clear: FloatArray) -> None:
        padded: dict[int, _Issues] = {}  # of plants that share a place, once
        self._issues: list[_Issues | None] = []
        for one in rows.series:
            sent = one.sent.get("ghi", ())
            if sent and id(sent) not in padded:
                padded[id(sent)] = _padded(sent)
            self._issues += [padded[id(sent)] if sent else None] * rows.parts
        self._clear = clear

    def features(self, row: IndexArray, at: IndexArray, origin: IndexArray) -> Float32Array:
        """Of each sample's hour as known at its origin, shape (samples, features); the last is NaN where nothing was.

        How old the forecast is, irradiance as a share of a clear sky near the hour and over its day, and itself.
        """
        made = np.full((len(row), len(_NEAR_HOURS) + 3), np.nan, dtype=np.float32)
        for number, issues in enumerate(self._issues):
            own = np.flatnonzero(row == number)
            if issues is not None and len(own):
                made[own] = _features(issues, self._clear[number], at[own], origin[own])
        return made


def _features(issues: _Issues, clear: FloatArray, at: IndexArray, origin: IndexArray) -> FloatArray:
    around = at[:, None] + np.arange(-_HALF_DAY, _HALF_DAY + 1)  # (samples, 23)
    ghi, age = issues.told(around, origin)
    sky = clear[np.clip(around, 0, len(clear) - 1)]
    lit = np.isfinite(ghi) & (sky > _LEAST_CLEAR * clear.max(initial=0.0))
    share = np.where(lit, ghi / np.where(lit, sky, 1.0), np.nan)
    given, possible = np.where(lit, ghi, 0.0).sum(axis=1), np.where(lit, sky, 0.0).sum(axis=1)
    day = np.where(possible > 0.0, given / np.where(possible > 0.0, possible, 1.0), np.nan)
    near = [share[:, _HALF_DAY + by] for by in _NEAR_HOURS]
    return np.stack([age, *near, day, ghi[:, _HALF_DAY]], axis=-1)


def _padded(sent: Sequence[SentForecast]) -> _Issues:
    values = np.full((len(sent), max(len(one.values) for one in sent)), np.nan, dtype=np.float32)
    for kept, one in zip(values, sent, strict=True):
        kept[: len(one.values)] = one.values
    return _Issues(np.array([one.issued for one in sent]), np.array([one.start for one in sent]), values)
