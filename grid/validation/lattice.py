"""Readings laid on regular slots, whole UTC days, so that rules are plain array expressions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from grid.time_axis import EPOCH, FloatArray
from grid.validation.nouns import IntArray

BoolArray = npt.NDArray[np.bool_]

MINUTE_US = 60_000_000
DAY_US = 1440 * MINUTE_US


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Regular slots of one channel, from the first to the last reading.

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

    @property
    def step_hours(self) -> float:
        return self.step_us / (60 * MINUTE_US)


def to_us(instant: datetime) -> int:
    """Microseconds since 1970 of an aware instant, exactly."""
    since = instant - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def on_slots(starts_us: IntArray, *, step_us: int, phase_us: int) -> BoolArray:
    """Which starts lie on the slots ``phase + k * step``."""
    on: BoolArray = (starts_us - phase_us) % step_us == 0
    return on


def slot_phase_us(timezone: str, *, step_us: int) -> int:
    """Where slots begin: on multiples of their length since 1970, by UTC, or by the zone's clock where these differ.

    They differ where a zone is off by a part of the interval: hourly readings in India begin at half past by UTC.
    """
    offset = ZoneInfo(timezone).utcoffset(datetime(2000, 1, 1))  # noqa: DTZ001 - a wall clock's, by intent
    return 0 if offset is None else -(int(offset.total_seconds()) * 1_000_000) % step_us


def lay_out(starts_us: IntArray, values: FloatArray, *, step_us: int) -> Lattice:
    """The slots from the first to the last of ``starts_us``, which must lie on slots and not repeat."""
    first = int(starts_us[0])
    slot = (starts_us - first) // step_us
    slots = int(slot[-1]) + 1
    laid = np.full(slots, np.nan)
    laid[slot] = values
    came = np.zeros(slots, dtype=np.bool_)
    came[slot] = True
    return Lattice(first, step_us, laid, came)
