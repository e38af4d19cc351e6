"""Members that forecast the sun's power: trees, a forest, networks, days like the one ahead, climatology."""

from __future__ import annotations

import copy
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from forecasting.members.course import (
    ANALOGS,
    CLIMATOLOGY,
    FOREST,
    LEVELS,
    MEMBERS,
    NAIVE,
    PHYSICAL,
    TREES,
    WEATHER,
    WEATHER_TREES,
    Course,
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
from forecasting.series.calendar import harmonics
from forecasting.series.rows import Rows
from forecasting.sun.core import SolarCore
from forecasting.sun.physical import physical_quantiles
from forecasting.sun.plant import Plant
from forecasting.sun.twilight import twilight_quantiles
from forecasting.sun.view import Manner, SolarView, make_view, young
from forecasting.sun.weather_ahead import weather_told
from forecasting.sun.weather_network import Intervals, WeatherNetwork, train_weather_networks, weather_quantiles
from forecasting.sun.windows import SOLAR_CONTEXT_HOURS, SolarPanel, SolarWindows, before_test
from grid.time_axis import FloatArray

_EDGE_WEIGHT = 0.02
_LATE_HOURS = 8 * 24
"""What a forecast of the sun reads of its last days."""
_FIRST_HOURS, _FEWEST_HOURS = 10 * 24, 100
"""History is long enough to learn from where so many hours of daylight are known after the first ones."""


@dataclass(frozen=True, slots=True, eq=False)
class SolarParts:
    """What a training leaves of the members; none of it has seen the test, but plants too young for anything else.

    Attributes:
        plants: Of each series; None where its place is unknown.
        core: What the networks that read the last days speak about; None if there are none.
        networks: By member.
        trees, forest: None where the history was too short for them.
        weather_trees: They read irradiance forecasts as sent; None where too few were.
    """

    plants: tuple[Plant | None, ...]
    core: SolarCore | None
    trees: QuantileTrees | None
    networks: dict[str, TrainedNetwork]
    forest: QuantileForest | None
    weather_trees: QuantileTrees | None


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
        self._rows, self._course, self._parts, self._split = rows, course, parts, trial.split
        self._first_origin = int(trial.origins.min(initial=trial.split.end))
        self._views: dict[int, SolarView] = {}
        self._weather_networks: dict[int, list[WeatherNetwork]] = {}
        self._grown: dict[int, dict[str, QuantileTrees | QuantileForest]] = {}
        told_ahead = weather_told(rows, until=self._split.test)
        if not told_ahead and any(rows.given(one, name) for one in rows.series for name in one.covariates):
            self.reasons.append(
                "Nothing that is known ahead changes from day to day as the sun's power does: none is read as weather."
            )
        self._manner = Manner(weather_told=told_ahead, yearly=not trial.nightly, seed=course.seed)
        self._core: SolarCore | None = None
        self._networks: dict[str, TrainedNetwork] = {}
        if parts:
            self._long_enough, self._core, self._networks = parts.trees is not None, parts.core, parts.networks
            return
        self.reasons += [
            f"{one.series_id}: known for so short a time that its backtest knew its clear sky and its highest power."
            for one, is_young in zip(rows.series, young(rows, until=self._split.test), strict=True)
            if is_young
        ]
        index = self._view(self._split.test).panel.index
        daylight = np.isfinite(index[:, _FIRST_HOURS : self._split.test]).sum()
        self._long_enough = trained and bool(daylight >= _FEWEST_HOURS)
        enough = np.isfinite(index[:, : self._split.tail]).sum() >= 50
        if trained and enough and network_fits(self._split, rows.periods):
            self._core, self._networks = self._train_networks(on_progress)
        else:
            self.reasons.append(no_network(rows.axis.periods, rows.periods))

    def shown(self, rows: Rows) -> Self:
        other = copy.copy(self)
        other._rows = rows
        other._views = {
            until: self._view(until).shown(rows, self._manner) for until in {self._split.test, self._split.end}
        }
        return other

    def _view(self, until: int) -> SolarView:
        """The rows under the clear sky that was known at ``until``, young ones under that of all their past."""
        if until not in self._views:
            plants = self._parts.plants if self._parts else None
            self._views[until] = made = make_view(self._rows, self._manner, until=until, plants=plants)
            if until == self._split.end:
                self.reasons += made.reasons
        return self._views[until]

    def ordinary(self) -> FloatArray:
        view = self._view(self._split.end)
        clear = view.panel.clear_kw[:, : self._rows.axis.periods]
        usual = view.climatology.ordinary(view.panel.index, _LATE_HOURS)
        return np.where(np.isfinite(usual), usual * clear, self._rows.values)

    def attention(self) -> dict[str, FloatArray]:
        if self._core is None:
            return {}
        panel = self._view(self._split.end).panel
        rows, source = np.arange(len(panel.kw)), self._windows(self._core, panel)
        origins = np.full(len(rows), panel.axis.periods)
        return {name: days_attended(one.network, source, rows, origins) for name, one in self._networks.items()}

    def past(self, origins: IndexArray, periods: int, *, asked: Collection[str] = MEMBERS) -> Quantiles:
        return self._speak(origins, periods, asked, until=self._split.test)

    def present(self, *, asked: Collection[str] = MEMBERS) -> Quantiles:
        return self._speak(np.array([self._split.end]), self._rows.periods, asked, until=self._split.end)

    def _speak(self, origins: IndexArray, periods: int, asked: Collection[str], *, until: int) -> Quantiles:
        """What each says, knowing what lies before ``until`` and, of the last days, what lies before each origin."""
        view = self._view(until)
        ahead = origins[:, None] + np.arange(periods)  # (origins, periods)
        clear = view.panel.clear_kw[:, ahead][..., None]  # (rows, origins, periods, 1)
        limit = view.panel.capacity_kw[:, None, None, None]
        index = view.climatology.quantiles(origins, periods, levels=LEVELS)
        climatology = np.clip(np.where(clear > 0.0, np.nan_to_num(index) * clear, 0.0), 0.0, limit)
        said = {CLIMATOLOGY: climatology}
        if NAIVE in asked:
            naive = filled(view.naive.quantiles(origins, periods), climatology)
            said[NAIVE] = np.where(clear > 0.0, np.clip(naive, 0.0, limit), 0.0)
        analogs = view.analogs if self._long_enough and ANALOGS in asked else None
        # Only where they can be judged from the first origin on: silence would be judged as climatology.
        if analogs is not None and analogs.speaks(self._first_origin, self._rows.periods):
            alike = filled(analogs.quantiles(origins, periods) * clear, climatology)
            said[ANALOGS] = np.where(clear > 0.0, np.clip(alike, 0.0, limit), 0.0)
        if view.physical is not None and PHYSICAL in asked and not self._long_enough:
            nearest = physical_quantiles(view.panel, view.physical, ahead, until=until)
            said[PHYSICAL] = np.clip(filled(nearest * clear, climatology), 0.0, limit)
        if WEATHER in asked and self._manner.weather_told:
            said[WEATHER] = np.clip(self._by_weather(ahead, until=until) * clear, 0.0, limit)
        if self._long_enough:
            grown = {name: one for name, one in self._grow(until).items() if name in asked}
            weathered = grown.pop(WEATHER_TREES, None)
            said |= {name: view.trees.speak(one, origins, periods) for name, one in grown.items()}
            if weathered is not None:
                nothing = np.where(clear > 0.0, np.nan, np.zeros(len(LEVELS)))
                by_weather = view.weather_trees
                said[WEATHER_TREES] = nothing if by_weather is None else by_weather.speak(weathered, origins, periods)
        if self._core is not None:
            spoken = {name: one for name, one in self._networks.items() if name in asked}
            told = ask_all(spoken, self._windows(self._core, view.panel), origins)
            said |= {name: one[:, :, :periods] for name, one in told.items()}
        dim = np.clip(twilight_quantiles(view.panel, ahead, until=until), 0.0, limit)
        return {name: np.where(np.isfinite(one), filled(dim, one), np.nan) for name, one in said.items()}

    def parts(self) -> SolarParts:
        """What was trained, to be kept.

        Raises:
            ShortHistoryError: If history was too short for any of it.
        """
        if not self._long_enough and not self._networks:
            raise ShortHistoryError("; ".join(self.reasons))
        grown = self._grow(self._split.test) if self._long_enough else {}
        trees, forest, by_weather = (grown.get(name) for name in (TREES, FOREST, WEATHER_TREES))
        assert not isinstance(trees, QuantileForest)
        assert not isinstance(forest, QuantileTrees)
        assert not isinstance(by_weather, QuantileForest)
        plants = self._view(self._split.test).plants
        return SolarParts(plants, self._core, trees, dict(self._networks), forest, by_weather)

    def _grow(self, until: int) -> dict[str, QuantileTrees | QuantileForest]:
        """Trees and forest that know what lies before ``until``; where irradiance was sent also trees that read it."""
        if self._parts is not None:
            kept = {TREES: self._parts.trees, FOREST: self._parts.forest, WEATHER_TREES: self._parts.weather_trees}
            return {name: one for name, one in kept.items() if one is not None}
        if until not in self._grown:
            view, trees, forest = self._view(until), self._course.sun_trees, self._course.sun_forest
            if view.panel.weather is None:
                # The hours of a day, and the parts of an hour, share their last days: fine leaves would know days by
                # heart.
                leaf = self._rows.parts * self._course.trees.leaf_samples
                trees, forest = replace(self._course.trees, leaf_samples=leaf), replace(forest, leaf_samples=leaf)
            self._grown[until] = {
                TREES: view.trees.boost(until, options=trees),
                FOREST: view.trees.plant(until, options=forest),
            }
            if view.weather_trees is not None:
                with suppress(ShortHistoryError):  # irradiance has been sent for too short a time
                    self._grown[until][WEATHER_TREES] = view.weather_trees.boost(
                        until, options=self._course.sun_trees, fewest_hours=_FEWEST_HOURS
                    )
        return self._grown[until]

    def _windows(self, core: SolarCore, panel: SolarPanel) -> SolarWindows:
        row = panel.first_row + np.arange(len(panel.kw))
        return SolarWindows(panel, core=core, model_row=row, periods=self._rows.periods)

    def _train_networks(self, on_progress: Progress | None) -> tuple[SolarCore, dict[str, TrainedNetwork]]:
        split, periods = self._split, self._rows.periods
        panel, core = before_test(self._view(split.test).panel, split, periods=periods)
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
        features = _features(self._view(until).panel)
        row = np.broadcast_to(np.arange(len(features)).reshape(-1, 1, 1), (len(features), *ahead.shape))
        features = features[row, ahead[None]]  # (rows, origins, periods, features)
        answer = weather_quantiles(self._weather_networks[until], features.reshape(-1, features.shape[-1]), row.ravel())
        return answer.reshape(*row.shape, len(LEVELS))

    def _train_weather(self, until: int) -> list[WeatherNetwork]:
        """Networks on the weather, trained on the hours before ``until``."""
        panel = self._view(until).panel
        index = panel.index[:, :until]
        share = panel.clear_kw[:, :until] / panel.capacity_kw[:, None]
        features = _features(panel)[:, :until]
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


def _features(panel: SolarPanel) -> FloatArray:
    """What a weather network reads, (rows, hours + periods, features)."""
    assert panel.weather is not None
    day = harmonics(panel.day_angle, 3)[..., 1:]  # (rows, all hours, 6)
    share = (panel.clear_kw / panel.capacity_kw[:, None])[..., None] * 2.0
    return np.concatenate([panel.weather, day, share], axis=-1)
