"""Point forecasts that somebody sends, of the weather or of a plant's power, on the positions of an axis."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class SentForecast:
    """One issue of a point forecast.

    Attributes:
        issued: Position of the first interval that begins at or after the instant of issue: known from it on.
        start: Position of ``values[0]``.
        values: Of the axis' intervals, in the channel's stored unit, shape (intervals,). NaN where it says nothing.
        issued_at: The instant itself; None where nobody asks for it.
    """

    issued: int
    start: int
    values: FloatArray
    issued_at: datetime | None = None

    def over(self, first: int, periods: int) -> FloatArray:
        """What it says of the intervals from position ``first`` on, shape (periods,). NaN where it says nothing."""
        told = np.full(periods, np.nan)
        begin = self.start - first
        part = self.values[max(-begin, 0) : max(periods - begin, 0)]
        told[max(begin, 0) : max(begin, 0) + len(part)] = part
        return told


def newest(sent: Sequence[SentForecast], *, origin: int) -> SentForecast | None:
    """The newest of some issues, the oldest first, that was known at an origin; None if there is none."""
    count = bisect_right([one.issued for one in sent], origin)
    return sent[count - 1] if count else None
