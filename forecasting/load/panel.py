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
    """What some rows expect at some origins.

    Attributes:
        rows: Shape (rows,).
        origins: Shape (1, origins), the same for all rows, or (rows, origins), its own for each.
        memory: Residuals before each origin, shape (rows, origins, MEMORY_HOURS). NaN where unknown.
        week: Log power of the last HISTORY_HOURS before each, shape (rows, origins, HISTORY_HOURS). NaN where unknown.
        path_c: Temperature of these hours and as expected of those ahead, shape (rows, origins, HISTORY_HOURS +
            periods). [degC] NaN where nobody knows any.
        recent: Features of the memory, shape (rows, origins, periods, features).
        expected: Log power by the regression, shape (rows, origins, periods).
        centre: By how much its residual is expected to go on, same shape.
    """

    rows: IndexArray
    origins: IndexArray
    memory: FloatArray
    week: FloatArray
    path_c: FloatArray
    recent: FloatArray
    expected: FloatArray
    centre: FloatArray

    def pairs(self) -> tuple[IndexArray, IndexArray]:
        """Row and origin of each window, row by row, both of shape (rows * origins,)."""
        return _pairs(self.rows, self.origins)


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
            yield self.prospect(rows, [courses[row] for row in rows.tolist()], origins[None], periods)

    def prospect(
        self,
        rows: IndexArray,
        courses: Sequence[ResidualModel],
        origins: IndexArray,
        periods: int,
        *,
        hidden_hours: IndexArray | None = None,
    ) -> Prospect:
        """What some rows expect.

        Args:
            courses: How residuals of these rows go on.
            origins: Shape (1, origins) or (rows, origins).
            hidden_hours: How many of the last hours before each origin have not arrived, of the origins' shape.
        """
        row, origin = _pairs(rows, origins)
        shape, leads = (len(rows), origins.shape[1]), np.arange(periods)
        memory = self.residual.before(row, origin, MEMORY_HOURS)
        week = self.log.before(row, origin, HISTORY_HOURS)
        if hidden_hours is not None:
            last = np.arange(-MEMORY_HOURS, 0) >= -np.broadcast_to(hidden_hours, shape).reshape(-1, 1)
            memory[last], week[last[:, -HISTORY_HOURS:]] = np.nan, np.nan
        recent = features_of(memory, leads)
        course = np.repeat(np.arange(len(rows)), shape[1])
        return Prospect(
            rows=rows,
            origins=origins,
            memory=memory.reshape(*shape, -1),
            week=week.reshape(*shape, -1),
            path_c=self.paths_c(row, origin, periods).reshape(*shape, -1),
            recent=recent.reshape(*shape, periods, -1),
            expected=self.expected(row, origin, periods).reshape(*shape, periods),
            centre=expected_residual(courses, course, recent, leads).reshape(*shape, periods),
        )

    def speak(self, prospect: Prospect, courses: Sequence[ResidualModel]) -> FloatArray:
        """Quantiles at LEVELS of regressions that were told what is ahead, shape (rows, origins, periods, levels).

        Args:
            prospect: Of the same origins for all rows.
            courses: Of its rows.
        """
        leads = np.arange(prospect.expected.shape[-1])
        spread = residual_spread(courses, prospect.origins[0], leads)
        told = (prospect.expected + prospect.centre)[..., None] + spread @ READ_OFF
        floor = self.floor[prospect.rows][:, None, None, None]
        return np.asarray(np.maximum(np.exp(told) - floor, 0.0))


def _pairs(rows: IndexArray, origins: IndexArray) -> tuple[IndexArray, IndexArray]:
    """Each row with each of its origins, both of shape (rows * origins,)."""
    count = origins.shape[1]
    return np.repeat(rows, count), np.broadcast_to(origins, (len(rows), count)).ravel()
