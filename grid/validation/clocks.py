"""Clocks that intervals may begin by: UTC, the zone's wall clock, or its standard time.

Intervals begin at multiples of their length, but of whose midnight? Hours in India begin at half past by UTC or do
not; a day begins at 00:00 UTC or at local midnight, and then lasts 23, 24 or 25 hours. Every one of them is regular.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from grid.time_axis import to_us
from grid.validation.nouns import IntArray

_YEARS = range(2000, 2038)
_SURE = 3
"""So many readings in a row that keep a clock are no stray stamps."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What tells where intervals begin: at the multiples of their length that it shows.

    Attributes:
        ahead_us: By how much it is ahead of UTC, for a clock that is never changed.
        timezone: The zone whose wall clock it is; None for a clock that is never changed.
    """

    ahead_us: int = 0
    timezone: str | None = None

    def shown(self, instants_us: IntArray) -> IntArray:
        """What it shows, as microseconds since its 1970, same shape."""
        if self.timezone is None:
            return instants_us + self.ahead_us
        return wall_clock_us(instants_us, self.timezone)

    def instants(self, shown_us: IntArray) -> IntArray:
        """The instants at which it shows that, same shape.

        The first of two where it is put back; where it is put forward over that time, the instant of the change.
        """
        if self.timezone is None:
            return shown_us - self.ahead_us
        import pandas as pd  # here only: see grid.time_axis

        wall = pd.DatetimeIndex(shown_us.astype("datetime64[us]"))
        first = np.ones(len(wall), dtype=np.bool_)
        # not "shift_forward": pandas then takes every change for one of an hour (Lord Howe's are of half an hour)
        local = wall.tz_localize(self.timezone, ambiguous=first, nonexistent="shift_backward")
        left_out = local.tz_localize(None) != wall  # these stand one microsecond before the change
        return local.tz_convert("UTC").as_unit("us").asi8 + left_out

    def starts(self, instants_us: IntArray, *, step_us: int) -> IntArray:
        """The start of the interval that holds each instant, same shape."""
        return self.instants(self.shown(instants_us) // step_us * step_us)

    def begins(self, instants_us: IntArray, *, step_us: int) -> npt.NDArray[np.bool_]:
        """At which instants an interval begins, same shape."""
        begin: npt.NDArray[np.bool_] = self.starts(instants_us, step_us=step_us) == instants_us
        return begin


UTC_CLOCK = Clock()


def wall_clock_us(instants_us: IntArray, timezone: str) -> IntArray:
    """What a wall clock in the zone shows, as microseconds since its 1970, same shape."""
    import pandas as pd  # here only: see grid.time_axis

    shown = pd.DatetimeIndex(instants_us.astype("datetime64[us]"), tz="UTC").tz_convert(timezone).tz_localize(None)
    return shown.as_unit("us").asi8


@cache
def plausible_clocks(timezone: str, *, step_us: int) -> tuple[Clock, ...]:
    """The clocks that a sender in the zone may keep and that differ for this length, UTC first."""
    zone = ZoneInfo(timezone)
    walls = [datetime(year, month, 1, tzinfo=UTC) for year in _YEARS for month in (1, 7)]
    ahead = [to_us(wall) - to_us(wall.replace(tzinfo=zone)) for wall in walls]
    standard = min(ahead[-2:])
    clocks = [UTC_CLOCK]
    if any((at - standard) % step_us for at in ahead):
        clocks.append(Clock(timezone=timezone))
    if standard % step_us:
        clocks.append(Clock(standard))
    return tuple(clocks)


def kept_clock(starts_us: IntArray, timezone: str, *, step_us: int) -> Clock:
    """The clock by which most readings begin; of several UTC, then the wall clock."""
    clocks = plausible_clocks(timezone, step_us=step_us)
    if len(clocks) == 1:
        return clocks[0]
    return max(clocks, key=lambda clock: np.count_nonzero(clock.begins(starts_us, step_us=step_us)))


def clock_changes(starts_us: IntArray, timezone: str, *, step_us: int) -> IntArray:
    """Positions of the readings with which a sender begins to keep another clock."""
    clocks = plausible_clocks(timezone, step_us=step_us)
    if len(clocks) == 1:
        return np.empty(0, dtype=np.int64)
    kept = np.zeros(len(starts_us), dtype=np.int64)
    for bit, clock in enumerate(clocks):
        kept |= clock.begins(starts_us, step_us=step_us).astype(np.int64) << bit
    at = np.flatnonzero(kept)
    alike = kept[at[:-1]] & kept[at[1:]] != 0
    apart = np.flatnonzero(~alike) + 1
    begins, ends = np.concatenate([[0], apart]), np.concatenate([apart, [len(at)]])
    sure = ends - begins >= _SURE
    begins, ends = at[begins[sure]], at[ends[sure] - 1]
    changes: IntArray = begins[1:][kept[begins[1:]] & kept[ends[:-1]] == 0]
    return changes
