"""Local calendar days of a site, in the one file that knows about them.

A local day has 23, 24 or 25 hours; everything else in the code counts in UTC.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pandas as pd

from grid.time_axis import TimeAxis, require_utc


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
