"""A site's series as the engine takes them: what a file would say of them, with forecasts of the weather as sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from forecasting.series.calendar import hours_since_epoch
from forecasting.series.request import Covariate, FileSeries, SeriesSettings
from forecasting.series.sent import SentForecast
from forecasting.site.data import SeriesHistory, hours_of
from forecasting.site.issuing import HOUR
from grid.site import Meter, Site
from grid.time_axis import FloatArray, TimeAxis


def load_series(site: Site, history: SeriesHistory, *, periods: int) -> dict[str, FileSeries]:
    """Every load series by name, with the temperature of its weather site as a covariate of that site's name.

    Args:
        periods: Hours to forecast after the history.
    """
    made, sent = {}, _sent(history, "air_temperature")
    for name, kw, weather in zip(history.series_ids, history.kw, history.weather_ids, strict=True):
        settings = SeriesSettings(
            kind="load",
            interval_minutes=history.axis.step // timedelta(minutes=1),
            timezone=site.timezone,
            holidays=site.holidays,
            covariates={weather: Covariate(means="air_temperature", unit="degC")} if weather else {},
        )
        temperature = {weather: history.temperature_c[weather]} if weather else {}
        one = _series(name, settings, history.axis, kw, temperature, periods=periods)
        made[name] = replace(one, sent=sent.get(weather, {}))
    return made


def solar_series(meters: Sequence[Meter], history: SeriesHistory, *, periods: int) -> dict[str, FileSeries]:
    """Every photovoltaic plant by the name of its series, with the irradiance forecasts of its weather site.

    Args:
        meters: In the order of the history.
        periods: Hours to forecast after the history.
    """
    made, sent = {}, _sent(history, "ghi")
    for meter, name, kw, weather in zip(meters, history.series_ids, history.kw, history.weather_ids, strict=True):
        settings = SeriesSettings(
            kind="solar",
            interval_minutes=history.axis.step // timedelta(minutes=1),
            capacity=meter.capacity_kw or None,
            latitude=meter.latitude,
            longitude=meter.longitude,
            tilt_deg=meter.tilt_deg,
            azimuth_deg=meter.azimuth_deg,
        )
        one = _series(name, settings, history.axis, kw, {}, periods=periods)
        made[name] = replace(one, sent=sent.get(weather, {}))
    return made


def _sent(history: SeriesHistory, means: str) -> dict[str, dict[str, tuple[SentForecast, ...]]]:
    """By weather site and meaning, what was sent, on the hours of the series."""
    skipped = _skipped(history.axis)
    return {
        weather: {
            means: tuple(replace(one, issued=one.issued - skipped, start=one.start - skipped) for one in forecasts)
        }
        for weather, forecasts in history.sent.items()
    }


def _skipped(axis: TimeAxis) -> int:
    """Hours before the first midnight in UTC."""
    return int(-hours_since_epoch(hours_of(axis))[0] % 24)


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
    hours, an_hour = _skipped(axis), HOUR // axis.step
    skipped, coming = hours * an_hour, periods * an_hour
    origin = axis.periods - skipped
    ahead = np.full(coming, np.nan)
    return FileSeries(
        series_id=name,
        settings=settings,
        axis=TimeAxis(axis.start + hours * HOUR, axis.step, origin + coming),
        values=np.concatenate([kw[skipped:], ahead]),
        origin=origin,
        asked=origin + np.arange(coming),
        covariates={key: np.concatenate([values[skipped:], ahead]) for key, values in covariates.items()},
    )
