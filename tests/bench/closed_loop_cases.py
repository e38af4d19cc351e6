"""What the closed loop is measured on: Prescient's published week of 24 buses, and weeks of RTS-GMLC in four seasons.

Day-ahead forecasts of wind and sun are ones that err; RTS-GMLC's load forecast is nearly what happens, and Prescient's
is that times a constant: neither says anything about load forecasts.
"""

from __future__ import annotations

from collections.abc import Sequence
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
_FIRST_LEARN_HOURS, _LEAD_HOURS = 33 * DAY_HOURS, 8
_NOTICED_MW = 1e-3
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
        days = ((issued_at - begins) // HOUR + _LEAD_HOURS) // DAY_HOURS + 1
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
    whole in the hours of the last sixty days that were most like the one to come, by their forecasts of wind and sun
    and by the clock. Their median corrects the wind, and the quantile at ``level`` is the reserve. Without a level
    there is no reserve. Where it is ``updated``, the error of the last hour goes on as errors did.
    """

    week: Week
    level: float | None
    updated: bool = False

    def expect(self, axis: TimeAxis, *, issued_at: datetime) -> Expected:
        """What is expected of ``axis``, and the reserve, from what was over at ``issued_at``."""
        week = self.week
        over = (issued_at - week.actual.axis.start) // HOUR
        told, happened = week.forecast.load_mw[:, :over].sum(), week.actual.load_mw[:, :over].sum()
        ratio = happened / told if over else week.load_ratio
        shipped = AsShipped(week.forecast).expect(axis, issued_at=issued_at)
        errors = _net_load(week.actual)[:over] - _net_load(week.forecast, load_scale=ratio)[:over]
        learnt = slice(-_LEARN_HOURS, None)
        wind, sun = (_is(week.forecast, kind) for kind in (RenewableKind.WIND, RenewableKind.SOLAR))
        past_wind = np.concatenate([week.past_wind_mw, week.forecast.available_mw[wind, :over].sum(axis=0)])
        past_sun = np.concatenate([week.past_sun_mw, week.forecast.available_mw[sun, :over].sum(axis=0)])
        expected_wind, expected_sun = (shipped.available_mw[kind].sum(axis=0) for kind in (wind, sun))
        alike = situations(past_wind, past_sun, until=issued_at)[learnt]
        past_errors = np.concatenate([week.past_errors_mw, errors])[learnt]
        wanted, levels = situations(expected_wind, expected_sun, until=axis.end), (0.5, self.level or 0.5)
        if self.updated:
            ahead = (axis.start - issued_at) // HOUR + 1
            median, high = _errors_to_come(alike, past_errors, wanted, first=ahead, levels=levels)
        else:
            median, high = analogue_quantiles(alike, past_errors, wanted, levels=levels)
        available = shipped.available_mw.copy()
        most = np.array([plant.capacity_mw for plant in week.forecast.renewable_plants])[wind, None]
        corrected = np.maximum(expected_wind - median, 0.0)
        share = np.divide(corrected, expected_wind, out=np.ones_like(median), where=expected_wind > 0.0)
        available[wind] = np.minimum(available[wind] * share, most)
        taken_off = expected_wind - available[wind].sum(axis=0)
        reserve = np.maximum(high - taken_off, 0.0) if self.level is not None else np.zeros(axis.periods)
        promised = float("nan") if self.level is None else 1.0 - self.level
        return Expected(axis, shipped.load_mw * ratio, available, reserve, np.zeros(axis.periods), promised)


def _errors_to_come(
    alike: FloatArray, errors: FloatArray, wanted: FloatArray, *, first: int, levels: Sequence[float]
) -> FloatArray:
    """Quantiles of the errors of the hours from the ``first`` after the last known one on, shape (levels, hours).

    The present error fades as past ones did: what of it is left after some hours is the slope of the regression of
    errors on those as many hours before. To that come the quantiles of what that regression left open in hours alike.
    """
    quantiles = []
    for hours, situation in enumerate(wanted, start=first):
        before, after = errors[:-hours], errors[hours:]
        left = min(max(float(before @ after / (before @ before)), 0.0), 1.0)
        open_mw = analogue_quantiles(alike[hours:], after - left * before, situation[None, :], levels=levels)
        quantiles.append(left * errors[-1] + open_mw[:, 0])
    told: FloatArray = np.stack(quantiles, axis=1)
    return told


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
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    forecast = _rts_gmlc().problem(start=start, periods=WEEK_HOURS)
    nothing = np.zeros(WEEK_HOURS)
    forecast = replace(forecast, reserve_up_mw=nothing, reserve_down_mw=nothing)
    ahead, loads = _loads()
    before, hours = slice(None, _naive(start - HOUR)), slice(_naive(start), _naive(start + (WEEK_HOURS - 1) * HOUR))
    load = forecast.load_mw.copy()
    for i, bus in enumerate(forecast.network.buses):
        column = f"load_area{bus.area}"
        load[i] *= (loads[column][hours] / ahead[column][hours]).to_numpy()
    year, first = read_year(), hour_of(start)
    available = forecast.available_mw.copy()
    for i, plant in enumerate(forecast.renewable_plants):
        if plant.plant_id in year.came:
            available[i] = np.minimum(year.came[plant.plant_id][first : first + WEEK_HOURS], plant.capacity_mw)
    actual = replace(forecast, load_mw=load, available_mw=available)
    ratio = float(loads[before].to_numpy().sum() / ahead.loc[before, loads.columns].to_numpy().sum())
    return Week(f"RTS-GMLC {day}", actual, forecast, *_past(forecast, first), ratio)


def year_errors() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Wind and sun as forecast for every hour of RTS-GMLC's year, and what all plants fell short by, each (hours,)."""
    year = read_year()
    plants = [name for name in year.told if len(name) > 1]  # areas have one digit
    wind, sun = (np.sum([year.told[name] for name in plants if kind in name], axis=0) for kind in ("WIND", "PV"))
    return wind, sun, np.sum([year.told[name] - year.came[name] for name in plants], axis=0)


def year_beyond(levels: Sequence[float], *, features: int) -> FloatArray:
    """Whether net load of RTS-GMLC's year lay beyond its quantiles, told day by day, shape (levels, days, 24).

    Args:
        features: How many of :func:`situations` make hours alike.
    """
    wind, sun, errors = year_errors()
    alike = situations(wind, sun, until=BEGINS)[:, :features]
    beyond = []
    for first in range(_FIRST_LEARN_HOURS, len(errors), DAY_HOURS):
        over, day = first - _LEAD_HOURS, slice(first, first + DAY_HOURS)
        past = slice(max(over - _LEARN_HOURS, 0), over)
        quantiles = analogue_quantiles(alike[past], errors[past], alike[day], levels=levels)
        beyond.append(errors[day] > quantiles + _NOTICED_MW)
    return np.stack(beyond, axis=1)


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


def _naive(instant: datetime) -> datetime:
    return instant.replace(tzinfo=None)
