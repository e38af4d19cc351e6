"""Both clock-change days: 92 and 100 quarter-hours, and what a sender leaves out on them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from grid.local_days import local_midnight
from grid.readings import Quality
from grid.time_axis import to_us
from grid.units import Channel
from grid.validation import ChannelProfile, IntervalReadings
from grid.validation.clocks import wall_clock_us

Judged = Callable[..., dict[float, tuple[float, Quality]]]
Readings = Callable[..., IntervalReadings]
BERLIN = ChannelProfile(Channel.IMPORT, "load", "Europe/Berlin")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


def lost(judged: Judged, readings: Readings, start: datetime, quarter_hours: int, left_out: list[int]) -> list[float]:
    """Positions at which a clock change explains what is missing, on so many quarter-hours but those left out."""
    sent = readings(np.ones(quarter_hours), start=start, minutes=15)
    there = ~np.isin(np.arange(quarter_hours), left_out)
    some = IntervalReadings(15, sent.starts_us[there], sent.values[there], sent.received_us[there])
    told = judged(some, BERLIN, start=start)
    assert [slot for slot, (_, quality) in told.items() if Quality.GAP in quality] == left_out
    return [slot for slot, (_, quality) in told.items() if Quality.CLOCK_CHANGE in quality]


@pytest.mark.parametrize(("day", "quarter_hours"), [(SPRING, 92), (AUTUMN, 100), (date(2026, 7, 1), 96)])
def test_whole_local_days_of_92_96_and_100_quarter_hours_are_valid(
    judged: Judged, day: date, quarter_hours: int
) -> None:
    start, end = local_midnight(day, "Europe/Berlin"), local_midnight(day + timedelta(days=1), "Europe/Berlin")
    assert (end - start) // timedelta(minutes=15) == quarter_hours
    assert judged(np.ones(quarter_hours), BERLIN, start=start, minutes=15) == {}


def test_repeated_hour_said_once_is_a_lost_hour(judged: Judged, readings: Readings) -> None:
    """On 25 October 02:00 to 03:00 stands twice, from 00:00 and from 01:00 UTC; the day begins at 22:00 UTC."""
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert lost(judged, readings, start, 100, [12, 13, 14, 15]) == [12, 13, 14, 15]  # the second is left out
    assert lost(judged, readings, start, 100, [8, 9, 10, 11]) == [8, 9, 10, 11]  # the first is


def test_wall_clock_labelled_with_a_fixed_offset_loses_an_hour_in_spring(judged: Judged, readings: Readings) -> None:
    """Clocks go from 02:00 to 03:00 at 01:00 UTC; a label of +01:00 leaves out 01:00 to 02:00 UTC."""
    start = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert lost(judged, readings, start, 96, [8, 9, 10, 11]) == [8, 9, 10, 11]
    assert lost(judged, readings, start, 96, [7, 8, 9, 10]) == [7, 8, 9, 10]  # stamps that mark the ends of intervals


def test_other_gaps_of_the_day_are_gaps_only(judged: Judged, readings: Readings) -> None:
    start = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert lost(judged, readings, start, 96, [8, 9, 10]) == []  # not an hour
    assert lost(judged, readings, start, 96, [40, 41, 42, 43]) == []  # not at the change
    ordinary = datetime(2026, 6, 28, 23, tzinfo=UTC)
    assert lost(judged, readings, ordinary, 96, [8, 9, 10, 11]) == []


def test_wall_clock_shows_what_the_zone_shows() -> None:
    instants = [datetime(2026, 3, 29, 0, 59, tzinfo=UTC), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)]
    shown = wall_clock_us(np.array([to_us(instant) for instant in instants]), "Europe/Berlin")
    assert shown.tolist() == [
        to_us(datetime(2026, 3, 29, 1, 59, tzinfo=UTC)),
        to_us(datetime(2026, 3, 29, 3, 0, tzinfo=UTC)),
    ]
