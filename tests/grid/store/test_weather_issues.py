"""Forecasts that others send, read back issue by issue in hours or parts of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg

from grid.readings import ReadingBlock, Source
from grid.store.saving import save_readings
from grid.store.weather_issues import load_issued_forecasts
from grid.time_axis import TimeAxis, to_us
from grid.units import Channel

START = datetime(2026, 3, 1, 6, tzinfo=UTC)
HOUR, HALF = timedelta(hours=1), timedelta(minutes=30)


def issue(issued_at: datetime, minutes: int, values: list[float]) -> ReadingBlock:
    starts = to_us(START) + np.arange(len(values), dtype=np.int64) * minutes * 60_000_000
    return ReadingBlock(Source.WEATHER, "farm", Channel.GENERATION, minutes, starts, np.array(values), 0, issued_at)


def test_an_issue_is_read_in_the_intervals_asked_for_as_far_as_it_tells_them(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        earlier, later = START - 2 * HOUR, START - HOUR
        save_readings(conn, [issue(earlier, 60, [10.0, 20.0]), issue(later, 30, [1.0, 3.0, 5.0])], received_at=START)

        def read(step: timedelta) -> list[tuple[datetime, TimeAxis, list[float]]]:
            found = load_issued_forecasts(
                conn, ["farm"], Channel.GENERATION, issued_from=earlier, issued_by=START, step=step
            )
            return [(one.issued_at, one.axis, one.values.tolist()) for one in found["farm"]]

        (first, axis, hours), (_, _, of_halves) = read(HOUR)
        assert (first, axis, hours) == (earlier, TimeAxis(START, HOUR, 2), [10.0, 20.0])
        np.testing.assert_array_equal(of_halves, [2.0, np.nan])
        (_, axis, held), (_, _, halves) = read(HALF)
        assert axis == TimeAxis(START, HALF, 4)
        assert held == [10.0, 10.0, 20.0, 20.0]
        np.testing.assert_array_equal(halves, [1.0, 3.0, 5.0, np.nan])
