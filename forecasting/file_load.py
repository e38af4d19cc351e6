"""Members that forecast load and other series of people's making: regression, trees, networks, climatology, naive."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cached_property
from typing import Self

import numpy as np

from forecasting.attention import days_attended
from forecasting.baseline import WEEK_HOURS
from forecasting.calendar import Calendar
from forecasting.climatology import Climatology
from forecasting.file_members import (
    CLIMATOLOGY,
    LEVELS,
    LONGEST_NETWORK_HOURS,
    NAIVE,
    REGRESSION,
    TREES,
    Course,
    NaiveMember,
    Quantiles,
    filled,
    network_fits,
    split_history,
)
from forecasting.file_regression import FIRST_HOURS, Regression
from forecasting.file_rows import Rows
from forecasting.file_trees import Grown, LoadTrees
from forecasting.fitting import fit_load_core_and_weather, fit_load_model
from forecasting.load_windows import LOAD_CONTEXT_HOURS, LoadPanel
from forecasting.models import LoadModel, predict_kw
from forecasting.residuals import MEMORY_HOURS
from forecasting.stations import choose_stations
from forecasting.windows import IndexArray
from grid.time_axis import FloatArray

_CHUNK = 64


class LoadMembers:
    """Everything that can be said of the load of some rows.

    Args:
        trained: Whether history is long enough for more than climatology and the seasonal naive.
    """

    def __init__(self, rows: Rows, *, course: Course, trained: bool) -> None:
        self.reasons: list[str] = []
        self._rows = rows
        self._options = course.trees
        calendar = rows.calendar()
        self._naive = NaiveMember(rows.values, calendar, WEEK_HOURS)
        self._climatology = Climatology(rows.values, calendar, by_day_type=True)
        self._split = split_history(rows.axis.periods, rows.periods)
        self._stations = _stations(rows, calendar)
        self._temperature, self._ahead = _temperatures(rows, self._stations)
        self._models: dict[str, LoadModel] = {}
        self._grown: dict[int, Grown] = {}
        self._regressions: list[Regression] = []
        self._trees: LoadTrees | None = None
        if trained and self._split.test >= FIRST_HOURS + 72:
            self._regressions = [
                Regression(kw, temperature, calendar, split=self._split, periods=rows.periods)
                for kw, temperature in zip(rows.values, self._temperature, strict=True)
            ]
            if all(one.told_ahead for one in self._regressions):
                self._trees = LoadTrees(rows, self._regressions, calendar, options=course.trees)
        else:
            self.reasons.append(
                f"Neither regression nor trees speak: {rows.axis.periods} hours of history are too few to fit and "
                "judge them."
            )
        if trained and network_fits(self._split, rows.periods):
            self._panel = _panel(rows, self._temperature, self._ahead)
            for name, encoder in course.networks.items():
                self._models[name], _ = fit_load_model(
                    self._panel,
                    weather_ids=rows.names,
                    split=self._split,
                    levels=LEVELS,
                    periods=rows.periods,
                    options=course.network(encoder, learning_rate=2e-3, leads=16),
                )
        else:
            self.reasons.append(
                f"No network speaks: {rows.axis.periods} hours of history are too few to train and judge it on a "
                f"horizon of {rows.periods} hours, or that is longer than {LONGEST_NETWORK_HOURS // 24} days."
            )

    def past(self, origins: IndexArray, periods: int) -> Quantiles:
        return self._speak(self._models, origins, periods, until=self._split.test)

    def present(self) -> Quantiles:
        end = self._split.end
        return self._speak(self._models_now, np.array([end]), self._rows.periods, until=end)

    def shown(self, rows: Rows) -> Self:
        other, calendar = copy.copy(self), rows.calendar()
        other._models_now = self._models_now  # fitted on what was known, before anything else is shown
        other._rows = rows
        other._naive = NaiveMember(rows.values, calendar, WEEK_HOURS)
        other._climatology = Climatology(rows.values, calendar, by_day_type=True)
        other._temperature, other._ahead = _temperatures(rows, self._stations)
        other._regressions = [
            one.shown(kw, temperature, calendar)
            for one, kw, temperature in zip(self._regressions, rows.values, other._temperature, strict=False)
        ]
        if self._trees is not None:
            other._trees = LoadTrees(rows, other._regressions, calendar, options=self._options)
        if self._models:
            panel = _panel(rows, other._temperature, other._ahead)
            other._panel = replace(panel, calendar=calendar).last(LOAD_CONTEXT_HOURS)
        return other

    def ordinary(self) -> FloatArray:
        if self._regressions:
            return np.stack([one.ordinary(MEMORY_HOURS) for one in self._regressions])
        return self._climatology.ordinary(self._rows.values, MEMORY_HOURS)

    def attention(self) -> dict[str, FloatArray]:
        rows = np.arange(len(self._rows.values))
        return {
            name: days_attended(model.network, model.windows(self._panel), rows, rows * 0 + self._panel.axis.periods)
            for name, model in self._models_now.items()
        }

    @cached_property
    def _models_now(self) -> dict[str, LoadModel]:
        """The networks' models with cores that have seen all the history."""
        end, models = self._split.end, dict(self._models)
        for name, model in models.items():
            core, temperatures = fit_load_core_and_weather(
                self._panel, hours=end, floor=model.floor_kw, periods=model.periods
            )
            # The network speaks in units of the core's spread, so that a core that has seen more may take its place.
            models[name] = replace(model, core=replace(core, spread=model.core.spread), temperatures=temperatures)
        return models

    def _speak(self, models: dict[str, LoadModel], origins: IndexArray, periods: int, *, until: int) -> Quantiles:
        climatology = self._climatology.quantiles(origins, periods, levels=LEVELS)
        said = {CLIMATOLOGY: climatology, NAIVE: filled(self._naive.quantiles(origins, periods), climatology)}
        if self._regressions:
            told = [one.speak(origins, periods, until=until) for one in self._regressions]
            said[REGRESSION] = np.stack(told)
        if self._trees is not None:
            if until not in self._grown:
                self._grown[until] = self._trees.grow(until)
            said[TREES] = self._trees.speak(self._grown[until], origins, periods)
        said |= {name: self._network(model, origins)[:, :, :periods] for name, model in models.items()}
        return said

    def _network(self, model: LoadModel, origins: IndexArray) -> FloatArray:
        """Shape (rows, origins, periods of the model, levels)."""
        source = model.windows(self._panel)
        begins = self._split.end - self._panel.axis.periods  # where the panel's history begins among all hours
        at = np.maximum(origins - begins, LOAD_CONTEXT_HOURS)
        rows, at = np.meshgrid(np.arange(len(self._panel.kw)), at, indexing="ij")
        series, origin = rows.ravel(), at.ravel()
        parts = [slice(begin, begin + _CHUNK) for begin in range(0, len(series), _CHUNK)]
        told = [predict_kw(model.network, model.shifts, source, series[part], origin[part]) for part in parts]
        return np.concatenate(told).reshape(len(rows), len(origins), model.periods, len(LEVELS))


