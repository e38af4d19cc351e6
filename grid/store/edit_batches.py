"""Edits, of one interval or many, as one act with one reason and one entry of the audit log."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from grid.faults import Fault, InputError
from grid.readings import series_id
from grid.store.audit import append_audit
from grid.store.edits import ReadingEdit, list_edits
from grid.store.retention import require_not_final
from grid.store.series import ChannelId, find_channel_keys
from grid.store.validation_due import DueSpan, mark_due
from grid.time_axis import require_utc

MAX_EDITS = 10_000
"""Intervals that may be edited at once."""
LONGEST_MINUTES = 25 * 60
"""Of an interval: a local day when clocks go back."""


class KnownInterval(NamedTuple):
    """An interval that came, or of which validation knows that it did not.

    Attributes:
        sent: The raw value; None: reported as missing, or never came.
        validated: The validated value; None: missing.
        came: Whether there is a reading.
    """

    interval_start: datetime
    interval_minutes: int
    sent: float | None
    validated: float | None
    came: bool


class IntervalValue(NamedTuple):
    """What an interval is set to, in the stored unit; None declares it missing."""

    interval_start: datetime
    interval_minutes: int
    value: float | None


def known_intervals(
    conn: psycopg.Connection[Any], channel: ChannelId, *, start: datetime, end: datetime, limit: int = MAX_EDITS + 1
) -> list[KnownInterval]:
    """The intervals that start in [start, end), in order of time, at most ``limit``."""
    (key,) = find_channel_keys(conn, [channel])
    rows = conn.execute(
        """
        SELECT interval_start, interval_minutes, r.value,
               CASE WHEN v.channel_key IS NULL THEN r.value ELSE v.value END, r.channel_key IS NOT NULL
        FROM (SELECT * FROM reading WHERE channel_key = %(key)s
              AND interval_start >= %(start)s AND interval_start < %(end)s) r
        FULL JOIN (SELECT * FROM verdict WHERE channel_key = %(key)s
                   AND interval_start >= %(start)s AND interval_start < %(end)s) v
        USING (channel_key, interval_start, interval_minutes)
        ORDER BY interval_start, interval_minutes LIMIT %(limit)s
        """,
        {"key": key, "start": start, "end": end, "limit": limit},
    ).fetchall()
    return [KnownInterval(*row) for row in rows]


def newest_interval(conn: psycopg.Connection[Any], channel: ChannelId) -> tuple[datetime, int] | None:
    """Start and length of the channel's newest reading: where its intervals lie. None if it has none."""
    (key,) = find_channel_keys(conn, [channel])
    row = conn.execute(
        "SELECT interval_start, interval_minutes FROM reading WHERE channel_key = %s"
        " ORDER BY interval_start DESC, interval_minutes DESC LIMIT 1",
        (key,),
    ).fetchone()
    return (row[0], int(row[1])) if row else None


def add_edits(
    conn: psycopg.Connection[Any],
    channel: ChannelId,
    intervals: Sequence[IntervalValue],
    *,
    reason: str,
    actor: str,
    at: datetime,
) -> list[ReadingEdit]:
    """Set the validated values of intervals by hand, audited as one act; validation then takes them over.

    Args:
        intervals: In order of time, none twice, at most :data:`MAX_EDITS`.
        actor: Who edits, as the audit log calls them, such as ``key:NAME``.
        at: Wall clock.

    Raises:
        InputError: If there is no such channel, no interval or too many, one that is none, a value is not finite, no
            reason, or retention made an interval final.
        ValueError: If an instant is not in UTC.
    """
    (key,) = find_channel_keys(conn, [channel])
    name = series_id(channel[1], channel[2])
    faults = [] if key is not None else [Fault("series", f"no such series: {name!r}", "name one that has readings")]
    if not reason.strip():
        faults.append(Fault("reason", "is empty", "say why the values are set by hand"))
    if not 1 <= len(intervals) <= MAX_EDITS:
        faults.append(Fault("intervals", f"must be 1 to {MAX_EDITS}, got {len(intervals)}", "choose another span"))
    if any(interval.value is not None and not math.isfinite(interval.value) for interval in intervals):
        faults.append(Fault("values", "must be numbers, or nothing", "leave one out to declare it missing"))
    if not all(map(_is_interval, intervals)):
        remedy = f"name the start (a whole minute) and the length (1 to {LONGEST_MINUTES} minutes) of each"
        faults.append(Fault("intervals", "must be intervals that a meter could send", remedy))
    if faults or key is None:
        raise InputError(faults)
    starts, minutes, values = zip(*intervals, strict=True)
    end = starts[-1] + timedelta(minutes=minutes[-1])
    with conn.transaction():
        require_not_final(conn, starts[0])
        known = known_intervals(conn, channel, start=starts[0], end=end, limit=10 * MAX_EDITS)
        before = {(interval.interval_start, interval.interval_minutes): interval.validated for interval in known}
        old_values = [before.get(place) for place in zip(starts, minutes, strict=True)]
        rows = conn.execute(
            "INSERT INTO reading_edit (channel_key, interval_start, interval_minutes, old_value, value, reason,"
            " edited_by, edited_at)"
            " SELECT %s, *, %s, %s, %s::timestamptz"
            " FROM unnest(%s::timestamptz[], %s::smallint[], %s::float8[], %s::float8[]) RETURNING edit_id",
            (key, reason, actor, at, list(starts), list(minutes), old_values, list(values)),
        ).fetchall()
        edits = [
            ReadingEdit(edit_id, *place, old, value, reason, actor, at)
            for (edit_id,), place, old, value in zip(
                rows, zip(starts, minutes, strict=True), old_values, values, strict=True
            )
        ]
        mark_due(conn, [DueSpan(key, starts[0], end)], marked_at=at)
        append_audit(conn, actor=actor, action="reading.edit", document=_told(name, edits, reason))
    return edits


