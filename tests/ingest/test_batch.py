"""A batch is one transaction: what was read before is dropped, what is bad is set aside, each value counts once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from grid.readings import ReadingBlock, Source
from grid.store.database import connect
from grid.store.dead_letters import list_dead_letters
from grid.store.series import register_meters
from grid.store.stream import Partition
from grid.time_axis import EPOCH
from grid.units import Channel
from ingest.batch import DEAD_LETTERS_TOLD, BatchReport, BatchStore, OffsetsMovedBackError, Record, decode_record
from ingest.dead_letters import discard, replay
from ingest.encoding import encode_message

NOW = datetime(2026, 3, 1, tzinfo=UTC)
P0, P1 = Partition("c", "t", "id", 0), Partition("c", "t", "id", 1)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        yield connection


def record(offset: int, *values: float, owner: str = "m", hour: int | None = None, partition: Partition = P0) -> Record:
    payload = encode_message(
        Source.METER,
        owner,
        Channel.LOAD,
        unit="kW",
        interval_minutes=60,
        start=EPOCH + timedelta(hours=10 * offset if hour is None else hour),
        values=np.array(values),
    )
    return decode_record(partition, offset, owner.encode(), payload, source=Source.METER)


def store(
    conn: psycopg.Connection,
    *records: Record,
    read_from: int = 0,
    store: BatchStore = BatchStore(),  # noqa: B008
) -> BatchReport:
    return store.store(conn, records, read_from={P0: read_from, P1: read_from}, received_at=NOW)


def counted(conn: psycopg.Connection) -> tuple[int, int, int]:
    """Next offset, values counted, and rows of readings."""
    row = conn.execute(
        "SELECT max(next_offset), sum(readings)::bigint, (SELECT count(*) FROM reading) FROM stream_offset"
    ).fetchone()
    assert row is not None
    return row


def test_records_below_the_stored_offset_are_dropped(conn: psycopg.Connection) -> None:
    store(conn, record(0, 1.0, 2.0), record(1, 3.0))
    report = store(conn, record(0, 1.0, 2.0), record(1, 3.0), record(2, 4.0))
    assert (report.messages, report.skipped, report.saved.readings) == (1, 2, 1)
    assert counted(conn) == (3, 4, 4)


def test_a_poison_message_is_kept_whole_and_its_neighbours_are_stored(conn: psycopg.Connection) -> None:
    poison = decode_record(P0, 1, b"\xff\x00", b'{"meter_id": "\\u0000"', source=Source.METER)
    empty = decode_record(P0, 2, None, None, source=Source.METER)
    report = store(conn, record(0, 1.0), poison, empty, record(3, 2.0))
    assert report.dead_letters == 2
    assert counted(conn) == (4, 2, 2)
    first, second = list_dead_letters(conn)
    assert (first.offset, first.message_key, first.payload) == (1, b"\xff\x00", b'{"meter_id": "\\u0000"')
    assert first.error_class == "not_json"
    assert (second.offset, second.payload) == (2, b"")


def test_one_message_that_the_database_refuses_is_found_among_many(conn: psycopg.Connection) -> None:
    conn.execute("ALTER TABLE reading ADD CONSTRAINT plausible CHECK (value < 1000)")
    conn.commit()
    records = [record(i, 5000.0 if i == 13 else float(i), partition=P0 if i < 20 else P1) for i in range(40)]
    report = store(conn, *records)
    assert (report.messages, report.dead_letters, report.saved.added) == (40, 1, 39)
    (letter,) = list_dead_letters(conn)
    assert (letter.offset, letter.error_class) == (13, "refused_by_database")
    assert "plausible" in letter.detail
    assert counted(conn) == (40, 39, 39)


def test_a_failure_before_the_commit_leaves_nothing_and_a_second_try_counts_once(conn: psycopg.Connection) -> None:
    def crash(conn: psycopg.Connection, report: BatchReport) -> None:
        raise ConnectionError("cut")

    with pytest.raises(ConnectionError):
        store(conn, record(0, 1.0, 2.0), store=BatchStore(before_commit=crash))
    assert conn.execute("SELECT count(*) FROM stream_offset").fetchone() == (0,)
    conn.commit()
    store(conn, record(0, 1.0, 2.0))
    assert counted(conn) == (1, 2, 2)


def test_a_database_that_lost_its_last_transactions_is_noticed(conn: psycopg.Connection) -> None:
    store(conn, record(0, 1.0), record(1, 2.0))
    conn.execute("UPDATE stream_offset SET next_offset = 1; DELETE FROM reading WHERE value = 2.0")  # as a crash would
    conn.commit()
    with pytest.raises(OffsetsMovedBackError):
        store(conn, record(2, 3.0), read_from=2)
    conn.rollback()
    assert store(conn, record(1, 2.0), record(2, 3.0), read_from=1).saved.added == 2


def test_the_newest_interval_end_of_a_batch_is_reported(conn: psycopg.Connection) -> None:
    report = store(conn, record(0, 1.0, 2.0, hour=5), record(1, 1.0, hour=2))
    assert report.latest_interval_end == EPOCH + timedelta(hours=7)


def test_readings_of_an_unknown_meter_are_held_until_it_is_registered(conn: psycopg.Connection) -> None:
    holding = BatchStore(hold_unknown_meters=True)
    register_meters(conn, ["known"])
    conn.commit()
    report = store(conn, record(0, 1.0, owner="known"), record(1, 2.0, owner="stranger"), store=holding)
    assert (report.saved.added, report.dead_letters) == (1, 1)
    (letter,) = list_dead_letters(conn)
    assert letter.error_class == "unknown_meter"
    conn.commit()
    assert not replay(conn, hold_unknown_meters=True)[0].stored
    register_meters(conn, ["stranger"])
    conn.commit()
    assert replay(conn, hold_unknown_meters=True)[0].stored
    assert conn.execute("SELECT value FROM v_reading WHERE meter_id = 'stranger'").fetchone() == (2.0,)


def test_a_dead_letter_is_replayed_once_and_only_once(conn: psycopg.Connection) -> None:
    conn.execute("ALTER TABLE reading ADD CONSTRAINT plausible CHECK (value < 1000)")
    conn.commit()
    store(conn, record(0, 5000.0))
    conn.execute("ALTER TABLE reading DROP CONSTRAINT plausible")
    conn.commit()
    (letter,) = list_dead_letters(conn)
    conn.commit()
    assert replay(conn, [letter.dead_letter_id])[0].stored
    again = replay(conn, [letter.dead_letter_id, 999])
    assert [outcome.stored for outcome in again] == [False, False]
    assert "resolved before" in again[0].detail
    assert list_dead_letters(conn) == []
    assert conn.execute("SELECT value FROM reading").fetchall() == [(5000.0,)]


def test_a_dead_letter_that_is_still_bad_stays_and_can_be_discarded_with_a_reason(conn: psycopg.Connection) -> None:
    store(conn, decode_record(P0, 0, None, b"{}", source=Source.METER))
    (outcome,) = replay(conn)
    assert not outcome.stored
    assert "missing_field" in outcome.detail
    with pytest.raises(ValueError, match="needs a reason"):
        discard(conn, [outcome.dead_letter_id], reason=" ")
    assert discard(conn, [outcome.dead_letter_id], reason="a test of the field crew") == 1
    assert discard(conn, [outcome.dead_letter_id], reason="again") == 0
    (letter,) = list_dead_letters(conn, include_resolved=True)
    assert letter.resolution == "discarded: a test of the field crew"


def test_decoded_content_is_what_a_record_counts() -> None:
    assert record(0, 1.0, 2.0).readings == 2
    assert isinstance(record(0, 1.0).content, ReadingBlock)
    assert decode_record(P0, 0, None, b"x", source=Source.METER).readings == 0


def test_a_dead_letter_is_logged_with_its_coordinates_once_it_is_stored(
    conn: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(conn: psycopg.Connection, report: BatchReport) -> None:
        raise ConnectionError("cut")

    poison = decode_record(P1, 17, b"m-\xff", b"{}", source=Source.METER)
    with pytest.raises(ConnectionError):
        store(conn, poison, read_from=0, store=BatchStore(before_commit=crash))
    assert not caplog.records, "it is none yet"
    store(conn, poison)
    (line,) = caplog.records
    told = {name: vars(line)[name] for name in ("topic", "partition", "offset", "meter_id", "error_class", "levelname")}
    assert told == {
        "topic": "t",
        "partition": 1,
        "offset": 17,
        "meter_id": "m-\\xff",
        "error_class": "missing_field",
        "levelname": "WARNING",
    }
    assert line.getMessage().startswith("t[1]@17 is a dead letter: missing_field: ")


def test_a_broken_format_does_not_flood_the_log(conn: psycopg.Connection, caplog: pytest.LogCaptureFixture) -> None:
    store(conn, *(decode_record(P0, offset, None, b"{}", source=Source.METER) for offset in range(50)))
    assert len(caplog.records) == DEAD_LETTERS_TOLD + 1
    assert caplog.messages[-1] == "40 more of the same batch are dead letters"
    assert len(list_dead_letters(conn)) == 50
