"""What series with a long history teach of one with a short history: a forecast of it, and how far to believe that.

Their forecasts, scaled to the hours that both know, are pooled and speak as one member beside what its own few days
say. How much each counts, and how wide bands must be, is learnt from the others: at earlier origins each of them is
forecast as if it were as young, and what came is compared.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from forecasting.engine.mixture import Blend, blended, hear, learn_blend, trust_in
from forecasting.files.joint import Spoken
from forecasting.members.course import LEVELS, NAIVE, Course
from forecasting.quantiles.neighbours import nearest_in_size, pooled, scales_to
from forecasting.series.newcomers import FEWEST_TEACHERS, teachers_of
from forecasting.series.request import FileSeries
from forecasting.series.rows import make_rows
from forecasting.sun.plant import make_clear_sky
from grid.scores import mean_pinball_loss
from grid.time_axis import FloatArray, TimeAxis

NEIGHBOURS = "neighbours"
_ORIGINS, _PUPILS = 8, 25
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
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
        speak = "speak for want of a longer history of its own."
        if NEIGHBOURS not in self.blend.weights:
            speak = "would say less than its own few days do, and are not heard."
        weighed = (
            f"Weights and bands are learnt from {self.forecasts} forecasts of the others, each as if it were as young."
            if self.forecasts
            else "None of the others was known at any origin as if it were as young: members count for what they do "
            "beforehand, and bands are left as they are."
        )
        return replace(self, reasons=(f"{how} {speak}", weighed))


@dataclass(slots=True, eq=False)
class School:
    """What the series of a file that are long enough teach the others; those as young learn the same lesson once.

    Attributes:
        able: Series that may teach.
        spoken: Of these, by name, as they were forecast.
        lessons: By age, whether capacity is given, who teaches, and which members speak beside them.
    """

    able: Sequence[FileSeries]
    course: Course
    spoken: dict[str, Spoken] = field(default_factory=dict)
    lessons: dict[Hashable, Lesson] = field(default_factory=dict)

    def teachers(self, one: FileSeries) -> list[Spoken]:
        """Of a series with up to ten known days; none where it is older, too few are like it, or it was never on."""
        past = one.values[: one.origin]
        known = np.isfinite(past).sum() * one.axis.step
        if known > _LONGEST_AGE or (known >= _DAY and not np.nansum(np.abs(past))):
            return []
        return [self.spoken[other.series_id] for other in teachers_of(one, self.able)]

    def lesson(self, one: FileSeries, teachers: Sequence[Spoken], *, members: Collection[str]) -> Lesson:
        """What they teach of a series as young: to the hour on its first day, then to the day."""
        age = _age(one) * one.axis.step
        names = tuple(other.series.series_id for other in teachers)
        key = (-(-age // _HOUR) if age < _DAY else age // _DAY * 24, bool(one.settings.capacity), names, *members)
        if key not in self.lessons:
            self.lessons[key] = learn(one, teachers, course=self.course, members=members)
        return self.lessons[key]


def profile(one: FileSeries, teachers: Sequence[Spoken], said: Sequence[FloatArray]) -> tuple[FloatArray, str]:
    """The teachers' quantiles, scaled and pooled, shape (intervals of whole hours, LEVELS), and how, in words.

    Args:
        said: Of each teacher at the origin of ``one``, shape (intervals or more, levels).
    """
    history, parts = one.values[: one.origin], 60 // one.settings.interval_minutes
    others = [(_readings(other.series, one), other.series.settings.capacity) for other in teachers]
    scales, how = scales_to(history, one.settings.capacity, others, an_hour=parts)
    chosen = nearest_in_size(scales)
    ahead = _hours_ahead(one) * parts
    told = pooled([said[k][:ahead] for k in chosen], [scales[k] for k in chosen], levels=LEVELS, wanted=LEVELS)
    told = np.where(_dark(one)[:, None], 0.0, told)
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
    parts, forecasts = 60 // one.settings.interval_minutes, len(came)
    if not came:  # nothing is known of any horizon, so that nothing is learnt
        unknown = np.full((_hours_ahead(one) * parts, len(LEVELS)), np.nan)
        came, said = [unknown[:, 0]], {name: [np.zeros(unknown.shape)] for name in said}
    actual = by_hour(np.array(came)[..., None], parts)[..., 0]
    spoken = {name: by_hour(np.array(told), parts) for name, told in said.items()}
    usable = {name: told for name, told in spoken.items() if np.isfinite(told).all()}
    blend = learn_blend(usable, actual, trust=trust_in(forecasts), seed=course.seed)
    mixed = blended(usable, blend).reshape(-1, len(LEVELS))
    happened = actual.reshape(-1)
    loss = mean_pinball_loss(happened, mixed, levels=LEVELS)
    naive = mean_pinball_loss(happened, usable[NAIVE].reshape(mixed.shape), levels=LEVELS) if NAIVE in usable else 0.0
    return Lesson(blend, forecasts, round(1.0 - loss / naive, 4) if naive > 0.0 and np.isfinite(loss) else None)


def _origins(teachers: Sequence[Spoken]) -> list[int]:
    """Hours before the horizon at which enough teachers were forecast, the oldest first, a few spread evenly."""
    every = sorted({hours for other in teachers for hours in other.origins}, reverse=True)
    known = [hours for hours in every if sum(hours in other.origins for other in teachers) >= FEWEST_TEACHERS]
    return [known[k] for k in np.unique(np.linspace(0, len(known) - 1, _ORIGINS).astype(int))] if known else []


def _age(one: FileSeries) -> int:
    """Intervals since the last run of readings began, ten days at most; 0 without one.

    What stands alone before more than a day of nothing tells too little to be counted.
    """
    known = np.flatnonzero(np.isfinite(one.values[: one.origin]))
    if not len(known):
        return 0
    runs = np.flatnonzero(np.diff(known) * one.axis.step > _DAY)
    begin = known[runs[-1] + 1] if len(runs) else known[0]
    return min(one.origin - int(begin), _LONGEST_AGE // one.axis.step)


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
    """What another series had read when the horizon of this one began. NaN where unknown."""
    return other.values[: (one.axis.start - other.axis.start) // one.axis.step + one.origin]


def _hours_ahead(one: FileSeries) -> int:
    """Whole hours that hold its horizon."""
    return -(-(one.axis.periods - one.origin) * one.settings.interval_minutes // 60)


def _dark(one: FileSeries) -> npt.NDArray[np.bool_]:
    """Whether no sun can shine on a plant whose place is known, in the intervals of the hours ahead."""
    place, periods = one.settings, _hours_ahead(one) * 60 // one.settings.interval_minutes
    if place.kind != "solar" or place.latitude is None or place.longitude is None:
        return np.zeros(periods, dtype=bool)
    axis = TimeAxis(one.axis.start + one.axis.step * one.origin, one.axis.step, periods)
    sky = make_clear_sky(axis, latitude=place.latitude, longitude=place.longitude)
    return np.asarray(sky.ghi_w_m2.reshape(periods, -1).max(axis=1) <= 0.0)


def by_hour(native: FloatArray, parts: int) -> FloatArray:
    """Intervals dealt out to hours, (series, intervals, n) into (parts, series, hours, n)."""
    return native.reshape(len(native), -1, parts, native.shape[-1]).transpose(2, 0, 1, 3)
