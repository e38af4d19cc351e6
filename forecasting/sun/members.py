"""Members that forecast the sun's power: trees, a forest, networks, days like the one ahead, climatology."""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

import numpy as np

from forecasting.members.baseline import DAY_HOURS
from forecasting.members.climatology import Climatology
from forecasting.members.course import (
    ANALOGS,
    CLIMATOLOGY,
    FOREST,
    LEVELS,
    MEMBERS,
    NAIVE,
    TREES,
    WEATHER,
    Course,
    NaiveMember,
    Quantiles,
    Trial,
    filled,
    network_fits,
    no_network,
)
from forecasting.members.forest import QuantileForest
from forecasting.members.splits import split_windows
from forecasting.members.trees import QuantileTrees
from forecasting.networks.attention import days_attended
from forecasting.networks.encoders import Encoder
from forecasting.networks.trained import TrainedNetwork, ask_all, train_all, train_calibrated
from forecasting.networks.training import Progress, TrainingResult
from forecasting.nouns import IndexArray, ShortHistoryError
from forecasting.series.calendar import Calendar, harmonics, make_calendar
from forecasting.series.rows import Rows
from forecasting.sun.analogs import AnalogDays
from forecasting.sun.clear_power import clear_power, fit_plants
from forecasting.sun.core import SolarCore
from forecasting.sun.plant import Plant
from forecasting.sun.trees import SolarTrees
from forecasting.sun.twilight import twilight_quantiles
from forecasting.sun.weather_ahead import weather_ahead, weather_told
from forecasting.sun.weather_network import Intervals, WeatherNetwork, train_weather_networks, weather_quantiles
from forecasting.sun.windows import SOLAR_CONTEXT_HOURS, SolarPanel, SolarWindows, before_test
from grid.time_axis import FloatArray, TimeAxis

_EDGE_WEIGHT = 0.02
_DEFAULT_HEADROOM = 1.1
_LATE_HOURS = 8 * 24
"""What a forecast of the sun reads of its last days."""
_FIRST_HOURS, _FEWEST_HOURS = 10 * 24, 100
"""History is long enough to learn from where so many hours of daylight are known after the first ones."""


@dataclass(frozen=True, slots=True, eq=False)
class SolarParts:
    """What a training leaves of the members; none of it has seen the test, but the plants.

    Attributes:
        plants: Of each series; None where its place is unknown.
        core: What the networks that read the last days speak about; None if there are none.
        networks: By member.
        trees, forest: None where the history was too short for them.
    """

    plants: tuple[Plant | None, ...]
    core: SolarCore | None
    trees: QuantileTrees | None
    networks: dict[str, TrainedNetwork]
    forest: QuantileForest | None


