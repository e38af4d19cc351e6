"""A series with a short history beside others with a long one: forecast by what those teach.

Their forecasts, scaled to the hours that both know, are pooled and speak as one member beside what its own few days
say. How much each counts, and how wide bands must be, is learnt from the others: at earlier origins each of them is
forecast as if it were as young, and what came is compared.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from forecasting.engine.mixture import Blend, Heard, Mixture, blended, hear, learn_blend, trust_in
from forecasting.files.joint import Spoken
from forecasting.members.course import CLIMATOLOGY, LEVELS, MEMBERS, NAIVE, Course, Members, Quantiles
from forecasting.nouns import IndexArray
from forecasting.quantiles.mixing import mean_of
from forecasting.quantiles.neighbours import nearest_in_size, pooled, scales_to
from forecasting.series.newcomers import FEWEST_TEACHERS
from forecasting.series.request import FileSeries
from forecasting.series.rows import Rows, make_rows
from grid.scores import mean_pinball_loss
from grid.time_axis import FloatArray, TimeAxis

NEIGHBOURS = "neighbours"
_ORIGINS, _PUPILS = 8, 25
_DAY = timedelta(days=1)
_LONGEST_AGE = timedelta(days=10)
"""From two weeks on a series' own backtest tells its weights better than others do."""
_KNOWN = 0.5
"""Least share of a feigned history that must be known."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the others teach of any series as young.

    Attributes:
        blend: How members are mixed.
        forecasts: So many of others, as if they were as young, taught it.
        skill: Of the mixture in these over the seasonal naive; None where that cannot speak.
        reasons: Who spoke, and how that was weighed, in sentences.
    """

    blend: Blend
    forecasts: int
    skill: float | None
    reasons: tuple[str, ...] = ()

    def because(self, how: str) -> Lesson:
        """The same for one series, whose neighbours were scaled in some way."""
        weighed = (
            f"Weights and bands are learnt from {self.forecasts} forecasts of the others, each as if it were as young."
        )
        return replace(self, reasons=(f"{how} speak for want of a longer history of its own.", weighed))


def teachers_of(one: FileSeries, spoken: Sequence[Spoken]) -> list[Spoken]:
    """Series of the same kind, interval and horizon whose backtests are as long; none if there are too few.

    Sums of others are left out: a total is no neighbour of its parts.
    """
    sums = {other.series.settings.parent for other in spoken}
    found = [
        other
        for other in spoken
        if other.series.settings.kind == one.settings.kind
        and other.series.axis.step == one.axis.step
        and other.series.axis.end == one.axis.end
        and other.series.axis.periods - other.series.origin == one.axis.periods - one.origin
        and other.actual.shape[1] >= one.axis.periods - one.origin
        and other.series.series_id not in sums
    ]
    return found if len(found) >= FEWEST_TEACHERS else []


def profile(one: FileSeries, teachers: Sequence[Spoken], said: Sequence[FloatArray]) -> tuple[FloatArray, str]:
    """The teachers' quantiles, scaled and pooled, shape (intervals, LEVELS), and how they were scaled, in words.

    Args:
        said: Of each teacher at the origin of ``one``, shape (intervals or more, levels).
    """
    ahead, history = one.axis.periods - one.origin, one.values[: one.origin]
    others = [(_readings(other.series, one), other.series.settings.capacity) for other in teachers]
    an_hour = 60 // one.settings.interval_minutes
    scales, how = scales_to(history, one.settings.capacity, others, an_hour=an_hour)
    chosen = nearest_in_size(scales)
    told = pooled([said[k][:ahead] for k in chosen], [scales[k] for k in chosen], levels=LEVELS, wanted=LEVELS)
    return told, f"The forecasts of {len(chosen)} other series, {how},"


