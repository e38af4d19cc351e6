"""The calendar by the site's own clock, on ordinary days and on the two that clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.series.calendar import (
    _STATE_OF_CLOCK,
    NETWORK_CALENDAR_FEATURES,
    SATURDAY,
    SUNDAY,
    WEEKDAY,
    day_harmonics,
    harmonics,
    hours_since_epoch,
    make_calendar,
    network_calendar,
)
from grid.time_axis import TimeAxis

HOUR = timedelta(hours=1)


def day_in_new_york(month: int, day: int, hours: int = 24) -> TimeAxis:
    offset = 4 if (3, 9) < (month, day) <= (11, 2) else 5
    return TimeAxis(datetime(2008, month, day, offset, tzinfo=UTC), HOUR, hours)


def test_the_spring_day_has_no_second_hour_and_the_autumn_day_has_two_first_ones() -> None:
    spring = make_calendar(day_in_new_york(3, 9, 23), timezone="America/New_York", holidays="")
    autumn = make_calendar(day_in_new_york(11, 2, 25), timezone="America/New_York", holidays="")
    assert spring.hour.tolist() == [0, 1, *range(3, 24)]
    assert autumn.hour.tolist() == [0, 1, 1, *range(2, 24)]
    assert spring.utc_offset_hours.tolist() == [-5.0] * 2 + [-4.0] * 21
    assert autumn.utc_offset_hours.tolist() == [-4.0] * 2 + [-5.0] * 23


def test_a_holiday_is_a_sunday_and_its_neighbours_know_it() -> None:
    axis = TimeAxis(datetime(2008, 7, 3, 4, tzinfo=UTC), HOUR, 72)  # Thursday, Independence Day, Saturday
    calendar = make_calendar(axis, timezone="America/New_York", holidays="US")
    assert calendar.holiday.reshape(3, 24).all(axis=1).tolist() == [False, True, False]
    assert calendar.near_holiday.reshape(3, 24).all(axis=1).tolist() == [True, False, True]
    assert calendar.day_type.reshape(3, 24)[:, 12].tolist() == [WEEKDAY, SUNDAY, SATURDAY]


@pytest.mark.parametrize(("timezone", "free"), [("Australia/Melbourne", True), ("Australia/Sydney", False)])
def test_a_clock_of_one_state_brings_its_own_holidays(timezone: str, free: bool) -> None:
    cup_day = TimeAxis(datetime(2013, 11, 5, tzinfo=UTC), HOUR, 6)
    assert make_calendar(cup_day, timezone=timezone, holidays="AU").holiday.tolist() == [free] * 6


def test_every_clock_of_one_state_has_a_calendar() -> None:
    for country, timezone in _STATE_OF_CLOCK:
        assert not make_calendar(day_in_new_york(6, 3), timezone=timezone, holidays=country).holiday.all()


def test_without_a_country_no_day_is_a_holiday() -> None:
    calendar = make_calendar(day_in_new_york(7, 4), timezone="America/New_York", holidays="")
    assert not calendar.holiday.any()


def test_an_unknown_country_is_named() -> None:
    with pytest.raises(ValueError, match="'Atlantis'"):
        make_calendar(day_in_new_york(7, 4), timezone="UTC", holidays="Atlantis")


def test_network_features_are_bounded_and_as_many_as_said() -> None:
    calendar = make_calendar(day_in_new_york(12, 20, 24 * 20), timezone="America/New_York", holidays="US")
    features = network_calendar(calendar)
    assert features.shape == (480, NETWORK_CALENDAR_FEATURES)
    assert np.abs(features).max() <= 1.0


def test_a_part_of_a_calendar_is_the_calendar_of_a_part() -> None:
    whole = make_calendar(day_in_new_york(7, 1, 96), timezone="America/New_York", holidays="US")
    part = make_calendar(day_in_new_york(7, 4), timezone="America/New_York", holidays="US")
    assert whole.part(slice(72, 96)).hour.tolist() == part.hour.tolist()
    assert whole.part(slice(72, 96)).holiday.tolist() == part.holiday.tolist()


def test_harmonics_begin_with_one_and_go_round() -> None:
    turn = harmonics(np.array([0.0, np.pi / 2, 2 * np.pi]), 2)
    np.testing.assert_allclose(turn[0], [1, 0, 0, 1, 1], atol=1e-12)
    np.testing.assert_allclose(turn[1], [1, 1, 0, 0, -1], atol=1e-12)
    np.testing.assert_allclose(turn[2], turn[0], atol=1e-12)


def test_harmonics_of_the_hour_go_round_once_a_day() -> None:
    hour = np.array([23, 0, 5, 5, 12])
    np.testing.assert_allclose(day_harmonics(hour, 3), harmonics(2.0 * np.pi * hour / 24.0, 3), atol=1e-12)


def test_hours_since_the_epoch_count_from_1970() -> None:
    axis = TimeAxis(datetime(1970, 1, 2, 3, tzinfo=UTC), HOUR, 2)
    assert hours_since_epoch(axis).tolist() == [27, 28]