class SolarMembers:
    """Everything that can be said of the solar power of some rows.

    Args:
        trained: Whether trees and networks may speak; otherwise history is too short for them.
        parts: What was trained before, of rows without weather known ahead; nothing is fitted then.
        on_progress: Told the share of the networks' training that is done.
    """

    def __init__(
        self,
        rows: Rows,
        *,
        course: Course,
        trial: Trial,
        trained: bool,
        parts: SolarParts | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        self.reasons: list[str] = []
        self._rows, self._course, self._parts = rows, course, parts
        longer = TimeAxis(rows.axis.start, timedelta(hours=1), rows.axis.periods + rows.periods)
        calendar = make_calendar(longer, timezone="UTC", holidays="")
        self._split, self._yearly = trial.split, not trial.nightly
        self._first_origin = int(trial.origins.min(initial=trial.split.end))
        self._plants = parts.plants if parts else tuple(fit_plants(rows))
        clear, told = clear_power(rows, calendar, self._plants)
        self.reasons += told
        limit = np.array([1.0 if one.settings.capacity else _DEFAULT_HEADROOM for one in rows.series])
        self._limit = np.repeat(limit, rows.parts)  # (rows,)
        self._weather_networks: dict[int, list[WeatherNetwork]] = {}
        self._grown: dict[int, dict[str, QuantileTrees | QuantileForest]] = {}
        told_ahead = weather_told(rows, until=self._split.test)
        if not told_ahead and any(rows.given(one, name) for one in rows.series for name in one.covariates):
            self.reasons.append(
                "Nothing that is known ahead changes from day to day as the sun's power does: none is read as weather."
            )
        self._panel = _panel(rows, calendar, clear, self._limit, weather_told=told_ahead)
        daylight = np.isfinite(self._panel.index[:, _FIRST_HOURS : self._split.test]).sum()
        self._long_enough = parts.trees is not None if parts else trained and bool(daylight >= _FEWEST_HOURS)
        self._look_at(rows, calendar)
        self._core: SolarCore | None = None
        self._networks: dict[str, TrainedNetwork] = {}
        enough = np.isfinite(self._panel.index[:, : self._split.tail]).sum() >= 50
        if parts:
            self._core, self._networks = parts.core, parts.networks
        elif trained and enough and network_fits(self._split, rows.periods):
            self._core, self._networks = self._train_networks(on_progress)
        else:
            self.reasons.append(no_network(rows.axis.periods, rows.periods))

    def shown(self, rows: Rows) -> Self:
        other, back = copy.copy(self), 24 * rows.days_back
        longer = TimeAxis(rows.axis.start, timedelta(hours=1), rows.axis.periods + rows.periods)
        calendar = make_calendar(longer, timezone="UTC", holidays="")
        clear = self._panel.clear_kw
        if back:
            at = np.arange(rows.axis.periods, clear.shape[1])
            calendar = calendar.ending_as(calendar.part(slice(at[0] - back, at[-1] + 1 - back)))
            clear = np.concatenate([clear[:, : at[0]], clear[:, at - back]], axis=1)
        other._panel = _panel(rows, calendar, clear, self._limit, weather_told=self._panel.weather is not None)
        other._look_at(rows, calendar)
        return other

    def _look_at(self, rows: Rows, calendar: Calendar) -> None:
        """Make the members that are made anew of every panel; those that history is too short for are None."""
        self._rows, panel, withheld = rows, self._panel, _withheld(rows)
        self._climatology = Climatology(panel.index, calendar, by_day_type=False, level_hours=None, yearly=self._yearly)
        self._naive = NaiveMember(rows.values, calendar, DAY_HOURS)
        self._trees: SolarTrees | None = None
        self._analogs: AnalogDays | None = None
        if self._long_enough:
            self._trees = SolarTrees(panel, withheld, self._limit, periods=rows.periods, seed=self._course.seed)
        if self._long_enough and panel.weather is None:
            analogs = AnalogDays(panel, withheld, yearly=self._yearly)
            # Only where they can be judged from the first origin on: silence would be judged as climatology.
            self._analogs = analogs if analogs.speaks(self._first_origin, rows.periods) else None

    def ordinary(self) -> FloatArray:
        clear = self._panel.clear_kw[:, : self._rows.axis.periods]
        usual = self._climatology.ordinary(self._panel.index, _LATE_HOURS)
        return np.where(np.isfinite(usual), usual * clear, self._rows.values)

    def attention(self) -> dict[str, FloatArray]:
        if self._core is None:
            return {}
        rows, source = np.arange(len(self._panel.kw)), self._windows(self._core)
        origins = np.full(len(rows), self._panel.axis.periods)
        return {name: days_attended(one.network, source, rows, origins) for name, one in self._networks.items()}

    def past(self, origins: IndexArray, periods: int, *, asked: Collection[str] = MEMBERS) -> Quantiles:
        return self._speak(origins, periods, asked, until=self._split.test)

    def present(self, *, asked: Collection[str] = MEMBERS) -> Quantiles:
        return self._speak(np.array([self._split.end]), self._rows.periods, asked, until=self._split.end)

    def _speak(self, origins: IndexArray, periods: int, asked: Collection[str], *, until: int) -> Quantiles:
        ahead = origins[:, None] + np.arange(periods)  # (origins, periods)
        clear = self._panel.clear_kw[:, ahead][..., None]  # (rows, origins, periods, 1)
        limit = self._limit[:, None, None, None]
        index = self._climatology.quantiles(origins, periods, levels=LEVELS)
        climatology = np.clip(np.where(clear > 0.0, np.nan_to_num(index) * clear, 0.0), 0.0, limit)
        said = {CLIMATOLOGY: climatology}
        if NAIVE in asked:
            naive = filled(self._naive.quantiles(origins, periods), climatology)
            said[NAIVE] = np.where(clear > 0.0, np.clip(naive, 0.0, limit), 0.0)
        if ANALOGS in asked and self._analogs is not None:
            alike = filled(self._analogs.quantiles(origins, periods) * clear, climatology)
            said[ANALOGS] = np.where(clear > 0.0, np.clip(alike, 0.0, limit), 0.0)
        if WEATHER in asked and self._panel.weather is not None:
            said[WEATHER] = np.clip(self._by_weather(ahead, until=until) * clear, 0.0, limit)
        if self._trees is not None:
            grown = self._grow(until)
            said |= {name: self._trees.speak(one, origins, periods) for name, one in grown.items() if name in asked}
        if self._core is not None:
            spoken = {name: one for name, one in self._networks.items() if name in asked}
            told = ask_all(spoken, self._windows(self._core), origins)
            said |= {name: one[:, :, :periods] for name, one in told.items()}
        dim = np.clip(twilight_quantiles(self._panel, ahead, until=until), 0.0, limit)
        return {name: filled(dim, one) for name, one in said.items()}

    def parts(self) -> SolarParts:
        """What was trained, to be kept.

        Raises:
            ShortHistoryError: If history was too short for any of it.
        """
        if self._trees is None and not self._networks:
            raise ShortHistoryError("; ".join(self.reasons))
        grown = self._grow(self._split.test) if self._trees else {}
        trees, forest = grown.get(TREES), grown.get(FOREST)
        assert not isinstance(trees, QuantileForest)
        assert not isinstance(forest, QuantileTrees)
        return SolarParts(self._plants, self._core, trees, dict(self._networks), forest)

    def _grow(self, until: int) -> dict[str, QuantileTrees | QuantileForest]:
        """Trees and forest that know what lies before ``until``."""
        if self._parts is not None:
            kept = {TREES: self._parts.trees, FOREST: self._parts.forest}
            return {name: one for name, one in kept.items() if one is not None}
        if until not in self._grown:
            assert self._trees is not None
            trees, forest = self._course.sun_trees, self._course.sun_forest
            if self._panel.weather is None:
                # The hours of a day, and the parts of an hour, share their last days: fine leaves would know days by
                # heart.
                leaf = self._rows.parts * self._course.trees.leaf_samples
                trees, forest = replace(self._course.trees, leaf_samples=leaf), replace(forest, leaf_samples=leaf)
            self._grown[until] = {
                TREES: self._trees.boost(until, options=trees),
                FOREST: self._trees.plant(until, options=forest),
            }
        return self._grown[until]

    def _windows(self, core: SolarCore, panel: SolarPanel | None = None) -> SolarWindows:
        shown = self._panel if panel is None else panel
        row = shown.first_row + np.arange(len(shown.kw))
        return SolarWindows(shown, core=core, model_row=row, periods=self._rows.periods)

    def _train_networks(self, on_progress: Progress | None) -> tuple[SolarCore, dict[str, TrainedNetwork]]:
        panel, split, periods = self._panel, self._split, self._rows.periods
        panel, core = before_test(panel, split, periods=periods)
        source = self._windows(core, panel)
        windows = split_windows(source, split, context=SOLAR_CONTEXT_HOURS, periods=periods)

        def train(encoder: Encoder, told: Progress | None) -> tuple[TrainedNetwork, TrainingResult]:
            options = self._course.network(encoder, learning_rate=1e-3, leads=24)
            return train_calibrated(source, windows, levels=LEVELS, options=options, on_progress=told)

        return core, train_all(self._course.networks, train, on_progress=on_progress)

    def _by_weather(self, ahead: IndexArray, *, until: int) -> FloatArray:
        """What weather networks say of hours, at LEVELS, of the clear-sky index, shape (rows, *ahead.shape, levels)."""
        if until not in self._weather_networks:
            self._weather_networks[until] = self._train_weather(until)
        row = np.broadcast_to(np.arange(len(self._limit)).reshape(-1, 1, 1), (len(self._limit), *ahead.shape))
        features = self._features()[row, ahead[None]]  # (rows, origins, periods, features)
        answer = weather_quantiles(self._weather_networks[until], features.reshape(-1, features.shape[-1]), row.ravel())
        return answer.reshape(*row.shape, len(LEVELS))

    def _train_weather(self, until: int) -> list[WeatherNetwork]:
        """Networks on the weather, trained on the hours before ``until``."""
        index = self._panel.index[:, :until]
        share = self._panel.clear_kw[:, :until] / self._limit[:, None]
        features = self._features()[:, :until]
        intervals = Intervals(
            features=features.reshape(-1, features.shape[-1]),
            row=np.repeat(np.arange(len(index)), until),
            target=index.ravel(),
            weight=(share + _EDGE_WEIGHT).ravel(),
        )
        course = self._course
        return train_weather_networks(
            intervals,
            rows=len(index),
            levels=LEVELS,
            most_steps=course.weather_steps,
            networks=course.weather_networks,
            seed=course.seed,
        )

    def _features(self) -> FloatArray:
        """What a weather network reads, (rows, hours + periods, features)."""
        panel = self._panel
        assert panel.weather is not None
        day = harmonics(panel.day_angle, 3)[..., 1:]  # (rows, all hours, 6)
        share = (panel.clear_kw / self._limit[:, None])[..., None] * 2.0
        return np.concatenate([panel.weather, day, share], axis=-1)


def _panel(rows: Rows, calendar: Calendar, clear: FloatArray, limit: FloatArray, *, weather_told: bool) -> SolarPanel:
    """The rows with the sun over them; the calendar, in UTC, tells the hour of day and the season."""
    angle = 2.0 * np.pi * (calendar.hour + 0.5) / 24.0
    return SolarPanel(
        axis=rows.axis,
        series_ids=rows.names,
        kw=rows.values,
        capacity_kw=limit,
        clear_kw=clear,
        day_angle=np.tile(angle, (len(clear), 1)),
        year_angle=calendar.year_angle,
        weather=weather_ahead(rows, clear) if weather_told else None,
        first_row=rows.first,
    )


def _withheld(rows: Rows) -> FloatArray:
    """Covariates that are known of the past only, shape (rows, hours, covariates)."""
    first = rows.series[0]
    names = [name for name in first.covariates if not all(rows.given(one, name) for one in rows.series)]
    hours = rows.axis.periods
    found = [np.concatenate([rows.spread(one, one.covariates[name]) for one in rows.series]) for name in names]
    return np.stack([values[:, :hours] for values in found], axis=-1) if found else np.zeros((*rows.values.shape, 0))
