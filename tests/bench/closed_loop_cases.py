"""What the closed loop is measured on: Prescient's published week of 24 buses, and weeks of RTS-GMLC in four seasons.

Day-ahead forecasts of wind and sun are ones that err; RTS-GMLC's load forecast is nearly what happens, and Prescient's
is that times a constant: neither says anything about load forecasts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from rts_gmlc_year import BEGINS, HOUR, hour_of, read_year

from api.commands.source_folder import read_source_folder
from grid.assets import RenewableKind
from grid.cases import SourceSystem
from grid.dispatch import DispatchProblem
from grid.simulation import Expected
from grid.simulation.analogues import analogue_quantiles
from grid.time_axis import FloatArray, TimeAxis

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
PRESCIENT, RTS_GMLC = DATA / "prescient_24bus", DATA / "rts_gmlc"
WEEK_HOURS, DAY_HOURS = 168, 24
WEEKS = ("2020-02-03", "2020-04-20", "2020-07-06", "2020-09-14")
_LEARN_HOURS = 60 * DAY_HOURS
_LASTING_HOURS = 8
"""An error tells next to nothing of the errors that come later (``bench_closed_loop.py year``)."""
_FIRST_LEARN_HOURS, LEAD_HOURS = 33 * DAY_HOURS, 8
_PRESCIENT_BEGINS = datetime(2020, 7, 10, tzinfo=UTC)
_PRESCIENT_SHIFT = -HOUR
"""Prescient's series are RTS-GMLC's, an hour later."""


@dataclass(frozen=True, slots=True, eq=False)
class Week:
    """What happened, what was forecast the day before, and how forecasts had erred until then.

    Attributes:
        past_wind_mw, past_sun_mw: Day-ahead forecasts of all plants in the hours before, shape (hours,).
        past_errors_mw: What net load then was beyond its forecast, loads taken as right, shape (hours,).
        load_ratio: What loads came to in the hours before, as a share of their forecast.
    """

    name: str
    actual: DispatchProblem
    forecast: DispatchProblem
    past_wind_mw: FloatArray
    past_sun_mw: FloatArray
    past_errors_mw: FloatArray
    load_ratio: float


@dataclass(frozen=True, slots=True, eq=False)
class AsShipped:
    """The day-ahead forecasts as they are, each day's told at 16:00 of the day before.

    Beyond the last day that was told it comes again, and wind stays, as in Prescient.
    """

    forecast: DispatchProblem

    def expect(self, axis: TimeAxis, *, issued_at: datetime) -> Expected:
        """The forecast of ``axis`` as far as it was told at ``issued_at``."""
        begins = self.forecast.axis.start
        at = (axis.start - begins) // HOUR + np.arange(axis.periods)
        days = ((issued_at - begins) // HOUR + LEAD_HOURS) // DAY_HOURS + 1
        told = min(days * DAY_HOURS, WEEK_HOURS)
        again, last = np.where(at < told, at, told - DAY_HOURS + at % DAY_HOURS), np.minimum(at, told - 1)
        wind = _is(self.forecast, RenewableKind.WIND)[:, None]
        available = np.where(wind, self.forecast.available_mw[:, last], self.forecast.available_mw[:, again])
        nothing = np.zeros(axis.periods)
        return Expected(axis, self.forecast.load_mw[:, again], available, nothing, nothing)


@dataclass(frozen=True, slots=True, eq=False)
class Foresight:
    """What happens, without a reserve; the last day is told again beyond the end."""

    actual: DispatchProblem

    def expect(self, axis: TimeAxis, *, issued_at: datetime) -> Expected:
        """What happens in ``axis``."""
        at = (axis.start - self.actual.axis.start) // HOUR + np.arange(axis.periods)
        at = np.where(at < WEEK_HOURS, at, WEEK_HOURS - DAY_HOURS + at % DAY_HOURS)
        nothing = np.zeros(axis.periods)
        return Expected(axis, self.actual.load_mw[:, at], self.actual.available_mw[:, at], nothing, nothing)


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """The forecasts as shipped, less what they are usually wrong by, with a reserve at a quantile of net load's errors.

    Load is scaled by the ratio of the hours that are over when the plan is made. Errors are those of net load as a
    whole, as :func:`errors_to_come` expects them from the last sixty days. Their median corrects the wind, and the
    quantile at ``level`` is the reserve. Without a level there is no reserve.
    """

    week: Week
    level: float | None

    def expect(self, axis: TimeAxis, *, issued_at: datetime) -> Expected:
        """What is expected of ``axis``, and the reserve, from what was over at ``issued_at``."""
        week = self.week
        over = (issued_at - week.actual.axis.start) // HOUR
        told, happened = week.forecast.load_mw[:, :over].sum(), week.actual.load_mw[:, :over].sum()
        ratio = happened / told if over else week.load_ratio
        ahead = (axis.start - issued_at) // HOUR
        until_end = TimeAxis(issued_at, axis.step, ahead + axis.periods)
        shipped = AsShipped(week.forecast).expect(until_end, issued_at=issued_at)
        errors = _net_load(week.actual)[:over] - _net_load(week.forecast, load_scale=ratio)[:over]
        wind, sun = (_is(week.forecast, kind) for kind in (RenewableKind.WIND, RenewableKind.SOLAR))
        courses = [
            np.concatenate(
                [past, week.forecast.available_mw[kind, :over].sum(axis=0), shipped.available_mw[kind].sum(axis=0)]
            )
            for past, kind in ((week.past_wind_mw, wind), (week.past_sun_mw, sun))
        ]
        levels = (0.5, self.level or 0.5)
        median, high = errors_to_come(
            *courses, np.concatenate([week.past_errors_mw, errors]), until=axis.end, levels=levels
        )[:, ahead:]
        load, available = shipped.load_mw[:, ahead:], shipped.available_mw[:, ahead:].copy()
        expected_wind = available[wind].sum(axis=0)
        most = np.array([plant.capacity_mw for plant in week.forecast.renewable_plants])[wind, None]
        corrected = np.maximum(expected_wind - median, 0.0)
        share = np.divide(corrected, expected_wind, out=np.ones_like(median), where=expected_wind > 0.0)
        available[wind] = np.minimum(available[wind] * share, most)
        taken_off = expected_wind - available[wind].sum(axis=0)
        reserve = np.maximum(high - taken_off, 0.0) if self.level is not None else np.zeros(axis.periods)
        promised = float("nan") if self.level is None else 1.0 - self.level
        return Expected(axis, load * ratio, available, reserve, np.zeros(axis.periods), promised)


def errors_to_come(
    wind_mw: FloatArray, sun_mw: FloatArray, errors: FloatArray, *, until: datetime, levels: Sequence[float]
) -> FloatArray:
    """Quantiles of the errors of the hours after the last known one, shape (levels, hours). [MW]

    As far ahead as errors last, for every hour a regression of the last sixty days tells what is left by then of the
    last three, and what forecasts of wind and sun, their changes from hour to hour and the clock add: forecasts of the
    sun that are half an hour off err by its rise. To that come the quantiles of what it left open in the hours most
    like this one. Later hours are told by hours like them alone.

    Args:
        wind_mw, sun_mw: Forecasts of the hours that are over and of those to come.
        errors: Of those that are over.
        until: When the last hour ends.
    """
    alike, over = situations(wind_mw, sun_mw, until=until), len(errors)
    cosine, sine = alike.T[2:]
    changes = [
        change for mw in (wind_mw, sun_mw) for change in (np.diff(mw, prepend=mw[0]), np.diff(mw, append=mw[-1]))
    ]
    told = np.column_stack([np.ones(len(alike)), alike, cosine**2, cosine * sine, *changes])
    quantiles = []
    for ahead, hour in enumerate(range(over, min(over + _LASTING_HOURS, len(alike))), start=1):
        past = np.arange(max(over - _LEARN_HOURS, ahead + 2), over)
        lasting = errors[np.append(past, hour)[:, None] - ahead - np.arange(3)]
        reasons = np.hstack([told[np.append(past, hour)], lasting])
        slopes = np.linalg.lstsq(reasons[:-1], errors[past])[0]
        left_open = errors[past] - reasons[:-1] @ slopes
        open_mw = analogue_quantiles(alike[past], left_open, alike[[hour]], levels=levels)
        quantiles.append(reasons[-1] @ slopes + open_mw[:, 0])
    later = analogue_errors(wind_mw, sun_mw, errors, until=until, levels=levels)[:, len(quantiles) :]
    return np.hstack([np.stack(quantiles, axis=1), later])


@cache
def prescient_week() -> Week:
    """Prescient's week, with the errors that RTS-GMLC's forecasts of the same plants made until then."""
    system = read_source_folder(PRESCIENT / "case")
    actual, forecast = (
        system.problem(simulation=simulation, start=_PRESCIENT_BEGINS, periods=WEEK_HOURS)
        for simulation in ("REAL_TIME", "DAY_AHEAD")
    )
    year, until = read_year(), hour_of(_PRESCIENT_BEGINS + _PRESCIENT_SHIFT)
    ratio = float(year.came["1"][:until].sum() / year.told["1"][:until].sum())
    return Week("Prescient's week", actual, forecast, *_past(forecast, until), ratio)


def season_week(day: str) -> Week:
    """A week of RTS-GMLC from midnight of ``day`` on, real time by the hour. Units are free before its first hour."""
    start = _midnight(day)
    forecast, actual = _told_and_came(start, WEEK_HOURS)
    ahead, loads = _loads()
    before = slice(None, _naive(start - HOUR))
    ratio = float(loads[before].to_numpy().sum() / ahead.loc[before, loads.columns].to_numpy().sum())
    return Week(f"RTS-GMLC from {day}", actual, forecast, *_past(forecast, hour_of(start)), ratio)


def before_week(day: str, hours: int) -> DispatchProblem:
    """What came in as many ``hours`` from a day before ``day`` on. Units are free before the first of them."""
    return _told_and_came(_midnight(day) - DAY_HOURS * HOUR, hours)[1]


def _told_and_came(start: datetime, hours: int) -> tuple[DispatchProblem, DispatchProblem]:
    """RTS-GMLC as forecast the day before, and as it came."""
    forecast, nothing = _rts_gmlc().problem(start=start, periods=hours), np.zeros(hours)
    forecast = replace(forecast, reserve_up_mw=nothing, reserve_down_mw=nothing)
    ahead, loads = _loads()
    span = slice(_naive(start), _naive(start + (hours - 1) * HOUR))
    load = forecast.load_mw.copy()
    for i, bus in enumerate(forecast.network.buses):
        column = f"load_area{bus.area}"
        load[i] *= (loads[column][span] / ahead[column][span]).to_numpy()
    year, first = read_year(), hour_of(start)
    available = forecast.available_mw.copy()
    for i, plant in enumerate(forecast.renewable_plants):
        if plant.plant_id in year.came:
            available[i] = np.minimum(year.came[plant.plant_id][first : first + hours], plant.capacity_mw)
    return forecast, replace(forecast, load_mw=load, available_mw=available)


def analogue_errors(
    wind_mw: FloatArray,
    sun_mw: FloatArray,
    errors: FloatArray,
    *,
    until: datetime,
    levels: Sequence[float],
    features: int = 4,
) -> FloatArray:
    """As :func:`errors_to_come`, of hours alike alone; ``features`` of :func:`situations` make them so."""
    alike, over = situations(wind_mw, sun_mw, until=until)[:, :features], len(errors)
    past = slice(max(over - _LEARN_HOURS, 0), over)
    return analogue_quantiles(alike[past], errors[past], alike[over:], levels=levels)


def year_errors() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Wind and sun as forecast for every hour of RTS-GMLC's year, and what all plants fell short by, each (hours,)."""
    year = read_year()
    plants = [name for name in year.told if len(name) > 1]  # areas have one digit
    wind, sun = (np.sum([year.told[name] for name in plants if kind in name], axis=0) for kind in ("WIND", "PV"))
    return wind, sun, np.sum([year.told[name] - year.came[name] for name in plants], axis=0)


