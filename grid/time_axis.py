"""Instants and the regular time axis that every series, forecast and plan stands on.

Instants are UTC and aware; intervals are half-open, ``[start, start + step)``, and named by their start.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_us(instant: datetime) -> int:
    """Microseconds since 1970 of an aware instant, exactly."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def require_utc(instant: datetime, *, name: str) -> datetime:
    """Return ``instant`` unchanged if it is aware and in UTC.

    Raises:
        ValueError: If it is naive or has another offset; the message says how to convert.
    """
    if instant.tzinfo is None:
        raise ValueError(
            f"{name} must be UTC, got the naive {instant.isoformat()}; attach its zone, then .astimezone(UTC)"
        )
    if instant.utcoffset() != timedelta(0):
        raise ValueError(f"{name} must be UTC, got {instant.isoformat()}; convert with .astimezone(UTC)")
    return instant


def is_timezone(name: str) -> bool:
    """Whether there is a time zone of this name, such as ``Europe/Berlin``."""
    try:
        return ZoneInfo(name).key == name
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a folder's name is an OSError
        return False


def floor_to_step(instant: datetime, step: timedelta) -> datetime:
    """The last multiple of ``step`` since the epoch that is not after ``instant``."""
    return instant - (require_utc(instant, name="instant") - EPOCH) % step


def ceil_to_step(instant: datetime, step: timedelta) -> datetime:
    """The first multiple of ``step`` since the epoch that is not before ``instant``."""
    return instant + (EPOCH - require_utc(instant, name="instant")) % step


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Consecutive intervals of one length, ``start`` (inclusive) to ``end`` (exclusive), in UTC."""

    start: datetime
    step: timedelta
    periods: int

    def __post_init__(self) -> None:
        require_utc(self.start, name="start")
        if self.step <= timedelta(0):
            raise ValueError(f"step must be positive, got {self.step}")
        if self.periods < 0:
            raise ValueError(f"periods must not be negative, got {self.periods}")

    @property
    def end(self) -> datetime:
        return self.start + self.step * self.periods

    @property
    def step_hours(self) -> float:
        return self.step / timedelta(hours=1)

    @property
    def interval_starts(self) -> list[datetime]:
        return [self.start + self.step * i for i in range(self.periods)]

    @property
    def index(self) -> pd.DatetimeIndex:
        """Interval starts as a UTC index, shape (periods,)."""
        import pandas as pd  # here only: dispatch needs no table, and pandas is 70 MB and half a second

        return pd.date_range(self.start, periods=self.periods, freq=self.step)

    def position(self, instant: datetime) -> int:
        """Which interval holds ``instant``.

        Raises:
            ValueError: If it lies outside the axis.
        """
        i = (require_utc(instant, name="instant") - self.start) // self.step
        if not 0 <= i < self.periods:
            raise ValueError(f"{instant.isoformat()} lies outside [{self.start.isoformat()}, {self.end.isoformat()})")
        return i


FloatArray = npt.NDArray[np.float64]
