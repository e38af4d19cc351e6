"""What physics makes of irradiance that is known ahead, and what the plant gave when physics said the like.

Irradiance is split into direct and diffuse, laid on the plant's plane, and warms the cells, which lowers their yield:
the power that follows, over that of a clear sky, is the physical index. Physics knows from the first day how a plane
stands to the sun; how far irradiance can be trusted, and what the plant makes of it, is told by the hours of the past
whose physical index was nearest. So it needs no training, and little history.

References:
    Erbs, Klein and Duffie, "Estimation of the diffuse radiation fraction for hourly, daily and monthly-average global
    radiation", Solar Energy 28(4), 1982, and Faiman, "Assessing the outdoor operating temperature of photovoltaic
    modules", Progress in Photovoltaics 16(4), 2008, both as in pvlib.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pvlib

from forecasting.members.course import LEVELS
from forecasting.nouns import IndexArray
from forecasting.series.request import FileSeries
from forecasting.series.rows import Rows
from forecasting.series.table import to_celsius, to_w_m2
from forecasting.sun.core import INDEX_BOUND
from forecasting.sun.plant import SUBSTEPS, Plant, make_clear_sky, plane_irradiance
from forecasting.sun.windows import SolarPanel
from grid.time_axis import FloatArray, TimeAxis

_MOST_SHARE = 1.3
"""Edges of clouds add light; beyond this share of a clear sky nothing is believed."""
_USUAL_C = 20.0
_CELL_C = 25.0
_YIELD_PER_K = -0.004
_FEWEST = 20
"""Known hours of daylight without which nothing is said."""
_ALIKE = 3.0
"""So many times the root of all known hours are looked at: those nearest in their physical index."""


def physical_index(rows: Rows, clear: FloatArray, plants: Sequence[Plant | None]) -> FloatArray | None:
    """Power by physics over that of a clear sky, shape (rows, hours + periods); None if nobody's can be told.

    Args:
        clear: Power under a clear sky, of that shape.
        plants: Of each series.

    Returns:
        NaN at night, where no irradiance is known, and in rows of a series whose place is unknown.
    """
    made = np.full(clear.shape, np.nan)
    for number, (one, plant) in enumerate(zip(rows.series, plants, strict=True)):
        ghi_w_m2 = _ghi_w_m2(rows, one)
        if plant is None or ghi_w_m2 is None:
            continue
        power = rows.spread(one, physical_kw(plant, one.axis, ghi_w_m2, _celsius(rows, one)))
        own = slice(number * rows.parts, (number + 1) * rows.parts)
        lit = clear[own] > 0.0
        made[own] = np.where(lit, np.minimum(power / np.where(lit, clear[own], 1.0), INDEX_BOUND), np.nan)
    return made if np.isfinite(made).any() else None


def physical_kw(plant: Plant, axis: TimeAxis, ghi_w_m2: FloatArray, celsius: FloatArray) -> FloatArray:
    """Mean power of a plant under some irradiance, shape (hours,). [kW] NaN where irradiance is unknown.

    Args:
        ghi_w_m2: Mean global horizontal irradiance of each interval, shape (hours,).
        celsius: Air temperature, same shape.
    """
    sky = make_clear_sky(axis, latitude=plant.latitude, longitude=plant.longitude)
    possible = sky.ghi_w_m2.reshape(-1, SUBSTEPS)
    share = np.clip(ghi_w_m2 / np.maximum(possible.mean(axis=1), 1.0), 0.0, _MOST_SHARE)  # (hours,)
    known = np.isfinite(share)
    global_w_m2 = (possible * np.where(known, share, 0.0)[:, None]).ravel()
    day = np.repeat(axis.index.day_of_year.to_numpy(), SUBSTEPS)
    split = pvlib.irradiance.erbs(global_w_m2, np.minimum(sky.zenith_deg, 90.0), day)
    cloudy = replace(sky, ghi_w_m2=global_w_m2, dni_w_m2=split["dni"], dhi_w_m2=split["dhi"])
    plane = plane_irradiance(cloudy, tilt_deg=plant.tilt_deg, azimuth_deg=plant.azimuth_deg)
    cell_c = pvlib.temperature.faiman(plane, np.repeat(celsius, SUBSTEPS))
    power = plane * plant.kw_per_w_m2 * (1.0 + _YIELD_PER_K * (cell_c - _CELL_C))
    means = np.clip(power, 0.0, plant.capacity_kw).reshape(-1, SUBSTEPS).mean(axis=1)
    return np.where(known, means, np.nan)


def physical_quantiles(panel: SolarPanel, physical: FloatArray, wanted: IndexArray, *, until: int) -> FloatArray:
    """Clear-sky index of hours at LEVELS, shape (rows, *wanted.shape, levels), by past hours of like physical index.

    Args:
        physical: Of all hours, shape (rows, hours + periods). NaN where unknown.
        wanted: Positions of hours, of any shape (...).
        until: Nothing from this hour on is learnt from.

    Returns:
        NaN where physics says nothing, or too few hours are known.
    """
    made = np.full((*physical.shape, len(LEVELS)), np.nan)
    asked = np.zeros(physical.shape[1], dtype=bool)
    asked[wanted] = True
    for row, said in enumerate(physical):
        came = panel.index[row, :until]
        past = np.flatnonzero(np.isfinite(came) & np.isfinite(said[:until]))
        if len(past) < _FEWEST:
            continue
        past = past[np.argsort(said[past], kind="stable")]
        count = min(round(_ALIKE * len(past) ** 0.5), len(past))
        at = np.flatnonzero(asked & np.isfinite(said))
        begin = np.clip(np.searchsorted(said[past], said[at]) - count // 2, 0, len(past) - count)
        near = past[begin[:, None] + np.arange(count)]  # (hours, alike)
        made[row, at] = np.quantile(came[near], LEVELS, axis=1).T
    return made[:, wanted]


def _ghi_w_m2(rows: Rows, one: FileSeries) -> FloatArray | None:
    """Irradiance of each interval, shape (intervals,); None if no column tells it in a known unit."""
    for name in one.meaning("ghi"):
        if rows.given(one, name):
            unit = one.settings.covariates[name].unit
            return to_w_m2(one.covariates[name], unit, one.settings.interval_minutes)
    return None


def _celsius(rows: Rows, one: FileSeries) -> FloatArray:
    """Air temperature of each interval, shape (intervals,); the usual where none is known."""
    for name in one.meaning("air_temperature"):
        if rows.given(one, name):
            celsius = to_celsius(one.covariates[name], one.settings.covariates[name].unit)
            if celsius is not None:
                return np.where(np.isfinite(celsius), celsius, _USUAL_C)
    return np.full(one.axis.periods, _USUAL_C)
