"""A series with a short history beside long ones: what those say of it is one member more, or all there is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from forecasting.engine.mixture import Heard, Mixture, blended
from forecasting.files.joint import Spoken
from forecasting.files.lessons import NEIGHBOURS, Lesson, School, by_hour, profile
from forecasting.members.course import CLIMATOLOGY, LEVELS, MEMBERS, Members, Quantiles
from forecasting.nouns import IndexArray
from forecasting.quantiles.mixing import mean_of
from forecasting.series.request import FileSeries
from forecasting.series.rows import Rows
from grid.time_axis import FloatArray


def teach(heard: Heard, school: School) -> tuple[Heard, list[Lesson | None]]:
    """The same with the neighbours as one more member, and what is to be learnt for each series.

    None for a series that speaks for itself: neighbours say nothing of it.
    """
    rows, scaled = heard.rows, []
    made: list[Lesson | None] = []
    for index, one in enumerate(rows.series):
        teachers = school.teachers(one)
        told = np.zeros((rows.periods * rows.parts, len(LEVELS)))
        if teachers:
            told, how = profile(one, teachers, [other.quantiles for other in teachers])
            made.append(school.lesson(one, teachers, members=heard.present).because(how))
        else:
            made.append(None)
        scaled.append(by_hour((told - rows.offset[index])[None] / rows.scale[index], rows.parts)[:, 0])
    if not any(made):
        return heard, made
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


def unheard(one: FileSeries, school: School) -> tuple[Spoken, Lesson]:
    """The forecast of a series with less than a day of readings: its neighbours', with bands as they teach."""
    teachers = school.teachers(one)
    told, how = profile(one, teachers, [other.quantiles for other in teachers])
    lesson = school.lesson(one, teachers, members=())
    parts = 60 // one.settings.interval_minutes
    mixed = lesson.blend.bands.calibrated(by_hour(told[None], parts)[:, 0], levels=LEVELS)
    quantiles = mixed.transpose(1, 0, 2).reshape(told.shape)
    spoken = Spoken(
        series=one,
        quantiles=quantiles,
        mean=mean_of(quantiles, levels=LEVELS),
        actual=np.empty((0, len(told))),
        backtest=np.empty((0, *told.shape)),
        origins=(),
        lowest=min(other.lowest for other in teachers),
    )
    return spoken, lesson.because(how)


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
