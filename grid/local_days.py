"""Local calendar days of a site, in the one file that knows about them.

A local day has 23, 24 or 25 hours; everything else in the code counts in UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from grid.time_axis import TimeAxis, require_utc

if TYPE_CHECKING:
    import pandas as pd

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)


class Weekday(StrEnum):
    """The days of a week, in the order of ``date.weekday``."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


def is_clock_time(text: str) -> bool:
    """Whether ``text`` is what a clock shows, such as ``07:30``, or ``24:00`` for a day's end."""
    return _CLOCK.fullmatch(text) is not None


def clock_minutes(text: str) -> int:
    """Minutes since midnight of such a text."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def wall_minutes(axis: TimeAxis, timezone: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """What clocks show in every minute of ``axis``: the local day as its ordinal, and minutes since its midnight.

    Both of shape (periods, minutes of a period).
    """
    zone, minutes = ZoneInfo(timezone), axis.step // timedelta(minutes=1)
    shown = [(axis.start + timedelta(minutes=minute)).astimezone(zone) for minute in range(axis.periods * minutes)]
    day = np.array([instant.toordinal() for instant in shown], dtype=np.int64)
    minute = np.array([instant.hour * 60 + instant.minute for instant in shown], dtype=np.int64)
    return day.reshape(axis.periods, minutes), minute.reshape(axis.periods, minutes)


def local_midnight(day: date, timezone: str) -> datetime:
    """The UTC instant at which the local ``day`` begins."""
    return local_instant(day, time(), timezone)


def local_instant(day: date, at: time, timezone: str) -> datetime:
    """The UTC instant at which wall clocks show ``at`` on ``day``; of two such instants the first."""
    return datetime.combine(day, at, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def local_date(instant: datetime, timezone: str) -> date:
    """The local calendar day that holds ``instant``."""
    return require_utc(instant, name="instant").astimezone(ZoneInfo(timezone)).date()


def local_index(axis: TimeAxis, timezone: str) -> pd.DatetimeIndex:
    """The wall-clock time of each interval start, shape (periods,), for calendar features."""
    return axis.index.tz_convert(timezone)
