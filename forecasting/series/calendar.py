"""Calendar of each hour by the site's own clock: hour of day, day type, holiday, season.

People and offices follow the wall clock, so a load's calendar is local; on clock-change days an hour is missing or
stands twice, and the features simply say so.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date
from functools import lru_cache
from typing import Any

import holidays as holiday_calendars
import numpy as np
import numpy.typing as npt
import pandas as pd

from grid.local_days import local_index
from grid.time_axis import FloatArray, TimeAxis

WEEKDAY, SATURDAY, SUNDAY = 0, 1, 2
"""Day types; a holiday is a Sunday."""
_STATE_OF_CLOCK = {
    ("AU", "Australia/Adelaide"): "SA",
    ("AU", "Australia/Brisbane"): "QLD",
    ("AU", "Australia/Darwin"): "NT",
    ("AU", "Australia/Hobart"): "TAS",
    ("AU", "Australia/Melbourne"): "VIC",
    ("AU", "Australia/Perth"): "WA",
    ("AU", "Australia/Sydney"): "NSW",
    ("CA", "America/Edmonton"): "AB",
    ("CA", "America/Halifax"): "NS",
    ("CA", "America/Regina"): "SK",
    ("CA", "America/St_Johns"): "NL",
    ("CA", "America/Toronto"): "ON",
    ("CA", "America/Vancouver"): "BC",
    ("CA", "America/Winnipeg"): "MB",
}
"""Clocks of (nearly) one state, in countries whose states keep many holidays of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """The wall clock at each interval start, every array of shape (periods,).

    Attributes:
        hour: Local hour of day, 0 to 23.
        weekday: 0 is Monday.
        holiday: The local day is a public holiday.
        near_holiday: The day before or after one.
        year_angle: Season as an angle, 0 at New Year. [radians]
        utc_offset_hours: Local time minus UTC.
    """

    hour: npt.NDArray[np.int64]
    weekday: npt.NDArray[np.int64]
    holiday: npt.NDArray[np.bool_]
    near_holiday: npt.NDArray[np.bool_]
    year_angle: FloatArray
    utc_offset_hours: FloatArray

    @property
    def day_type(self) -> npt.NDArray[np.int64]:
        """WEEKDAY, SATURDAY or SUNDAY; a holiday counts as a Sunday. Shape (periods,)."""
        by_weekday = np.array([WEEKDAY] * 5 + [SATURDAY, SUNDAY])[self.weekday]
        return np.where(self.holiday, SUNDAY, by_weekday)

    def part(self, periods: slice) -> Calendar:
        """The calendar of some of its intervals."""
        return Calendar(*(getattr(self, field.name)[periods] for field in fields(self)))

    def ending_as(self, last: Calendar) -> Calendar:
        """The same calendar with another's days for its last intervals; hour of day and offset from UTC stay."""
        kept = len(self.hour) - len(last.hour)
        joined = {
            field.name: np.concatenate([getattr(self, field.name)[:kept], getattr(last, field.name)])
            for field in fields(self)
        }
        return replace(Calendar(**joined), hour=self.hour, utc_offset_hours=self.utc_offset_hours)


def make_calendar(axis: TimeAxis, *, timezone: str, holidays: str) -> Calendar:
    """The calendar of every interval of ``axis``.

    Args:
        axis: Any step.
        timezone: IANA name.
        holidays: Country code known to the ``holidays`` package, such as ``US``; "" for none. Where the clock is that
            of one state, the state's own holidays are among them.

    Raises:
        ValueError: If the country is unknown.
    """
    local = local_index(axis, timezone)
    days = np.asarray(local.tz_localize(None).normalize().to_numpy(), dtype="datetime64[D]").astype(np.int64)
    state = _STATE_OF_CLOCK.get((holidays, timezone))
    free = _holiday_days(holidays, state, first_year=int(local.year.min()) - 1, last_year=int(local.year.max()) + 1)
    naive = local.tz_localize(None).to_numpy()
    offset = (naive - axis.index.tz_localize(None).to_numpy()) / np.timedelta64(1, "h")
    day_of_year = local.day_of_year.to_numpy() - 1.0 + local.hour.to_numpy() / 24.0
    return Calendar(
        hour=local.hour.to_numpy().astype(np.int64),
        weekday=local.day_of_week.to_numpy().astype(np.int64),
        holiday=np.isin(days, free),
        near_holiday=np.isin(days - 1, free) | np.isin(days + 1, free),
        year_angle=2.0 * np.pi * day_of_year / 365.2425,
        utc_offset_hours=np.asarray(offset, dtype=np.float64),
    )


def harmonics(angle: npt.NDArray[np.floating[Any]], orders: int) -> FloatArray:
    """1, then sine and cosine of each multiple of ``angle`` up to ``orders``, shape (..., 1 + 2 * orders)."""
    multiples = angle[..., None] * np.arange(1, orders + 1)  # (..., orders)
    return np.concatenate([np.ones((*angle.shape, 1)), np.sin(multiples), np.cos(multiples)], axis=-1)


def day_harmonics(hour: npt.NDArray[np.int64], orders: int) -> FloatArray:
    """Those of the hour of day, shape (periods, 1 + 2 * orders): of 24, looked up."""
    return harmonics(2.0 * np.pi * np.arange(24) / 24.0, orders)[hour]


def network_calendar(calendar: Calendar) -> npt.NDArray[np.float32]:
    """The calendar as a network reads it, shape (periods, NETWORK_CALENDAR_FEATURES): bounded, smooth where cyclic."""
    day = day_harmonics(calendar.hour, 3)[:, 1:]  # (periods, 6)
    season = harmonics(calendar.year_angle, 2)[:, 1:]  # (periods, 4)
    week = np.eye(7)[calendar.weekday]  # (periods, 7)
    free = np.stack([calendar.holiday, calendar.near_holiday], axis=1)  # (periods, 2)
    return np.concatenate([day, season, week, free], axis=1).astype(np.float32)


NETWORK_CALENDAR_FEATURES = 6 + 4 + 7 + 2


@lru_cache(maxsize=64)
def _holiday_days(country: str, state: str | None, *, first_year: int, last_year: int) -> npt.NDArray[np.int64]:
    """Days since the epoch that are public holidays, shape (holidays,); not to be written to."""
    if not country:
        return np.empty(0, dtype=np.int64)
    try:
        years = range(first_year, last_year + 1)
        found = holiday_calendars.country_holidays(country, subdiv=state, years=years)
    except NotImplementedError as error:
        raise ValueError(f"holidays must name a country of the holidays package, got {country!r}") from error
    epoch = date(1970, 1, 1)
    return np.array(sorted((day - epoch).days for day in found), dtype=np.int64)


def hours_since_epoch(axis: TimeAxis) -> npt.NDArray[np.int64]:
    """Whole hours from the epoch to each interval start of an hourly axis, shape (periods,)."""
    start = int(pd.Timestamp(axis.start).value // 3_600_000_000_000)
    return start + np.arange(axis.periods, dtype=np.int64)
