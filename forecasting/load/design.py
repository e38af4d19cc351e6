"""What a regression reads: its terms over all hours and a horizon, and the courses of temperature expected there."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np

from forecasting.load.regression import (
    CONTEXT_HOURS,
    calendar_terms,
    season_terms,
    temperature_bends,
    temperature_terms,
)
from forecasting.networks.windows import HISTORY_HOURS
from forecasting.nouns import Float32Array, IndexArray
from forecasting.series.calendar import Calendar
from forecasting.series.outlook import Outlook
from grid.time_axis import FloatArray


class Newest:
    """Keeps the newest answer of a function of origins and periods: rows and members ask the same in turn."""

    def __init__(self, work: Callable[[IndexArray, int], FloatArray]) -> None:
        self._work, self._asked, self._answer = work, (b"", 0), np.empty(0)

    def of(self, origins: IndexArray, periods: int) -> FloatArray:
        """The answer, not to be written to."""
        asked = origins.tobytes(), periods
        if asked != self._asked:
            self._asked, self._answer = asked, self._work(origins, periods)
        return self._answer


class Design:
    """The terms of a regression over all hours, and of the horizon.

    Args:
        calendar: Of all hours.
        outlook: On the temperature; None if nothing is known of it.
    """

    def __init__(self, calendar: Calendar, outlook: Outlook | None) -> None:
        self.calendar, self.seasons = calendar, season_terms(calendar)
        self._fixed: dict[tuple[int, int], Float32Array] = {}
        self._see(outlook)

    def _see(self, outlook: Outlook | None) -> None:
        self.outlook = outlook
        self.paths_c = Newest(self._paths_c)
        """Temperature about each origin as expected there, shape (origins, HISTORY_HOURS + periods)."""
        self.bends = Newest(self._bends)
        """The same as bends, shape (origins, periods, bends)."""

    def seeing(self, outlook: Outlook | None) -> Design:
        """The terms of another place by the same clock; those of the calendar are made once for both."""
        other = copy.copy(self)
        other._see(outlook)
        return other

    def _paths_c(self, origins: IndexArray, periods: int) -> FloatArray:
        assert self.outlook is not None
        return self.outlook.expected(origins, periods, context=HISTORY_HOURS)

    def _bends(self, origins: IndexArray, periods: int) -> FloatArray:
        return temperature_bends(self.paths_c.of(origins, periods)[:, HISTORY_HOURS - CONTEXT_HOURS :])

    def fixed(self, begin: int, end: int) -> Float32Array:
        """The terms of the calendar alone, shape (hours, calendar terms); not to be written to."""
        if (begin, end) not in self._fixed:
            self._fixed[begin, end] = calendar_terms(self.calendar.part(slice(begin, end)))
        return self._fixed[begin, end]

    def warm(self, begin: int, end: int) -> Float32Array:
        """Those of the temperature, shape (hours, temperature terms), or none."""
        if self.outlook is None:
            return np.empty((end - begin, 0), dtype=np.float32)
        at = np.maximum(np.arange(begin - CONTEXT_HOURS, end), 0)
        return temperature_terms(self.outlook.path_c[at], self.calendar.part(slice(begin, end)))

    def __call__(self, begin: int, end: int) -> Float32Array:
        """Shape (hours, terms)."""
        return np.concatenate([self.fixed(begin, end), self.warm(begin, end)], axis=1)