def _stations(rows: Rows, calendar: Calendar) -> list[list[int]]:
    """Of each series the stations whose mean tells it best."""
    chosen: list[list[int]] = []
    hours = rows.axis.periods
    for index, one in enumerate(rows.series):
        stations, _ = rows.temperatures_c(one)  # (stations, parts, hours + periods)
        own = np.log(np.maximum(rows.values[index * rows.parts], 0.0) + 0.05)
        past = calendar.part(slice(0, hours))
        chosen.append(choose_stations(own, stations[:, 0, :hours], past) if len(stations) else [])
    return chosen


def _temperatures(rows: Rows, stations: list[list[int]]) -> tuple[list[FloatArray | None], list[bool]]:
    """Of each row the mean temperature of its stations, and whether that is known ahead."""
    found: list[FloatArray | None] = []
    known: list[bool] = []
    for one, chosen in zip(rows.series, stations, strict=True):
        every, ahead = rows.temperatures_c(one)
        known += [ahead] * rows.parts
        found += list(_mean(every[chosen])) if chosen else [None] * rows.parts
    return found, known


def _mean(stations: FloatArray) -> FloatArray:
    """Mean over the stations that are known, shape (parts, hours). NaN where none is."""
    known = np.isfinite(stations)
    total = np.where(known, stations, 0.0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def _panel(rows: Rows, temperature: list[FloatArray | None], ahead: list[bool]) -> LoadPanel:
    settings = rows.series[0].settings
    hours = rows.axis.periods
    nothing = np.full(hours + rows.periods, np.nan)
    shown = np.stack([nothing if one is None else one for one in temperature])
    return LoadPanel(
        axis=rows.axis,
        timezone=settings.timezone,
        holidays=settings.holidays,
        series_ids=rows.names,
        kw=rows.values,
        weather_row=np.arange(len(shown)),
        temperature_c=shown[:, :hours],
        given_c=np.where(np.array(ahead)[:, None], shown, np.nan) if any(ahead) else None,
    )
