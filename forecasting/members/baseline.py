"""The seasonal naive forecast: the same hour of last week (load) or of yesterday, with its past errors as bands.

Every model's skill is told against it, and it stands in, labelled, where a model cannot speak.

References:
    Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd ed., sections 5.2 and 5.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.nouns import IndexArray
from grid.time_axis import FloatArray

WEEK_HOURS = 168
DAY_HOURS = 24
ERROR_DAYS = 56
"""How many days of past errors make the bands."""
_SEASONS_BACK = 4
_FEWEST_DAYS = 5
"""Of errors, for bands of them; of an hour of the day, for a mean of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class NaiveForecast:
    """Seasonal naive forecasts of one series from many origins.

    Attributes:
        quantiles: Shape (origins, periods, levels). [kW]
        substituted: Intervals whose own season was missing, so that an older one or the usual day was used,
            shape (origins,).
    """

    quantiles: FloatArray
    substituted: IndexArray


def seasonal_naive(
    kw: FloatArray,
    *,
    origins: IndexArray,
    periods: int,
    season_hours: int,
    levels: tuple[float, ...],
    utc_offset_hours: FloatArray | None = None,
) -> NaiveForecast:
    """Repeat the last known season; spread it by the errors that doing so made over the last eight weeks.

    Where fewer than five days of such errors are known, the usual day stands in for the season and its bands alike.

    Args:
        kw: Hourly history, shape (hours,), or one for every origin, shape (origins, hours). NaN where unknown. Nothing
            at or after an origin is looked at.
        origins: Positions of the first hour to forecast, shape (origins,); at most ``hours``.
        season_hours: :data:`WEEK_HOURS` or :data:`DAY_HOURS`.
        utc_offset_hours: Local minus UTC, shape (hours + periods or more,), for series that follow the wall clock:
            after a clock change the same local hour is another UTC hour.

    Raises:
        ValueError: If an origin has no known hour in the eight weeks before it.
    """
    lags = season_hours * (1 + np.arange(periods) // season_hours)  # (periods,)
    ahead = origins[:, None] + np.arange(periods)  # (origins, periods)
    centre = np.full(ahead.shape, np.nan)
    substituted = np.zeros(len(origins), dtype=np.int64)
    for back in range(_SEASONS_BACK):
        gap = np.isnan(centre)
        if back == 1:
            substituted = gap.sum(axis=1)
        older = _take(kw, _lagged(ahead, lags + back * season_hours, utc_offset_hours), before=origins[:, None])
        centre = np.where(gap, older, centre)
    recent = origins[:, None] - np.arange(ERROR_DAYS * DAY_HOURS, 0, -1)  # (origins, hours of eight weeks)
    past = _take(kw, recent, before=origins[:, None])
    counts = np.isfinite(past).sum(axis=1)
    if np.any(counts == 0):
        raise ValueError(f"no known hour in the {ERROR_DAYS} days before an origin; the naive forecast has no source")
    usual, deviation = _usual_day(past, np.nansum(past, axis=1) / counts)
    usual = usual[:, np.arange(periods) % DAY_HOURS]  # (origins, periods)
    centre = np.where(np.isnan(centre), usual, centre)

    quantiles = np.empty((*ahead.shape, len(levels)))
    for lag in np.unique(lags):
        error = past - _take(kw, _lagged(recent, np.array(lag), utc_offset_hours), before=origins[:, None])
        few = np.isfinite(error).sum(axis=1, keepdims=True) < _FEWEST_DAYS * DAY_HOURS  # (origins, 1)
        spread = _error_quantiles(np.where(few, deviation, error), levels)  # (origins, 24, levels)
        chosen = np.flatnonzero(lags == lag)
        told = np.where(few, usual[:, chosen], centre[:, chosen])
        quantiles[:, chosen] = told[..., None] + spread[:, chosen % DAY_HOURS]
    return NaiveForecast(np.maximum(quantiles, 0.0), substituted)


def _lagged(position: IndexArray, lag: IndexArray, offset: FloatArray | None) -> IndexArray:
    """Where the same hour stood ``lag`` hours earlier, by the wall clock if there is one."""
    earlier = position - lag
    if offset is None:
        return earlier
    inside = np.clip(position, 0, len(offset) - 1), np.clip(earlier, 0, len(offset) - 1)
    moved: IndexArray = earlier + np.rint(offset[inside[0]] - offset[inside[1]]).astype(np.int64)
    return moved


def _take(kw: FloatArray, position: IndexArray, *, before: IndexArray) -> FloatArray:
    """Values at positions that lie before their origin and within the history; NaN elsewhere."""
    hours = kw.shape[-1]
    allowed = (position >= 0) & (position < np.minimum(before, hours))
    inside = np.clip(position, 0, hours - 1)
    return np.where(allowed, kw[inside] if kw.ndim == 1 else np.take_along_axis(kw, inside, axis=1), np.nan)


def _usual_day(past: FloatArray, mean: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The mean of each hour of the day, and how far each day lay from that of the others.

    Args:
        past: Shape (origins, ERROR_DAYS * 24), ending at the origin. NaN where unknown.
        mean: Of all hours, shape (origins,); stands for an hour that is known on too few days.

    Returns:
        The means, shape (origins, 24), by hours since the origin; and the deviations, shape as ``past``.
    """
    days = past.reshape(len(past), ERROR_DAYS, DAY_HOURS)
    count = np.isfinite(days).sum(axis=1, keepdims=True)  # (origins, 1, 24)
    total = np.nansum(days, axis=1, keepdims=True)
    enough, overall = count >= _FEWEST_DAYS, mean[:, None, None]
    usual = np.where(enough, total / np.maximum(count, 1), overall)
    others = np.where(enough, (total - days) / np.maximum(count - 1, 1), overall)
    return usual[:, 0], (days - others).reshape(past.shape)


def _error_quantiles(error: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    """Quantiles of past errors by hour of day, each pooled with its two neighbours.

    Args:
        error: Shape (origins, ERROR_DAYS * 24), ending at the origin. NaN where unknown.

    Returns:
        Shape (origins, 24, levels), by hours since the origin.
    """
    days = error.reshape(len(error), ERROR_DAYS, DAY_HOURS)
    pooled = np.concatenate([np.roll(days, 1, axis=2), days, np.roll(days, -1, axis=2)], axis=1)
    ordered = np.sort(pooled, axis=1)  # (origins, samples, 24); NaN at the end
    count = np.isfinite(ordered).sum(axis=1)[..., None]  # (origins, 24, 1)
    rank = np.asarray(levels) * np.maximum(count - 1, 0)  # (origins, 24, levels)
    low = np.floor(rank).astype(np.int64)
    by_hour = ordered.transpose(0, 2, 1)
    lower = np.take_along_axis(by_hour, low, axis=2)
    upper = np.take_along_axis(by_hour, np.minimum(low + 1, np.maximum(count - 1, 0)), axis=2)
    quantiles: FloatArray = np.nan_to_num(lower + (rank - low) * (upper - lower))
    return quantiles
