"""Shares, flagged spans and the worst series, from readings and verdicts in the tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import psycopg
import pytest

from grid.readings import Quality, ReadingBlock, Source
from grid.store.quality import (
    FlaggedSpan,
    QualityCounts,
    daily_quality,
    flagged_spans,
    silent_series,
    total_counts,
    worst_series,
)
from grid.store.saving import save_readings
from grid.store.series import ChannelId
from grid.units import Channel

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SPAN = {"start": START, "end": START + 24 * HOUR}
LOAD: ChannelId = (Source.METER, "m-1", Channel.LOAD)
GAP = int(Quality.GAP | Quality.ESTIMATED_LINEARLY)
FLAT = int(Quality.FLAT_LINE)
DOUBT = int(Quality.QUESTIONABLE | Quality.ZERO)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection


def save(conn: psycopg.Connection, values: list[float | None], *, owner: str = "m-1") -> None:
    starts = int(START.timestamp()) * 1_000_000 + np.arange(len(values), dtype=np.int64) * 3_600_000_000
    block = ReadingBlock(Source.METER, owner, Channel.LOAD, 60, starts, np.array(values, dtype=float), 0)
    save_readings(conn, [block], received_at=START + 50 * HOUR)


def judged(conn: psycopg.Connection, hour: int, value: float | None, quality: int, *, owner: str = "m-1") -> None:
    """What a validator leaves: nothing due, and a verdict on one hour."""
    conn.execute("DELETE FROM validation_due")
    conn.execute(
        "INSERT INTO verdict SELECT channel_key, %s, 60, %s, %s, now() FROM channel WHERE owner_id = %s",
        (START + hour * HOUR, value, quality, owner),
    )


def test_what_is_not_validated_yet_waits_and_is_valid_afterwards(conn: psycopg.Connection) -> None:
    save(conn, [1.0] * 24)
    counts = daily_quality(conn, LOAD, start=START, end=START + 24 * HOUR, timezone="UTC")
    assert counts == {date(2026, 3, 1): QualityCounts(24, 0, 0, 0, 0, 0)}
    assert counts[date(2026, 3, 1)].waiting == 24
    conn.execute("DELETE FROM validation_due")
    counts = daily_quality(conn, LOAD, start=START, end=START + 24 * HOUR, timezone="UTC")
    assert counts == {date(2026, 3, 1): QualityCounts(24, 24, 0, 0, 0, 0)}


def test_each_interval_counts_once_on_the_day_of_the_sites_clock(conn: psycopg.Connection) -> None:
    save(conn, [1.0, 2.0, 3.0, None, 5.0, 6.0, 7.0, 8.0])
    judged(conn, 1, 2.5, int(Quality.SPIKE | Quality.ESTIMATED_LINEARLY))
    judged(conn, 2, 3.0, DOUBT)
    judged(conn, 3, None, int(Quality.MISSING))
    judged(conn, 4, 50.0, int(Quality.EDITED))
    judged(conn, 5, 6.0, int(Quality.VALID | Quality.LATE))
    judged(conn, 6, None, int(Quality.OFF_GRID))  # lies across: what was derived from it counts
    judged(conn, 8, 8.5, GAP)  # never came
    whole = daily_quality(conn, LOAD, start=START, end=START + 24 * HOUR, timezone="America/New_York")
    # 00:00 to 05:00 UTC is the evening of 28 February in New York.
    assert whole == {
        date(2026, 2, 28): QualityCounts(5, 1, 1, 1, 1, 1),
        date(2026, 3, 1): QualityCounts(3, 2, 0, 1, 0, 0),
    }
    assert total_counts(whole.values()) == QualityCounts(8, 3, 1, 2, 1, 1)
    assert total_counts(whole.values()).waiting == 0


def test_shares_and_spans_can_be_asked_as_of_an_instant(conn: psycopg.Connection) -> None:
    save(conn, [1.0] * 4)
    judged(conn, 1, 1.5, FLAT)
    conn.execute(  # judged at hour 60, and found to be a doubtful zero at hour 70
        "INSERT INTO validation_done SELECT channel_key, %s, %s, %s, %s FROM channel",
        (START, START + 4 * HOUR, START + 50 * HOUR, START + 60 * HOUR),
    )
    conn.execute("INSERT INTO verdict_history SELECT *, %s FROM verdict", (START + 70 * HOUR,))
    conn.execute("UPDATE verdict_history SET judged_at = %s", (START + 60 * HOUR,))
    conn.execute("UPDATE verdict SET quality = %s, judged_at = %s", (DOUBT, START + 70 * HOUR))
    told = {
        hour: (
            list(daily_quality(conn, LOAD, **SPAN, timezone="UTC", known_by=START + hour * HOUR).values()),
            [span.quality for span in flagged_spans(conn, LOAD, **SPAN, limit=9, known_by=START + hour * HOUR)],
        )
        for hour in (40, 55, 65, 75)
    }
    assert told[40] == ([], [])
    assert told[55] == ([QualityCounts(4, 0, 0, 0, 0, 0)], [])
    assert told[65] == ([QualityCounts(4, 3, 0, 0, 0, 0)], [FLAT])
    assert told[75] == ([QualityCounts(4, 3, 1, 0, 0, 0)], [DOUBT])


def test_flagged_intervals_in_a_row_are_one_span(conn: psycopg.Connection) -> None:
    save(conn, [1.0] * 12)
    for hour in (2, 3, 4, 7):
        judged(conn, hour, 1.0, FLAT)
    conn.execute("UPDATE reading SET quality = 256 WHERE interval_start IN (%s, %s)", (START, START + 3 * HOUR))
    judged(conn, 8, None, FLAT)
    expected = [
        FlaggedSpan(START + 2 * HOUR, START + 5 * HOUR, 3, FLAT, False),
        FlaggedSpan(START + 7 * HOUR, START + 8 * HOUR, 1, FLAT, False),
        FlaggedSpan(START + 8 * HOUR, START + 9 * HOUR, 1, FLAT, True),
    ]
    assert flagged_spans(conn, LOAD, **SPAN, limit=100) == expected
    assert flagged_spans(conn, LOAD, **SPAN, limit=2)[0].intervals == 2
    assert flagged_spans(conn, (Source.METER, "nobody", Channel.LOAD), **SPAN, limit=9) == []


def test_the_worst_series_are_those_with_the_most_time_that_is_not_valid(conn: psycopg.Connection) -> None:
    for owner in ("a", "b", "c", "d"):
        save(conn, [1.0] * 24, owner=owner)
    for hour in (1, 2):
        judged(conn, hour, 1.0, DOUBT, owner="a")
    for hour in (1, 2, 3):
        judged(conn, hour, None, int(Quality.MISSING), owner="b")
    judged(conn, 1, 1.0, int(Quality.VALID | Quality.LATE), owner="c")
    worst = worst_series(conn, start=START, end=START + 24 * HOUR, limit=10)
    assert [(standing.series_id, standing.quality) for standing in worst] == [
        ("b:load", int(Quality.MISSING)),
        ("a:load", DOUBT),
    ]
    assert [standing.counts for standing in worst] == [
        QualityCounts(24, 21, 0, 0, 0, 3),
        QualityCounts(24, 22, 2, 0, 0, 0),
    ]
    assert {standing.last for standing in worst} == {START + 24 * HOUR}
    assert worst_series(conn, start=START + 3 * HOUR, end=START + 24 * HOUR, limit=1)[0].series_id == "b:load"
    assert worst_series(conn, start=START + 4 * HOUR, end=START + 24 * HOUR, limit=1) == []


def test_silent_are_meters_whose_newest_reading_is_too_old(conn: psycopg.Connection) -> None:
    for owner, hours in (("a", 24), ("b", 10), ("c", 4)):
        save(conn, [1.0] * hours, owner=owner)
    silent = silent_series(conn, since=START + 10 * HOUR, limit=9)
    assert [(standing.series_id, standing.last) for standing in silent] == [
        ("c:load", START + 4 * HOUR),
        ("b:load", START + 10 * HOUR),
    ]
    assert [standing.series_id for standing in silent_series(conn, since=START + 30 * HOUR, limit=1)] == ["c:load"]
    assert silent_series(conn, since=START, limit=9) == []
