"""Why a forecast is what it is: how much of its median and of its width each group of inputs is answerable for.

Each group - temperature, calendar, recent level, other weather - is switched to its reference, alone and with others,
and the fitted mixture, networks and trees included, answers again without being fitted anew. A group's contribution is
its Shapley value: the mean difference that it makes, over every order in which the groups could be switched on. The
reference and the contributions add up to the forecast. For a member that is a sum of terms they are its terms. A
contribution says what the fitted members make of an input, not what the input causes. The hour of the day is part of
every reference: calendar means weekday, holidays and season.

References:
    Štrumbelj and Kononenko, "Explaining prediction models and individual predictions with feature contributions",
    Knowledge and Information Systems 41(3), 2014.
    Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", NeurIPS 2017.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from math import factorial

import numpy as np

from forecasting.engine.mixture import Blend, Heard, blended
from forecasting.members.climatology import Climatology
from forecasting.members.course import LEVELS
from forecasting.series.request import FileSeries
from forecasting.series.rows import Rows
from grid.time_axis import FloatArray

TEMPERATURE, CALENDAR, RECENT, WEATHER = "temperature", "calendar", "recent level", "other weather"
GROUPS = (TEMPERATURE, CALENDAR, RECENT, WEATHER)
REFERENCE = "reference"
"""What stands before any group is switched on; with the groups' contributions it is the forecast."""
WIDTH_LEVELS = (0.1, 0.9)
"""A forecast's width is the distance of these quantiles."""
_CALENDARS, _DAYS_APART = 7, 52
_EARLIER_HOURS = 72
"""Hours before the horizon whose temperature and weather still act on it."""

Switched = frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """One series' forecast taken apart, in its own unit.

    Attributes:
        groups: ``reference`` first, then what contributes.
        values: To the median and to the width, shape (groups, intervals, 2); over the groups they add up to both.
    """

    groups: tuple[str, ...]
    values: FloatArray


def contributions(
    heard: Heard, blends: Sequence[Blend], *, bounds: tuple[float, float] | None = None
) -> list[Contributions]:
    """Take the forecast of every series of some rows apart.

    Args:
        blends: How each series' members were mixed.
        bounds: Within which forecasts were kept; by default those of each series.
    """
    rows, answers = heard.rows, {}
    groups = tuple(
        group for group in GROUPS if group in {CALENDAR, RECENT} or any(_tells(one, group) for one in rows.series)
    )
    late = heard.members.ordinary() if RECENT in groups else rows.values
    usual = _usual(rows)

    @cache
    def answer(on: Switched, days_back: int) -> FloatArray:
        shown = replace(
            rows,
            values=rows.values if RECENT in on else late,
            series=tuple(_without(one, set(groups) - on, usual[k]) for k, one in enumerate(rows.series)),
            days_back=days_back,
        )
        if len(on) == len(groups):
            return _told(heard, heard.present, blends, bounds)
        said = heard.members.shown(shown).present()
        return _told(heard, {name: said[name][:, 0] for name in heard.present}, blends, bounds)

    for count in range(len(groups) + 1):
        for chosen in combinations(groups, count):
            on = frozenset(chosen)
            backs = [0] if CALENDAR in on else list(_days_back(rows))
            answers[on] = np.mean([answer(on, back) for back in backs], axis=0)
    shares = shapley(answers, groups)
    values = np.stack([answers[frozenset()], *(shares[group] for group in groups)])  # (groups, series, ..., 2)
    return [Contributions((REFERENCE, *groups), values[:, k]) for k in range(len(rows.series))]


