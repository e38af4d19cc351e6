"""The simple core of a load forecast: one ridge per series of calendar x temperature on the log of power.

The network predicts what this leaves over, so that it starts at the core's level. Temperature enters as a line with two
bends (heating below, cooling above), of the present value and of its trailing means (buildings are slow), each with its
own course over the day. Powers of temperature were tried: they scored worse and ran away where little was seen.

References:
    Hong, Wilson and Xie, "Long Term Probabilistic Load Forecasting and Normalization With Hourly Information", IEEE
    Transactions on Smart Grid 5(1), 2014 (the calendar x temperature regression).
    Wang, Liu and Hong, "Electric load forecasting with recency effect", Int. J. Forecasting 32(3), 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.calendar import Calendar, harmonics
from grid.time_axis import FloatArray

MEAN_HOURS = (24, 72)
"""Trailing means of temperature that the core sees; the longest tells how much past it needs."""
_KNOTS_C = (16.0, 22.0)
"""Where the answer to temperature may bend: about where heating ends and where cooling begins."""
_HALF_LIFE_HOURS = 2 * 8766.0
_PENALTY, _TEMPERATURE_PENALTY = 3.0, 30.0  # neighbouring hours have one weather: it counts for less than it seems
_SEASON_TERMS = slice(1 + 72, 1 + 72 + 42)
_BENDS = 1 + len(_KNOTS_C)
_TERMS = _BENDS * (1 + len(MEAN_HOURS))
"""Temperature terms of one hour: a straight line and its bends, of the present value and of each trailing mean."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadCore:
    """Coefficients of every series, and how well they fit.

    Attributes:
        calendar: Weight of each calendar term, shape (series, calendar terms). [log kW]
        temperature: Weight of each temperature term by local hour, shape (series, _TERMS, 24). [log kW]
        spread: Robust standard deviation of what the core leaves over, shape (series,). [log kW]
        seen_c: Lowest and highest of the temperature and of each trailing mean, shape (series, 1 + len(MEAN_HOURS), 2).
            [degC] Beyond them nobody knows how load answers: they count as the nearest that was seen.
    """

    calendar: FloatArray
    temperature: FloatArray
    spread: FloatArray
    seen_c: FloatArray


def temperature_terms(temperature_c: FloatArray, *, seen_c: FloatArray) -> FloatArray:
    """The temperature and its trailing means, each with its bends, causal along the last axis.

    Args:
        temperature_c: Shape (..., hours), no gaps. [degC] A mean over fewer hours than it wants takes what is there.
        seen_c: Bounds of each, shape (..., 1 + len(MEAN_HOURS), 2).

    Returns:
        Shape (..., hours, _TERMS).
    """
    smoothed = _smoothed(temperature_c)  # (..., 1 + means, hours)
    line = np.clip(smoothed, seen_c[..., :1], seen_c[..., 1:])
    bends = np.stack([line - 15.0, *(np.maximum(line - knot, 0.0) for knot in _KNOTS_C)], axis=-1) / 10.0
    by_hour = np.moveaxis(bends, -3, -2)  # (..., hours, 1 + means, _BENDS)
    return by_hour.reshape(*by_hour.shape[:-2], _TERMS)


def calendar_level(core: LoadCore, calendar: Calendar) -> FloatArray:
    """The calendar's part of the core for every series and interval, shape (series, periods). [log kW]"""
    return core.calendar @ _calendar_terms(calendar).T


def temperature_effect(
    core: LoadCore, terms: FloatArray, *, series: npt.NDArray[np.int64], hour: npt.NDArray[np.int64]
) -> FloatArray:
    """The temperature's part of the core. [log kW]

    Args:
        terms: From :func:`temperature_terms`, shape (batch, hours, _TERMS).
        series: Row of each window, shape (batch,).
        hour: Local hour of each interval, shape (batch, hours).

    Returns:
        Shape (batch, hours).
    """
    weights = core.temperature.transpose(0, 2, 1)[series[:, None], hour]  # (batch, hours, _TERMS)
    effect: FloatArray = np.einsum("bhk,bhk->bh", terms, weights)
    return effect


