"""Windows of the log of power, told as what a regression leaves over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting.load.panel import Panel
from forecasting.load.residuals import MEMORY_HOURS, ResidualModel, expected_residual, features_of
from forecasting.networks.windows import (
    BLOCKS,
    HISTORY_HOURS,
    Outcomes,
    Windows,
    future_positions,
    history_positions,
    masked_mean,
    patched,
    same_hour_before,
)
from forecasting.nouns import IndexArray
from forecasting.series.calendar import Calendar, network_calendar
from grid.time_axis import FloatArray

_RESIDUAL_BOUND = 8.0
_DEGREES = 10.0


class ResidualWindows:
    """Cuts windows of some rows, given a regression of each and how its residuals go on.

    Args:
        panel: The regressions.
        courses: Of every row, learnt before the origins that are asked about.
        calendar: Of all hours and of a horizon beyond.
        first_row: Of the network's embedding.
    """

    def __init__(
        self,
        panel: Panel,
        courses: Sequence[ResidualModel],
        calendar: Calendar,
        *,
        periods: int,
        first_row: int = 0,
    ) -> None:
        self.panel, self.courses, self._periods, self._first_row = panel, courses, periods, first_row
        self._calendar = calendar
        self._network_calendar = network_calendar(calendar)
        self._outcomes = Outcomes(np.stack([one.log for one in panel.regressions]))

    @property
    def series_count(self) -> int:
        return len(self.panel.regressions)

    def cut(self, series: IndexArray, origins: IndexArray, *, hidden_hours: IndexArray | None = None) -> Windows:
        past, ahead = history_positions(origins), future_positions(origins, self._periods)
        memory = self._memory(series, origins, hidden_hours)  # (batch, MEMORY_HOURS)
        residual = memory[:, -HISTORY_HOURS:]
        known = np.isfinite(residual)
        residual = np.where(known, residual, 0.0)
        log = np.where(known, self.panel.log.before(series, origins, HISTORY_HOURS), 0.0)

        spread = self.panel.scale[series]
        centre = masked_mean(residual, known)[:, None]
        own = np.sqrt(masked_mean((residual - centre) ** 2, known))
        scale = np.clip(own, 0.5 * spread, 3.0 * spread)[:, None]  # (batch, 1)
        bounded = np.where(known, np.clip(residual / scale, -_RESIDUAL_BOUND, _RESIDUAL_BOUND), 0.0)
        shape = np.where(known, log - masked_mean(log, known)[:, None], 0.0)

        mean, fading, warmth = self._expected(series, origins, memory)
        lead_warmth = warmth[:, HISTORY_HOURS:]  # (batch, periods)
        history = patched(
            [bounded, shape, warmth[:, :HISTORY_HOURS], known.astype(np.float64)], self._network_calendar[past]
        )
        day, have_day = same_hour_before(bounded, known, self._periods)
        week = bounded[:, np.arange(self._periods) % HISTORY_HOURS]
        have_week = known[:, np.arange(self._periods) % HISTORY_HOURS].astype(np.float64)
        levels = [masked_mean(bounded[:, -hours:], known[:, -hours:]) for hours in (3, 12, 24, 72, 168)]
        lead = np.arange(self._periods) / 48.0
        wide = np.ones((1, self._periods))
        future = np.stack(
            [
                lead * np.ones_like(mean),
                np.sqrt(lead) * np.ones_like(mean),
                lead_warmth,
                lead_warmth - warmth[:, HISTORY_HOURS - 24 + np.arange(self._periods) % 24],
                day,
                have_day,
                week,
                have_week,
                *(level[:, None] * wide for level in levels),
                fading / scale,
                np.log(scale / spread[:, None]) * wide,
                mean - mean.mean(axis=1, keepdims=True),
            ],
            axis=-1,
        )  # (batch, periods, 16)
        target = self._outcomes.after(series, origins, self._periods)
        return Windows(
            history=history,
            future=np.concatenate([future, self._network_calendar[ahead]], axis=-1).astype(np.float32),
            series=self._first_row + series,
            core=(mean + fading).astype(np.float32),
            scale=scale.astype(np.float32),
            target=target.astype(np.float32),
            weight=np.isfinite(target).astype(np.float32),
            block=self._calendar.hour[ahead] * BLOCKS // 24,
        )

    def to_kw(self, values: FloatArray, series: IndexArray, origins: IndexArray) -> FloatArray:
        return np.asarray(np.maximum(np.exp(values) - self.panel.floor[series, None, None], 0.0))

    def _memory(self, series: IndexArray, origins: IndexArray, hidden_hours: IndexArray | None) -> FloatArray:
        """Residuals before each origin, shape (batch, MEMORY_HOURS). NaN where unknown or hidden."""
        memory = self.panel.residual.before(series, origins, MEMORY_HOURS)
        if hidden_hours is not None:
            memory = np.where(np.arange(MEMORY_HOURS) < MEMORY_HOURS - hidden_hours[:, None], memory, np.nan)
        return np.asarray(memory)

    def _expected(
        self, series: IndexArray, origins: IndexArray, memory: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """What the regression says, and how its residual goes on, both (batch, periods), and the scaled temperature.

        The temperature is the measured one of the history and the one expected ahead, shape (batch, HISTORY_HOURS +
        periods); 0 where nobody knows any.
        """
        leads = np.arange(self._periods)
        fading = expected_residual(self.courses, series, features_of(memory, leads), leads)
        warmth = np.nan_to_num((self.panel.paths_c(series, origins, self._periods) - 15.0) / _DEGREES)
        return self.panel.expected(series, origins, self._periods), fading, warmth
