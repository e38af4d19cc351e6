"""Edits by hand: one act with one reason, audited and told of, never changed, withdrawn by another row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest

from grid.faults import InputError
from grid.readings import ReadingBlock, Source
from grid.store.audit import list_audit, verify_audit
from grid.store.database import connect
from grid.store.edits import MAX_EDITS, IntervalValue, add_edits, find_edit, list_edits, withdraw_edits
from grid.store.events import events_after
from grid.store.saving import save_readings
from grid.store.series import ChannelId
from grid.time_axis import to_us
from grid.units import Channel

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LOAD: ChannelId = (Source.METER, "m-1", Channel.LOAD)
NOBODY: ChannelId = (Source.METER, "nobody", Channel.LOAD)
ACT: dict[str, Any] = {"reason": "meter replaced", "actor": "key:night-shift", "at": START + 30 * HOUR}
BACK: dict[str, Any] = {"reason": "it was right", "actor": "key:day-shift", "at": START + 31 * HOUR}
ALL: dict[str, Any] = {"start": START, "end": START + 24 * HOUR}


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    """Three hours of one meter: 1, missing, 3; all judged, the second one estimated, the fourth a gap."""
    with connect(database_url, application_name="test") as connection:
        starts = to_us(START) + np.arange(3, dtype=np.int64) * 3_600_000_000
        block = ReadingBlock(*LOAD, 60, starts, np.array([1.0, np.nan, 3.0]), 0)
        save_readings(connection, [block], received_at=START + 4 * HOUR)
        connection.execute("DELETE FROM validation_due")
        connection.execute(
            "INSERT INTO verdict SELECT channel_key, %s + hour * interval '1 hour', 60, value, 8, now()"
            " FROM channel, (VALUES (1, 2.0), (3, 3.5)) AS told (hour, value)",
            (START,),
        )
        connection.commit()
        yield connection


def hours(*told: tuple[int, float | None]) -> list[IntervalValue]:
    return [IntervalValue(START + hour * HOUR, 60, value) for hour, value in told]


def due(conn: psycopg.Connection) -> list[tuple[datetime, datetime, datetime]]:
    return conn.execute("SELECT interval_from, interval_until, marked_at FROM validation_due").fetchall()


def test_edits_keep_the_validated_value_before_mark_one_span_and_are_one_audit_entry(conn: psycopg.Connection) -> None:
    made = add_edits(conn, LOAD, hours((0, 10.0), (1, None), (3, 13.0), (4, 14.0)), **ACT)
    assert [(edit.interval_start, edit.old_value, edit.value) for edit in made] == [
        (START, 1.0, 10.0),
        (START + HOUR, 2.0, None),
        (START + 3 * HOUR, 3.5, 13.0),
        (START + 4 * HOUR, None, 14.0),
    ]
    assert {(edit.reason, edit.edited_by, edit.edited_at) for edit in made} == {tuple(ACT.values())}
    assert list_edits(conn, LOAD, **ALL) == made
    assert list_edits(conn, LOAD, start=START + HOUR, end=START + 2 * HOUR) == made[1:2]
    assert due(conn) == [(START, START + 5 * HOUR, ACT["at"])]
    (entry,) = list_audit(conn, limit=9)
    assert (entry.actor, entry.action) == ("key:night-shift", "reading.edit")
    assert (entry.document["series_id"], entry.document["reason"]) == ("m-1:load", "meter replaced")
    assert [edit[3:] for edit in entry.document["edits"]] == [[1.0, 10.0], [2.0, None], [3.5, 13.0], [None, 14.0]]
    stored = conn.execute("SELECT value FROM reading ORDER BY interval_start").fetchall()
    assert stored == [(1.0,), (None,), (3.0,)], "the raw readings stay as they were sent"


def test_edits_are_withdrawn_as_one_act_and_only_once(conn: psycopg.Connection) -> None:
    made = add_edits(conn, LOAD, hours(*((i, 7.0) for i in range(5))), **ACT)
    conn.execute("DELETE FROM validation_due")
    taken = withdraw_edits(conn, LOAD, made[1:3], **BACK)
    assert due(conn) == [(START + HOUR, START + 3 * HOUR, BACK["at"])]
    assert [find_edit(conn, LOAD, edit.edit_id) for edit in made[1:3]] == taken
    assert {(e.withdrawal_reason, e.withdrawn_by, e.withdrawn_at) for e in taken} == {tuple(BACK.values())}
    assert withdraw_edits(conn, LOAD, made[1:3], **BACK) == []
    assert [edit.edit_id for edit in withdraw_edits(conn, LOAD, made[2:4], **BACK)] == [made[3].edit_id]
    assert list_edits(conn, LOAD, **ALL, withdrawn=False) == [made[0], made[4]]
    assert len(list_edits(conn, LOAD, **ALL)) == 5
    assert [entry.action for entry in list_audit(conn, limit=9)] == ["reading.edit.withdraw"] * 2 + ["reading.edit"]
    assert verify_audit(conn).intact


def test_an_edit_belongs_to_its_channel(conn: psycopg.Connection) -> None:
    (edit,) = add_edits(conn, LOAD, hours((0, 7.0)), **ACT)
    assert find_edit(conn, NOBODY, edit.edit_id) is None
    assert find_edit(conn, LOAD, edit.edit_id + 1) is None
    assert withdraw_edits(conn, NOBODY, [edit], **BACK) == []
    assert list_edits(conn, LOAD, **ALL, withdrawn=False) == [edit]


def test_listeners_are_told_of_edits_and_of_their_withdrawal(conn: psycopg.Connection) -> None:
    made = add_edits(conn, LOAD, hours((0, 10.0), (3, None)), **ACT)
    withdraw_edits(conn, LOAD, made[:1], **BACK)
    told = [(event.kind, event.payload) for event in events_after(conn, event_id=0)]
    start = {"series_id": "m-1:load", "start": "2026-03-01T00:00:00+00:00"}
    assert told == [
        (
            "edit",
            start
            | {
                "end": "2026-03-01T04:00:00+00:00",
                "intervals": 2,
                "withdrawn": False,
                "edited_by": "key:night-shift",
            },
        ),
        (
            "edit",
            start
            | {"end": "2026-03-01T01:00:00+00:00", "intervals": 1, "withdrawn": True, "edited_by": "key:day-shift"},
        ),
    ]


def test_every_fault_is_told_and_nothing_is_kept(conn: psycopg.Connection) -> None:
    with pytest.raises(InputError) as caught:
        add_edits(conn, NOBODY, [IntervalValue(START + timedelta(seconds=1), 0, float("inf"))], **ACT | {"reason": " "})
    assert [fault.place for fault in caught.value.faults] == ["series", "reason", "values", "intervals"]
    with pytest.raises(InputError, match="10000"):
        add_edits(conn, LOAD, [IntervalValue(START, 60, 1.0)] * (MAX_EDITS + 1), **ACT)
    (edit,) = add_edits(conn, LOAD, hours((0, 1.0)), **ACT)
    with pytest.raises(InputError, match="reason"):
        withdraw_edits(conn, LOAD, [edit], **BACK | {"reason": ""})
    with pytest.raises(InputError, match="10000"):
        withdraw_edits(conn, LOAD, [edit] * (MAX_EDITS + 1), **BACK)
    assert list_edits(conn, LOAD, **ALL) == [edit]
    assert len(list_audit(conn, limit=9)) == 1


def test_edits_cannot_be_changed_or_removed(conn: psycopg.Connection) -> None:
    add_edits(conn, LOAD, hours((1, 7.0)), **ACT)
    conn.commit()
    for statement in ("UPDATE reading_edit SET value = 8", "DELETE FROM reading_edit"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            conn.execute(statement.encode())
        conn.rollback()