def year_quantiles(
    teller: Callable[..., FloatArray], *, every: int, lead: int, levels: Sequence[float]
) -> tuple[FloatArray, FloatArray]:
    """Errors of net load in RTS-GMLC's year, shape (days, 24), and their quantiles, shape (levels, days, 24). [MW]

    Args:
        teller: Tells them as :func:`errors_to_come` does, for ``every`` few hours ``lead`` hours before.
    """
    wind, sun, errors = year_errors()
    ends = range(_FIRST_LEARN_HOURS + every, len(errors) + 1, every)
    quantiles = [
        teller(wind[:end], sun[:end], errors[: end - every - lead], until=BEGINS + end * HOUR, levels=levels)[:, lead:]
        for end in ends
    ]
    told = np.concatenate(quantiles, axis=1).reshape(len(levels), -1, DAY_HOURS)
    return errors[_FIRST_LEARN_HOURS:].reshape(-1, DAY_HOURS), told


def _is(problem: DispatchProblem, kind: RenewableKind) -> npt.NDArray[np.bool_]:
    return np.array([plant.kind is kind for plant in problem.renewable_plants])


def _net_load(problem: DispatchProblem, *, load_scale: float = 1.0) -> FloatArray:
    net: FloatArray = load_scale * problem.load_mw.sum(axis=0) - problem.available_mw.sum(axis=0)
    return net


