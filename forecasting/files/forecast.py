"""A forecast from a file, without a database: every member trained on the file's own history.

Every series is forecast by a weighted average of members. The weights and the width of the bands come from a backtest
on the file's own last weeks, at the hour of day at which the horizon begins; members that cannot speak say why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from forecasting.engine.mixture import Blend, Heard, Mixture, hear, mix
from forecasting.explaining.contributions import Contributions, contributions
from forecasting.explaining.words import SeriesExplanation
from forecasting.files.explanation import explained
from forecasting.files.inputs import FileInputs, inputs_of, model_of, remarks
from forecasting.files.joint import Spoken, add_up, spoken_of
from forecasting.files.lessons import NEIGHBOURS, Lesson, School
from forecasting.files.newcomers import taught, teach, unheard
from forecasting.members.course import (
    CLIMATOLOGY,
    COURSES,
    LEVELS,
    NAIVE,
    RECENT,
    Course,
    Effort,
)
from forecasting.quantiles.mixing import at_levels
from forecasting.series.newcomers import AGES, NEW, TRAINED, able_to_teach, age_of
from forecasting.series.request import FileSeries, level_name
from forecasting.series.rows import Rows, make_rows
from grid.scores import mean_pinball_loss
from grid.time_axis import FloatArray

DEFAULT_LEVELS = tuple(round(0.05 * k, 2) for k in range(1, 20))
_NEIGHBOURS, _SHORT_HISTORY = 4, 5
"""The levels of who speaks where history is too short for more, as the chain of stored forecasts counts."""


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """How one series was forecast: the provenance of every value of its forecast.

    Attributes:
        weights: Of every member that spoke.
        width: By how much the bands were widened or narrowed after mixing.
        skill: 1 - pinball loss over that of the seasonal naive, in the backtest that chose the weights; None without
            one, or where the seasonal naive never erred, or could not speak.
        backtest_origins: How many forecasts of the backtest were judged by a known value; of a series with a short
            history beside others with a long one, how many of these, as if they were as young.
        degraded: Neither a regression nor trees nor a network could speak, or neighbours did.
        reasons: Sentences: what could not be used, and what stood in for it.
        model_id: Of what was trained on the file: the same for the same file, effort and seed.
        fallback_level: 0; 4 where neighbours spoke, 5 if otherwise ``degraded``, as for stored forecasts.
        issued_at: When the horizon begins: no value measured from then on was known.
        inputs: What was known.
    """

    series_id: str
    method: str
    weights: dict[str, float]
    width: float
    skill: float | None
    backtest_origins: int
    degraded: bool
    reasons: tuple[str, ...]
    model_id: str
    fallback_level: int
    issued_at: datetime
    inputs: FileInputs

    def because(self, reasons: Sequence[str]) -> SeriesReport:
        """The same with more reasons."""
        return replace(self, reasons=(*self.reasons, *reasons))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        inputs = {name: _plain(value) for name, value in asdict(self.inputs).items()}
        own = {name: _plain(getattr(self, name)) for name in self.__slots__}
        return own | {"reasons": list(self.reasons), "inputs": inputs}


def _plain(value: Any) -> Any:
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value


@dataclass(frozen=True, slots=True, eq=False)
class FileForecast:
    """The forecast of every horizon row: ``series_id, time, mean, q…``, and how each series was forecast.

    Attributes:
        table: Its ``attrs`` hold the reports as plain values, so that a Parquet file of it tells its provenance.
        scenarios: ``series_id, time, s1, s2 …`` for the same rows, the k-th of all belonging together; None if none
            were asked for.
        explanations: If they were asked for, one per series with a day of readings; of others their reasons say that
            there is none.
    """

    table: pd.DataFrame
    reports: tuple[SeriesReport, ...]
    scenarios: pd.DataFrame | None = None
    explanations: tuple[SeriesExplanation, ...] = ()


def forecast_file(
    series: Sequence[FileSeries],
    *,
    levels: Sequence[float] = DEFAULT_LEVELS,
    effort: Effort = "full",
    seed: int = 0,
    scenarios: int = 0,
    explain: bool = False,
    now: datetime | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> FileForecast:
    """Forecast every horizon row of a file. The same input, seed and machine give the same answer.

    Args:
        series: From :func:`forecasting.series.table.read_request`.
        levels: In (0, 1), increasing.
        effort: ``fast`` trains for less long.
        scenarios: How many joint scenarios to draw.
        explain: Whether to tell what each group of inputs contributes.
        now: Values after it are remarked upon, which nobody can have measured; None for no clock.
        on_progress: Told what is being forecast.
    """
    course = Course(COURSES[effort], seed)
    model_id = model_of(series, effort=effort, seed=seed)
    answers: dict[str, Answer] = {}
    groups = [list(group) for _, group in groupby(sorted(series, key=kind_of_work), key=kind_of_work)]
    school = School(able_to_teach(series), course)
    for group in sorted(groups, key=lambda group: AGES.index(age_of(group[0]))):  # who teaches comes first
        if on_progress is not None:
            on_progress(", ".join(one.series_id for one in group[:5]) + (" …" if len(group) > 5 else ""))
        if age_of(group[0]) == NEW:
            answers |= {one.series_id: _of_new(one, school, model_id, explain=explain, now=now) for one in group}
        else:
            answers |= _forecast_rows(make_rows(group), school, model_id, explain=explain, now=now)
    spoken, drawn = add_up([answers[one.series_id].spoken for one in series], count=scenarios, seed=seed)
    told = [(one, answers[one.series.series_id]) for one in spoken]
    names = [f"s{k}" for k in range(1, scenarios + 1)]
    table = pd.concat([_table(one, levels) for one in spoken], ignore_index=True)
    reports = tuple(answer.report.because(one.reasons) for one, answer in told)
    table.attrs["series"] = [report.as_dict() for report in reports]
    return FileForecast(
        table=table,
        reports=reports,
        scenarios=pd.concat(
            [_rows(one, told.T, names) for one, told in zip(spoken, drawn, strict=True)], ignore_index=True
        )
        if drawn
        else None,
        explanations=tuple(explained(one, answer.why, answer.attention) for one, answer in told if answer.why),
    )


def _table(one: Spoken, levels: Sequence[float]) -> pd.DataFrame:
    told = one.bounded(at_levels(one.quantiles, levels=LEVELS, wanted=levels))
    table = _rows(one, np.maximum.accumulate(told, axis=1), [level_name(level) for level in levels])
    table.insert(2, "mean", one.bounded(one.mean)[one.series.asked - one.series.origin])
    return table


def _rows(one: Spoken, values: FloatArray, names: Sequence[str]) -> pd.DataFrame:
    """Those rows of values, shape (intervals, names), that the file asks for."""
    series = one.series
    table = pd.DataFrame(values[series.asked - series.origin], columns=list(names))
    table.insert(0, "time", series.axis.index[series.asked])
    table.insert(0, "series_id", series.series_id)
    return table


def kind_of_work(one: FileSeries) -> tuple[str, ...]:
    """Series that agree in this are forecast together by one network."""
    settings, origin = one.settings, one.axis.start + one.axis.step * one.origin
    horizon = one.axis.periods - one.origin
    hours = -(-one.origin * settings.interval_minutes // 60)
    return (
        "solar" if settings.kind == "solar" else "load",
        age_of(one),
        f"{settings.interval_minutes:02d}",
        settings.timezone,
        settings.holidays,
        origin.isoformat(),
        f"{horizon:06d}",
        f"{hours // 4383:03d}",  # histories of about one length: a long one is not cut for the sake of a short one
        ",".join(sorted(one.covariates)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One series' forecast with its backtest, the report, and, if asked for, why and where the networks looked."""

    spoken: Spoken
    report: SeriesReport
    why: Contributions | None
    attention: dict[str, FloatArray]


