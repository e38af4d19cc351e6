"""What changed is marked in the transaction that changes it, as few spans; what did not change is not marked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from grid.readings import ReadingBlock, Source
from grid.store.database import connect
from grid.store.saving import save_readings
from grid.store.validation_due import (
    DueSpan,
    lock_due,
    mark_due,
    mark_stored,
    settle_due,
    validation_backlog,
)
from grid.time_axis import EPOCH
from grid.units import Channel

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
nan = float("nan")


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        yield connection


def block(
    values: list[float], *, owner: str = "m-1", start: datetime = START, revision: int = 0, issued: bool = False
) -> ReadingBlock:
    starts = (start - EPOCH) // timedelta(microseconds=1) + np.arange(len(values), dtype=np.int64) * 3_600_000_000
    source = Source.WEATHER if issued else Source.METER
    return ReadingBlock(source, owner, Channel.LOAD, 60, starts, np.array(values), revision, START if issued else None)


def save(conn: psycopg.Connection, *blocks: ReadingBlock, at: datetime = START) -> None:
    with conn.transaction():
        save_readings(conn, blocks, received_at=at)


def due(conn: psycopg.Connection) -> list[tuple[str, datetime, datetime]]:
    return conn.execute(
        "SELECT owner_id, interval_from, interval_until FROM validation_due JOIN channel USING (channel_key)"
        " ORDER BY 1, 2, due_id"
    ).fetchall()


def clear(conn: psycopg.Connection) -> None:
    conn.execute("TRUNCATE validation_due")
    conn.commit()


def test_a_batch_marks_one_span_a_channel_and_intervals_far_apart_are_marked_apart(conn: psycopg.Connection) -> None:
    save(
        conn,
        block([1.0, 2.0]),
        block([3.0], start=START + 3 * DAY),
        block([4.0], start=START + 300 * DAY),
        block([5.0], owner="m-2"),
    )
    assert due(conn) == [
        ("m-1", START, START + 3 * DAY + HOUR),
        ("m-1", START + 300 * DAY, START + 300 * DAY + HOUR),
        ("m-2", START, START + HOUR),
    ]


def test_what_is_sent_again_is_not_marked_and_a_correction_marks_its_interval_alone(conn: psycopg.Connection) -> None:
    year = [float(i % 24) for i in range(24 * 365)]
    save(conn, block(year))
    clear(conn)
    save(conn, block(year), at=START + HOUR)
    assert due(conn) == []
    year[1000], year[5000], year[5001] = 99.0, 99.0, nan
    save(conn, block(year), at=START + 2 * HOUR)
    assert due(conn) == [
        ("m-1", START + 1000 * HOUR, START + 1001 * HOUR),
        ("m-1", START + 5000 * HOUR, START + 5002 * HOUR),
    ]
    clear(conn)
    save(conn, block([0.5], start=START + 5000 * HOUR, revision=-1))
    assert due(conn) == [], "a reading that loses on arrival changes nothing"


def test_a_batch_that_is_rolled_back_leaves_no_mark(conn: psycopg.Connection) -> None:
    with conn.transaction():
        save_readings(conn, [block([1.0])], received_at=START)
        raise psycopg.Rollback
    assert due(conn) == []


def test_forecasts_of_others_are_not_validated(conn: psycopg.Connection) -> None:
    save(conn, block([1.0], issued=True))
    save(conn, block([2.0], issued=True), at=START + HOUR)
    assert due(conn) == []


def test_a_mark_counts_from_the_instant_at_which_its_readings_were_received(conn: psycopg.Connection) -> None:
    save(conn, block([1.0]), at=START + 5 * HOUR)
    save(conn, block([2.0], owner="m-2"), at=START + 4 * HOUR)
    backlog = validation_backlog(conn)
    assert (backlog.marks, backlog.channels, backlog.oldest_marked_at) == (2, 2, START + 4 * HOUR)


def test_what_is_stored_is_marked_again_within_the_bounds_asked_for(conn: psycopg.Connection) -> None:
    save(conn, block([1.0] * 48), block([1.0] * 24, owner="m-2"))
    clear(conn)
    assert mark_stored(conn, None, start=START + DAY, marked_at=START) == 1
    assert due(conn) == [("m-1", START + DAY, START + 2 * DAY)]
    assert mark_stored(conn, None, end=START + HOUR, marked_at=START) == 2
    assert mark_stored(conn, [], marked_at=START) == 0


def test_of_a_mark_that_was_judged_in_part_the_rest_stays_due(conn: psycopg.Connection) -> None:
    save(conn, block([1.0]))
    clear(conn)
    ((key,),) = conn.execute("SELECT channel_key FROM channel").fetchall()
    mark_due(conn, [DueSpan(key, START, START + 10 * DAY), DueSpan(key, START + DAY, START + 2 * DAY)], marked_at=START)
    marks = lock_due(conn, channels=5)[key]
    settle_due(conn, marks, until={key: START + 4 * DAY}, judged_at=START + HOUR)
    conn.commit()
    assert due(conn) == [("m-1", START + 4 * DAY, START + 10 * DAY)]
    done = conn.execute("SELECT interval_from, interval_until, marked_at, judged_at FROM validation_done ORDER BY 1")
    assert done.fetchall() == [
        (START, START + 4 * DAY, START, START + HOUR),
        (START + DAY, START + 2 * DAY, START, START + HOUR),
    ]


def test_channels_are_taken_by_one_at_a_time_and_the_longest_waiting_first(
    conn: psycopg.Connection, database_url: str
) -> None:
    for i in (3, 1, 2):
        save(conn, block([1.0], owner=f"m-{i}"))
    names = dict(conn.execute("SELECT channel_key, owner_id FROM channel").fetchall())
    conn.commit()
    with connect(database_url, application_name="other") as other:
        assert [names[key] for key in lock_due(conn, channels=2)] == ["m-3", "m-1"]
        assert [names[key] for key in lock_due(other, channels=2)] == ["m-2"]
        conn.rollback()
        assert [names[key] for key in lock_due(other, channels=5)] == ["m-3", "m-1", "m-2"]


def test_marks_come_back_with_the_longest_waiting_channel_first_so_that_a_batch_that_ends_early_starves_none(
    conn: psycopg.Connection,
) -> None:
    save(conn, block([1.0], owner="early"), block([1.0], owner="late"))
    clear(conn)
    save(conn, block([2.0], owner="late", revision=1))
    save(conn, block([2.0], owner="early", revision=1))
    save(conn, block([3.0], owner="late", revision=2, start=START - 3 * DAY))
    names = dict(conn.execute("SELECT channel_key, owner_id FROM channel").fetchall())
    assert [names[key] for key in lock_due(conn, channels=5)] == ["late", "early"]