def situations(wind_mw: FloatArray, sun_mw: FloatArray, *, until: datetime) -> FloatArray:
    """What makes hours alike, shape (hours, features); the last of them ends at ``until``."""
    clock = 2.0 * np.pi / DAY_HOURS * (until.hour + np.arange(-len(wind_mw), 0))
    return np.stack([wind_mw, sun_mw, np.cos(clock), np.sin(clock)], axis=1)


def _past(problem: DispatchProblem, until: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Wind and sun as forecast the day before, and what all plants fell short by, in the year's hours before one."""
    year = read_year()
    plants = [plant for plant in problem.renewable_plants if plant.plant_id in year.told]

    def told(kind: RenewableKind) -> FloatArray:
        return np.sum([year.told[plant.plant_id][:until] for plant in plants if plant.kind is kind], axis=0)

    short = np.sum([(year.told[plant.plant_id] - year.came[plant.plant_id])[:until] for plant in plants], axis=0)
    return told(RenewableKind.WIND), told(RenewableKind.SOLAR), short


@cache
def _rts_gmlc() -> SourceSystem:
    return read_source_folder(RTS_GMLC / "source", simulations=("DAY_AHEAD",))


@cache
def _loads() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Loads by the hour: day-ahead series, and what came as means of five minutes."""
    ahead, came = (
        pd.read_parquet(RTS_GMLC / f"{name}.parquet").set_index("timestamp")
        for name in ("day_ahead_hourly", "rt5_load")
    )
    return ahead, came.resample("1h").mean()


def _midnight(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def _naive(instant: datetime) -> datetime:
    return instant.replace(tzinfo=None)
