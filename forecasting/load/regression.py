"""A load's level by calendar and temperature: one ridge on the log of power, fitted anew as of many instants at once.

Normal equations of the past fade by a constant factor, so that one walk over the history gives the fit as of every
instant on the way: a backtest over a year costs hardly more than one fit, and no fit sees what comes after it. Series
that share their terms are fitted together: what one of them misses is taken off the common equations again.

References:
    Hong, Wilson and Xie, "Long Term Probabilistic Load Forecasting and Normalization With Hourly Information", IEEE
    Transactions on Smart Grid 5(1), 2014 (the calendar x temperature regression).
    Wang, Liu and Hong, "Electric load forecasting with recency effect", Int. J. Forecasting 32(3), 2016 (lags and
    trailing means of temperature).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecasting.load.normal_equations import NormalEquations
from forecasting.nouns import Float32Array, IndexArray
from forecasting.series.calendar import Calendar, day_harmonics, harmonics
from grid.time_axis import FloatArray

CONTEXT_HOURS = 72
"""Hours of temperature before an interval that its terms read."""
PENALTIES = (0.2, 1.0, 5.0)
YEAR_HOURS = 8766
_MEAN_HOURS = (24, 72)
_LAG_HOURS = (1, 2, 3, 6, 12, 24)
_CENTRE_C, _SCALE_C, _BOUNDS = 15.0, 10.0, (-4.0, 3.0)
_KNOTS = (-0.5, 0.1, 0.7, 1.3)  # 10, 16, 22 and 28 degC: heating grows steep, ends; cooling begins, grows steep
_SEASON_WEIGHT = 0.2
"""Of temperature x season: one or two years hardly tell a temperature's own effect from that of its season."""
_HOLIDAY_WEIGHT = 0.3
"""Of what tells holidays from Sundays: few days, so that the penalty holds it back."""
_UNSEEN_SEASON = 1e6
_SEASON_ORDERS, _DAY_ORDERS = 2, 2
_BENDS = 1 + len(_KNOTS)
_LEVEL, _LAGS = (1 + len(_MEAN_HOURS)) * _BENDS, len(_LAG_HOURS) * _BENDS
TEMPERATURE_TERMS = _LEVEL * (24 + 2 * _SEASON_ORDERS) + (_LAGS + _BENDS) * (1 + 2 * _DAY_ORDERS)
_WEEK_TERMS = 7 * 24
_SEASON_TERMS = slice(_WEEK_TERMS, _WEEK_TERMS + 6 * 24 + 4 * 3 * 5)
CALENDAR_TERMS = _SEASON_TERMS.stop + 5


def calendar_terms(calendar: Calendar) -> Float32Array:
    """Weekday x hour (a holiday is nearly a Sunday), season x hour, season x day type.

    Returns:
        Shape (periods, calendar terms).
    """
    periods = len(calendar.hour)
    hour = np.eye(24)[calendar.hour]  # (periods, 24)
    weekday = np.eye(7)[np.where(calendar.holiday, 6, calendar.weekday)]  # (periods, 7)
    season = harmonics(calendar.year_angle, 3)[:, 1:]  # (periods, 6)
    slow = harmonics(calendar.year_angle, 2)[:, 1:]  # (periods, 4)
    day = day_harmonics(calendar.hour, 2)  # (periods, 5)
    kind = np.eye(3)[calendar.day_type][:, :, None] * day[:, None]  # (periods, 3, 5)
    holiday = _HOLIDAY_WEIGHT * (calendar.holiday & (calendar.weekday < 5))[:, None] * day
    crossed = [
        weekday[:, :, None] * hour[:, None, :],
        season[:, :, None] * hour[:, None, :],
        slow[:, :, None, None] * kind[:, None],
        holiday,
    ]
    return np.concatenate([terms.reshape(periods, -1) for terms in crossed], axis=1).astype(np.float32)


def temperature_bends(temperature_c: FloatArray) -> FloatArray:
    """Temperature, its means with what it was, and its lags, each as a line and its part beyond each knot.

    What has built up counts half beside the present: on the first hot day there is no such heat yet, and after a cool
    change it no longer matters, because both together do not reach the knot.

    Args:
        temperature_c: Shape (..., CONTEXT_HOURS + periods), no gaps. [degC]

    Returns:
        Shape (..., periods, lines x bends).
    """
    scaled = np.clip((temperature_c - _CENTRE_C) / _SCALE_C, *_BOUNDS)
    total = np.concatenate([np.zeros((*scaled.shape[:-1], 1)), np.cumsum(scaled, axis=-1)], axis=-1)
    ends = np.arange(CONTEXT_HOURS, scaled.shape[-1])
    present = scaled[..., ends]
    trailing = [(total[..., ends + 1] - total[..., ends + 1 - hours]) / hours for hours in _MEAN_HOURS]
    felt = [(present + mean) / 2.0 for mean in trailing]
    line = np.stack([present, *felt, *(scaled[..., ends - lag] for lag in _LAG_HOURS)], axis=-1)
    bent = np.stack([line, *(np.maximum(line - knot, 0.0) for knot in _KNOTS)], axis=-1)
    return bent.reshape(*line.shape[:-1], -1)


