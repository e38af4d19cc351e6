"""Readings laid on regular slots, whole UTC days of them, so that rules are plain expressions on arrays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from grid.time_axis import EPOCH, FloatArray
from grid.validation.nouns import IntArray

BoolArray = npt.NDArray[np.bool_]

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Regular slots of one channel over whole days.

    Attributes:
        start_us: Start of the first slot, microseconds since 1970.
        step_us: Length of a slot.
        values: In the stored unit, shape (slots,). NaN where no value came.
        came: Whether a reading came at all, shape (slots,).
    """

    start_us: int
    step_us: int
    values: FloatArray
    came: BoolArray

    @property
    def starts_us(self) -> IntArray:
        """Start of every slot, shape (slots,)."""
        return self.start_us + self.step_us * np.arange(len(self.values), dtype=np.int64)

    def slots(self, starts_us: IntArray) -> IntArray:
        """The slot in which each instant lies; below 0 or beyond the last for instants outside."""
        return (starts_us - self.start_us) // self.step_us

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


def to_us(instant: datetime) -> int:
    """Microseconds since 1970 of an aware instant, exactly."""
    since = instant - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def slot_phase_us(timezone: str, *, step_us: int) -> int:
    """Where slots begin: at multiples of their length by UTC, or by the zone's standard clock where that differs.

    It differs where a zone is off by a part of the interval: hourly readings in India begin at half past by UTC.
    """
    standard = ZoneInfo(timezone).utcoffset(datetime(2000, 1, 1))  # noqa: DTZ001 - a wall clock's, by intent
    return 0 if standard is None else -int(standard.total_seconds()) * 1_000_000 % step_us


def lay_out(
    starts_us: IntArray, values: FloatArray, *, step_us: int, phase_us: int, span_us: tuple[int, int]
) -> Lattice:
    """The slots of every day that ``span_us`` touches, with the values in place.

    Args:
        starts_us: On slots within the span, none twice, shape (readings,).
        values: Same shape.
        span_us: First and last instant, both within.
    """
    block_us = step_us * max(1, DAY_US // step_us)
    first = (span_us[0] - phase_us) // block_us * block_us + phase_us
    days = (span_us[1] - first) // block_us + 1
    slot = (starts_us - first) // step_us
    laid = np.full(days * (block_us // step_us), np.nan)
    laid[slot] = values
    came = np.zeros(len(laid), dtype=np.bool_)
    came[slot] = True
    return Lattice(first, step_us, laid, came)


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
