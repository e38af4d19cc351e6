"""What the air temperature will be, told from its past alone: climatology plus a damped present anomaly.

Measured temperature of the future is never used as if it had been forecast. Where somebody sends a weather forecast,
:mod:`forecasting.networks.windows` puts it in place of this estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.series.calendar import Calendar, day_harmonics, harmonics
from grid.time_axis import FloatArray

_SEASON_ORDERS = 3
_DAY_ORDERS = 3
ANOMALY_HOURS = 48
"""How much of the recent past the damped persistence looks at."""


@dataclass(frozen=True, slots=True, eq=False)
class TemperatureModel:
    """Climatology by hour and season, and how an anomaly fades with lead time.

    Attributes:
        climatology: Coefficients of season x hour harmonics, shape (49,). [degC]
        damping: Weight of each anomaly statistic by lead, shape (periods, 4).
    """

    climatology: FloatArray
    damping: FloatArray


def climatology_c(model: TemperatureModel, calendar: Calendar) -> FloatArray:
    """Normal temperature of each interval, shape (periods,). [degC]"""
    return _climate_basis(calendar) @ model.climatology


def anomaly_statistics(anomaly_c: FloatArray) -> FloatArray:
    """What persistence starts from: mean anomaly of the last 3, 12, 24 and 48 known hours.

    Args:
        anomaly_c: Shape (..., ANOMALY_HOURS), oldest first, 0 where unknown.

    Returns:
        Shape (..., 4).
    """
    return np.stack([anomaly_c[..., -hours:].mean(axis=-1) for hours in (3, 12, 24, 48)], axis=-1)


def fit_temperature(temperature_c: FloatArray, calendar: Calendar, *, periods: int) -> TemperatureModel:
    """Fit climatology and damping to observed hours.

    Args:
        temperature_c: Hourly, shape (hours,). NaN where unknown.
        calendar: Of the same hours.
        periods: Longest lead, in hours.

    Raises:
        ValueError: If fewer than ten days are known.
    """
    known = np.isfinite(temperature_c)
    if known.sum() < 240:
        raise ValueError(f"temperature needs at least 240 known hours, got {int(known.sum())}")
    basis = _climate_basis(calendar)
    climatology = _ridge(basis[known], temperature_c[known], penalty=_climate_penalty(calendar, known))
    anomaly = np.where(known, temperature_c - basis @ climatology, 0.0)

    past = np.lib.stride_tricks.sliding_window_view(anomaly, ANOMALY_HOURS)  # (windows, ANOMALY_HOURS)
    statistics = anomaly_statistics(past)  # (windows, 4)
    damping = np.empty((periods, 4))
    for lead in range(periods):
        origins = len(anomaly) - ANOMALY_HOURS - lead
        target = anomaly[ANOMALY_HOURS + lead :]
        valid = known[ANOMALY_HOURS + lead :]
        damping[lead] = _ridge(statistics[:origins][valid], target[valid], penalty=np.full(4, 10.0))
    return TemperatureModel(climatology, damping)


def _climate_basis(calendar: Calendar) -> FloatArray:
    season = harmonics(calendar.year_angle, _SEASON_ORDERS)  # (periods, 7)
    day = day_harmonics(calendar.hour, _DAY_ORDERS)  # (periods, 7)
    return (season[:, :, None] * day[:, None, :]).reshape(len(season), -1)  # (periods, 49)


def _climate_penalty(calendar: Calendar, known: np.typing.NDArray[np.bool_]) -> FloatArray:
    """Season terms are held back where less than a year is known: a few weeks cannot tell a year's course."""
    years = float(known.sum()) / 8766.0
    seasonal = np.zeros((1 + 2 * _SEASON_ORDERS, 1 + 2 * _DAY_ORDERS))
    seasonal[1:] = 1.0 if years >= 1.0 else 1e6
    return seasonal.reshape(-1) + 1e-6


def _ridge(design: FloatArray, target: FloatArray, *, penalty: FloatArray) -> FloatArray:
    solution: FloatArray = np.linalg.solve(design.T @ design + np.diag(penalty), design.T @ target).astype(np.float64)
    return solution
