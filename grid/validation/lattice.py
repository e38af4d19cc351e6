"""Readings laid on regular slots, whole days of them by some clock, so that rules are plain expressions on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from grid.time_axis import FloatArray
from grid.validation.clocks import UTC_CLOCK, Clock
from grid.validation.nouns import IntArray

BoolArray = npt.NDArray[np.bool_]

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Regular slots of one channel over whole days.

    Attributes:
        start_us: Start of the first slot, microseconds since 1970 as the clock shows them.
        step_us: Length of a slot, as the clock shows it.
        values: In the stored unit, shape (slots,). NaN where no value came.
        came: Whether a reading came at all, shape (slots,).
        clock: The clock by which the slots are regular. Where it is changed, a slot is longer or shorter.
    """

    start_us: int
    step_us: int
    values: FloatArray
    came: BoolArray
    clock: Clock = UTC_CLOCK

    @property
    def starts_us(self) -> IntArray:
        """Start of every slot, microseconds since 1970 (UTC), shape (slots,)."""
        return self.clock.instants(self.start_us + self.step_us * np.arange(len(self.values), dtype=np.int64))

    @property
    def hours(self) -> FloatArray:
        """Length of every slot, shape (slots,). [h]"""
        if self.clock.timezone is None:
            return np.full(len(self.values), self.step_us / HOUR_US)
        bounds = self.clock.instants(self.start_us + self.step_us * np.arange(len(self.values) + 1, dtype=np.int64))
        return np.diff(bounds) / HOUR_US

    def slots(self, starts_us: IntArray) -> IntArray:
        """The slot in which each instant lies; below 0 or beyond the last for instants outside."""
        return (self.clock.shown(starts_us) - self.start_us) // self.step_us

    def begins(self, instants_us: IntArray) -> BoolArray:
        """At which instants a slot begins, within the lattice or outside."""
        return self.clock.begins(instants_us, step_us=self.step_us)

    @property
    def per_day(self) -> int:
        """Slots of a day; 1 where an interval is longer."""
        return max(1, DAY_US // self.step_us)

    @property
    def divides_days(self) -> bool:
        """Whether days are whole numbers of slots. What compares days holds its tongue where they are not."""
        return DAY_US % self.step_us == 0

    def slots_in(self, hours: float) -> int:
        """How many whole slots ``hours`` hold."""
        return int(hours * HOUR_US) // self.step_us


def lay_out(
    starts_us: IntArray, values: FloatArray, *, step_us: int, clock: Clock, span_us: tuple[int, int]
) -> Lattice:
    """The slots of every day that ``span_us`` touches, with the values in place.

    Args:
        starts_us: On slots within the span, none twice, shape (readings,).
        values: Same shape.
        clock: By which the slots are regular.
        span_us: First and last instant, both within.
    """
    block_us = step_us * max(1, DAY_US // step_us)
    begin, end = clock.shown(np.array(span_us, dtype=np.int64)).tolist()
    first = begin // block_us * block_us
    days = (end - first) // block_us + 1
    slot = (clock.shown(starts_us) - first) // step_us
    laid = np.full(days * (block_us // step_us), np.nan)
    laid[slot] = values
    came = np.zeros(len(laid), dtype=np.bool_)
    came[slot] = True
    return Lattice(first, step_us, laid, came, clock)


def along_line(left: FloatArray | float, right: FloatArray | float, slots: int) -> FloatArray:
    """Values of the slots between two known ones on the line between them, shape (slots, ...)."""
    weight = np.arange(1, slots + 1) / (slots + 1)
    line: FloatArray = left + np.multiply.outer(weight, right - left)
    return line


def day_windows(daily: FloatArray, *, back: int, ahead: int) -> FloatArray:
    """For each day the figures of the days from ``back`` before to ``ahead`` after it, NaN for days outside.

    Args:
        daily: One figure a day, shape (days,).

    Returns:
        Shape (days, back + 1 + ahead), a view.
    """
    padded = np.concatenate([np.full(back, np.nan), daily, np.full(ahead, np.nan)])
    return sliding_window_view(padded, back + 1 + ahead)


def in_runs(mask: BoolArray, *, at_least: int) -> BoolArray:
    """Where ``mask`` holds for at least so many slots in a row."""
    begins, ends = runs_of(mask)
    long = ends - begins >= at_least
    change = np.zeros(len(mask) + 1, dtype=np.int64)
    change[begins[long]] += 1
    change[ends[long]] -= 1
    inside: BoolArray = np.cumsum(change[:-1]) > 0
    return inside


def runs_of(mask: BoolArray) -> tuple[IntArray, IntArray]:
    """Begin (inclusive) and end (exclusive) of every run in which ``mask`` holds, each shape (runs,)."""
    change = np.diff(mask.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(change == 1), np.flatnonzero(change == -1)