def learn(one: FileSeries, teachers: Sequence[Spoken], *, course: Course, members: Collection[str]) -> Lesson:
    """How to mix the members of a series, from the teachers as if each were as young.

    Args:
        members: Those that speak of it beside its neighbours; none where it has less than a day of readings.
    """
    said: dict[str, list[FloatArray]] = {name: [] for name in (*members, NEIGHBOURS)}
    came = []
    for hours in _origins(teachers):
        known = [other for other in teachers if hours in other.origins]
        pupils = [(other, cut) for other in known[:_PUPILS] if (cut := _as_young(other.series, one, hours)) is not None]
        own = _own([cut for _, cut in pupils], course) if members and pupils else {}
        for k, (pupil, cut) in enumerate(pupils):
            others = [other for other in known if other is not pupil]
            size = float(np.nanmean(np.abs(pupil.series.values))) or 1.0
            told, _ = profile(cut, others, [other.backtest[other.origins.index(hours)] for other in others])
            said[NEIGHBOURS].append(told / size)
            for name in members:
                said[name].append(own[name][k] / size if name in own else np.full(told.shape, np.nan))
            came.append(pupil.actual[pupil.origins.index(hours)][: len(told)] / size)
    parts = 60 // one.settings.interval_minutes
    actual = _by_hour(np.array(came)[..., None], parts)[..., 0]
    spoken = {name: _by_hour(np.array(told), parts) for name, told in said.items()}
    usable = {name: told for name, told in spoken.items() if np.isfinite(told).all()}
    blend = learn_blend(usable, actual, trust=trust_in(len(came)), seed=course.seed)
    mixed = blended(usable, blend).reshape(-1, len(LEVELS))
    happened = actual.reshape(-1)
    loss = mean_pinball_loss(happened, mixed, levels=LEVELS)
    naive = mean_pinball_loss(happened, usable[NAIVE].reshape(mixed.shape), levels=LEVELS) if NAIVE in usable else 0.0
    return Lesson(blend, len(came), round(1.0 - loss / naive, 4) if naive > 0.0 and np.isfinite(loss) else None)