def shapley(answers: Mapping[Switched, FloatArray], groups: Sequence[str]) -> dict[str, FloatArray]:
    """Shapley values of the groups, given the answer with each set of them switched on.

    Example:
        >>> answers = {frozenset(): np.zeros(1), frozenset("a"): np.ones(1), frozenset("b"): np.ones(1)}
        >>> shapley({**answers, frozenset("ab"): np.full(1, 4.0)}, ["a", "b"])["a"].tolist()
        [2.0]
    """
    made = {}
    for group in groups:
        others = [other for other in groups if other != group]
        made[group] = np.zeros_like(answers[frozenset()])
        for count in range(len(groups)):
            share = factorial(count) * factorial(len(groups) - count - 1) / factorial(len(groups))
            for chosen in combinations(others, count):
                made[group] += share * (answers[frozenset((*chosen, group))] - answers[frozenset(chosen)])
    return made


def median_and_width(quantiles: FloatArray) -> FloatArray:
    """Of quantiles at LEVELS, shape (..., 2)."""
    low, middle, high = (quantiles[..., LEVELS.index(level)] for level in (WIDTH_LEVELS[0], 0.5, WIDTH_LEVELS[1]))
    return np.stack([middle, high - low], axis=-1)


def _told(
    heard: Heard, said: Mapping[str, FloatArray], blends: Sequence[Blend], bounds: tuple[float, float] | None
) -> FloatArray:
    """Median and width of every series, shape (series, intervals, 2)."""
    made, parts = [], heard.rows.parts
    for index, (one, blend) in enumerate(zip(heard.rows.series, blends, strict=True)):
        own = slice(index * parts, (index + 1) * parts)
        mixed = blended({name: quantiles[own] for name, quantiles in said.items()}, blend)
        made.append(median_and_width(np.clip(heard.rows.joined(mixed, index), *(bounds or one.bounds))))
    return np.stack(made)


def _days_back(rows: Rows) -> Iterator[int]:
    """Days that stand for any: every weekday once, over the year, as far as history reaches."""
    days = max(rows.axis.periods // 24 - 1, 1)
    return (1 + k * _DAYS_APART % days for k in range(_CALENDARS))


def _tells(one: FileSeries, group: str) -> bool:
    """Whether a series has weather of a group, measured, given or sent."""
    return any(_columns(one, group)) or any(_group(means) == group for means in one.sent)


def _columns(one: FileSeries, group: str) -> Iterator[str]:
    """Covariates of a series that belong to a group."""
    for name in one.covariates:
        about = one.settings.covariates.get(name)
        if _group(about.means if about else "") == group:
            yield name


def _group(means: str) -> str:
    """The group that weather of a meaning belongs to."""
    return TEMPERATURE if means == "air_temperature" else WEATHER


def _usual(rows: Rows) -> list[dict[str, FloatArray]]:
    """Every covariate of every series with its climate from shortly before the horizon on."""
    hours, calendar = rows.axis.periods, rows.calendar()
    late = min(_EARLIER_HOURS, hours // 2)
    made: list[dict[str, FloatArray]] = []
    for one in rows.series:
        columns = list(one.covariates)
        if not columns:
            made.append({})
            continue
        spread = np.concatenate([rows.spread(one, one.covariates[name])[:, :hours] for name in columns])
        climate = Climatology(spread, calendar, by_day_type=False, level_hours=None)
        told = climate.quantiles(np.array([hours - late]), late + rows.periods, levels=(0.5,))[:, 0, :, 0]
        usual = {}
        for k, name in enumerate(columns):
            native = told[k * rows.parts : (k + 1) * rows.parts].T.reshape(-1)
            begin = one.origin - late * rows.parts
            kept = one.covariates[name].copy()
            ours = native[: len(kept) - begin]
            kept[begin:] = np.where(np.isfinite(kept[begin:]) & np.isfinite(ours), ours, kept[begin:])
            usual[name] = kept
        made.append(usual)
    return made


def _without(one: FileSeries, off: Collection[str], usual: Mapping[str, FloatArray]) -> FileSeries:
    """The series with the covariates of those groups that are off as they usually are, and no forecast of them."""
    changed = {name: usual[name] for group in off for name in _columns(one, group)}
    sent = {means: issues for means, issues in one.sent.items() if _group(means) not in off}
    return replace(one, covariates={**one.covariates, **changed}, sent=sent)