def fit_load_core(log_kw: FloatArray, temperature_c: FloatArray, calendar: Calendar) -> LoadCore:
    """Fit one ridge per series, the recent past weighing more (half-life two years).

    Args:
        log_kw: Shape (series, hours). NaN where unknown.
        temperature_c: Each series' temperature, same shape, no gaps.
        calendar: Of the same hours.
    """
    fixed = _calendar_terms(calendar)  # (hours, calendar terms)
    by_hour = harmonics(2.0 * np.pi * np.arange(24) / 24.0, 3)  # (24, 7)
    age_hours = np.arange(log_kw.shape[1])[::-1]
    weight = np.sqrt(0.5 ** (age_hours / _HALF_LIFE_HOURS))
    count = fixed.shape[1]
    penalty = np.full(count + _TERMS * by_hour.shape[1], _PENALTY)
    penalty[count:] = _TEMPERATURE_PENALTY
    if log_kw.shape[1] < 8766:
        penalty[_SEASON_TERMS] = 1e6  # part of a year cannot tell the year's course
    coefficients = np.empty((len(log_kw), count + _TERMS * by_hour.shape[1]))
    spread = np.empty(len(log_kw))
    seen_c = np.empty((len(log_kw), 1 + len(MEAN_HOURS), 2))
    bounds = np.empty(0)
    design, made_for = np.empty(0), None
    for row, target in enumerate(log_kw):
        if made_for is None or not np.array_equal(temperature_c[row], temperature_c[made_for]):
            smoothed = _smoothed(temperature_c[row])  # (1 + means, hours)
            bounds = np.stack([smoothed.min(axis=1), smoothed.max(axis=1)], axis=1)  # (1 + means, 2)
            terms = temperature_terms(temperature_c[row], seen_c=bounds)  # (hours, _TERMS)
            varying = terms[:, :, None] * by_hour[calendar.hour][:, None, :]  # (hours, _TERMS, 7)
            design = np.concatenate([fixed, varying.reshape(len(terms), -1)], axis=1)  # (hours, all terms)
            made_for = row
        known = np.isfinite(target)
        x, y = design[known] * weight[known, None], target[known] * weight[known]
        # Centred by the weighted mean level: without it the penalty would pull the level itself towards zero.
        level = float((y * weight[known]).sum() / (weight[known] ** 2).sum())
        gram = x.T @ x
        gram[np.diag_indices_from(gram)] += penalty
        coefficients[row] = np.linalg.solve(gram, x.T @ (y - level * weight[known]))
        coefficients[row, 0] += level
        seen_c[row] = bounds
        residual = target[known] - design[known] @ coefficients[row]
        spread[row] = max(1.4826 * float(np.median(np.abs(residual - np.median(residual)))), 1e-3)
    temperature = coefficients[:, count:].reshape(len(log_kw), _TERMS, -1) @ by_hour.T  # (series, _TERMS, 24)
    return LoadCore(coefficients[:, :count], temperature, spread, seen_c)


def _smoothed(temperature_c: FloatArray) -> FloatArray:
    """The temperature and its trailing means, shape (..., 1 + len(MEAN_HOURS), hours)."""
    zero = np.zeros((*temperature_c.shape[:-1], 1))
    total = np.concatenate([zero, np.cumsum(temperature_c, axis=-1)], axis=-1)  # (..., hours + 1)
    ends = np.arange(1, temperature_c.shape[-1] + 1)
    smoothed = [temperature_c]
    for hours in MEAN_HOURS:
        begins = np.maximum(ends - hours, 0)
        smoothed.append((total[..., ends] - total[..., begins]) / (ends - begins))
    return np.stack(smoothed, axis=-2)


def _calendar_terms(calendar: Calendar) -> FloatArray:
    """Level, day type x hour, season x hour and holidays' neighbours, shape (periods, calendar terms)."""
    hours = np.eye(24)[calendar.hour]  # (periods, 24)
    day_type = np.eye(3)[calendar.day_type]  # (periods, 3)
    season = harmonics(calendar.year_angle, 3)[:, 1:]  # (periods, 6)
    day = harmonics(2.0 * np.pi * calendar.hour / 24.0, 3)  # (periods, 7)
    edges = np.stack(
        [calendar.weekday == 0, calendar.weekday == 4, calendar.near_holiday & (calendar.day_type == 0)], axis=1
    )  # (periods, 3)
    return np.concatenate(
        [
            np.ones((len(hours), 1)),
            (day_type[:, :, None] * hours[:, None, :]).reshape(len(hours), -1),  # (periods, 72)
            (season[:, :, None] * day[:, None, :]).reshape(len(hours), -1),  # (periods, 42)
            (edges[:, :, None] * day[:, None, :5]).reshape(len(hours), -1),  # (periods, 15)
        ],
        axis=1,
    )
