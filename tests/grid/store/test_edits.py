"""Edits are added, never changed; each has its reason, its place in the audit log, and makes its interval due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from grid.faults import InputError
from grid.readings import ReadingBlock, Source
from grid.store.audit import list_audit, verify_audit
from grid.store.database import connect
from grid.store.edit_batches import IntervalValue, add_edits
from grid.store.edits import ReadingEdit, list_edits, withdraw_edit
from grid.store.saving import save_readings
from grid.store.series import ChannelId
from grid.time_axis import EPOCH
from grid.units import Channel

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LOAD: ChannelId = (Source.METER, "m-1", Channel.LOAD)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        starts = (START - EPOCH) // timedelta(microseconds=1) + np.arange(3, dtype=np.int64) * 3_600_000_000
        block = ReadingBlock(Source.METER, "m-1", Channel.LOAD, 60, starts, np.array([1.0, 2.0, np.nan]), 0)
        save_readings(connection, [block], received_at=START + 4 * HOUR)
        connection.execute("TRUNCATE validation_due")
        connection.commit()
        yield connection


def edit(conn: psycopg.Connection, hour: int, value: float | None, *, reason: str = "read on site") -> ReadingEdit:
    interval = IntervalValue(START + hour * HOUR, 60, value)
    (made,) = add_edits(conn, LOAD, [interval], reason=reason, actor="key:ann", at=START + 5 * HOUR)
    return made


def test_an_edit_remembers_what_it_replaced_and_by_whom_and_makes_its_interval_due(conn: psycopg.Connection) -> None:
    made = edit(conn, 1, 7.0)
    assert (made.old_value, made.value, made.reason, made.edited_by) == (2.0, 7.0, "read on site", "key:ann")
    assert list_edits(conn, LOAD, start=START, end=START + 3 * HOUR) == [made]
    assert list_edits(conn, LOAD, start=START + 2 * HOUR, end=START + 3 * HOUR) == []
    span = conn.execute("SELECT interval_from, interval_until, marked_at FROM validation_due").fetchall()
    assert span == [(START + HOUR, START + 2 * HOUR, START + 5 * HOUR)]
    assert conn.execute("SELECT value FROM reading WHERE interval_start = %s", (START + HOUR,)).fetchone() == (2.0,)


def test_the_old_value_is_the_validated_one(conn: psycopg.Connection) -> None:
    conn.execute(
        "INSERT INTO verdict SELECT channel_key, interval_start, 60, 1.5, 136, now() FROM reading WHERE value IS NULL"
    )
    assert edit(conn, 2, 9.0).old_value == 1.5
    assert edit(conn, 30, 9.0).old_value is None, "an interval that never came may be set too"


def test_a_withdrawn_edit_stays_with_its_reason_and_cannot_be_withdrawn_twice(conn: psycopg.Connection) -> None:
    made = edit(conn, 1, None)
    gone = withdraw_edit(conn, made.edit_id, reason="wrong meter", actor="key:bob", at=START + 6 * HOUR)
    assert gone is not None
    assert (gone.value, gone.withdrawn_by, gone.withdrawal_reason) == (None, "key:bob", "wrong meter")
    assert gone.withdrawn_at == START + 6 * HOUR
    assert list_edits(conn, LOAD, start=START, end=START + 3 * HOUR) == [gone]
    assert list_edits(conn, LOAD, start=START, end=START + 3 * HOUR, withdrawn=False) == []
    with pytest.raises(InputError, match="withdrawn before"):
        withdraw_edit(conn, made.edit_id, reason="again", actor="key:bob", at=START)
    assert withdraw_edit(conn, 999, reason="none", actor="key:bob", at=START) is None
    assert conn.execute("SELECT count(*) FROM validation_due").fetchone() == (2,)


def test_both_acts_stand_in_the_audit_log(conn: psycopg.Connection) -> None:
    made = edit(conn, 1, 7.0)
    withdraw_edit(conn, made.edit_id, reason="wrong meter", actor="key:bob", at=START)
    entries = [entry for entry in list_audit(conn, limit=5) if entry.action.startswith("reading.edit")]
    assert [(entry.actor, entry.action, entry.document["reason"]) for entry in entries] == [
        ("key:bob", "reading.edit.withdraw", "wrong meter"),
        ("key:ann", "reading.edit", "read on site"),
    ]
    assert entries[1].document["series_id"] == "m-1:load"
    assert verify_audit(conn).intact


def test_every_fault_of_an_edit_is_named_and_nothing_is_written(conn: psycopg.Connection) -> None:
    with pytest.raises(InputError) as caught:
        add_edits(
            conn,
            (Source.METER, "nobody", Channel.LOAD),
            [IntervalValue(START + timedelta(seconds=1), 0, float("inf"))],
            reason="  ",
            actor="key:ann",
            at=START,
        )
    assert {fault.place for fault in caught.value.faults} == {"series", "reason", "values", "intervals"}
    assert conn.execute("SELECT count(*) FROM reading_edit").fetchone() == (0,)


def test_edits_cannot_be_changed_or_removed(conn: psycopg.Connection) -> None:
    edit(conn, 1, 7.0)
    conn.commit()
    for statement in ("UPDATE reading_edit SET value = 8", "DELETE FROM reading_edit"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            conn.execute(statement.encode())
        conn.rollback()
