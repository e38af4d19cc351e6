"""The regressions of many rows asked together: what each expects from an origin on, and what it left over lately."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.load.regression_member import READ_OFF, Regression
from forecasting.load.residuals import MEMORY_HOURS, ResidualModel, expected_residual, features_of, residual_spread
from forecasting.networks.windows import HISTORY_HOURS, Past
from forecasting.nouns import IndexArray
from grid.time_axis import FloatArray

_TOGETHER = 8192
"""So many hours ahead are told at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Prospect:
    """What some rows expect at some origins, each of both.

    Attributes:
        rows: Shape (rows,).
        origins: Shape (origins,).
        memory: Residuals before each origin, shape (rows, origins, MEMORY_HOURS). NaN where unknown.
        recent: Their features, shape (rows, origins, periods, features).
        expected: Log power by the regression, shape (rows, origins, periods).
        centre: By how much its residual is expected to go on, same shape.
    """

    rows: IndexArray
    origins: IndexArray
    memory: FloatArray
    recent: FloatArray
    expected: FloatArray
    centre: FloatArray


class Panel:
    """Regressions by row."""

    def __init__(self, regressions: Sequence[Regression]) -> None:
        self.regressions = regressions
        self._shared = list({id(one.shared): one.shared for one in regressions}.values())
        group = {id(shared): number for number, shared in enumerate(self._shared)}
        self._group = np.array([group[id(one.shared)] for one in regressions])
        self._place = np.array([one.row for one in regressions])
        self.scale = np.array([one.scale for one in regressions])
        self.floor = np.array([one.floor for one in regressions])
        self.log = Past(np.stack([one.log for one in regressions]))
        self.residual = Past(np.stack([one.residual for one in regressions]))

    def expected(self, rows: IndexArray, origins: IndexArray, periods: int) -> FloatArray:
        """As :meth:`SharedFits.expected`, shape (batch, periods)."""
        made = np.empty((len(rows), periods))
        for number, shared in enumerate(self._shared):
            own = np.flatnonzero(self._group[rows] == number)
            if len(own):
                made[own] = shared.expected(self._place[rows[own]], origins[own], periods)
        return made

    def paths_c(self, rows: IndexArray, origins: IndexArray, periods: int) -> FloatArray:
        """Temperature about each origin as expected there, shape (batch, HISTORY_HOURS + periods).

        NaN where nobody knows any.
        """
        made = np.full((len(rows), HISTORY_HOURS + periods), np.nan)
        for number, shared in enumerate(self._shared):
            own = np.flatnonzero(self._group[rows] == number)
            if len(own) and shared.outlook is not None:
                asked, which = np.unique(origins[own], return_inverse=True)
                made[own] = shared.design.paths_c.of(asked, periods)[which]
        return made

    def prospects(self, courses: Sequence[ResidualModel], origins: IndexArray, periods: int) -> Iterator[Prospect]:
        """All rows from every origin, some rows at a time.

        Args:
            courses: How residuals go on, by row.
        """
        together = max(_TOGETHER // (len(origins) * periods), 1)
        for begin in range(0, len(self.regressions), together):
            rows = np.arange(begin, min(begin + together, len(self.regressions)))
            yield self.prospect(rows, [courses[row] for row in rows.tolist()], origins, periods)

    def prospect(
        self, rows: IndexArray, courses: Sequence[ResidualModel], origins: IndexArray, periods: int
    ) -> Prospect:
        """Some rows from every origin; ``courses`` are those of these rows."""
        shape, leads = (len(rows), len(origins)), np.arange(periods)
        row, origin = np.repeat(rows, len(origins)), np.tile(origins, len(rows))
        memory = self.residual.before(row, origin, MEMORY_HOURS)
        recent = features_of(memory, leads)
        course = np.repeat(np.arange(len(rows)), len(origins))
        return Prospect(
            rows=rows,
            origins=origins,
            memory=memory.reshape(*shape, -1),
            recent=recent.reshape(*shape, periods, -1),
            expected=self.expected(row, origin, periods).reshape(*shape, periods),
            centre=expected_residual(courses, course, recent, leads).reshape(*shape, periods),
        )

    def speak(self, prospect: Prospect, courses: Sequence[ResidualModel]) -> FloatArray:
        """Quantiles at LEVELS of regressions that were told what is ahead, shape (rows, origins, periods, levels).

        Args:
            courses: Of the prospect's rows.
        """
        leads = np.arange(prospect.expected.shape[-1])
        spread = residual_spread(courses, prospect.origins, leads)
        told = (prospect.expected + prospect.centre)[..., None] + spread @ READ_OFF
        floor = self.floor[prospect.rows][:, None, None, None]
        return np.asarray(np.maximum(np.exp(told) - floor, 0.0))
