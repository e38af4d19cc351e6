"""A benchmark case as the rivals read it: every series on one regular grid, with the calendar of its place.

This file and the other ``rival_*.py`` run in a virtual environment of their own and import nothing of gridpilot.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import holidays
import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Series that share a horizon.

    Attributes:
        times: Starts of all intervals, history and horizon.
        values: Shape (series, intervals). NaN where unknown, and over the horizon.
        origin: Position of the first interval to forecast.
        covariates: By column, each of shape (series, intervals).
        given: Columns that are known over the horizon.
    """

    ids: tuple[str, ...]
    times: pd.DatetimeIndex
    values: FloatArray
    origin: int
    covariates: dict[str, FloatArray]
    given: tuple[str, ...]
    step_minutes: int
    solar: bool
    timezone: str
    country: str
    capacity: float

    @property
    def periods(self) -> int:
        """Intervals to forecast."""
        return len(self.times) - self.origin

    @property
    def day(self) -> int:
        """Intervals of a day."""
        return 24 * 60 // self.step_minutes

    def filled(self) -> FloatArray:
        """History without holes, shape (series, origin): the day before, or the series' median, where unknown."""
        past = self.values[:, : self.origin].copy()
        for row in past:
            row[: self.day][np.isnan(row[: self.day])] = np.nanmedian(row)
            for at in np.flatnonzero(np.isnan(row)):
                row[at] = row[at - self.day]
        return past

    def calendar(self) -> pd.DataFrame:
        """Local clock and holidays of every interval."""
        local = self.times.tz_convert(self.timezone)
        dates = pd.Index(local.date)
        around = range(int(local.year.min()) - 1, int(local.year.max()) + 2)
        free = set(holidays.country_holidays(self.country, years=around)) if self.country else set()
        hour = np.asarray(local.hour + local.minute / 60.0)
        season = 2.0 * np.pi * np.asarray(local.dayofyear) / 365.25
        return pd.DataFrame(
            {
                "hour": hour,
                "hour_sin": np.sin(2.0 * np.pi * hour / 24.0),
                "hour_cos": np.cos(2.0 * np.pi * hour / 24.0),
                "weekday": np.asarray(local.weekday, dtype=np.float64),
                "weekend": np.asarray(local.weekday >= 5, dtype=np.float64),
                "season_sin": np.sin(season),
                "season_cos": np.cos(season),
                "holiday": [float(day in free) for day in dates],
                "after_holiday": [float(day - pd.Timedelta(days=1) in free) for day in dates],
                "before_holiday": [float(day + pd.Timedelta(days=1) in free) for day in dates],
            },
            index=self.times,
        )

    def table(self, quantiles: FloatArray, levels: list[float]) -> pd.DataFrame:
        """Forecasts as rows: quantiles of shape (series, periods, levels), put in order and within what can be.

        The same kindness as ours: nothing below zero where history never was, solar within its capacity.
        """
        told = np.sort(quantiles, axis=-1)
        if self.solar:
            told = np.clip(told, 0.0, self.capacity)
        for row, past in zip(told, self.values, strict=True):
            if np.nanmin(past) >= 0.0:
                np.maximum(row, 0.0, out=row)
        table = pd.DataFrame(told.reshape(-1, len(levels)), columns=[f"q{level:g}" for level in levels])
        table.insert(0, "time", np.tile(self.times[self.origin :], len(self.ids)))
        table.insert(0, "series_id", np.repeat(self.ids, self.periods))
        table["time"] = pd.to_datetime(table["time"], utc=True)
        return table


def read_case(folder: Path) -> Case:
    """Read ``input.parquet`` and ``series.json`` as docs/forecast-files.md describes them."""
    frame = pd.read_parquet(folder / "input.parquet")
    frame["time"] = pd.to_datetime(frame["time"], utc=True)
    settings = next(iter(json.loads((folder / "series.json").read_text())["series"].values()))
    step = pd.Timedelta(minutes=settings["interval_minutes"])
    times = pd.date_range(frame["time"].min(), frame["time"].max(), freq=step)
    wide = {
        column: frame.pivot(index="time", columns="series_id", values=column).reindex(times)
        for column in ("value", *settings.get("covariates", {}))
    }
    values = wide.pop("value")
    covariates = {name: one.to_numpy(dtype=np.float64).T for name, one in wide.items()}
    origin = int(np.flatnonzero(values.notna().any(axis=1).to_numpy())[-1]) + 1
    return Case(
        ids=tuple(str(name) for name in values.columns),
        times=times,
        values=values.to_numpy(dtype=np.float64).T,
        origin=origin,
        covariates=covariates,
        given=tuple(name for name, one in covariates.items() if np.isfinite(one[:, origin:]).mean() > 0.9),
        step_minutes=settings["interval_minutes"],
        solar=settings["kind"] == "solar",
        timezone=settings.get("timezone", "UTC"),
        country=settings.get("holidays", ""),
        capacity=settings.get("capacity", np.inf),
    )
