"""What is usual for a channel: robust statistics over the two weeks that end with a day and the six days after it.

They are taken per day from the whole days around it, so that they are the same whatever piece of a history is judged.
Only values that no rule on single readings has rejected go in; of the highest days the three highest do not count, so
that faults on three days of twenty cannot hide each other. So a new level is believed once four days bear it out. A day
and the six after it are a week, with four working days even where one is a holiday: the first day after a closure is
judged by them in the end. Nor is anything usual before a week is known, since a weekend alone would be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grid.time_axis import FloatArray
from grid.validation.lattice import BoolArray, Lattice, day_windows

DAYS_BACK = 13
DAYS_AHEAD = 6
_RANK = 4
_DAYS_NEEDED = 7
_DAYS_NEEDED_AT_HOUR = 3


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """What is usual at each slot, shape (slots,); NaN where the days around hold too little to say.

    Attributes:
        peak: The fourth-highest of the days' highest absolute values.
        change: The fourth-highest of the days' largest absolute changes between neighbouring slots.
        zero_share: Share of zeros at this time of day, 0 to 1, among the days that are not zero throughout.
        repeat_share: Share of values, other than zero, that repeat the one before.
    """

    peak: FloatArray
    change: FloatArray
    zero_share: FloatArray
    repeat_share: FloatArray


def usual(lattice: Lattice, plausible: BoolArray) -> Usual:
    """What is usual around each slot.

    Args:
        plausible: Which values may be counted, shape (slots,).
    """
    n = lattice.per_day
    if not lattice.divides_days:
        nothing = np.full(len(lattice.values), np.nan)
        return Usual(nothing, nothing, nothing, nothing)
    values = np.where(plausible, lattice.values, np.nan)
    before = np.concatenate([[np.nan], values[:-1]])
    known, pairs = ~np.isnan(values), ~np.isnan(values - before) & (values != 0)
    alive = known & np.repeat((known & (values != 0)).reshape(-1, n).any(axis=1), n)
    return Usual(
        peak=np.repeat(_high_day_around(np.abs(values).reshape(-1, n)), n),
        change=np.repeat(_high_day_around(np.abs(values - before).reshape(-1, n)), n),
        zero_share=_share_around(alive & (values == 0), alive, n).ravel(),
        repeat_share=np.repeat(_daily_share_around(pairs & (values == before), pairs, n), n),
    )


def _high_day_around(by_day: FloatArray) -> FloatArray:
    """Of the days around each day the fourth-highest day's maximum, shape (days,)."""
    highest = np.fmax.reduce(by_day, axis=1)
    around = np.sort(day_windows(-highest, back=DAYS_BACK, ahead=DAYS_AHEAD), axis=1)  # NaN comes last
    told = np.count_nonzero(~np.isnan(around), axis=1) >= _DAYS_NEEDED
    return np.where(told, -around[:, _RANK - 1], np.nan)


def _share_around(hits: BoolArray, of: BoolArray, n: int) -> FloatArray:
    """At each time of day the share of ``hits`` in ``of`` over the days around, shape (days, n)."""
    counts = _count_around(hits.reshape(-1, n)), _count_around(of.reshape(-1, n))
    return _ratio(*counts, at_least=_DAYS_NEEDED_AT_HOUR)


def _daily_share_around(hits: BoolArray, of: BoolArray, n: int) -> FloatArray:
    """The share of ``hits`` in ``of`` over all of the days around, shape (days,)."""
    per_day = [mask.reshape(-1, n).sum(axis=1)[:, None] for mask in (hits, of)]
    return _ratio(_count_around(per_day[0]), _count_around(per_day[1]), at_least=n)[:, 0]


def _count_around(by_day: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Sums over the days around each day; whole numbers, so that they do not depend on where the sum began."""
    days = len(by_day)
    total = np.zeros((days + 1, by_day.shape[1]), dtype=np.int64)
    np.cumsum(by_day, axis=0, dtype=np.int64, out=total[1:])
    day = np.arange(days)
    around: npt.NDArray[np.int64] = (
        total[np.minimum(day + DAYS_AHEAD + 1, days)] - total[np.maximum(day - DAYS_BACK, 0)]
    )
    return around


def _ratio(hits: npt.NDArray[np.int64], of: npt.NDArray[np.int64], *, at_least: int) -> FloatArray:
    return np.where(of >= at_least, hits / np.maximum(of, 1), np.nan)