def _forecast_rows(
    rows: Rows, school: School, model_id: str, *, explain: bool, now: datetime | None
) -> dict[str, Answer]:
    """The answer for every series of some rows; those that are long enough teach the others from then on."""
    course, trained = school.course, age_of(rows.series[0]) == TRAINED
    heard = hear(rows, course=course, trained=trained)
    lessons: Sequence[Lesson | None] = [None] * len(rows.series)
    if not trained:
        heard, lessons = teach(heard, school)
    mixtures = [
        mix(heard, index, seed=course.seed, without={NEIGHBOURS}) if lesson is None else taught(heard, index, lesson)
        for index, lesson in enumerate(lessons)
    ]
    why = contributions(heard, [mixture.blend for mixture in mixtures]) if explain else [None] * len(mixtures)
    attention = heard.members.attention() if explain else {}
    answers = {
        one.series_id: Answer(
            spoken=spoken_of(heard, index, mixture),
            report=_remarked(_report(one, heard, index, mixture, lesson, model_id), one, now),
            why=why[index],
            attention={
                name: shares[index * rows.parts : (index + 1) * rows.parts] for name, shares in attention.items()
            },
        )
        for index, (one, mixture, lesson) in enumerate(zip(rows.series, mixtures, lessons, strict=True))
    }
    if trained:
        school.spoken |= {name: answer.spoken for name, answer in answers.items()}
    return answers


