"""Partitions on plain PostgreSQL: made for what is dense, never for rubbish; readings and views stay as they were."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import numpy as np
import psycopg
import pytest

from grid.readings import ReadingBlock, Source
from grid.store.database import connect
from grid.store.migrate import has_timescale, migrate
from grid.store.partitions import make_partitions
from grid.store.saving import save_readings
from grid.time_axis import EPOCH
from grid.units import Channel

SPAN = timedelta(days=28)
START = EPOCH + 734 * SPAN  # 2026-04-09


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        if has_timescale(connection):
            pytest.skip("TimescaleDB makes its own chunks")
        connection.commit()
        yield connection


def block(start: datetime, count: int, *, owner: str = "m", step: timedelta = timedelta(minutes=15)) -> ReadingBlock:
    steps = np.arange(count, dtype=np.int64) * (step // timedelta(microseconds=1))
    starts = (start - EPOCH) // timedelta(microseconds=1) + steps
    return ReadingBlock(Source.METER, owner, Channel.LOAD, 15, starts, np.arange(count, dtype=np.float64), 0)


def save(conn: psycopg.Connection, *blocks: ReadingBlock) -> None:
    with conn.transaction():
        save_readings(conn, blocks, received_at=datetime(2026, 5, 1, tzinfo=UTC))


def held(conn: psycopg.Connection) -> dict[str, int]:
    """How many readings each partition holds."""
    rows = conn.execute("SELECT tableoid::regclass::text, count(*) FROM reading GROUP BY 1").fetchall()
    conn.commit()
    return {name.removeprefix("partitions."): count for name, count in rows}


def partitions(conn: psycopg.Connection) -> set[str]:
    rows = conn.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'partitions'::regnamespace AND relkind = 'r'"
    )
    return {name for (name,) in rows}


def test_a_dense_batch_gets_its_partitions_and_its_thin_edges_do_not(conn: psycopg.Connection) -> None:
    save(conn, block(START - timedelta(days=1), 96 + 2688 + 96))
    assert held(conn) == {"reading_default": 192, "reading_734": 2688}


def test_stray_stamps_of_a_century_make_no_partition(conn: psycopg.Connection) -> None:
    save(conn, block(datetime(1970, 1, 1, tzinfo=UTC), 1300, step=SPAN))
    assert held(conn) == {"reading_default": 1300}


def test_what_waits_in_the_default_partition_moves_along_once_it_is_enough(conn: psycopg.Connection) -> None:
    for day in range(12):
        save(conn, block(START + timedelta(days=day), 96))
    assert held(conn) == {"reading_734": 12 * 96}
    found = conn.execute("SELECT count(*), count(DISTINCT interval_start), sum(value) FROM v_reading").fetchone()
    assert found == (1152, 1152, 12 * sum(range(96)))


def test_a_correction_finds_its_reading_in_whichever_partition_it_is(conn: psycopg.Connection) -> None:
    save(conn, block(START - SPAN, 4), block(START, 2000))
    save(conn, block(START - SPAN, 4), block(START + timedelta(days=9), 4))  # the second contradicts what is stored
    assert conn.execute("SELECT count(*), count(*) FILTER (WHERE value < 4) FROM reading").fetchone() == (2004, 12)
    assert conn.execute("SELECT count(*) FROM reading_history").fetchone() == (4,)


def test_a_dense_span_has_the_next_one_made_ahead(conn: psycopg.Connection) -> None:
    save(conn, block(START, 1000))
    assert partitions(conn) == {"reading_default", "reading_734", "reading_735"}
    save(conn, block(START + SPAN, 4))
    assert held(conn) == {"reading_734": 1000, "reading_735": 4}
    assert "reading_736" not in partitions(conn)


def test_writers_who_want_the_same_partition_at_once_neither_lose_nor_fail(
    conn: psycopg.Connection, database_url: str
) -> None:
    owners = ["a", "b", "c"]
    save(conn, *(block(START - SPAN, 1, owner=owner) for owner in owners))
    together = Barrier(len(owners))

    def write(owner: str) -> None:
        with connect(database_url, application_name=owner) as own:
            together.wait(timeout=20)
            save(own, block(START, 2000, owner=owner))

    with ThreadPoolExecutor(len(owners)) as pool:
        list(pool.map(write, owners))
    assert held(conn) == {"reading_default": 3, "reading_734": 6000}


def test_a_reader_who_takes_long_stops_neither_ingest_nor_other_readers(
    conn: psycopg.Connection, database_url: str
) -> None:
    save(conn, block(START, 400))
    with connect(database_url, application_name="export") as export:
        export.execute("SELECT count(*) FROM partitions.reading_default")
        save(conn, block(START, 2000, owner="n"))
        assert held(conn) == {"reading_default": 2400}
        assert conn.execute("SHOW lock_timeout").fetchone() == ("0",)
        conn.commit()
    save(conn, block(START, 400, owner="o"))
    assert held(conn) == {"reading_734": 2800}


def test_who_could_make_none_is_not_overtaken_by_who_can(conn: psycopg.Connection, database_url: str) -> None:
    """What goes to the default partition must not meet a partition made meanwhile: the server would refuse it."""
    start_us = np.array([(START - EPOCH) // timedelta(microseconds=1)])
    with connect(database_url, application_name="other") as other:
        assert make_partitions(conn, start_us) == 0
        assert make_partitions(other, np.repeat(start_us, 1000)) == 0
        other.rollback()
        save_readings(conn, [block(START, 1)], received_at=START)
        conn.commit()
    assert held(conn) == {"reading_default": 1}


def test_readings_views_and_grants_survive_the_way_to_one_table_and_back(conn: psycopg.Connection) -> None:
    save(conn, block(START, 2000))
    conn.execute("GRANT SELECT ON v_reading TO pg_monitor")
    before = conn.execute("SELECT 'v_reading'::regclass::oid, count(*), sum(value) FROM v_reading").fetchone()
    conn.execute("SELECT merge_reading_partitions()")
    conn.execute("DELETE FROM schema_migration WHERE set_name = 'plain'")
    conn.commit()
    one_table = conn.execute("SELECT relkind, to_regnamespace('partitions') FROM pg_class WHERE relname = 'reading'")
    assert one_table.fetchone() == ("r", None)
    assert conn.execute("SELECT 'v_reading'::regclass::oid, count(*), sum(value) FROM v_reading").fetchone() == before
    conn.commit()
    assert migrate(conn) == ["plain/001_partitions.sql"]
    assert held(conn) == {"reading_default": 2000}
    save(conn, block(START + SPAN, 2000))
    assert held(conn) == {"reading_default": 2000, "reading_735": 2000}
    granted = "SELECT has_table_privilege('pg_monitor', 'v_reading', 'SELECT'), (SELECT count(*) FROM v_reading)"
    assert conn.execute(granted).fetchone() == (True, 4000)
    assert conn.execute("SELECT 'v_reading'::regclass::oid").fetchone() == before[:1] if before else False
