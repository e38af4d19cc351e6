"""Edits of many intervals are one act: all or none of them, one mark for validation, one entry of the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from grid.faults import InputError
from grid.readings import ReadingBlock, Source
from grid.store.audit import list_audit, verify_audit
from grid.store.edit_batches import (
    MAX_EDITS,
    IntervalValue,
    KnownInterval,
    add_edits,
    find_edit,
    known_intervals,
    newest_interval,
    withdraw_edits,
)
from grid.store.edits import list_edits
from grid.store.saving import save_readings
from grid.store.series import ChannelId
from grid.units import Channel

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LOAD: ChannelId = (Source.METER, "m-1", Channel.LOAD)
ACT = {"reason": "meter replaced", "actor": "key:night-shift", "at": START + 30 * HOUR}


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    """Three hours of one meter: 1, missing, 3; all judged, the second one estimated, the fourth a gap."""
    with psycopg.connect(database_url) as connection:
        connection.execute("SET timezone = 'UTC'")
        starts = int(START.timestamp()) * 1_000_000 + np.arange(3, dtype=np.int64) * 3_600_000_000
        block = ReadingBlock(Source.METER, "m-1", Channel.LOAD, 60, starts, np.array([1.0, np.nan, 3.0]), 0)
        save_readings(connection, [block], received_at=START + 4 * HOUR)
        connection.execute("DELETE FROM validation_due")
        connection.execute(
            "INSERT INTO verdict SELECT channel_key, %s + hour * interval '1 hour', 60, value, 8, now()"
            " FROM channel, (VALUES (1, 2.0), (3, 3.5)) AS told (hour, value)",
            (START,),
        )
        connection.commit()
        yield connection


def test_known_intervals_are_those_that_came_and_those_known_to_be_gaps(conn: psycopg.Connection) -> None:
    assert known_intervals(conn, LOAD, start=START, end=START + 24 * HOUR) == [
        KnownInterval(START, 60, 1.0, 1.0, True),
        KnownInterval(START + HOUR, 60, None, 2.0, True),
        KnownInterval(START + 2 * HOUR, 60, 3.0, 3.0, True),
        KnownInterval(START + 3 * HOUR, 60, None, 3.5, False),
    ]
    assert len(known_intervals(conn, LOAD, start=START, end=START + 24 * HOUR, limit=2)) == 2
    assert newest_interval(conn, LOAD) == (START + 2 * HOUR, 60)
    assert newest_interval(conn, (Source.METER, "nobody", Channel.LOAD)) is None


def test_edits_keep_the_value_before_mark_one_span_and_are_one_audit_entry(conn: psycopg.Connection) -> None:
    values = [
        IntervalValue(START + hour * HOUR, 60, value) for hour, value in ((0, 10.0), (1, None), (3, 13.0), (4, 14.0))
    ]
    made = add_edits(conn, LOAD, values, **ACT)  # type: ignore[arg-type]
    assert [(edit.interval_start, edit.old_value, edit.value) for edit in made] == [
        (START, 1.0, 10.0),
        (START + HOUR, 2.0, None),
        (START + 3 * HOUR, 3.5, 13.0),
        (START + 4 * HOUR, None, 14.0),
    ]
    assert list_edits(conn, LOAD, start=START, end=START + 24 * HOUR) == made
    due = conn.execute("SELECT interval_from, interval_until FROM validation_due").fetchall()
    assert due == [(START, START + 5 * HOUR)]
    (entry,) = list_audit(conn, limit=1)
    assert (entry.actor, entry.action) == ("key:night-shift", "reading.edit")
    assert entry.document["series_id"] == "m-1:load"
    assert [edit[3:] for edit in entry.document["edits"]] == [[1.0, 10.0], [2.0, None], [3.5, 13.0], [None, 14.0]]
    stored = conn.execute("SELECT value FROM reading ORDER BY interval_start").fetchall()
    assert stored == [(1.0,), (None,), (3.0,)], "the raw readings stay as they were sent"


def test_a_span_of_edits_is_withdrawn_at_once_and_only_once(conn: psycopg.Connection) -> None:
    made = add_edits(conn, LOAD, [IntervalValue(START + i * HOUR, 60, 7.0) for i in range(5)], **ACT)  # type: ignore[arg-type]
    conn.execute("DELETE FROM validation_due")
    back = {"reason": "it was right", "actor": "key:day-shift", "at": START + 31 * HOUR}
    taken = withdraw_edits(conn, LOAD, start=START + HOUR, end=START + 3 * HOUR, **back)  # type: ignore[arg-type]
    assert [edit.edit_id for edit in taken] == [made[1].edit_id, made[2].edit_id]
    assert conn.execute("SELECT interval_from, interval_until FROM validation_due").fetchall() == [
        (START + HOUR, START + 3 * HOUR)
    ]
    assert withdraw_edits(conn, LOAD, start=START + HOUR, end=START + 3 * HOUR, **back) == []  # type: ignore[arg-type]
    in_force = list_edits(conn, LOAD, start=START, end=START + 24 * HOUR, withdrawn=False)
    assert [edit.edit_id for edit in in_force] == [made[i].edit_id for i in (0, 3, 4)]
    gone = find_edit(conn, LOAD, made[1].edit_id)
    assert gone is not None
    assert (gone.withdrawn_by, gone.withdrawal_reason) == ("key:day-shift", "it was right")
    assert find_edit(conn, (Source.METER, "nobody", Channel.LOAD), made[1].edit_id) is None
    assert [entry.action for entry in list_audit(conn, limit=9)] == ["reading.edit.withdraw", "reading.edit"]
    assert verify_audit(conn).intact


def test_every_fault_is_told_and_nothing_is_kept(conn: psycopg.Connection) -> None:
    nobody: ChannelId = (Source.METER, "nobody", Channel.LOAD)
    with pytest.raises(InputError) as caught:
        add_edits(conn, nobody, [IntervalValue(START, 60, float("nan"))], **ACT | {"reason": " "})  # type: ignore[arg-type]
    assert [fault.place for fault in caught.value.faults] == ["series", "reason", "values"]
    with pytest.raises(InputError, match="10000"):
        add_edits(conn, LOAD, [IntervalValue(START, 60, 1.0)] * (MAX_EDITS + 1), **ACT)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="reason"):
        withdraw_edits(conn, LOAD, start=START, end=START + HOUR, reason="", actor="key:x", at=START)
    assert list_edits(conn, LOAD, start=START, end=START + 24 * HOUR) == []
    assert list_audit(conn, limit=9) == []
