"""Windows of load: the log of power, told as a deviation from the calendar x temperature core."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from forecasting.calendar import Calendar, make_calendar, network_calendar
from forecasting.core import MEAN_HOURS, LoadCore, calendar_level, temperature_effect, temperature_terms
from forecasting.temperature import ANOMALY_HOURS, TemperatureModel, anomaly_statistics, climatology_c
from forecasting.windows import (
    BLOCKS,
    HISTORY_HOURS,
    IndexArray,
    Windows,
    future_positions,
    history_positions,
    masked_mean,
    patched,
    same_hour_before,
)
from grid.time_axis import FloatArray, TimeAxis

LOAD_CONTEXT_HOURS = HISTORY_HOURS + max(MEAN_HOURS)
"""Hours before an origin that a window of load reads: its history, and the trailing temperature means of its start."""
_RESIDUAL_BOUND = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class SentTemperature:
    """A weather forecast that somebody sent: hourly from ``start`` on, known from ``issued`` on (positions)."""

    issued: int
    start: int
    temperature_c: FloatArray
    issued_at: datetime | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LoadPanel:
    """Hourly load of many series with their weather.

    Attributes:
        axis: Hourly; its last intervals may lie in the future and are then NaN.
        series_ids: Shape (series,).
        kw: Shape (series, hours). NaN where unknown.
        weather_row: Which row of ``temperature_c`` serves each series, shape (series,).
        temperature_c: Observed, shape (weather sites, hours). NaN where unknown.
        sent: Weather forecasts of each weather site, by instant of issue.
        given_c: A forecast that comes with the series and reaches over every horizon, shape (weather sites, hours +
            periods). NaN where it says nothing; None if there is none.
        calendar: Of every hour and those to forecast; None for that of the clock.
    """

    axis: TimeAxis
    timezone: str
    holidays: str
    series_ids: tuple[str, ...]
    kw: FloatArray
    weather_row: IndexArray
    temperature_c: FloatArray
    sent: tuple[tuple[SentTemperature, ...], ...] = ()
    given_c: FloatArray | None = None
    calendar: Calendar | None = None

    def only(self, series_ids: Sequence[str]) -> LoadPanel:
        """The same panel with some of its series."""
        rows = np.array([self.series_ids.index(name) for name in series_ids], dtype=np.int64)
        return replace(self, series_ids=tuple(series_ids), kw=self.kw[rows], weather_row=self.weather_row[rows])

    def last(self, hours: int) -> LoadPanel:
        """The same panel with its last hours only; its calendar must be given."""
        cut = max(self.axis.periods - hours, 0)
        begin = self.axis.start + self.axis.step * cut
        return replace(
            self,
            axis=TimeAxis(begin, self.axis.step, self.axis.periods - cut),
            kw=self.kw[:, cut:],
            temperature_c=self.temperature_c[:, cut:],
            given_c=None if self.given_c is None else self.given_c[:, cut:],
            calendar=None if self.calendar is None else self.calendar.part(slice(cut, None)),
        )


def floor_kw(kw: FloatArray) -> FloatArray:
    """What is added to the power of each series before the logarithm: 5 % of its median, shape (series,). [kW]

    A load may fall to nothing in an outage; without the floor its logarithm would run away.
    """
    known = np.where(np.isfinite(kw), kw, np.nan)
    floor: FloatArray = np.maximum(0.05 * np.abs(np.nanmedian(known, axis=1)), 1e-3)
    return floor


def extended_calendar(panel: LoadPanel, periods: int) -> Calendar:
    """Calendar of the panel's hours and of ``periods`` more."""
    if panel.calendar is not None:
        return panel.calendar
    axis = TimeAxis(panel.axis.start, timedelta(hours=1), panel.axis.periods + periods)
    return make_calendar(axis, timezone=panel.timezone, holidays=panel.holidays)


