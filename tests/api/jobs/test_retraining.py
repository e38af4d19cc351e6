"""When the nightly training is due, clock changes included."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from api.jobs.retraining import next_occurrence, parse_hour
from grid.faults import InputError

NEW_YORK = "America/New_York"


def test_the_next_night_is_today_if_the_hour_is_still_to_come() -> None:
    assert next_occurrence(datetime(2026, 1, 5, 5, tzinfo=UTC), time(2, 30), NEW_YORK) == datetime(
        2026, 1, 5, 7, 30, tzinfo=UTC
    )


def test_an_hour_that_has_just_struck_is_due_tomorrow() -> None:
    assert next_occurrence(datetime(2026, 1, 5, 7, 30, tzinfo=UTC), time(2, 30), NEW_YORK) == datetime(
        2026, 1, 6, 7, 30, tzinfo=UTC
    )


def test_the_hour_that_the_clock_change_leaves_out_is_the_one_after_it() -> None:
    # On 2026-03-08 clocks in New York go from 02:00 to 03:00: 02:30 is taken as 03:30 daylight time.
    assert next_occurrence(datetime(2026, 3, 8, 5, tzinfo=UTC), time(2, 30), NEW_YORK) == datetime(
        2026, 3, 8, 7, 30, tzinfo=UTC
    )


@pytest.mark.parametrize("text", ["2", "25:00", "two", "02:30:10", ""])
def test_an_hour_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(InputError, match="--daily-at"):
        parse_hour(text)
