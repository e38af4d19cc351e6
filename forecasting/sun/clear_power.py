"""What a clear sky would give each row: by the sun's geometry, by a covariate, or by the series' own past.

References:
    Bacher, Madsen and Nielsen, "Online short-term solar power forecasting", Solar Energy 83(10), 2009 (the clear sky
    as an upper quantile of the series itself).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting.series.calendar import Calendar
from forecasting.series.request import FileSeries
from forecasting.series.rows import Rows
from forecasting.sun.plant import Plant, clear_sky_kw, fit_plant, make_clear_sky
from grid.time_axis import FloatArray

_NEAR_DAYS, _FEWEST_NEAR = 20, 15
_UPPER = 0.9
_NIGHT_SHARE = 0.005
_CLEAR_QUANTILE = 0.85


def fit_plants(rows: Rows) -> list[Plant | None]:
    """The plant behind each series, in units of its scale; None where its place is unknown or tells too little."""
    return [_fit(rows, one, index) for index, one in enumerate(rows.series)]


def clear_power(rows: Rows, calendar: Calendar, plants: Sequence[Plant | None]) -> tuple[FloatArray, list[str]]:
    """Power under a clear sky, shape (rows, hours + periods), 0 at night, and how it was come by where not by geometry.

    Args:
        calendar: In UTC, of all hours.
        plants: Of each series.
    """
    made, reasons = [], []
    for index, (one, plant) in enumerate(zip(rows.series, plants, strict=True)):
        own = rows.values[index * rows.parts : (index + 1) * rows.parts]
        power: FloatArray | None
        if plant is not None:
            # On its own intervals, so that sunrise falls where it does.
            sky = make_clear_sky(one.axis, latitude=plant.latitude, longitude=plant.longitude)
            power = np.nan_to_num(rows.spread(one, clear_sky_kw(plant, sky)))
        else:
            power = _by_covariate(rows, one, own)
        if power is None:
            power = _by_its_past(own, calendar)
            reasons.append(
                f"{one.series_id}: no latitude and longitude at which the sun explains its power; "
                "its own past tells night and clear sky."
            )
        made.append(power)
    return np.concatenate(made), reasons


def _fit(rows: Rows, one: FileSeries, index: int) -> Plant | None:
    place = one.settings
    if place.latitude is None or place.longitude is None:
        return None
    sky = make_clear_sky(one.axis, latitude=place.latitude, longitude=place.longitude)
    past = np.where(np.arange(one.axis.periods) < one.origin, np.maximum(one.values, 0.0), np.nan) / rows.scale[index]
    try:
        return fit_plant(
            past,
            sky,
            latitude=place.latitude,
            longitude=place.longitude,
            capacity_kw=1.0 if place.capacity else None,
            tilt_deg=place.tilt_deg,
            azimuth_deg=place.azimuth_deg,
        )
    except ValueError:
        return None


def _by_covariate(rows: Rows, one: FileSeries, own: FloatArray) -> FloatArray | None:
    """From a column that means ``clear_sky_ghi``, scaled so that clear hours reach it."""
    names = [name for name in one.meaning("clear_sky_ghi") if rows.given(one, name)]
    if not names:
        return None
    clear = np.nan_to_num(rows.spread(one, one.covariates[names[0]]))  # (parts, all hours)
    past = clear[:, : own.shape[1]]
    day = np.isfinite(own) & (past > 0.1 * past.max())
    if day.sum() < 50:
        return None
    scale = float(np.quantile(own[day] / past[day], _CLEAR_QUANTILE))
    return np.maximum(clear, 0.0) * max(scale, 1e-9)


def _by_its_past(own: FloatArray, calendar: Calendar) -> FloatArray:
    """The upper quantile of the same time of day near the same day of the year, or on the nearest days there are."""
    hours = own.shape[1]
    day_of_year = np.rint(calendar.year_angle / (2.0 * np.pi) * 365.0).astype(np.int64)
    made = np.zeros((len(own), len(calendar.hour)))
    peak = float(np.max(own, initial=1e-9, where=np.isfinite(own)))
    for row, values in enumerate(own):
        for clock in range(24):
            past = np.flatnonzero((calendar.hour[:hours] == clock) & np.isfinite(values))
            every = np.flatnonzero(calendar.hour == clock)
            if not len(past):
                continue
            for day in np.unique(day_of_year[every]):
                apart = np.abs(day_of_year[past] - day)
                apart = np.minimum(apart, 365 - apart)
                near = past[apart <= _NEAR_DAYS]
                if len(near) < _FEWEST_NEAR:
                    near = past[np.argsort(apart, kind="stable")[: 2 * _NEAR_DAYS]]
                upper = float(np.quantile(values[near], _UPPER))
                made[row, every[day_of_year[every] == day]] = upper if upper > _NIGHT_SHARE * peak else 0.0
    return made
