"""Members that forecast load and other series of people's making: core, LSTM, climatology, seasonal naive."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from forecasting.baseline import WEEK_HOURS
from forecasting.climatology import Climatology
from forecasting.file_members import (
    CLIMATOLOGY,
    CORE,
    LEVELS,
    LSTM,
    NAIVE,
    Course,
    NaiveMember,
    Quantiles,
    filled,
    network_fits,
    split_history,
)
from forecasting.file_rows import Rows
from forecasting.fitting import fit_load_core_and_weather, fit_load_model, split_windows
from forecasting.load_windows import LOAD_CONTEXT_HOURS, LoadPanel, LoadWindows
from forecasting.models import LoadModel, predict_kw
from forecasting.windows import BLOCKS, IndexArray, Windows
from grid.time_axis import FloatArray

_LEAD_EDGES = (24, 72)
_CHUNK = 64


class LoadMembers:
    """Everything that can be said of the load of some rows.

    Args:
        trained: Whether the network and the core may speak; otherwise history is too short for them.
    """

    def __init__(self, rows: Rows, *, course: Course, trained: bool) -> None:
        self.reasons: list[str] = []
        self._rows = rows
        calendar = rows.calendar()
        self._naive = NaiveMember(rows.values, calendar, WEEK_HOURS)
        self._climatology = Climatology(rows.values, calendar, by_day_type=True)
        self._split = split_history(rows.axis.periods, rows.periods)
        self._model: LoadModel | None = None
        self._panel = _panel(rows)
        self._unused()
        if trained and network_fits(self._split, rows.periods):
            self._model, _ = fit_load_model(
                self._panel,
                weather_ids=rows.names,
                split=self._split,
                levels=LEVELS,
                periods=rows.periods,
                options=course.network(learning_rate=2e-3, leads=16),
            )
            self._errors = self._core_errors(self._model)
        else:
            self.reasons.append(
                f"Neither network nor core speaks: {rows.axis.periods} hours of history are too few to train and judge "
                f"them on a horizon of {rows.periods} hours, or that is longer than a month."
            )

    def past(self, origins: IndexArray, periods: int) -> Quantiles:
        return self._speak(self._model, origins, periods)

    def present(self) -> Quantiles:
        model = self._model
        if model is not None:
            core, temperatures = fit_load_core_and_weather(
                self._panel, hours=self._split.end, floor=model.floor_kw, periods=model.periods
            )
            # The network speaks in units of the core's spread, so that a core that has seen more may take its place.
            model = replace(model, core=replace(core, spread=model.core.spread), temperatures=temperatures)
        return self._speak(model, np.array([self._split.end]), self._rows.periods)

    def _speak(self, model: LoadModel | None, origins: IndexArray, periods: int) -> Quantiles:
        climatology = self._climatology.quantiles(origins, periods, levels=LEVELS)
        said = {CLIMATOLOGY: climatology, NAIVE: filled(self._naive.quantiles(origins, periods), climatology)}
        if model is None:
            return said
        source = model.windows(self._panel)
        rows, at = np.meshgrid(np.arange(len(self._panel.kw)), np.maximum(origins, LOAD_CONTEXT_HOURS), indexing="ij")
        series, origin = rows.ravel(), at.ravel()
        shape = (len(rows), len(origins), model.periods, len(LEVELS))
        network, core = [], []
        for begin in range(0, len(series), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            network.append(predict_kw(model.network, model.shifts, source, series[part], origin[part]))
            windows = source.cut(series[part], origin[part])
            bands = windows.core[..., None] + windows.scale[..., None] * self._errors[_groups(windows)]
            core.append(source.to_kw(bands, series[part], origin[part]))
        said[LSTM] = np.concatenate(network).reshape(shape)[:, :, :periods]
        said[CORE] = np.concatenate(core).reshape(shape)[:, :, :periods]
        return said

    def _core_errors(self, model: LoadModel) -> FloatArray:
        """Quantiles of the core's errors on hours it was not fitted to, shape (lead bins * BLOCKS, levels)."""
        hidden = np.where(np.arange(self._panel.axis.periods) < self._split.test, self._panel.kw, np.nan)
        source: LoadWindows = model.windows(replace(self._panel, kw=hidden))
        chosen = split_windows(source, self._split, context=LOAD_CONTEXT_HOURS, periods=model.periods)
        windows = source.cut(chosen.tail_series, chosen.tail_origins)
        known = windows.weight > 0.0
        error = ((windows.target - windows.core) / windows.scale)[known]
        group = _groups(windows)[known]
        every = np.quantile(error, LEVELS) if len(error) else np.linspace(-2.0, 2.0, len(LEVELS))
        made = np.tile(every, ((len(_LEAD_EDGES) + 1) * BLOCKS, 1))
        for number in np.unique(group):
            own = error[group == number]
            if len(own) >= 100:
                made[number] = np.quantile(own, LEVELS)
        return np.asarray(made, dtype=np.float64)

    def _unused(self) -> None:
        for one in self._rows.series:
            known = [name for name in one.covariates if name not in one.meaning("air_temperature")]
            if known:
                self.reasons.append(
                    f"{one.series_id}: only air_temperature is read for this kind; not used: {', '.join(known)}."
                )


def _panel(rows: Rows) -> LoadPanel:
    settings = rows.series[0].settings
    found = [rows.temperature_c(one) for one in rows.series]
    hours = rows.axis.periods
    if any(np.isfinite(values).any() for values, _ in found):
        temperature = np.concatenate([values for values, _ in found])
        ahead = np.repeat([known for _, known in found], rows.parts)
        row = np.arange(len(temperature))
    else:
        temperature = np.full((1, hours + rows.periods), np.nan)
        ahead, row = np.array([False]), np.zeros(len(rows.values), dtype=np.int64)
    return LoadPanel(
        axis=rows.axis,
        timezone=settings.timezone,
        holidays=settings.holidays,
        series_ids=rows.names,
        kw=rows.values,
        weather_row=row,
        temperature_c=temperature[:, :hours],
        given_c=np.where(ahead[:, None], temperature, np.nan) if ahead.any() else None,
    )


def _groups(windows: Windows) -> IndexArray:
    """Which errors bound each interval: those of its lead and its time of day, shape (batch, periods)."""
    lead = np.searchsorted(_LEAD_EDGES, np.arange(windows.core.shape[1]), side="right")
    groups: IndexArray = lead[None, :] * BLOCKS + windows.block
    return groups
