"""Which of several temperature columns tell a load best: the mean of those that together leave the least over.

References:
    Hong, Wang and White, "Weather station selection for electric load forecasting", Int. J. Forecasting 31(2), 2015.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting.nouns import IndexArray
from forecasting.series.calendar import Calendar, day_harmonics, harmonics
from forecasting.series.rows import Rows
from grid.time_axis import FloatArray

_LOOK_BACK_HOURS = 3 * 8766
_STRIDE_HOURS = 3
_CANDIDATES, _MOST = 12, 8
_GAIN = 1e-3
"""Another station must lower the error by this share of it."""


def stations_of(rows: Rows, calendar: Calendar) -> tuple[tuple[int, ...], ...]:
    """Of each series the temperature columns whose mean tells it best."""
    past = slice(0, rows.axis.periods)
    chosen: list[tuple[int, ...]] = []
    for index, one in enumerate(rows.series):
        stations, _ = rows.temperatures_c(one)  # (stations, parts, hours + periods)
        own = np.log(np.maximum(rows.values[index * rows.parts], 0.0) + 0.05)
        chosen.append(tuple(choose_stations(own, stations[:, 0, past], calendar.part(past))) if len(stations) else ())
    return tuple(chosen)


def temperatures_of(rows: Rows, stations: Sequence[Sequence[int]]) -> list[FloatArray | None]:
    """Of each row the mean temperature of its stations; NaN where they are gone, None where it never had any."""
    found: list[FloatArray | None] = []
    for one, chosen in zip(rows.series, stations, strict=True):
        every, _ = rows.temperatures_c(one)
        there = [station for station in chosen if station < len(every)]
        found += list(_mean(every[there])) if chosen else [None] * rows.parts
    return found


def _mean(stations: FloatArray) -> FloatArray:
    """Mean over the stations that are known, shape (parts, hours). NaN where none is."""
    if len(stations) == 1:
        return np.asarray(stations[0])
    known = np.isfinite(stations)
    total = np.where(known, stations, 0.0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def choose_stations(log_power: FloatArray, temperature_c: FloatArray, calendar: Calendar) -> list[int]:
    """Rows of ``temperature_c`` whose mean explains the load best on the later third of the last three years.

    Stations join one after another, the most helpful first; one may join twice and then counts double.

    Args:
        log_power: Shape (hours,). NaN where unknown.
        temperature_c: Shape (stations, hours). [degC] NaN where unknown.
        calendar: Of the same hours.
    """
    if len(temperature_c) == 1:
        return [0]
    known = np.isfinite(log_power) & np.isfinite(temperature_c).all(axis=0)
    shown = np.arange(max(len(log_power) - _LOOK_BACK_HOURS, 0), len(log_power), _STRIDE_HOURS)
    shown = shown[known[shown]]
    if len(shown) < 500:
        return list(range(len(temperature_c)))
    fixed = _calendar_terms(calendar, shown)
    target = log_power[shown]

    def error(stations: Sequence[int]) -> float:
        return _error(fixed, target, np.nanmean(temperature_c[list(stations)], axis=0), calendar, shown)

    ranked = sorted(range(len(temperature_c)), key=lambda station: error([station]))[:_CANDIDATES]
    chosen, least = ranked[:1], error(ranked[:1])
    while len(chosen) < _MOST:
        found, station = min((error([*chosen, station]), station) for station in ranked)
        if found >= least * (1.0 - _GAIN):
            break
        least, chosen = found, [*chosen, station]
    return chosen


def _calendar_terms(calendar: Calendar, shown: IndexArray) -> FloatArray:
    kind, hour = np.eye(3)[calendar.day_type[shown]], np.eye(24)[calendar.hour[shown]]
    crossed = (kind[:, :, None] * hour[:, None, :]).reshape(len(shown), -1)
    return np.concatenate([crossed, harmonics(calendar.year_angle[shown], 3)[:, 1:]], axis=1)


def _error(
    fixed: FloatArray, target: FloatArray, temperature_c: FloatArray, calendar: Calendar, shown: IndexArray
) -> float:
    """Mean absolute error about its median on the later third, fitted on the earlier two."""
    total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(temperature_c, nan=float(np.nanmean(temperature_c))))])
    begin = np.maximum(shown - 23, 0)
    day = day_harmonics(calendar.hour[shown], 2)
    lines = [temperature_c[shown], (total[shown + 1] - total[begin]) / (shown + 1 - begin)]
    made = [fixed]
    for line in lines:
        scaled = (line - 15.0) / 10.0
        bent = np.stack([scaled, np.maximum(scaled - 0.1, 0.0), np.maximum(scaled - 0.7, 0.0)], axis=1)
        made.append((bent[:, :, None] * day[:, None, :]).reshape(len(shown), -1))
    terms = np.concatenate(made, axis=1)
    early = len(shown) * 2 // 3
    centre, level = terms[:early].mean(axis=0), target[:early].mean()
    x = terms[:early] - centre
    weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ (target[:early] - level))
    left = target[early:] - level - (terms[early:] - centre) @ weights
    return float(np.mean(np.abs(left - np.median(left))))