def temperature_terms(temperature_c: FloatArray, calendar: Calendar) -> Float32Array:
    """The bends of the temperature and its means crossed with hour and season, of its lags with the hour; free days.

    Args:
        temperature_c: Shape (CONTEXT_HOURS + periods,), no gaps. [degC]
        calendar: Of the last ``periods`` of them.

    Returns:
        Shape (periods, temperature terms).
    """
    bent = temperature_bends(temperature_c).astype(np.float32)
    level, lags, present = bent[:, :_LEVEL], bent[:, _LEVEL:], bent[:, :_BENDS]
    hour = np.eye(24, dtype=np.float32)[calendar.hour]
    day = _day_terms(calendar.hour)
    pairs = [
        (level, hour),
        (level, season_terms(calendar)),
        (lags, day),
        (present, (calendar.day_type > 0)[:, None] * day),
    ]
    made = np.empty((len(bent), TEMPERATURE_TERMS), dtype=np.float32)
    begin = 0
    for bends, terms in pairs:  # every bend with every term
        shape = *bends.shape, terms.shape[1]
        end = begin + shape[1] * shape[2]
        np.multiply(bends[:, :, None], terms[:, None, :], out=made[:, begin:end].reshape(shape, copy=False))
        begin = end
    return made


def temperature_response(weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What each bend of :func:`temperature_bends` weighs by kind of day and hour, and what each season term adds.

    Args:
        weights: Of the temperature terms, shape (..., temperature terms).

    Returns:
        Shapes (..., 2, 24, bends), working days first, then free ones, and (..., season terms, bends).
    """
    shape, seasons, days = weights.shape[:-1], 2 * _SEASON_ORDERS, 1 + 2 * _DAY_ORDERS
    edges = np.cumsum([_LEVEL * 24, _LEVEL * seasons, _LAGS * days])
    by_hour, by_season, by_day, free = np.split(weights, edges, axis=-1)
    day = _day_terms(np.arange(24)).T  # (day terms, 24)
    usual = np.concatenate(
        [by_hour.reshape(*shape, _LEVEL, 24), by_day.reshape(*shape, _LAGS, days) @ day], axis=-2
    )  # (..., bends, 24)
    on_free_days = usual.copy()
    on_free_days[..., :_BENDS, :] += free.reshape(*shape, _BENDS, days) @ day
    season = np.concatenate([by_season.reshape(*shape, _LEVEL, seasons), np.zeros((*shape, _LAGS, seasons))], axis=-2)
    return np.swapaxes(np.stack([usual, on_free_days], axis=-3), -1, -2), np.swapaxes(season, -1, -2)


def season_terms(calendar: Calendar) -> Float32Array:
    """Harmonics of the season as temperature is crossed with them, shape (periods, season terms)."""
    return (_SEASON_WEIGHT * harmonics(calendar.year_angle, _SEASON_ORDERS)[:, 1:]).astype(np.float32)


def _day_terms(hour: IndexArray) -> Float32Array:
    return day_harmonics(hour, _DAY_ORDERS).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Regressions of some series as they were fitted on the hours before ``until``, by penalty of :data:`PENALTIES`.

    Attributes:
        weights: Shape (series, penalties, terms).
        level: Shape (series, penalties).
        told: What they say of the hours from ``until`` on, shape (series, penalties, hours).
    """

    until: int
    weights: FloatArray
    level: FloatArray
    told: FloatArray


def rolling_fits(
    design: Callable[[int, int], Float32Array], targets: FloatArray, *, instants: IndexArray, beyond: int
) -> list[Fit]:
    """The regressions as of each instant, fitted on what lies before it, the recent past weighing more.

    Args:
        design: Terms of the hours from the first position up to the second, shape (hours, terms).
        targets: Log of power, shape (series, hours). NaN where unknown.
        instants: Positions, increasing; the first has known hours before it.
        beyond: Each speaks up to the next instant, or the end, and so many hours more.
    """
    ends = [*instants[1:].tolist(), targets.shape[1]]
    block = design(0, int(instants[0]))
    sums = NormalEquations(_held(block.shape[1], seasons_known=False), np.isfinite(targets))
    sums.add(block, targets[:, : instants[0]])
    made = []
    for until, following in zip(instants.tolist(), ends, strict=True):
        sums.penalise(_held(block.shape[1], seasons_known=until >= YEAR_HOURS))
        weights, level = sums.solve(again_after=following - until)
        block = design(until, following + beyond)
        flat = block @ weights.reshape(-1, block.shape[1]).T.astype(np.float32)  # (hours, series x penalties)
        told = flat.T.reshape(*level.shape, -1).astype(np.float64) + level[..., None]
        made.append(Fit(until, weights, level, told))
        sums.add(block[: following - until], targets[:, until:following])
    return made


def _held(terms: int, *, seasons_known: bool) -> FloatArray:
    """What each of the first terms, those of the calendar, and the rest is held back by, shape (penalties, terms)."""
    held = np.repeat(np.asarray(PENALTIES)[:, None], terms, axis=1)
    if not seasons_known:
        held[:, _SEASON_TERMS] = _UNSEEN_SEASON  # part of a year cannot tell the year's course
    return held
