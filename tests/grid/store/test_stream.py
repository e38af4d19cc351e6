"""Leases are shared out fairly, move when a worker falls silent, and come back at once when it stops in order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from grid.store.database import connect
from grid.store.stream import (
    OffsetProgress,
    Partition,
    advance_offsets,
    lock_offsets,
    release_leases,
    renew_leases,
)

ALL = [(topic, number) for topic in ("readings", "weather") for number in range(3)]
LONG = timedelta(minutes=1)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        yield connection


def owned(conn: psycopg.Connection, worker: str) -> frozenset[tuple[str, int]]:
    return renew_leases(conn, ALL, worker_id=worker, duration=LONG).owned


def test_one_worker_owns_everything_until_a_second_comes(conn: psycopg.Connection) -> None:
    assert owned(conn, "a") == frozenset(ALL)
    assert owned(conn, "b") == frozenset()
    kept = owned(conn, "a")
    assert len(kept) == 3
    assert owned(conn, "b") == frozenset(ALL) - kept
    assert {topic for topic, _ in kept} == {"readings", "weather"}


def test_a_silent_worker_loses_its_partitions(conn: psycopg.Connection) -> None:
    owned(conn, "dead")
    assert owned(conn, "b") == frozenset()
    for table in ("partition_lease", "ingest_worker"):  # its time passes
        conn.execute(f"UPDATE {table} SET expires_at = clock_timestamp() WHERE worker_id = 'dead'".encode())
    assert owned(conn, "b") == frozenset(ALL)


def test_a_worker_that_stops_in_order_leaves_nothing_to_wait_for(conn: psycopg.Connection) -> None:
    owned(conn, "a")
    release_leases(conn, worker_id="a")
    view = renew_leases(conn, ALL, worker_id="b", duration=LONG)
    assert view.owned == frozenset(ALL)
    assert view.others == {}


def test_the_view_tells_until_when_others_own_the_rest(conn: psycopg.Connection) -> None:
    owned(conn, "a")
    view = renew_leases(conn, ALL, worker_id="b", duration=LONG)
    assert set(view.others) == set(ALL)
    assert all(until is not None for until in view.others.values())


def test_offsets_begin_at_zero_and_a_topic_made_anew_begins_again(conn: psycopg.Connection) -> None:
    old, new = Partition("c", "t", "id-1", 0), Partition("c", "t", "id-2", 0)
    with conn.transaction():
        assert lock_offsets(conn, [old]) == {old: 0}
        advance_offsets(conn, {old: OffsetProgress(17, 100)})
    with conn.transaction():
        assert lock_offsets(conn, [old, new]) == {old: 17, new: 0}


def test_an_offset_row_is_a_fence(database_url: str, conn: psycopg.Connection) -> None:
    p = Partition("c", "t", "id", 0)
    with connect(database_url, application_name="other") as other:
        with conn.transaction():
            lock_offsets(conn, [p])
        with conn.transaction():
            lock_offsets(conn, [p])
            other.execute("SET lock_timeout = '50ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                lock_offsets(other, [p])
