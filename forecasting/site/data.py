"""A site's series out of the database, as the arrays that forecasting works on: validated values, never raw ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import psycopg

from forecasting.series.sent import SentForecast
from forecasting.site.issuing import HOUR, position_of
from grid.readings import Layer, Source, series_id
from grid.site import SITE_LOAD, Meter, Site
from grid.store.readings import load_channels, load_power_matrix
from grid.store.series import list_series
from grid.store.weather_issues import load_issued_forecasts
from grid.time_axis import FloatArray, TimeAxis, floor_to_step
from grid.units import Channel


@dataclass(frozen=True, slots=True, eq=False)
class SeriesHistory:
    """The series of one kind, and the weather beside them.

    Attributes:
        axis: Whole hours, in the intervals that are forecast.
        kw: Shape (series, periods). NaN where unknown.
        weather_ids: The weather site that each series reads; "" for none.
        temperature_c: Observed, by weather site, each of shape (periods,): the mean of its hour. NaN where unknown; of
            loads only.
        sent: By weather site that was forecast, on the hours of the axis, the oldest first: of loads air temperature,
            of the sun irradiance.
    """

    axis: TimeAxis
    series_ids: tuple[str, ...]
    kw: FloatArray
    weather_ids: tuple[str, ...]
    temperature_c: Mapping[str, FloatArray]
    sent: Mapping[str, tuple[SentForecast, ...]]


def meters_of(site: Site, kind: str) -> tuple[Meter, ...]:
    """The site's meters of one kind: ``load``, ``solar`` or ``external``."""
    return tuple(meter for meter in site.meters if meter.kind == kind)


def meter_series(meter: Meter) -> str:
    """The name of a meter's series, such as ``zone-1:load``."""
    return series_id(meter.meter_id, Channel(meter.channel))


def forecast_step(site: Site) -> timedelta:
    """The length of the intervals that are forecast."""
    return timedelta(minutes=site.forecasts.interval_minutes)


