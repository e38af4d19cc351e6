"""Readings of mixed lengths on a regular axis: energy adds up, power averages, a state is the last.

Four rules, the same here and in the roll-ups of the database:

1. Only an interval that lies wholly within a period counts for it; a coarser or straddling one is never split.
2. A missing value does not count.
3. Where two intervals overlap, the longer one counts, being measured rather than added up; of two equally long ones
   that which stands on the multiples of its length since 1970; then the earlier.
4. A period has a value if what counts fills it exactly: the mean, weighted by length. A state (a register, a state of
   charge) needs no filling: its value is the last one that begins within the period.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt

from grid.time_axis import FloatArray, TimeAxis, to_us
from grid.units import REGISTERS, Channel

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

STATES = REGISTERS | {Channel.STATE_OF_CHARGE}
"""Channels whose value is a state at the interval's start, not a mean over it."""

_MINUTE_US = 60_000_000


def resample(
    start_us: IntArray, minutes: IntArray, value: FloatArray, *, axis: TimeAxis, state: bool = False
) -> FloatArray:
    """Readings of one channel, in columns of shape (readings,), over each period of ``axis``: (periods,).

    Args:
        start_us: Interval starts, microseconds since 1970; no interval twice.
        minutes: Interval lengths.
        value: No NaN: missing readings are left out.
        axis: NaN marks the periods that are not filled.
        state: Whether the channel is one of :data:`STATES`: the last value, rather than the mean.
    """
    step_us = axis.step // timedelta(microseconds=1)
    axis_us = to_us(axis.start)
    period, within_us = np.divmod(start_us - axis_us, step_us)
    length_us = minutes * _MINUTE_US
    inside = (period >= 0) & (period < axis.periods) & (within_us + length_us <= step_us)
    if state:
        return _last(start_us[inside], minutes[inside], value[inside], period[inside], periods=axis.periods)
    start_us, length_us, value, period = start_us[inside], length_us[inside], value[inside], period[inside]
    kept = without_overlaps(start_us, length_us)
    period, length_us, value = period[kept], length_us[kept], value[kept]
    filled_us = np.bincount(period, weights=length_us, minlength=axis.periods)
    means = np.bincount(period, weights=value * (length_us / step_us), minlength=axis.periods)
    return np.where(filled_us == step_us, means, np.nan)


def without_overlaps(start_us: IntArray, length_us: IntArray) -> BoolArray:
    """Which intervals count by rule 3, shape (readings,): those that overlap no stronger one."""
    kept = np.ones(len(start_us), dtype=bool)
    by_start = np.argsort(start_us, kind="stable")
    ends = np.maximum.accumulate((start_us + length_us)[by_start])
    if (ends[:-1] <= start_us[by_start][1:]).all():
        return kept
    stronger = np.zeros(len(start_us), dtype=bool)
    on_grid = start_us % length_us == 0
    for length in np.unique(length_us)[::-1]:
        for chosen in ((length_us == length) & on_grid, (length_us == length) & ~on_grid):
            places = np.flatnonzero(chosen)
            places = places[np.argsort(start_us[places])]
            starts = start_us[places]
            kept[places] = ~_overlap(starts, starts + length, start_us[stronger], (start_us + length_us)[stronger])
            kept[places[1:]] &= starts[1:] - starts[:-1] >= length
            stronger |= chosen
    return kept


def _overlap(starts: IntArray, ends: IntArray, other_starts: IntArray, other_ends: IntArray) -> BoolArray:
    """Which of the half-open spans [starts, ends) share an instant with any of the others."""
    order = np.argsort(other_starts)
    reach = np.maximum.accumulate(np.append(np.iinfo(np.int64).min, other_ends[order]))
    begun = np.searchsorted(other_starts[order], ends, side="left")  # others that begin before the end
    overlapping: BoolArray = reach[begun] > starts
    return overlapping


def _last(start_us: IntArray, minutes: IntArray, value: FloatArray, period: IntArray, *, periods: int) -> FloatArray:
    """The value of the last interval of each period; of several that begin together the longest."""
    result = np.full(periods, np.nan)
    order = np.lexsort([minutes, start_us])
    result[period[order]] = value[order]  # the last assignment stays
    return result