class LoadWindows:
    """Cuts windows of load from a panel, given a fitted core and temperature models.

    Args:
        model_row: Row of each of the panel's series in the core, shape (series,).
        floor: From :func:`floor_kw` at fitting time, by row of the core. [kW]
    """

    def __init__(
        self,
        panel: LoadPanel,
        *,
        core: LoadCore,
        temperatures: Sequence[TemperatureModel],
        floor: FloatArray,
        model_row: IndexArray,
        periods: int,
    ) -> None:
        self._panel, self._core, self._temperatures, self._periods = panel, core, temperatures, periods
        self._row, self._floor = model_row, floor[model_row]
        self._calendar = extended_calendar(panel, periods)
        self._network_calendar = network_calendar(self._calendar)
        self._clim = np.stack([climatology_c(model, self._calendar) for model in temperatures])  # (sites, all hours)
        hours = panel.axis.periods
        observed = np.isfinite(panel.temperature_c)
        # A gap in the past is filled by climatology: causal, whatever comes after the gap.
        self._anomaly = np.where(observed, panel.temperature_c - self._clim[:, :hours], 0.0)  # (sites, hours)
        with np.errstate(invalid="ignore"):
            self._log = np.log(np.maximum(panel.kw, 0.0) + self._floor[:, None])  # (series, hours)
        self._base = calendar_level(core, self._calendar)[model_row]  # (series, all hours)
        filled = self._clim[:, :hours] + self._anomaly
        # Series of one weather site saw the same temperatures, so that one set of bounds serves them all.
        seen_c = np.tile(np.array([-np.inf, np.inf]), (len(filled), core.seen_c.shape[1], 1))
        seen_c[panel.weather_row] = core.seen_c[model_row]
        terms = temperature_terms(filled, seen_c=seen_c)  # (sites, hours, terms)
        clock = self._calendar.hour[None, :hours]
        self._residual = self._log - self._base[:, :hours]  # (series, hours)
        for i, site in enumerate(panel.weather_row):  # one at a time: all at once would be a large array for years
            self._residual[i] -= temperature_effect(core, terms[[site]], series=model_row[[i]], hour=clock)[0]

    @property
    def series_count(self) -> int:
        return len(self._panel.series_ids)

    def cut(self, series: IndexArray, origins: IndexArray, *, hidden_hours: IndexArray | None = None) -> Windows:
        past, ahead = history_positions(origins), future_positions(origins, self._periods)
        row, site = series[:, None], self._panel.weather_row[series]
        residual, log = self._residual[row, past], self._log[row, past]  # (batch, HISTORY_HOURS)
        known = np.isfinite(residual)
        if hidden_hours is not None:
            known &= np.arange(HISTORY_HOURS) < HISTORY_HOURS - hidden_hours[:, None]
        residual, log = np.where(known, residual, 0.0), np.where(known, log, 0.0)

        spread = self._core.spread[self._row[series]]
        centre = masked_mean(residual, known)[:, None]
        own = np.sqrt(masked_mean((residual - centre) ** 2, known))
        scale = np.clip(own, 0.5 * spread, 3.0 * spread)[:, None]  # (batch, 1)
        bounded = np.where(known, np.clip((residual - centre) / scale, -_RESIDUAL_BOUND, _RESIDUAL_BOUND), 0.0)
        shape = np.where(known, log - masked_mean(log, known)[:, None], 0.0)
        past_anomaly = self._anomaly[site[:, None], past]
        history = patched([bounded, shape, past_anomaly / 5.0, known.astype(np.float64)], self._network_calendar[past])

        path_c, anomaly = self._expected_c(site, origins, ahead)  # (batch, MEAN + periods), (batch, periods)
        terms = temperature_terms(path_c, seen_c=self._core.seen_c[self._row[series]])
        terms = terms[:, -self._periods :]  # (batch, periods, terms)
        effect = temperature_effect(
            self._core, terms, series=self._row[series], hour=self._calendar.hour[ahead]
        )  # (batch, periods)
        # The window's own level carries a series whose customers came or went since the core was fitted.
        core = self._base[row, ahead] + effect + centre
        day, have_day = same_hour_before(bounded, known, self._periods)
        week = bounded[:, np.arange(self._periods) % HISTORY_HOURS]
        have_week = known[:, np.arange(self._periods) % HISTORY_HOURS].astype(np.float64)
        levels = [masked_mean(bounded[:, -hours:], known[:, -hours:]) for hours in (3, 12, 24, 72)]
        lead = np.arange(self._periods) / 48.0
        wide = np.ones((1, self._periods))
        future = np.stack(
            [
                lead * np.ones_like(core),
                np.sqrt(lead) * np.ones_like(core),
                (path_c[:, -self._periods :] - 15.0) / 10.0,
                anomaly / 5.0,
                day,
                have_day,
                week,
                have_week,
                *(level[:, None] * wide for level in levels),
                np.log(scale / spread[:, None]) * wide,
                np.clip(centre / spread[:, None], -4.0, 4.0) * wide,
                core - core.mean(axis=1, keepdims=True),
            ],
            axis=-1,
        )  # (batch, periods, 15)
        calendar = self._network_calendar[ahead]  # (batch, periods, calendar features)
        target = self._target(series, ahead)
        return Windows(
            history=history,
            future=np.concatenate([future, calendar], axis=-1).astype(np.float32),
            series=self._row[series],
            core=core.astype(np.float32),
            scale=scale.astype(np.float32),
            target=target.astype(np.float32),
            weight=np.isfinite(target).astype(np.float32),
            block=self._calendar.hour[ahead] * BLOCKS // 24,
        )

    def to_kw(self, values: FloatArray, series: IndexArray, origins: IndexArray) -> FloatArray:
        return np.maximum(np.exp(values) - self._floor[series][:, None, None], 0.0)

    def actual_kw(self, series: IndexArray, origins: IndexArray) -> FloatArray:
        ahead = future_positions(origins, self._periods)
        inside = np.minimum(ahead, self._panel.axis.periods - 1)
        return np.where(ahead < self._panel.axis.periods, self._panel.kw[series[:, None], inside], np.nan)

    def _target(self, series: IndexArray, ahead: IndexArray) -> FloatArray:
        inside = np.minimum(ahead, self._panel.axis.periods - 1)
        return np.where(ahead < self._panel.axis.periods, self._log[series[:, None], inside], np.nan)

    def _expected_c(self, site: IndexArray, origins: IndexArray, ahead: IndexArray) -> tuple[FloatArray, FloatArray]:
        """The temperature path around each origin as known there.

        Returns:
            Observed past and expected future, shape (batch, max(MEAN_HOURS) + periods) [degC], and the expected
            anomaly, shape (batch, periods) [K].
        """
        recent = history_positions(origins, ANOMALY_HOURS)
        statistics = anomaly_statistics(self._anomaly[site[:, None], recent])  # (batch, 4)
        damping = np.stack([model.damping for model in self._temperatures])[site]  # (batch, periods, 4)
        anomaly = np.einsum("bk,bpk->bp", statistics, damping[:, : self._periods])  # (batch, periods)
        expected = self._clim[site[:, None], ahead] + anomaly
        if self._panel.given_c is not None:
            given = self._panel.given_c[site[:, None], np.minimum(ahead, self._panel.given_c.shape[1] - 1)]
            expected = np.where(np.isfinite(given), given, expected)
        for i in range(len(origins)) if any(self._panel.sent) else ():
            self._overlay(expected[i], site=int(site[i]), origin=int(origins[i]))
        past = history_positions(origins, max(MEAN_HOURS))
        before = self._clim[site[:, None], past] + self._anomaly[site[:, None], past]
        return np.concatenate([before, expected], axis=1), expected - self._clim[site[:, None], ahead]

    def _overlay(self, expected: FloatArray, *, site: int, origin: int) -> None:
        """Write the newest weather forecast issued by ``origin`` over the expected path, where it reaches."""
        sent = self._panel.sent[site]
        newest = bisect_right([forecast.issued for forecast in sent], origin) - 1
        if newest >= 0:
            begin = sent[newest].start - origin
            for k in range(max(begin, 0), min(begin + len(sent[newest].temperature_c), self._periods)):
                value = sent[newest].temperature_c[k - begin]
                if np.isfinite(value):
                    expected[k] = value
