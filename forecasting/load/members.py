"""Members that forecast load and other series of people's making: regression, trees, networks, the plain ones."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from forecasting.load.design import Design
from forecasting.load.features import LoadFeatures
from forecasting.load.panel import Panel
from forecasting.load.recent_days import recent_days
from forecasting.load.regression_member import Regression, fit_regressions, recall_regressions
from forecasting.load.residuals import MEMORY_HOURS, ResidualModel
from forecasting.load.shared_fits import FittedRow
from forecasting.load.stations import stations_of, temperatures_of
from forecasting.load.trees import LoadTrees
from forecasting.load.windows import ResidualWindows
from forecasting.members.baseline import WEEK_HOURS
from forecasting.members.climatology import Climatology
from forecasting.members.course import (
    CLIMATOLOGY,
    LEVELS,
    LONGEST_NETWORK_HOURS,
    MEMBERS,
    NAIVE,
    RECENT,
    REGRESSION,
    TREES,
    Course,
    NaiveMember,
    Quantiles,
    Trial,
    filled,
    first_residual,
    network_fits,
    no_network,
)
from forecasting.members.splits import every_window
from forecasting.members.trees import QuantileTrees
from forecasting.networks.attention import days_attended
from forecasting.networks.encoders import Encoder
from forecasting.networks.trained import TrainedNetwork, train_all, train_calibrated
from forecasting.networks.training import Progress, Split, TrainingResult
from forecasting.networks.windows import HISTORY_HOURS
from forecasting.nouns import IndexArray, ShortHistoryError
from forecasting.series.calendar import Calendar, hours_since_epoch
from forecasting.series.outlook import Outlook, make_outlook
from forecasting.series.rows import Rows
from forecasting.series.sent import SentForecast
from forecasting.series.temperature import TemperatureModel
from grid.time_axis import FloatArray

_TRAINED_HOURS = 2 * 8766
"""Networks learn from the last two years: of those, residuals out of sample are wanted."""
_KEPT_HOURS = 35 * 24
"""So far back before the test a kept regression still tells residuals: members look at the last four weeks."""


@dataclass(frozen=True, slots=True, eq=False)
class _Learnt:
    """What corrects the regressions.

    Attributes:
        courses: How residuals go on, by row.
        networks: By member.
    """

    courses: Sequence[ResidualModel]
    trees: QuantileTrees | None
    networks: dict[str, TrainedNetwork]


@dataclass(frozen=True, slots=True, eq=False)
class LoadParts:
    """What a training leaves of the members; none of it has seen the test, but the later fits of the regressions.

    Attributes:
        stations: Of each series, the temperature columns whose mean tells it best.
        climates: Of each row's temperature; None where nothing is known of it.
        fitted: Of each row; instants are hours since the epoch.
        courses: How residuals go on, by row.
        networks: By member.
    """

    stations: tuple[tuple[int, ...], ...]
    climates: tuple[TemperatureModel | None, ...]
    fitted: tuple[FittedRow, ...]
    courses: tuple[ResidualModel, ...]
    trees: QuantileTrees | None
    networks: dict[str, TrainedNetwork]


class LoadMembers:
    """Everything that can be said of the load of some rows.

    Args:
        trained: Whether history is long enough for more than climatology and the seasonal naive.
        parts: What was trained before; nothing is fitted then.
        on_progress: Told the share of the networks' training that is done.
    """

    def __init__(
        self,
        rows: Rows,
        *,
        course: Course,
        trial: Trial,
        trained: bool,
        parts: LoadParts | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        self.reasons: list[str] = []
        self._rows, self._trial, self._split, self._parts, self._course = rows, trial, trial.split, parts, course
        calendar = rows.calendar()
        self._naive = NaiveMember(rows.values, calendar, WEEK_HOURS)
        self._climatology = Climatology(rows.values, calendar, by_day_type=True, yearly=not trial.nightly)
        self._stations = parts.stations if parts else stations_of(rows, calendar)
        self._regressions: list[Regression] = []
        self._on_progress = on_progress
        self._learnt: dict[int, _Learnt] = {}
        if parts or (trained and self._split.test >= first_residual(self._split.end) + 72):
            self._regressions = self._fit(calendar)
            self._show(calendar)
        else:
            self.reasons += _too_short(rows)
        self._networked = bool(self._regressions) and network_fits(self._split, rows.periods)
        if not parts and not self._networked:
            self.reasons.append(no_network(rows.axis.periods, rows.periods))

    def past(self, origins: IndexArray, periods: int, *, asked: Collection[str] = MEMBERS) -> Quantiles:
        return self._speak(origins, periods, asked, until=self._split.test)

    def present(self, *, asked: Collection[str] = MEMBERS) -> Quantiles:
        end = self._split.end
        return self._speak(np.array([end]), self._rows.periods, asked, until=end)

    def shown(self, rows: Rows) -> Self:
        other, calendar = copy.copy(self), rows.calendar()
        other._rows = rows
        other._naive = NaiveMember(rows.values, calendar, WEEK_HOURS)
        other._climatology = Climatology(rows.values, calendar, by_day_type=True, yearly=not self._trial.nightly)
        found = temperatures_of(rows, self._stations)
        other._regressions = []
        for row, one in enumerate(self._regressions):
            model, until = one.outlook.model if one.outlook else None, self._split.tail
            outlook = _outlook(rows, row, found[row], calendar, until=until, model=model) if model else None
            other._regressions.append(one.shown(rows.values[row], Design(calendar, outlook)))
        if other._regressions:
            other._show(calendar)
        return other

    def ordinary(self) -> FloatArray:
        if self._regressions:
            return np.stack([one.ordinary(MEMORY_HOURS) for one in self._regressions])
        return self._climatology.ordinary(self._rows.values, MEMORY_HOURS)

    def attention(self) -> dict[str, FloatArray]:
        if not self._regressions:
            return {}
        learnt, rows = self._learn(self._split.end), np.arange(len(self._regressions))
        windows, origins = self._windows(learnt.courses), np.full(len(rows), self._split.end)
        return {name: days_attended(one.network, windows, rows, origins) for name, one in learnt.networks.items()}

    def parts(self) -> LoadParts:
        """What was trained, to be kept.

        Raises:
            ShortHistoryError: If history was too short for any of it.
        """
        if not self._regressions:
            known = max(self._rows.known_hours())
            raise ShortHistoryError(f"{known} known hours of history are too few to fit and judge a regression")
        since, start = self._split.test - _KEPT_HOURS, int(hours_since_epoch(self._rows.axis)[0])
        learnt = self._learn(self._split.test)
        return LoadParts(
            stations=self._stations,
            climates=tuple(one.outlook.model if one.outlook else None for one in self._regressions),
            fitted=tuple(_kept(one.fitted, since=since, start=start) for one in self._regressions),
            courses=tuple(learnt.courses),
            trees=learnt.trees,
            networks=learnt.networks,
        )

    def _speak(self, origins: IndexArray, periods: int, asked: Collection[str], *, until: int) -> Quantiles:
        said = {CLIMATOLOGY: self._climatology.quantiles(origins, periods, levels=LEVELS)}
        if NAIVE in asked:
            said[NAIVE] = filled(self._naive.quantiles(origins, periods), said[CLIMATOLOGY])
        if RECENT in asked and periods <= LONGEST_NETWORK_HOURS:
            lately = recent_days(self._rows.values, origins, periods, levels=LEVELS)
            said[RECENT] = filled(lately, said[CLIMATOLOGY])
        if self._regressions:
            said |= self._by_regression(self._learn(until), origins, periods, asked)
        return said

    def _by_regression(self, learnt: _Learnt, origins: IndexArray, periods: int, asked: Collection[str]) -> Quantiles:
        """What the regressions say, and of trees and networks, which correct them, those that are asked."""
        if not self._told_ahead:
            pairs = zip(self._regressions, learnt.courses, strict=True)
            return {REGRESSION: np.stack([one.speak(origins, periods, course) for one, course in pairs])}
        trees = learnt.trees if TREES in asked else None
        networks = {name: one for name, one in learnt.networks.items() if name in asked}
        windows = self._windows(learnt.courses)
        said: dict[str, list[FloatArray]] = defaultdict(list)
        for prospect in self._panel.prospects(learnt.courses, origins, periods):
            courses = [learnt.courses[row] for row in prospect.rows.tolist()]
            said[REGRESSION].append(self._panel.speak(prospect, courses))
            features = self._features.columns(prospect) if trees is not None or networks else []
            if trees is not None:
                said[TREES].append(self._trees.speak(trees, prospect, features))
            if networks:
                shown, (row, origin) = windows.of(prospect, features), prospect.pairs()
                for name, one in networks.items():
                    told = windows.to_kw(one.say(shown), row, origin)
                    said[name].append(told.reshape(*prospect.expected.shape, -1))
        return {name: np.concatenate(parts) for name, parts in said.items()}

    def _learn(self, until: int) -> _Learnt:
        """What corrects the regressions, from what is known before ``until``."""
        if self._parts is not None:
            return _Learnt(self._parts.courses, self._parts.trees, self._parts.networks)
        if until not in self._learnt:
            courses = [one.errors(self._rows.periods, until) for one in self._regressions]
            trees = self._trees.grow(courses, until) if self._told_ahead else None
            self._learnt[until] = _Learnt(courses, trees, self._train(courses, until) if self._networked else {})
        return self._learnt[until]

    def _fit(self, calendar: Calendar) -> list[Regression]:
        """One regression per row; rows that see the same temperature, and the same of it ahead, are fitted together."""
        rows, split, every = self._rows, self._split, self._trial.every
        found = temperatures_of(rows, self._stations)
        climates = self._parts.climates if self._parts else (None,) * len(found)
        if self._parts:  # where no climate was known in training, temperature has no weight
            found = [None if climate is None else one for one, climate in zip(found, climates, strict=True)]
        asked = int(self._trial.origins.min(initial=split.end))
        since = max(asked - MEMORY_HOURS, 0)  # members read no residual before that
        alike: dict[tuple[object, ...], list[int]] = {}
        for row, (temperature, climate) in enumerate(zip(found, climates, strict=True)):
            sent = tuple(id(one) for one in _sent(rows, row))
            usual = None if climate is None else climate.climatology
            alike.setdefault((_bytes(temperature), _bytes(usual), sent), []).append(row)
        plain = Design(calendar, None)
        made: dict[int, Regression] = {}
        for same in alike.values():
            row, temperature = same[0], found[same[0]]
            outlook = _outlook(rows, row, temperature, calendar, until=split.tail, model=climates[row])
            design = plain.seeing(outlook)
            if self._parts:
                fitted = _placed([self._parts.fitted[k] for k in same], rows, since=since)
                some = recall_regressions(rows.values[same], design, fitted, periods=rows.periods, every=every)
            else:
                begin = split.end - _TRAINED_HOURS if self._trial.nightly else 0
                some = fit_regressions(
                    rows.values[same], design, split=split, periods=rows.periods, every=every, begin=begin
                )
            made |= dict(zip(same, some, strict=True))
        return [made[row] for row in range(len(found))]

    def _show(self, calendar: Calendar) -> None:
        """What trees and networks are shown of the regressions."""
        rows, options = self._rows, self._course.trees
        self._calendar, self._panel = calendar, Panel(self._regressions)
        self._told_ahead = all(one.told_ahead for one in self._regressions)
        self._features = LoadFeatures(rows, self._panel)
        self._trees = LoadTrees(
            self._panel, self._features, calendar, periods=rows.periods, first_row=rows.first, options=options
        )

    def _windows(self, courses: Sequence[ResidualModel]) -> ResidualWindows:
        rows = self._rows
        return ResidualWindows(
            self._panel, self._features, courses, self._calendar, periods=rows.periods, first_row=rows.first
        )

    def _train(self, courses: Sequence[ResidualModel], until: int) -> dict[str, TrainedNetwork]:
        """Networks that took a whole course over all origins before ``until``; none is kept back to judge them."""
        source, first = self._windows(courses), min(one.first for one in self._regressions)
        nothing = np.empty(0, dtype=np.int64)
        late = 0.2 if self._trial.nightly else 0.0  # a file ends where its horizon begins
        origins = every_window(len(courses), first + HISTORY_HOURS, until - self._rows.periods + 1, step=1)
        windows = Split(*origins, nothing, nothing)

        def train(encoder: Encoder, told: Progress | None) -> tuple[TrainedNetwork, TrainingResult]:
            options = self._course.network(encoder, learning_rate=3e-3, leads=12, late=late)
            return train_calibrated(source, windows, levels=LEVELS, options=options, on_progress=told)

        return train_all(self._course.networks, train, on_progress=self._on_progress)


def _too_short(rows: Rows) -> list[str]:
    """That history is, as a sentence about all series, or where they know different lengths about each."""
    known = dict(zip((one.series_id for one in rows.series), rows.known_hours(), strict=True))
    what = "known hours of history are too few to fit and judge them."
    if len(set(known.values())) == 1:
        return [f"Neither regression nor trees speak: {max(known.values())} {what}"]
    return [f"{name}: neither regression nor trees speak: {hours} {what}" for name, hours in known.items()]


def _outlook(
    rows: Rows,
    row: int,
    temperature_c: FloatArray | None,
    calendar: Calendar,
    *,
    until: int,
    model: TemperatureModel | None,
) -> Outlook | None:
    if temperature_c is None:
        return None
    sent = _sent(rows, row)
    return make_outlook(temperature_c, calendar, periods=rows.periods, until=until, sent=sent, model=model)


def _sent(rows: Rows, row: int) -> tuple[SentForecast, ...]:
    """Weather forecasts for the place of a row."""
    return rows.series[row // rows.parts].sent.get("air_temperature", ())


def _kept(fitted: FittedRow, *, since: int, start: int) -> FittedRow:
    """The fits that speak of the hours from ``since`` on; ``start`` is the hour since the epoch at position 0."""
    first = max(int(np.searchsorted(fitted.instants, since, side="right")) - 1, 0)
    return replace(
        fitted,
        instants=fitted.instants[first:] + start,
        weights=fitted.weights[first:].astype(np.float32),
        level=fitted.level[first:],
    )


def _placed(fitted: Sequence[FittedRow], rows: Rows, *, since: int) -> list[FittedRow]:
    """The fits that speak of the hours from position ``since`` on, their instants, which are shared, as positions."""
    instants = fitted[0].instants - int(hours_since_epoch(rows.axis)[0])
    first = max(int(np.searchsorted(instants, since, side="right")) - 1, 0)
    placed = np.maximum(instants[first:], since)
    return [FittedRow(one.floor, one.scale, placed, one.weights[first:], one.level[first:]) for one in fitted]


def _bytes(values: FloatArray | None) -> bytes | None:
    """What tells equal values, and those that are missing, from others."""
    return None if values is None else values.tobytes()
