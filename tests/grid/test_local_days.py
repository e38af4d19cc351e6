from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from grid.local_days import local_date, local_index, local_instant, local_midnight
from grid.time_axis import TimeAxis

HOUR = timedelta(hours=1)
ZONE = "America/New_York"
SPRING, AUTUMN, PLAIN = date(2008, 3, 9), date(2007, 11, 4), date(2008, 6, 16)


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), (PLAIN, 24)])
def test_local_day_has_the_hours_that_its_clocks_show(day: date, hours: int) -> None:
    start, end = local_midnight(day, ZONE), local_midnight(day + timedelta(days=1), ZONE)
    assert (end - start) / HOUR == hours
    assert {local_date(instant, ZONE) for instant in TimeAxis(start, HOUR, hours).interval_starts} == {day}


def test_wall_clock_jumps_in_spring_and_repeats_in_autumn() -> None:
    spring, autumn = (TimeAxis(local_midnight(day, ZONE), HOUR, 4) for day in (SPRING, AUTUMN))
    assert local_index(spring, ZONE).hour.tolist() == [0, 1, 3, 4]
    assert local_index(autumn, ZONE).hour.tolist() == [0, 1, 1, 2]


def test_six_in_the_morning_is_another_instant_in_summer() -> None:
    assert local_instant(PLAIN, time(6), ZONE) == datetime(2008, 6, 16, 10, tzinfo=UTC)
    assert local_instant(date(2008, 1, 16), time(6), ZONE) == datetime(2008, 1, 16, 11, tzinfo=UTC)
    assert local_instant(SPRING, time(6), ZONE) - local_midnight(SPRING, ZONE) == timedelta(hours=5)


def test_of_two_equal_wall_clock_times_the_first_is_meant() -> None:
    assert local_instant(AUTUMN, time(1, 30), ZONE) == datetime(2007, 11, 4, 5, 30, tzinfo=UTC)
