"""A load's level by calendar and temperature: one ridge on the log of power, fitted anew as of many instants at once.

Normal equations of the past fade by a constant factor, so that one walk over the history gives the fit as of every
instant on the way: a backtest over a year costs hardly more than one fit, and no fit sees what comes after it.

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

from forecasting.calendar import Calendar, harmonics
from forecasting.windows import Float32Array, IndexArray
from grid.time_axis import FloatArray

CONTEXT_HOURS = 72
"""Hours of temperature before an interval that its terms read."""
HALF_LIFE_HOURS = 8766.0
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
_WEEK_TERMS = 7 * 24
_SEASON_TERMS = slice(_WEEK_TERMS, _WEEK_TERMS + 6 * 24 + 4 * 3 * 5)


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
    day = harmonics(2.0 * np.pi * calendar.hour / 24.0, 2)  # (periods, 5)
    kind = np.eye(3)[calendar.day_type][:, :, None] * day[:, None]  # (periods, 3, 5)
    holiday = _HOLIDAY_WEIGHT * (calendar.holiday & (calendar.weekday < 5))[:, None] * day
    crossed = [
        weekday[:, :, None] * hour[:, None, :],
        season[:, :, None] * hour[:, None, :],
        slow[:, :, None, None] * kind[:, None],
        holiday,
    ]
    return np.concatenate([terms.reshape(periods, -1) for terms in crossed], axis=1).astype(np.float32)


def temperature_terms(temperature_c: FloatArray, calendar: Calendar) -> Float32Array:
    """Temperature, its trailing means and its lags, each as a line with bends, crossed with hour, season and free days.

    Args:
        temperature_c: Shape (CONTEXT_HOURS + periods,), no gaps. [degC]
        calendar: Of the last ``periods`` of them.

    Returns:
        Shape (periods, temperature terms).
    """
    periods = len(calendar.hour)
    scaled = np.clip((temperature_c - _CENTRE_C) / _SCALE_C, *_BOUNDS)
    hour = np.eye(24)[calendar.hour]
    season = _SEASON_WEIGHT * harmonics(calendar.year_angle, 2)[:, 1:]
    day = harmonics(2.0 * np.pi * calendar.hour / 24.0, 2)
    free_day = (calendar.day_type > 0)[:, None] * day
    total = np.concatenate([[0.0], np.cumsum(scaled)])
    ends = np.arange(CONTEXT_HOURS, CONTEXT_HOURS + periods)
    means = [(total[ends + 1] - total[ends + 1 - hours]) / hours for hours in _MEAN_HOURS]
    made = [_bent(scaled[ends])[:, :, None] * free_day[:, None, :]]
    for line in (scaled[ends], *means):
        bent = _bent(line)  # (periods, 1 + knots)
        made += [bent[:, :, None] * hour[:, None, :], bent[:, :, None] * season[:, None, :]]
    made += [_bent(scaled[ends - lag])[:, :, None] * day[:, None, :] for lag in _LAG_HOURS]
    return np.concatenate([terms.reshape(periods, -1) for terms in made], axis=1).astype(np.float32)


def _bent(line: FloatArray) -> FloatArray:
    """A line and its part beyond each knot, shape (periods, 1 + knots)."""
    return np.stack([line, *(np.maximum(line - knot, 0.0) for knot in _KNOTS)], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A regression as it was fitted on the hours before ``until``.

    Attributes:
        weights: By penalty of :data:`PENALTIES`, shape (penalties, terms).
        level: Shape (penalties,).
    """

    until: int
    weights: FloatArray
    level: FloatArray

    def predict(self, terms: Float32Array) -> FloatArray:
        """Shape (..., penalties) for terms of shape (..., terms)."""
        return np.asarray(terms @ self.weights.T.astype(np.float32) + self.level, dtype=np.float64)


def rolling_fits(design: Callable[[int, int], Float32Array], target: FloatArray, *, instants: IndexArray) -> list[Fit]:
    """The regression as of each instant, fitted on what lies before it, the recent past weighing more.

    Centred before the penalty: otherwise it would pull the level itself towards zero.

    Args:
        design: Terms of the hours from the first position up to the second, shape (hours, terms).
        target: Log of power, shape (hours,). NaN where unknown.
        instants: Positions, increasing; the first has known hours before it.
    """
    made: list[Fit] = []
    sums = np.zeros((0, 0))
    done = 0
    for instant in instants.tolist():
        while done < instant:
            end = min(done + YEAR_HOURS // 12, instant)
            known = np.isfinite(target[done:end])
            block = design(done, end)[known]
            wide = np.concatenate([block, np.ones((len(block), 1)), target[done:end][known, None]], axis=1)
            wide = wide.astype(np.float32)
            if not len(sums):
                sums = np.zeros((wide.shape[1],) * 2)
            sums = sums * 0.5 ** ((end - done) / HALF_LIFE_HOURS) + wide.T @ wide
            done = end
        made.append(_solve(sums, instant))
    return made


def _solve(sums: FloatArray, until: int) -> Fit:
    """Centre the normal equations and solve them for every penalty."""
    terms = len(sums) - 2
    count = max(float(sums[terms, terms]), 1e-9)
    mean, level = sums[:terms, terms] / count, float(sums[terms, terms + 1]) / count
    gram = sums[:terms, :terms] - count * np.outer(mean, mean)
    moment = sums[:terms, terms + 1] - count * mean * level
    weights = np.empty((len(PENALTIES), terms))
    for row, penalty in enumerate(PENALTIES):
        held = np.full(terms, penalty)
        if until < YEAR_HOURS:
            held[_SEASON_TERMS] = _UNSEEN_SEASON  # part of a year cannot tell the year's course
        weights[row] = np.linalg.solve(gram + np.diag(held), moment)
    return Fit(until, weights, level - weights @ mean)