def hours_of(axis: TimeAxis) -> TimeAxis:
    """An axis of whole hours, hour by hour."""
    return TimeAxis(axis.start, HOUR, (axis.end - axis.start) // HOUR)


def history_axis(
    conn: psycopg.Connection, site: Site, *, kind: str, issued_at: datetime, longest: timedelta
) -> TimeAxis | None:
    """Whole hours from the first reading of a kind's meters to ``issued_at``, in the site's intervals.

    None if there is no reading.
    """
    wanted = {meter_series(meter) for meter in meters_of(site, kind)}
    starts = [
        summary.first_interval_start
        for summary in list_series(conn, source=Source.METER)
        if summary.series_id in wanted and summary.first_interval_start is not None
    ]
    end = floor_to_step(issued_at, HOUR)
    if not starts or min(starts) >= end:
        return None
    start = floor_to_step(max(min(starts), end - longest), HOUR)
    step = forecast_step(site)
    return TimeAxis(start, step, (end - start) // step)


def load_load_history(conn: psycopg.Connection, site: Site, axis: TimeAxis, *, issued_at: datetime) -> SeriesHistory:
    """Every load series of the site, ``site:load`` last, with the temperature and its forecasts.

    Args:
        axis: Of whole hours; an interval that has not ended by ``issued_at`` is unknown.
    """
    meters = meters_of(site, "load")
    names = [meter_series(meter) for meter in meters]
    kw = _ended(load_power_matrix(conn, names, axis, layer=Layer.VALIDATED), axis, issued_at)
    used = [meter.weather_site_id or "" for meter in meters]
    if site.loads:
        names.append(SITE_LOAD)
        kw = np.concatenate([kw, site_load_kw(site, names[:-1], kw)[None]])
        used.append(max(dict.fromkeys(used), key=used.count))
    sites = [name for name in dict.fromkeys(used) if name]
    channels = [(Source.WEATHER, name, Channel.AIR_TEMPERATURE) for name in sites]
    hours = hours_of(axis)  # stations tell hours, whatever is forecast
    temperature = _ended(load_channels(conn, channels, hours, layer=Layer.VALIDATED), hours, issued_at)
    return SeriesHistory(
        axis=axis,
        series_ids=tuple(names),
        kw=kw,
        weather_ids=tuple(used),
        temperature_c=dict(zip(sites, np.repeat(temperature, HOUR // axis.step, axis=1), strict=True)),
        sent=_sent(conn, sites, Channel.AIR_TEMPERATURE, hours, issued_from=axis.start, issued_at=issued_at),
    )


def load_solar_history(conn: psycopg.Connection, site: Site, axis: TimeAxis, *, issued_at: datetime) -> SeriesHistory:
    """Every photovoltaic plant of the site, with the forecasts of the irradiance at its weather site.

    Args:
        axis: Of whole hours; an interval that has not ended by ``issued_at`` is unknown.
    """
    meters = meters_of(site, "solar")
    used = tuple(meter.weather_site_id or "" for meter in meters)
    sites = [name for name in dict.fromkeys(used) if name]
    return SeriesHistory(
        axis=axis,
        series_ids=tuple(meter_series(meter) for meter in meters),
        kw=load_meters_kw(conn, meters, axis, issued_at=issued_at),
        weather_ids=used,
        temperature_c={},
        sent=_sent(conn, sites, Channel.IRRADIANCE, hours_of(axis), issued_from=axis.start, issued_at=issued_at),
    )


def site_load_kw(site: Site, names: Sequence[str], kw: FloatArray) -> FloatArray:
    """The load on the network's scale, shape (periods,). [kW] NaN where a meter's part is unknown, or there is none."""
    if not site.loads:
        return np.full(kw.shape[1], np.nan)
    weight = np.zeros(len(names))
    for load in site.loads:
        if load.series_id not in names:
            return np.full(kw.shape[1], np.nan)
        weight[list(names).index(load.series_id)] += 1000.0 * load.mw_per_kw
    used = weight != 0.0
    total: FloatArray = weight[used] @ kw[used]  # (periods,)
    return total


def load_series_kw(conn: psycopg.Connection, site: Site, names: Sequence[str], axis: TimeAxis) -> FloatArray:
    """Power of series, ``site:load`` perhaps among them, shape (series, periods). [kW] NaN where unknown."""
    parts = sorted({load.series_id for load in site.loads}) if SITE_LOAD in names else []
    read = list(dict.fromkeys([*(name for name in names if name != SITE_LOAD), *parts]))
    kw = load_power_matrix(conn, read, axis, layer=Layer.VALIDATED)
    return np.stack([site_load_kw(site, read, kw) if name == SITE_LOAD else kw[read.index(name)] for name in names])


def load_meters_kw(
    conn: psycopg.Connection, meters: Sequence[Meter], axis: TimeAxis, *, issued_at: datetime
) -> FloatArray:
    """Power of meters, shape (meters, periods). [kW] NaN where unknown, or not ended by ``issued_at``."""
    names = [meter_series(meter) for meter in meters]
    return _ended(load_power_matrix(conn, names, axis, layer=Layer.VALIDATED), axis, issued_at)


def load_external_issues(
    conn: psycopg.Connection, meters: Sequence[Meter], axis: TimeAxis, *, issued_at: datetime, since: datetime
) -> dict[str, tuple[SentForecast, ...]]:
    """Forecasts sent for plants, by meter that has any, on the positions of ``axis``; the oldest first."""
    owners = [meter.meter_id for meter in meters]
    return _sent(conn, owners, Channel.GENERATION, axis, issued_from=since, issued_at=issued_at)


def _ended(values: FloatArray, axis: TimeAxis, issued_at: datetime) -> FloatArray:
    """Hides intervals that had not ended at the instant of issue: a forecast made again later must not know more."""
    ended = (issued_at - axis.start) // axis.step
    return np.where(np.arange(axis.periods) < ended, values, np.nan)


def _sent(
    conn: psycopg.Connection,
    owners: Sequence[str],
    channel: Channel,
    axis: TimeAxis,
    *,
    issued_from: datetime,
    issued_at: datetime,
) -> dict[str, tuple[SentForecast, ...]]:
    """What was issued of a channel by ``issued_at``, by owner that has any, on the positions of ``axis``."""
    issued = load_issued_forecasts(conn, owners, channel, issued_from=issued_from, issued_by=issued_at, step=axis.step)
    return {
        owner: tuple(
            SentForecast(
                issued=position_of(forecast.issued_at, axis),
                start=position_of(forecast.axis.start, axis),
                values=forecast.values,
                issued_at=forecast.issued_at,
            )
            for forecast in forecasts
        )
        for owner, forecasts in issued.items()
        if forecasts
    }