def teach(heard: Heard, teachers: Sequence[Spoken], *, course: Course) -> tuple[Heard, list[Lesson | None]]:
    """The same with the neighbours as one more member of every series, and what is to be learnt for each.

    None for a series that is old enough to speak for itself.
    """
    rows, lessons, scaled = heard.rows, dict[int, Lesson](), []
    made: list[Lesson | None] = []
    for index, one in enumerate(rows.series):
        told, how = profile(one, teachers, [other.quantiles for other in teachers])
        age = _age(one) * one.axis.step
        if age <= _LONGEST_AGE and age // _DAY not in lessons:
            lessons[age // _DAY] = learn(one, teachers, course=course, members=heard.present)
        made.append(lessons[age // _DAY].because(how) if age <= _LONGEST_AGE else None)
        scaled.append(_by_hour((told - rows.offset[index])[None] / rows.scale[index], rows.parts)[:, 0])
    said = np.concatenate(scaled)  # (rows, periods, levels)
    members = _Accompanied(heard.members, said)
    return replace(heard, present={**heard.present, NEIGHBOURS: said}, members=members), made


def taught(heard: Heard, index: int, lesson: Lesson) -> Mixture:
    """The forecast of one series among those that neighbours accompany; its own backtest is told by its own members."""
    own = slice(index * heard.rows.parts, (index + 1) * heard.rows.parts)
    present = blended({name: told[own] for name, told in heard.present.items()}, lesson.blend)
    weights = {name: weight for name, weight in lesson.blend.weights.items() if name in heard.past}
    alone = replace(lesson.blend, weights=weights or {CLIMATOLOGY: 1.0})
    backtest = blended({name: told[own] for name, told in heard.past.items()}, alone)
    return Mixture(heard.rows.joined(present, index), lesson.blend, backtest.reshape(-1, len(LEVELS)))


def unheard(one: FileSeries, told: FloatArray, lesson: Lesson) -> Spoken:
    """The forecast of a series with less than a day of readings: its neighbours', with bands as the lesson says."""
    parts = 60 // one.settings.interval_minutes
    mixed = lesson.blend.bands.calibrated(_by_hour(told[None], parts)[:, 0], levels=LEVELS)
    quantiles = mixed.transpose(1, 0, 2).reshape(told.shape)
    nothing = np.empty((0, len(told)))
    return Spoken(
        one, quantiles, mean_of(quantiles, levels=LEVELS), nothing, np.empty((*nothing.shape, len(LEVELS))), ()
    )


class _Accompanied:
    """Members, and beside them the neighbours, who say the same whatever is shown of the series."""

    def __init__(self, members: Members, said: FloatArray) -> None:
        self._members, self._said = members, said
        self.reasons = members.reasons

    def past(self, origins: IndexArray, periods: int, *, asked: Collection[str] = MEMBERS) -> Quantiles:
        return self._members.past(origins, periods, asked=asked)

    def present(self, *, asked: Collection[str] = MEMBERS) -> Quantiles:
        return self._members.present(asked=asked) | {NEIGHBOURS: self._said[:, None]}

    def shown(self, rows: Rows) -> _Accompanied:
        return _Accompanied(self._members.shown(rows), self._said)

    def ordinary(self) -> FloatArray:
        return self._members.ordinary()

    def attention(self) -> dict[str, FloatArray]:
        return self._members.attention()


def _origins(teachers: Sequence[Spoken]) -> list[int]:
    """Hours before the horizon at which enough teachers were forecast, the oldest first, a few spread evenly."""
    every = sorted({hours for other in teachers for hours in other.origins}, reverse=True)
    known = [hours for hours in every if sum(hours in other.origins for other in teachers) >= FEWEST_TEACHERS]
    return [known[k] for k in np.unique(np.linspace(0, len(known) - 1, _ORIGINS).astype(int))] if known else []


def _age(one: FileSeries) -> int:
    """Intervals since its first reading; 0 without one."""
    known = np.flatnonzero(np.isfinite(one.values[: one.origin]))
    return one.origin - int(known[0]) if len(known) else 0


def _as_young(pupil: FileSeries, one: FileSeries, hours: int) -> FileSeries | None:
    """A series as it would have been known so many hours before the horizon, had it been as young as another.

    None where too little of that is known.
    """
    ahead = one.axis.periods - one.origin
    origin = pupil.origin - hours * (60 // one.settings.interval_minutes)
    age = _age(one)
    begin = origin - age
    if begin < 0 or (age and np.isfinite(pupil.values[begin:origin]).mean() < _KNOWN):
        return None
    kept = slice(begin, origin + ahead)
    later = np.arange(age + ahead) >= age

    def ahead_too(name: str) -> bool:
        return bool(np.isfinite(pupil.covariates[name][pupil.asked]).any())

    return replace(
        pupil,
        settings=pupil.settings if one.settings.capacity else pupil.settings.model_copy(update={"capacity": None}),
        axis=TimeAxis(pupil.axis.start + pupil.axis.step * begin, pupil.axis.step, age + ahead),
        values=np.where(later, np.nan, pupil.values[kept]),
        origin=age,
        asked=np.arange(age, age + ahead),
        covariates={
            name: values[kept] if ahead_too(name) else np.where(later, np.nan, values[kept])
            for name, values in pupil.covariates.items()
        },
    )


def _own(cuts: Sequence[FileSeries], course: Course) -> dict[str, list[FloatArray]]:
    """What members that need little history say of series as young, by member one of shape (intervals, levels) each."""
    heard = hear(make_rows(cuts), course=course, trained=False)
    parts = heard.rows.parts
    return {
        name: [heard.rows.joined(told[k * parts : (k + 1) * parts], k) for k in range(len(cuts))]
        for name, told in heard.present.items()
    }


def _readings(other: FileSeries, one: FileSeries) -> FloatArray:
    """What another series read in the intervals of this one's history, shape (origin,). NaN where unknown."""
    at = (one.axis.start - other.axis.start) // one.axis.step + np.arange(one.origin)
    inside = (at >= 0) & (at < other.origin)
    return np.where(inside, other.values[np.clip(at, 0, other.origin - 1)], np.nan)


def _by_hour(native: FloatArray, parts: int) -> FloatArray:
    """Intervals dealt out to hours, (series, intervals, n) into (parts, series, hours, n)."""
    return native.reshape(len(native), -1, parts, native.shape[-1]).transpose(2, 0, 1, 3)
