"""What operators set by hand: values that stand against every rule, each with its reason. Added, never changed.

An edit is a row and a mark that its interval is due; validation then puts the value into the validated layer. The raw
reading stays as it was sent. Withdrawing an edit is another row, and an older edit of the interval then holds again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from grid.faults import Fault, InputError
from grid.store.audit import append_audit
from grid.store.retention import require_not_final
from grid.store.series import ChannelId, find_channel_keys
from grid.store.validation_due import DueSpan, mark_due


@dataclass(frozen=True, slots=True)
class ReadingEdit:
    """One edit of one interval.

    Attributes:
        old_value: The validated value until then, in the stored unit; None: missing.
        value: The one that the operator set; None: declared missing.
        edited_by: Who, as the audit log calls them.
        edited_at: Wall clock.
        withdrawn_by, withdrawn_at, withdrawal_reason: None while the edit has not been withdrawn.
    """

    edit_id: int
    interval_start: datetime
    interval_minutes: int
    old_value: float | None
    value: float | None
    reason: str
    edited_by: str
    edited_at: datetime
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None
    withdrawal_reason: str | None = None


def withdraw_edit(
    conn: psycopg.Connection[Any], edit_id: int, *, reason: str, actor: str, at: datetime
) -> ReadingEdit | None:
    """Take an edit back, audited; the edit as it stands then, or None if there is none of that number.

    Raises:
        InputError: If the reason is empty, the edit was withdrawn before, or retention made its interval final.
    """
    if not reason.strip():
        raise InputError([Fault("reason", "is empty", "say why the edit is withdrawn")])
    with conn.transaction():
        row = conn.execute(
            "SELECT e.channel_key, e.interval_start, e.interval_minutes, e.value, c.owner_id || ':' || c.channel"
            " FROM reading_edit e JOIN channel c USING (channel_key) WHERE e.edit_id = %s AND e.withdraws IS NULL",
            (edit_id,),
        ).fetchone()
        if row is None:
            return None
        key, interval_start, interval_minutes, value, name = row
        require_not_final(conn, interval_start)
        done = conn.execute(
            "INSERT INTO reading_edit (channel_key, interval_start, interval_minutes, old_value, value, reason,"
            " edited_by, edited_at, withdraws) VALUES (%s, %s, %s, %s, NULL, %s, %s, %s, %s)"
            " ON CONFLICT (withdraws) DO NOTHING RETURNING edit_id",
            (key, interval_start, interval_minutes, value, reason, actor, at, edit_id),
        ).fetchone()
        if done is None:
            raise InputError([Fault("edit", f"edit {edit_id} was withdrawn before", "list the edits to see by whom")])
        (edit,) = _select(conn, "e.edit_id = %(edit_id)s", {"edit_id": edit_id})
        _mark(conn, key, edit, at)
        append_audit(conn, actor=actor, action="reading.edit.withdraw", document=_document(name, edit))
    return edit


def list_edits(
    conn: psycopg.Connection[Any], channel: ChannelId, *, start: datetime, end: datetime, withdrawn: bool = True
) -> list[ReadingEdit]:
    """The edits of intervals that start in [start, end), in order of time and then of their making.

    Args:
        withdrawn: Whether to list those that were withdrawn too.
    """
    (key,) = find_channel_keys(conn, [channel])
    condition = "e.channel_key = %(key)s AND e.interval_start >= %(start)s AND e.interval_start < %(end)s"
    edits = _select(conn, condition, {"key": key, "start": start, "end": end})
    return [edit for edit in edits if withdrawn or edit.withdrawn_by is None]


def _select(conn: psycopg.Connection[Any], condition: str, parameters: dict[str, object]) -> Sequence[ReadingEdit]:
    rows = conn.execute(
        "SELECT e.edit_id, e.interval_start, e.interval_minutes, e.old_value, e.value, e.reason, e.edited_by,"
        " e.edited_at, w.edited_by, w.edited_at, w.reason"
        " FROM reading_edit e LEFT JOIN reading_edit w ON w.withdraws = e.edit_id"
        f" WHERE e.withdraws IS NULL AND {condition} ORDER BY e.interval_start, e.edit_id",
        parameters,
    ).fetchall()
    return [ReadingEdit(*row) for row in rows]


def _mark(conn: psycopg.Connection[Any], key: int, edit: ReadingEdit, at: datetime) -> None:
    until = edit.interval_start + timedelta(minutes=edit.interval_minutes)
    mark_due(conn, [DueSpan(key, edit.interval_start, until)], marked_at=at)


def _document(name: str, edit: ReadingEdit) -> dict[str, object]:
    return {
        "edit_id": edit.edit_id,
        "series_id": name,
        "interval_start": edit.interval_start.isoformat(),
        "interval_minutes": edit.interval_minutes,
        "old_value": edit.old_value,
        "value": edit.value,
        "reason": edit.withdrawal_reason or edit.reason,
    }
