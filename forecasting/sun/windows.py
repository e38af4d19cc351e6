"""Windows of photovoltaic power, told as the clear-sky index: power over what a clear sky would give."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from forecasting.networks.windows import (
    HISTORY_HOURS,
    Outcomes,
    Past,
    Windows,
    future_positions,
    history_positions,
    masked_mean,
    patched,
    same_hour_before,
)
from forecasting.nouns import IndexArray
from forecasting.series.calendar import make_calendar, network_calendar
from forecasting.series.splits import TimeSplit
from forecasting.sun.core import (
    DAYLIGHT_SHARE,
    INDEX_BOUND,
    STATISTICS_HOURS,
    SolarCore,
    climatology_index,
    fit_solar_core,
    recent_deviation,
)
from grid.time_axis import FloatArray, TimeAxis

SOLAR_CONTEXT_HOURS = HISTORY_HOURS
_EDGE_WEIGHT = 0.05
_BLOCK_EDGES = (0.03, 0.08, 0.2, 0.35, 0.5, 0.65, 0.8)
"""Bands are calibrated by how high the clear-sky power stands, as a share of capacity."""


@dataclass(frozen=True, slots=True, eq=False)
class SolarPanel:
    """Hourly power of photovoltaic plants and what a clear sky would give them.

    Attributes:
        axis: Hourly; its last intervals may lie in the future and are then NaN.
        kw: Shape (plants, hours). NaN where unknown.
        capacity_kw: Shape (plants,).
        clear_kw: Shape (plants, hours + periods): the clear sky is known ahead.
        day_angle: Sun time of the plant, same shape, 0 at midnight. [radians]
        year_angle: Season, shape (hours + periods,). [radians]
        weather: Weather known ahead as the network reads it, shape (plants, hours + periods, features); None if there
            is none.
        first_row: Place of the first plant among those that its members were trained on.
    """

    axis: TimeAxis
    series_ids: tuple[str, ...]
    kw: FloatArray
    capacity_kw: FloatArray
    clear_kw: FloatArray
    day_angle: FloatArray
    year_angle: FloatArray
    weather: FloatArray | None = None
    first_row: int = 0

    @property
    def index(self) -> FloatArray:
        """Clear-sky index of every hour of the axis, shape (plants, hours). NaN at night and where unknown."""
        clear = self.clear_kw[:, : self.axis.periods]
        day = clear > DAYLIGHT_SHARE * self.capacity_kw[:, None]
        return np.where(day, np.clip(self.kw / np.where(day, clear, 1.0), 0.0, INDEX_BOUND), np.nan)


class SolarWindows:
    """Cuts windows of clear-sky index from a panel, given a fitted core.

    Args:
        model_row: Row of each plant in the network's embedding, shape (plants,).
    """

    def __init__(self, panel: SolarPanel, *, core: SolarCore, model_row: IndexArray, periods: int) -> None:
        self._core, self._row, self._periods = core, model_row, periods
        self._capacity_kw, self._clear_kw, self._weather = panel.capacity_kw, panel.clear_kw, panel.weather
        hours, index = panel.axis.periods, panel.index
        self._share = panel.clear_kw / panel.capacity_kw[:, None]  # (plants, hours + periods)
        self._climate = climatology_index(
            core, panel.day_angle, np.broadcast_to(panel.year_angle, panel.day_angle.shape)
        )  # (plants, hours + periods)
        self._deviation, self._outcomes = Past(index - self._climate[:, :hours]), Outcomes(index)
        longer = TimeAxis(panel.axis.start, timedelta(hours=1), hours + periods)
        # Sun time, not the wall clock: a plant knows no holidays.
        self._network_calendar = network_calendar(make_calendar(longer, timezone="UTC", holidays=""))[:, :10]

    @property
    def series_count(self) -> int:
        return len(self._capacity_kw)

    def cut(self, series: IndexArray, origins: IndexArray, *, hidden_hours: IndexArray | None = None) -> Windows:
        past, ahead = history_positions(origins), future_positions(origins, self._periods)
        row = series[:, None]
        deviation = self._deviation.before(series, origins, HISTORY_HOURS)  # (batch, HISTORY_HOURS)
        known = np.isfinite(deviation)
        if hidden_hours is not None:
            known &= np.arange(HISTORY_HOURS) < HISTORY_HOURS - hidden_hours[:, None]
        deviation = np.where(known, deviation, 0.0)
        share = self._share[row, past]
        seen = np.where(known, share, 0.0)

        own = np.sqrt(masked_mean(deviation**2, known))
        scale = np.clip(own, 0.7 * self._core.spread, 1.5 * self._core.spread)[:, None]  # (batch, 1)
        history = patched(
            [deviation * 2.0, share, deviation * seen * 4.0, known.astype(np.float64)], self._network_calendar[past]
        )

        statistics = recent_deviation(deviation[:, -max(STATISTICS_HOURS) :], seen[:, -max(STATISTICS_HOURS) :])
        fade = statistics @ self._core.damping[: self._periods].T  # (batch, periods)
        core = self._climate[row, ahead] + fade
        day, have_day = same_hour_before(deviation, known, self._periods)
        lead = np.arange(self._periods) / 48.0
        wide = np.ones((1, self._periods))
        future = np.stack(
            [
                lead * np.ones_like(core),
                np.sqrt(lead) * np.ones_like(core),
                self._share[row, ahead],
                self._climate[row, ahead],
                fade,
                day,
                have_day,
                *(statistics[:, [k]] * wide for k in range(statistics.shape[1])),
                *(statistics[:, [k]] * np.exp(-4.0 * lead) for k in range(statistics.shape[1])),
                np.log(scale / self._core.spread) * wide,
            ],
            axis=-1,
        )  # (batch, periods, 14)
        known_ahead = [future, self._network_calendar[ahead]]
        if self._weather is not None:
            known_ahead.append(self._weather[row, ahead])  # (batch, periods, weather features)
        target = self._outcomes.after(series, origins, self._periods)
        # Errors weigh as much as the power they stand for, and a little more, so that the edges of the day are learnt.
        weight = np.where(np.isfinite(target), self._share[row, ahead] + _EDGE_WEIGHT, 0.0)
        return Windows(
            history=history,
            future=np.concatenate(known_ahead, axis=-1).astype(np.float32),
            series=self._row[series],
            core=core.astype(np.float32),
            scale=scale.astype(np.float32),
            target=target.astype(np.float32),
            weight=weight.astype(np.float32),
            block=np.searchsorted(_BLOCK_EDGES, self._share[row, ahead]),
        )

    def to_kw(self, values: FloatArray, series: IndexArray, origins: IndexArray) -> FloatArray:
        ahead = future_positions(origins, self._periods)
        clear = self._clear_kw[series[:, None], ahead][:, :, None]  # (batch, periods, 1)
        return np.clip(values * clear, 0.0, self._capacity_kw[series][:, None, None])


def before_test(panel: SolarPanel, split: TimeSplit, *, periods: int) -> tuple[SolarPanel, SolarCore]:
    """The panel without the readings of its test, and the core fitted to what lies before its tail."""
    panel = replace(panel, kw=np.where(np.arange(panel.axis.periods) < split.test, panel.kw, np.nan))
    fitted = slice(0, split.tail)
    share = panel.clear_kw / panel.capacity_kw[:, None]
    core = fit_solar_core(
        panel.index[:, fitted],
        share[:, fitted],
        panel.day_angle[:, fitted],
        panel.year_angle[fitted],
        periods=periods,
    )
    return panel, core
