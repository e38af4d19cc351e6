"""Members that forecast load and other series of people's making: regression, trees, networks, climatology, naive."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

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
from forecasting.file_trees import LoadTrees
from forecasting.fitting import fit_load_core_and_weather, fit_load_model
from forecasting.load_windows import LOAD_CONTEXT_HOURS, LoadPanel
from forecasting.models import LoadModel, predict_kw
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
        calendar = rows.calendar()
        self._naive = NaiveMember(rows.values, calendar, WEEK_HOURS)
        self._climatology = Climatology(rows.values, calendar, by_day_type=True)
        self._split = split_history(rows.axis.periods, rows.periods)
        self._temperature, self._ahead = _temperatures(rows, calendar)
        self._models: dict[str, LoadModel] = {}
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
        models = dict(self._models)
        for name, model in models.items():
            core, temperatures = fit_load_core_and_weather(
                self._panel, hours=end, floor=model.floor_kw, periods=model.periods
            )
            # The network speaks in units of the core's spread, so that a core that has seen more may take its place.
            models[name] = replace(model, core=replace(core, spread=model.core.spread), temperatures=temperatures)
        return self._speak(models, np.array([end]), self._rows.periods, until=end)

    def _speak(self, models: dict[str, LoadModel], origins: IndexArray, periods: int, *, until: int) -> Quantiles:
        climatology = self._climatology.quantiles(origins, periods, levels=LEVELS)
        said = {CLIMATOLOGY: climatology, NAIVE: filled(self._naive.quantiles(origins, periods), climatology)}
        if self._regressions:
            told = [one.speak(origins, periods, until=until) for one in self._regressions]
            said[REGRESSION] = np.stack(told)
        if self._trees is not None:
            said[TREES] = self._trees.speak(self._trees.grow(until), origins, periods)
        said |= {name: self._network(model, origins)[:, :, :periods] for name, model in models.items()}
        return said

    def _network(self, model: LoadModel, origins: IndexArray) -> FloatArray:
        """Shape (rows, origins, periods of the model, levels)."""
        source = model.windows(self._panel)
        rows, at = np.meshgrid(np.arange(len(self._panel.kw)), np.maximum(origins, LOAD_CONTEXT_HOURS), indexing="ij")
        series, origin = rows.ravel(), at.ravel()
        parts = [slice(begin, begin + _CHUNK) for begin in range(0, len(series), _CHUNK)]
        told = [predict_kw(model.network, model.shifts, source, series[part], origin[part]) for part in parts]
        return np.concatenate(told).reshape(len(rows), len(origins), model.periods, len(LEVELS))


def _temperatures(rows: Rows, calendar: Calendar) -> tuple[list[FloatArray | None], list[bool]]:
    """Of each row the temperature that tells it best, and whether that is known ahead."""
    found: list[FloatArray | None] = []
    known: list[bool] = []
    hours = rows.axis.periods
    for index, one in enumerate(rows.series):
        stations, ahead = rows.temperatures_c(one)  # (stations, parts, hours + periods)
        known += [ahead] * rows.parts
        if not len(stations):
            found += [None] * rows.parts
            continue
        own = np.log(np.maximum(rows.values[index * rows.parts], 0.0) + 0.05)
        chosen = choose_stations(own, stations[:, 0, :hours], calendar.part(slice(0, hours)))
        found += list(_mean(stations[chosen]))
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
