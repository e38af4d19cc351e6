"""A photovoltaic plant under a clear sky: sun's position, irradiance on its plane, power. [kW]

References:
    Ineichen and Perez, "A new airmass independent formulation for the Linke turbidity coefficient", Solar Energy 73(3),
    2002, and Hay and Davies, "Calculation of the solar radiation incident on an inclined surface", 1980, both as in
    pvlib (Anderson et al., Journal of Open Source Software 8(92), 2023).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

import numpy as np
import pandas as pd
import pvlib

from grid.time_axis import FloatArray, TimeAxis

SUBSTEPS = 4
"""Instants per hour at which the sun is looked at; fewer blur sunrise and sunset."""
_TILTS_DEG = (0.0, 10.0, 20.0, 30.0, 40.0, 55.0)
_AZIMUTHS_DEG = (90.0, 120.0, 150.0, 180.0, 210.0, 240.0, 270.0)
_CLEAR_QUANTILE = 5.0 / 6.0
_FEWEST_LIT, _FEWEST_LIT_OF_PLANE = 50, 10
_PLACES = 4096
"""Whose altitude and turbidity are kept."""


@dataclass(frozen=True, slots=True)
class Plant:
    """Where a plant stands and how it turns irradiance into power.

    Attributes:
        tilt_deg: From the horizontal.
        azimuth_deg: Clockwise from north.
        kw_per_w_m2: Power per irradiance on its plane, as seen on clear hours; inverter and temperature included.
        capacity_kw: No power above it.
    """

    latitude: float
    longitude: float
    tilt_deg: float
    azimuth_deg: float
    kw_per_w_m2: float
    capacity_kw: float


@dataclass(frozen=True, slots=True, eq=False)
class ClearSky:
    """The sun and the clear sky at the middle of every substep, each array of shape (hours * SUBSTEPS,)."""

    zenith_deg: FloatArray
    azimuth_deg: FloatArray
    ghi_w_m2: FloatArray
    dni_w_m2: FloatArray
    dhi_w_m2: FloatArray
    extra_w_m2: FloatArray


def make_clear_sky(axis: TimeAxis, *, latitude: float, longitude: float) -> ClearSky:
    """The clear sky over a place on an axis of hours or parts of them.

    Raises:
        ValueError: If the axis is coarser than hourly.
    """
    if axis.step > timedelta(hours=1):
        raise ValueError(f"step must be one hour or less, got {axis.step}")
    step = axis.step / SUBSTEPS
    moments = pd.date_range(axis.start + step / 2, periods=axis.periods * SUBSTEPS, freq=step)
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        # pvlib 0.16 still reads an attribute that pandas 3 renamed.
        warnings.filterwarnings("ignore", message="DatetimeIndex.dayofyear is deprecated")
        altitude = _altitude(latitude, longitude)
        # The almanac formula is within 0.01 degree here and fifty times faster than the full algorithm.
        sun = pvlib.solarposition.ephemeris(moments, latitude, longitude)
        zenith = sun["apparent_zenith"].to_numpy(dtype=np.float64)
        pressure = pvlib.atmosphere.alt2pres(altitude)
        airmass = pvlib.atmosphere.get_absolute_airmass(pvlib.atmosphere.get_relative_airmass(zenith), pressure)
        turbidity = _turbidity(latitude, longitude)[moments.day_of_year - 1 + 365 * moments.is_leap_year]
        extra = pvlib.irradiance.get_extra_radiation(moments).to_numpy()
        sky = pvlib.clearsky.ineichen(zenith, airmass, turbidity, altitude=altitude, dni_extra=extra)
    up = zenith < 90.0
    return ClearSky(
        zenith_deg=zenith,
        azimuth_deg=sun["azimuth"].to_numpy(dtype=np.float64),
        ghi_w_m2=np.where(up, np.nan_to_num(sky["ghi"]), 0.0),
        dni_w_m2=np.where(up, np.nan_to_num(sky["dni"]), 0.0),
        dhi_w_m2=np.where(up, np.nan_to_num(sky["dhi"]), 0.0),
        extra_w_m2=extra,
    )


@lru_cache(maxsize=_PLACES)
def _altitude(latitude: float, longitude: float) -> float:
    return float(pvlib.location.lookup_altitude(latitude, longitude))


@lru_cache(maxsize=_PLACES)
def _turbidity(latitude: float, longitude: float) -> FloatArray:
    """Linke turbidity of every day of a common year and of a leap year after it, shape (365 + 366,).

    It is kept, since pvlib opens its file for every question.
    """
    days = pd.date_range("2015-01-01", "2016-12-31", tz="UTC")
    return np.asarray(pvlib.clearsky.lookup_linke_turbidity(days, latitude, longitude), dtype=np.float64)


def plane_irradiance(sky: ClearSky, *, tilt_deg: float, azimuth_deg: float) -> FloatArray:
    """Clear-sky irradiance on a tilted plane, shape (substeps,). [W/m2] 0 while the sun is down."""
    total = pvlib.irradiance.get_total_irradiance(
        tilt_deg,
        azimuth_deg,
        sky.zenith_deg,
        sky.azimuth_deg,
        sky.dni_w_m2,
        sky.ghi_w_m2,
        sky.dhi_w_m2,
        dni_extra=sky.extra_w_m2,
        model="haydavies",
    )
    up = (sky.zenith_deg < 90.0) & (sky.ghi_w_m2 > 0.0)
    return np.where(up, np.maximum(np.nan_to_num(np.asarray(total["poa_global"])), 0.0), 0.0)


def clear_sky_kw(plant: Plant, sky: ClearSky) -> FloatArray:
    """Mean power of the plant over each hour if no cloud came, shape (hours,). [kW] 0 at night."""
    plane = plane_irradiance(sky, tilt_deg=plant.tilt_deg, azimuth_deg=plant.azimuth_deg)
    power = np.minimum(plane * plant.kw_per_w_m2, plant.capacity_kw)
    means: FloatArray = power.reshape(-1, SUBSTEPS).mean(axis=1)  # (hours,)
    return means


def fit_plant(
    kw: FloatArray,
    sky: ClearSky,
    *,
    latitude: float,
    longitude: float,
    capacity_kw: float | None,
    tilt_deg: float | None,
    azimuth_deg: float | None,
) -> Plant:
    """Find what is not known about a plant from its own hours: its plane where not given, and its scale always.

    The plane is the one whose clear-sky irradiance goes best with the measured power; the scale puts the index of the
    clear hours (the upper sixth, the bright ones weighing more) at one.

    Args:
        kw: Measured hourly power, shape (hours,). NaN where unknown.
        sky: Of the same hours.

    Raises:
        ValueError: If fewer than 50 hours of daylight are known (10 where its plane is given), or none of them yielded
            power, or the nights yielded more: then it stands elsewhere, or its clock is another.
    """
    light = sky.ghi_w_m2.reshape(-1, SUBSTEPS).mean(axis=1)
    day = np.isfinite(kw) & (light > 100.0)
    fewest = _FEWEST_LIT if tilt_deg is None or azimuth_deg is None else _FEWEST_LIT_OF_PLANE
    if day.sum() < fewest or not np.any(kw[day] > 0.0):
        raise ValueError(f"a solar plant needs {fewest} known hours of daylight with power, got {int(day.sum())}")
    if np.nansum(kw[light == 0.0]) > np.nansum(kw[light > 0.0]):
        raise ValueError("a solar plant yields its power by day, got more of it by night")
    best_fit, best_tilt, best_azimuth, best_plane = -np.inf, 0.0, 180.0, np.empty(0)
    for tilt in _TILTS_DEG if tilt_deg is None else (tilt_deg,):
        for azimuth in _AZIMUTHS_DEG if azimuth_deg is None else (azimuth_deg,):
            plane = plane_irradiance(sky, tilt_deg=tilt, azimuth_deg=azimuth).reshape(-1, SUBSTEPS).mean(axis=1)[day]
            fit = float(plane @ kw[day]) / float(np.linalg.norm(plane) * np.linalg.norm(kw[day]))
            if fit > best_fit:
                best_fit, best_tilt, best_azimuth, best_plane = fit, tilt, azimuth, plane
    ratio = kw[day] / np.maximum(best_plane, 20.0)
    order = np.argsort(ratio)
    share = np.cumsum(best_plane[order]) / best_plane.sum()
    scale = float(ratio[order][np.searchsorted(share, _CLEAR_QUANTILE)])
    capacity = float(np.nanmax(kw)) if capacity_kw is None else capacity_kw
    return Plant(latitude, longitude, float(best_tilt), float(best_azimuth), max(scale, 1e-9), capacity)