def find_edit(conn: psycopg.Connection[Any], channel: ChannelId, edit_id: int) -> ReadingEdit | None:
    """An edit of a channel by its number, withdrawn or not; None if there is none."""
    (key,) = find_channel_keys(conn, [channel])
    row = conn.execute(
        "SELECT interval_start FROM reading_edit WHERE edit_id = %s AND channel_key = %s AND withdraws IS NULL",
        (edit_id, key),
    ).fetchone()
    if row is None:
        return None
    edits = list_edits(conn, channel, start=row[0], end=row[0] + timedelta(microseconds=1))
    return next(edit for edit in edits if edit.edit_id == edit_id)


def withdraw_edits(
    conn: psycopg.Connection[Any],
    channel: ChannelId,
    *,
    start: datetime,
    end: datetime,
    reason: str,
    actor: str,
    at: datetime,
) -> list[ReadingEdit]:
    """Take back every edit in force of the intervals that start in [start, end), audited as one act.

    Raises:
        InputError: If the reason is empty, there are more than :data:`MAX_EDITS` edits, or retention made an interval
            final.
    """
    if not reason.strip():
        raise InputError([Fault("reason", "is empty", "say why the edits are withdrawn")])
    with conn.transaction():
        edits = list_edits(conn, channel, start=start, end=end, withdrawn=False)
        if len(edits) > MAX_EDITS:
            problem = f"the span has {len(edits)} edits, at most {MAX_EDITS} can be withdrawn at once"
            raise InputError([Fault("end", problem, "choose a shorter one")])
        if edits:
            require_not_final(conn, edits[0].interval_start)
        (key,) = find_channel_keys(conn, [channel])
        taken = {
            row[0]
            for row in conn.execute(
                "INSERT INTO reading_edit (channel_key, interval_start, interval_minutes, old_value, value, reason,"
                " edited_by, edited_at, withdraws)"
                " SELECT channel_key, interval_start, interval_minutes, value, NULL, %s, %s, %s, edit_id"
                " FROM reading_edit WHERE edit_id = ANY(%s)"
                " ON CONFLICT (withdraws) DO NOTHING RETURNING withdraws",
                (reason, actor, at, [edit.edit_id for edit in edits]),
            )
        }
        done = [edit for edit in edits if edit.edit_id in taken]
        if done and key is not None:
            until = max(edit.interval_start + timedelta(minutes=edit.interval_minutes) for edit in done)
            mark_due(conn, [DueSpan(key, done[0].interval_start, until)], marked_at=at)
            name = series_id(channel[1], channel[2])
            append_audit(conn, actor=actor, action="reading.edit.withdraw", document=_told(name, done, reason))
    return done


def _is_interval(interval: IntervalValue) -> bool:
    start = require_utc(interval.interval_start, name="interval_start")
    return 1 <= interval.interval_minutes <= LONGEST_MINUTES and not (start.second or start.microsecond)


def _told(name: str, edits: Sequence[ReadingEdit], reason: str) -> dict[str, object]:
    """What the audit log keeps: every interval with its value before and after."""
    return {
        "series_id": name,
        "reason": reason,
        "edits": [
            [edit.edit_id, edit.interval_start.isoformat(), edit.interval_minutes, edit.old_value, edit.value]
            for edit in edits
        ],
    }
