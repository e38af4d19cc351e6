"""Windows of the log of power, told as what a regression leaves over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting.load.features import LoadFeatures
from forecasting.load.panel import Panel, Prospect
from forecasting.load.residuals import ResidualModel
from forecasting.networks.windows import (
    BLOCKS,
    HISTORY_HOURS,
    Outcomes,
    Windows,
    future_positions,
    masked_mean,
    patched,
)
from forecasting.nouns import IndexArray
from forecasting.series.calendar import Calendar, network_calendar
from grid.time_axis import FloatArray

_RESIDUAL_BOUND = 8.0
_DEGREES = 10.0
_SEASON = slice(6, 10)
"""Where a network's calendar tells the season."""


class ResidualWindows:
    """Cuts windows of some rows, given a regression of each and how its residuals go on.

    The past is shown without its calendar, and what lies ahead without its season: of a year or two, networks would
    know each day by heart.

    Args:
        courses: Of every row, learnt before the origins that are asked about.
        calendar: Of all hours and of a horizon beyond.
        first_row: Of the network's embedding.
    """

    def __init__(
        self,
        panel: Panel,
        features: LoadFeatures,
        courses: Sequence[ResidualModel],
        calendar: Calendar,
        *,
        periods: int,
        first_row: int = 0,
    ) -> None:
        self.panel, self.courses, self._features = panel, courses, features
        self._periods, self._first_row = periods, first_row
        self._calendar = calendar
        self._network_calendar = np.delete(network_calendar(calendar), _SEASON, axis=1)
        self._outcomes = Outcomes(np.stack([one.log for one in panel.regressions]))

    @property
    def series_count(self) -> int:
        return len(self.panel.regressions)

    def cut(self, series: IndexArray, origins: IndexArray, *, hidden_hours: IndexArray | None = None) -> Windows:
        courses = [self.courses[row] for row in series.tolist()]
        hidden = None if hidden_hours is None else hidden_hours[:, None]
        prospect = self.panel.prospect(series, courses, origins[:, None], self._periods, hidden_hours=hidden)
        return self.of(prospect, self._features.columns(prospect))

    def of(self, prospect: Prospect, features: Sequence[FloatArray]) -> Windows:
        """The windows of a prospect, row by row.

        Args:
            features: From :meth:`LoadFeatures.columns`.
        """
        series, origins = prospect.pairs()
        shape = prospect.expected.shape
        count, periods = len(series), shape[-1]
        ahead = future_positions(origins, periods)
        residual = prospect.memory.reshape(count, -1)[:, -HISTORY_HOURS:]
        known = np.isfinite(residual)
        residual = np.where(known, residual, 0.0)
        log = np.where(known, prospect.week.reshape(count, -1), 0.0)

        spread = self.panel.scale[series]
        centre = masked_mean(residual, known)[:, None]
        own = np.sqrt(masked_mean((residual - centre) ** 2, known))
        scale = np.clip(own, 0.5 * spread, 3.0 * spread)[:, None]  # (batch, 1)
        bounded = np.where(known, np.clip(residual / scale, -_RESIDUAL_BOUND, _RESIDUAL_BOUND), 0.0)
        course = np.where(known, log - masked_mean(log, known)[:, None], 0.0)
        warmth = np.nan_to_num((prospect.path_c.reshape(count, -1)[:, :HISTORY_HOURS] - 15.0) / _DEGREES)

        calendar = self._network_calendar[ahead]  # (batch, periods, calendar features)
        future = np.empty((count, periods, 2 + len(features) + calendar.shape[-1]), dtype=np.float32)
        future[..., 0] = np.arange(periods)
        future[..., 1] = np.log(scale / spread[:, None])
        for place, column in enumerate(features, start=2):
            future[..., place] = np.broadcast_to(column, shape).reshape(count, periods)
        future[..., 2 + len(features) :] = calendar
        target = self._outcomes.after(series, origins, periods)
        return Windows(
            history=patched([bounded, course, warmth, known.astype(np.float64)]),
            future=future,
            series=self._first_row + series,
            core=(prospect.expected + prospect.centre).reshape(count, periods).astype(np.float32),
            scale=scale.astype(np.float32),
            target=target.astype(np.float32),
            weight=(np.isfinite(target) / scale).astype(np.float32),
            block=self._calendar.hour[ahead] * BLOCKS // 24,
        )

    def to_kw(self, values: FloatArray, series: IndexArray, origins: IndexArray) -> FloatArray:
        return np.asarray(np.maximum(np.exp(values) - self.panel.floor[series, None, None], 0.0))
