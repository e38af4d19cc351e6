"""A site's series as the engine takes them: what a file would say of them, with forecasts of the weather as sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from forecasting.series.calendar import hours_since_epoch
from forecasting.series.request import Covariate, FileSeries, SeriesSettings
from forecasting.site.data import HOUR, LoadHistory, meter_series
from grid.site import Meter, Site
from grid.time_axis import FloatArray, TimeAxis


def load_series(site: Site, history: LoadHistory, *, periods: int) -> dict[str, FileSeries]:
    """Every load series by name, with the temperature of its weather site as a covariate of that site's name.

    Args:
        periods: Hours to forecast after the history.
    """
    skipped = _skipped(history.axis)
    sent = {
        weather: tuple(replace(one, issued=one.issued - skipped, start=one.start - skipped) for one in forecasts)
        for weather, forecasts in history.sent.items()
    }
    made = {}
    for name, kw, weather in zip(history.series_ids, history.kw, history.weather_ids, strict=True):
        settings = SeriesSettings(
            kind="load",
            interval_minutes=60,
            timezone=site.timezone,
            holidays=site.holidays,
            covariates={weather: Covariate(means="air_temperature", unit="degC")} if weather else {},
        )
        temperature = {weather: history.temperature_c[weather]} if weather else {}
        one = _series(name, settings, history.axis, kw, temperature, periods=periods)
        made[name] = replace(one, sent=sent.get(weather, ()))
    return made


def solar_series(meters: Sequence[Meter], axis: TimeAxis, kw: FloatArray, *, periods: int) -> dict[str, FileSeries]:
    """Every photovoltaic plant by the name of its series.

    Args:
        axis: Hourly.
        kw: Shape (meters, hours). NaN where unknown.
        periods: Hours to forecast after the history.
    """
    made = {}
    for meter, power in zip(meters, kw, strict=True):
        settings = SeriesSettings(
            kind="solar",
            interval_minutes=60,
            capacity=meter.capacity_kw or None,
            latitude=meter.latitude,
            longitude=meter.longitude,
            tilt_deg=meter.tilt_deg,
            azimuth_deg=meter.azimuth_deg,
        )
        made[meter_series(meter)] = _series(meter_series(meter), settings, axis, power, {}, periods=periods)
    return made


def _skipped(axis: TimeAxis) -> int:
    """Hours before the first midnight in UTC."""
    return int(-hours_since_epoch(axis)[0] % 24)


def _series(
    name: str,
    settings: SeriesSettings,
    axis: TimeAxis,
    kw: FloatArray,
    covariates: dict[str, FloatArray],
    *,
    periods: int,
) -> FileSeries:
    """The history from its first midnight in UTC on, so that positions tell the hour of the day, and a horizon."""
    skipped = _skipped(axis)
    origin = axis.periods - skipped
    ahead = np.full(periods, np.nan)
    return FileSeries(
        series_id=name,
        settings=settings,
        axis=TimeAxis(axis.start + skipped * HOUR, HOUR, origin + periods),
        values=np.concatenate([kw[skipped:], ahead]),
        origin=origin,
        asked=origin + np.arange(periods),
        covariates={key: np.concatenate([values[skipped:], ahead]) for key, values in covariates.items()},
    )
