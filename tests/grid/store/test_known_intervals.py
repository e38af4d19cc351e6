"""Intervals that came and intervals known to be gaps, in one list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from grid.readings import ReadingBlock, Source
from grid.store.database import connect
from grid.store.known_intervals import KnownInterval, known_intervals, newest_interval
from grid.store.saving import save_readings
from grid.store.series import ChannelId
from grid.time_axis import to_us
from grid.units import Channel

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LOAD: ChannelId = (Source.METER, "m-1", Channel.LOAD)


def test_known_intervals_are_those_that_came_and_those_known_to_be_gaps(database_url: str) -> None:
    with connect(database_url, application_name="test") as conn:
        starts = to_us(START) + np.arange(3, dtype=np.int64) * 3_600_000_000
        block = ReadingBlock(*LOAD, 60, starts, np.array([1.0, np.nan, 3.0]), 0)
        save_readings(conn, [block], received_at=START + 4 * HOUR)
        conn.execute(
            "INSERT INTO verdict SELECT channel_key, %s + hour * interval '1 hour', 60, value, 8, now()"
            " FROM channel, (VALUES (1, 2.0), (3, 3.5)) AS told (hour, value)",
            (START,),
        )
        assert known_intervals(conn, LOAD, start=START, end=START + 24 * HOUR, limit=9) == [
            KnownInterval(START, 60, 1.0, 1.0, True),
            KnownInterval(START + HOUR, 60, None, 2.0, True),
            KnownInterval(START + 2 * HOUR, 60, 3.0, 3.0, True),
            KnownInterval(START + 3 * HOUR, 60, None, 3.5, False),
        ]
        assert len(known_intervals(conn, LOAD, start=START, end=START + 24 * HOUR, limit=2)) == 2
        assert newest_interval(conn, LOAD) == (START + 2 * HOUR, 60)
        assert newest_interval(conn, (Source.METER, "nobody", Channel.LOAD)) is None
