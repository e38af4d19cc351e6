"""What the regressions of rows that share their terms say, of any of the rows from any origin."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecasting.load.design import Design
from forecasting.load.regression import CALENDAR_TERMS, TEMPERATURE_TERMS, temperature_response
from forecasting.nouns import Float32Array, IndexArray
from forecasting.series.outlook import Outlook
from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class FittedRow:
    """One row's regression as of several instants: what a night's training leaves of it.

    Attributes:
        floor: Added to its power before the logarithm: 5 % of the median. A load may fall to nothing in an outage;
            without the floor its logarithm would run away.
        scale: Robust standard deviation of what it leaves over out of sample, in the log.
        instants: Each fit has seen what lies before its own, shape (fits,).
        weights: Shape (fits, terms).
        level: Shape (fits,).
    """

    floor: float
    scale: float
    instants: IndexArray
    weights: FloatArray
    level: FloatArray


class SharedFits:
    """Regressions of some rows, all refitted at the same instants.

    Args:
        design: Of all hours and the horizon.
        fitted: Of each row; its instants are positions on the rows' hours.
        told: What each fit says from its instant up to the next and a horizon beyond, each of shape (rows, hours).
        level: What its calendar alone says of the same hours.
    """

    def __init__(
        self,
        design: Design,
        fitted: Sequence[FittedRow],
        *,
        told: Sequence[FloatArray],
        level: Sequence[FloatArray],
    ) -> None:
        self.design, self._fitted, self._instants = design, fitted, fitted[0].instants
        self._told, self._level = np.concatenate(told, axis=1), np.concatenate(level, axis=1)
        lengths = [one.shape[1] for one in told]
        self._shift = np.cumsum([0, *lengths[:-1]]) - self._instants  # from an hour to its place in told

    @property
    def outlook(self) -> Outlook | None:
        return self.design.outlook

    def expected(self, rows: IndexArray, origins: IndexArray, periods: int) -> FloatArray:
        """Log power by the newest fit before each origin, at the temperature that was expected there.

        Args:
            rows: Shape (batch,).
            origins: Same shape.

        Returns:
            Shape (batch, periods).
        """
        if self.outlook is None or self.outlook.given:
            return self._of_newest(self._told, rows, origins, periods)
        asked, which = np.unique(origins, return_inverse=True)
        return self.at_bends(self.design.bends.of(asked, periods)[which], rows, origins)

    def at_bends(self, bends: FloatArray, rows: IndexArray, origins: IndexArray) -> FloatArray:
        """The same at any temperatures.

        Args:
            bends: Of the courses of temperature, shape (batch, periods, bends).
            rows, origins: Shape (batch,), or (1,) if all courses are of one.
        """
        fits, periods, calendar = self._newest(origins), bends.shape[1], self.design.calendar
        at = origins[:, None] + np.arange(periods)
        free = (calendar.day_type[at] > 0).astype(np.int64)
        by_hour, by_season = self._response
        weights = by_hour[rows[:, None], fits[:, None], free, calendar.hour[at]]  # (batch, periods, bends)
        weights = weights + self.design.seasons[at] @ by_season[rows, fits]
        effect = np.einsum("opb,opb->op", bends, weights)
        return np.asarray(self._of_newest(self._level, rows, origins, periods) + effect)

    def shown(self, row: int, design: Design, *, end: int, periods: int) -> SharedFits:
        """The same fits of one row with other inputs over a horizon of so many periods from ``end`` on."""
        fitted = self._fitted[row]
        weights, terms = fitted.weights[-1:], design(end, end + periods)
        level = said(terms[:, :CALENDAR_TERMS], weights[:, :CALENDAR_TERMS]) + fitted.level[-1]
        told = level + said(terms[:, CALENDAR_TERMS:], weights[:, CALENDAR_TERMS:])
        other = copy.copy(self)
        other.design, other._fitted = design, [fitted]
        other._told = np.concatenate([self._told[row : row + 1, :-periods], told], axis=1)
        other._level = np.concatenate([self._level[row : row + 1, :-periods], level], axis=1)
        vars(other).pop("_response", None)
        return other

    @cached_property
    def _response(self) -> tuple[FloatArray, FloatArray]:
        """Shapes (rows, fits, 2, 24, bends) and (rows, fits, season terms, bends)."""
        return temperature_response(np.stack([one.weights[:, -TEMPERATURE_TERMS:] for one in self._fitted]))

    def _newest(self, origins: IndexArray) -> IndexArray:
        return np.maximum(np.searchsorted(self._instants, origins, side="right") - 1, 0).astype(np.int64)

    def _of_newest(self, values: FloatArray, rows: IndexArray, origins: IndexArray, periods: int) -> FloatArray:
        """What the newest fit before each origin says of the hours after it, shape (batch, periods)."""
        at = self._shift[self._newest(origins)] + origins
        return np.asarray(values[rows[:, None], at[:, None] + np.arange(periods)])


def said(terms: Float32Array, weights: FloatArray) -> FloatArray:
    """What terms, shape (hours, terms), say by the weights of every row, shape (rows, terms): (rows, hours)."""
    return (terms @ weights.T.astype(np.float32)).T.astype(np.float64)