def _of_new(one: FileSeries, school: School, model_id: str, *, explain: bool, now: datetime | None) -> Answer:
    """The answer for a series with less than a day of readings, by its neighbours alone."""
    spoken, lesson = unheard(one, school)
    report = _reported(one, lesson.blend, lesson.skill, lesson.forecasts, lesson.reasons, model_id)
    untold = ("Its forecast is not taken apart: no member of its own speaks.",) if explain else ()
    return Answer(spoken, _remarked(report, one, now).because(untold), None, {})


def _remarked(report: SeriesReport, one: FileSeries, now: datetime | None) -> SeriesReport:
    return report.because([*remarks(one, now=now, alone=NEIGHBOURS not in report.weights)])


def _report(
    one: FileSeries, heard: Heard, index: int, mixture: Mixture, lesson: Lesson | None, model_id: str
) -> SeriesReport:
    reasons = [sentence for sentence in heard.reasons if _concerns(sentence, one, heard.rows)]
    if lesson is not None:
        return _reported(one, mixture.blend, lesson.skill, lesson.forecasts, (*reasons, *lesson.reasons), model_id)
    own = slice(index * heard.rows.parts, (index + 1) * heard.rows.parts)
    happened = heard.actual[own].reshape(-1)
    naive = heard.past[NAIVE][own].reshape(-1, len(LEVELS))
    loss, reference = (mean_pinball_loss(happened, said, levels=LEVELS) for said in (mixture.backtest, naive))
    skill = round(1.0 - loss / reference, 4) if reference > 0.0 and np.isfinite(loss) else None
    judged = np.isfinite(happened - mixture.backtest[:, 0]).reshape(heard.actual[own].shape)
    origins = int(judged.any(axis=(0, 2)).sum())
    if not origins:
        reasons.append("No backtest was possible: members weigh what they count for beforehand.")
    return _reported(one, mixture.blend, skill, origins, reasons, model_id)


def _reported(
    one: FileSeries, blend: Blend, skill: float | None, origins: int, reasons: Sequence[str], model_id: str
) -> SeriesReport:
    spoken = {name: round(weight, 4) for name, weight in blend.weights.items()}
    level = _NEIGHBOURS if NEIGHBOURS in spoken else 0 if set(spoken) - {RECENT, CLIMATOLOGY, NAIVE} else _SHORT_HISTORY
    return SeriesReport(
        series_id=one.series_id,
        method="+".join(sorted(spoken, key=lambda name: -spoken[name])),
        weights=spoken,
        width=blend.width,
        skill=skill,
        backtest_origins=origins,
        degraded=level > 0,
        reasons=tuple(reasons),
        model_id=model_id,
        fallback_level=level,
        issued_at=one.axis.start + one.axis.step * one.origin,
        inputs=inputs_of(one),
    )


def _concerns(sentence: str, one: FileSeries, rows: Rows) -> bool:
    """Sentences that begin with another series' name are not about this one."""
    return not any(sentence.startswith(f"{other.series_id}: ") for other in rows.series if other is not one)
