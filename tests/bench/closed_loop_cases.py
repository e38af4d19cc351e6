"""What the closed loop is measured on: Prescient's published week of 24 buses, and weeks of RTS-GMLC in four seasons.

Day-ahead forecasts of wind are real ones that err; RTS-GMLC's load forecast is nearly what happens, and Prescient's is
that times a constant: neither says anything about load forecasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from api.commands.source_folder import read_source_folder
from grid.assets import RenewableKind
from grid.cases import SourceSystem
from grid.dispatch import DispatchProblem
from grid.simulation import Expected
from grid.simulation.analogues import analogue_quantiles
from grid.time_axis import FloatArray, TimeAxis

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
PRESCIENT, RTS_GMLC = DATA / "prescient_24bus", DATA / "rts_gmlc"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK_HOURS, DAY_HOURS = 168, 24
WEEKS = ("2020-02-03", "2020-04-20", "2020-07-06", "2020-09-14")
_LEARN_HOURS = 60 * DAY_HOURS
_PRESCIENT_BEGINS = datetime(2020, 7, 10, tzinfo=UTC)
_PRESCIENT_SHIFT = -HOUR
"""Prescient's series are RTS-GMLC's, an hour later."""


@dataclass(frozen=True, slots=True, eq=False)
class Week:
    """What happened, what was forecast the day before, and how forecasts had erred until then.

    Attributes:
        past_wind_mw: Day-ahead forecasts of all wind in the hours before, shape (hours,).
        past_errors_mw: What net load then was beyond its forecast, shape (hours,).
    """

    name: str
    actual: DispatchProblem
    forecast: DispatchProblem
    past_wind_mw: FloatArray
    past_errors_mw: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class AsShipped:
    """The day-ahead forecasts as they are. Beyond the first day it comes again, and wind stays, as in Prescient."""

    forecast: DispatchProblem

    def expect(self, axis: TimeAxis, *, issued_at: datetime) -> Expected:
        """The forecast of ``axis``, whenever it was issued."""
        first, hours = (axis.start - self.forecast.axis.start) // HOUR, np.arange(axis.periods)
        again, last = first + hours % DAY_HOURS, first + np.minimum(hours, DAY_HOURS - 1)
        wind = _is_wind(self.forecast)[:, None]
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

    Load is scaled by the ratio of the week's hours that are over when the plan is made. Wind is corrected by the median
    error of the hours with the most similar wind forecast of the last sixty days; the reserve is the quantile at
    ``level`` of the same errors. Without a level there is no reserve.
    """

    week: Week
    level: float | None

    def expect(self, axis: TimeAxis, *, issued_at: datetime) -> Expected:
        """What is expected of ``axis``, and the reserve, from what was over at ``issued_at``."""
        week = self.week
        over = (issued_at - week.actual.axis.start) // HOUR
        told, happened = week.forecast.load_mw[:, :over].sum(), week.actual.load_mw[:, :over].sum()
        ratio = happened / told if over else 1.0
        shipped = AsShipped(week.forecast).expect(axis, issued_at=issued_at)
        errors = _net_load(week.actual)[:over] - _net_load(week.forecast, load_scale=ratio)[:over]
        wind = _is_wind(week.forecast)
        past_wind = np.concatenate([week.past_wind_mw, week.forecast.available_mw[wind, :over].sum(axis=0)])
        expected_wind = shipped.available_mw[wind].sum(axis=0)
        median, high = analogue_quantiles(
            past_wind[-_LEARN_HOURS:, None],
            np.concatenate([week.past_errors_mw, errors])[-_LEARN_HOURS:],
            expected_wind[:, None],
            levels=(0.5, self.level or 0.5),
        )
        corrected = np.maximum(expected_wind - median, 0.0)
        available = shipped.available_mw.copy()
        available[wind] *= np.divide(corrected, expected_wind, out=np.ones_like(median), where=expected_wind > 0.0)
        taken_off = expected_wind - available[wind].sum(axis=0)
        reserve = np.maximum(high - taken_off, 0.0) if self.level is not None else np.zeros(axis.periods)
        promised = float("nan") if self.level is None else 1.0 - self.level
        return Expected(axis, shipped.load_mw * ratio, available, reserve, np.zeros(axis.periods), promised)


@cache
def prescient_week() -> Week:
    """Prescient's week, with RTS-GMLC's wind errors until then; the others are not known beforehand."""
    system = read_source_folder(PRESCIENT / "case")
    actual, forecast = (
        system.problem(simulation=simulation, start=_PRESCIENT_BEGINS, periods=WEEK_HOURS)
        for simulation in ("REAL_TIME", "DAY_AHEAD")
    )
    told, happened = _wind(_PRESCIENT_BEGINS + _PRESCIENT_SHIFT, ["122_WIND_1"])
    return Week("Prescient's week", actual, forecast, told, told - happened)


def season_week(day: str) -> Week:
    """A week of RTS-GMLC from midnight of ``day`` on, real time by the hour. Units are free before its first hour."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    forecast = _rts_gmlc().problem(start=start, periods=WEEK_HOURS)
    nothing = np.zeros(WEEK_HOURS)
    forecast = replace(forecast, reserve_up_mw=nothing, reserve_down_mw=nothing)
    ahead, loads, winds = _tables()
    hours = slice(_naive(start), _naive(start + (WEEK_HOURS - 1) * HOUR))
    load = forecast.load_mw.copy()
    for i, bus in enumerate(forecast.network.buses):
        column = f"load_area{bus.area}"
        load[i] *= (loads[column][hours] / ahead[column][hours]).to_numpy()
    available = forecast.available_mw.copy()
    plants = [plant.plant_id for plant in forecast.renewable_plants]
    for name in winds:
        available[plants.index(name)] = np.minimum(winds[name][hours], ahead[name].max())
    told, happened = _wind(start, list(winds))
    return Week(
        f"RTS-GMLC {day}", replace(forecast, load_mw=load, available_mw=available), forecast, told, told - happened
    )


def _is_wind(problem: DispatchProblem) -> npt.NDArray[np.bool_]:
    return np.array([plant.kind is RenewableKind.WIND for plant in problem.renewable_plants])


def _net_load(problem: DispatchProblem, *, load_scale: float = 1.0) -> FloatArray:
    net: FloatArray = load_scale * problem.load_mw.sum(axis=0) - problem.available_mw.sum(axis=0)
    return net


def _wind(until: datetime, names: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """Wind as forecast the day before and as it came, all ``names`` together, in the hours before an instant."""
    ahead, _, winds = _tables()
    hours = slice(None, _naive(until - HOUR))
    return tuple(table.loc[hours, names].sum(axis=1).to_numpy(dtype=float) for table in (ahead, winds))


@cache
def _rts_gmlc() -> SourceSystem:
    return read_source_folder(RTS_GMLC / "source", simulations=("DAY_AHEAD",))


@cache
def _tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Day-ahead series by the hour, load and wind as they came as hourly means of five minutes."""
    read = [pd.read_parquet(RTS_GMLC / f"{name}.parquet").set_index("timestamp") for name in
            ("day_ahead_hourly", "rt5_load", "rt5_wind")]  # fmt: skip
    return read[0], read[1].resample("1h").mean(), read[2].resample("1h").mean()


def _naive(instant: datetime) -> datetime:
    return instant.replace(tzinfo=None)
