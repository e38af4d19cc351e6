"""What operators set by hand: values that stand against every rule, each with its reason. Added, never changed.

An edit is a row and a mark that its interval is due; validation then puts the value into the validated layer. The raw
reading stays as it was sent. Withdrawing an edit is another row, and an older edit of the interval then holds again.
Edits of many intervals are one act: one reason, one mark, one entry of the audit log, one event.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from grid.faults import Fault, InputError
from grid.readings import series_id
from grid.store.audit import append_audit
from grid.store.events import publish_event
from grid.store.known_intervals import known_intervals
from grid.store.retention import require_not_final
from grid.store.series import ChannelId, find_channel_keys
from grid.store.validation_due import DueSpan, mark_due
from grid.time_axis import require_utc

MAX_EDITS = 10_000
"""Intervals that may be edited at once."""
LONGEST_MINUTES = 25 * 60
"""Of an interval: a local day when clocks go back."""


class IntervalValue(NamedTuple):
    """What an interval is set to, in the stored unit; None declares it missing."""

    interval_start: datetime
    interval_minutes: int
    value: float | None


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

    @property
    def interval_end(self) -> datetime:
        return self.interval_start + timedelta(minutes=self.interval_minutes)


def add_edits(
    conn: psycopg.Connection[Any],
    channel: ChannelId,
    intervals: Sequence[IntervalValue],
    *,
    reason: str,
    actor: str,
    at: datetime,
) -> list[ReadingEdit]:
    """Set the validated values of intervals by hand; validation then takes them over.

    Args:
        intervals: In order of time, none twice, at most :data:`MAX_EDITS`.
        actor: Who edits, as the audit log calls them, such as ``key:NAME``.
        at: Wall clock; see :func:`grid.store.settled.stamp`.

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
        _tell(conn, "reading.edit", key, name, edits, reason=reason, actor=actor, at=at)
    return edits


def withdraw_edits(
    conn: psycopg.Connection[Any],
    channel: ChannelId,
    edits: Sequence[ReadingEdit],
    *,
    reason: str,
    actor: str,
    at: datetime,
) -> list[ReadingEdit]:
    """Take back edits of a channel, as :func:`list_edits` has them; returns those that nobody had taken back before.

    Raises:
        InputError: If the reason is empty, there are more than :data:`MAX_EDITS`, or retention made an interval final.
    """
    if not reason.strip():
        raise InputError([Fault("reason", "is empty", "say why the edits are withdrawn")])
    if len(edits) > MAX_EDITS:
        problem = f"the span has {len(edits)} edits, at most {MAX_EDITS} can be withdrawn at once"
        raise InputError([Fault("end", problem, "choose a shorter one")])
    (key,) = find_channel_keys(conn, [channel])
    if not edits or key is None:
        return []
    with conn.transaction():
        require_not_final(conn, min(edit.interval_start for edit in edits))
        rows = conn.execute(
            "INSERT INTO reading_edit (channel_key, interval_start, interval_minutes, old_value, value, reason,"
            " edited_by, edited_at, withdraws)"
            " SELECT channel_key, interval_start, interval_minutes, value, NULL, %s, %s, %s, edit_id"
            " FROM reading_edit WHERE edit_id = ANY(%s) AND channel_key = %s AND withdraws IS NULL"
            " ON CONFLICT (withdraws) DO NOTHING RETURNING withdraws",
            (reason, actor, at, [edit.edit_id for edit in edits], key),
        ).fetchall()
        taken = {edit_id for (edit_id,) in rows}
        done = [
            replace(edit, withdrawn_by=actor, withdrawn_at=at, withdrawal_reason=reason)
            for edit in edits
            if edit.edit_id in taken
        ]
        if done:
            name = series_id(channel[1], channel[2])
            _tell(conn, "reading.edit.withdraw", key, name, done, reason=reason, actor=actor, at=at)
    return done


def list_edits(
    conn: psycopg.Connection[Any], channel: ChannelId, *, start: datetime, end: datetime, withdrawn: bool = True
) -> list[ReadingEdit]:
    """The edits of intervals that start in [start, end), in order of time and then of their making.

    Args:
        withdrawn: Whether to list those that were withdrawn too.
    """
    (key,) = find_channel_keys(conn, [channel])
    condition = "e.interval_start >= %(start)s AND e.interval_start < %(end)s AND (%(withdrawn)s OR w.edit_id IS NULL)"
    return _select(conn, condition, {"key": key, "start": start, "end": end, "withdrawn": withdrawn})


def find_edit(conn: psycopg.Connection[Any], channel: ChannelId, edit_id: int) -> ReadingEdit | None:
    """An edit of a channel by its number, withdrawn or not; None if there is none."""
    (key,) = find_channel_keys(conn, [channel])
    found = _select(conn, "e.edit_id = %(edit_id)s", {"key": key, "edit_id": edit_id})
    return found[0] if found else None


def _select(conn: psycopg.Connection[Any], condition: str, parameters: dict[str, object]) -> list[ReadingEdit]:
    rows = conn.execute(
        "SELECT e.edit_id, e.interval_start, e.interval_minutes, e.old_value, e.value, e.reason, e.edited_by,"
        " e.edited_at, w.edited_by, w.edited_at, w.reason"
        " FROM reading_edit e LEFT JOIN reading_edit w ON w.withdraws = e.edit_id"
        f" WHERE e.channel_key = %(key)s AND e.withdraws IS NULL AND {condition} ORDER BY e.interval_start, e.edit_id",
        parameters,
    ).fetchall()
    return [ReadingEdit(*row) for row in rows]


def _is_interval(interval: IntervalValue) -> bool:
    start = require_utc(interval.interval_start, name="interval_start")
    return 1 <= interval.interval_minutes <= LONGEST_MINUTES and not (start.second or start.microsecond)


def _tell(
    conn: psycopg.Connection[Any],
    action: str,
    key: int,
    name: str,
    edits: Sequence[ReadingEdit],
    *,
    reason: str,
    actor: str,
    at: datetime,
) -> None:
    """Mark what the edits touch as due, write every value before and after into the audit log, and tell listeners."""
    start, end = min(edit.interval_start for edit in edits), max(edit.interval_end for edit in edits)
    mark_due(conn, [DueSpan(key, start, end)], marked_at=at)
    told = [
        [edit.edit_id, edit.interval_start.isoformat(), edit.interval_minutes, edit.old_value, edit.value]
        for edit in edits
    ]
    append_audit(conn, actor=actor, action=action, document={"series_id": name, "reason": reason, "edits": told})
    span = {"start": start.isoformat(), "end": end.isoformat()}
    withdrawn = action == "reading.edit.withdraw"
    payload = {"series_id": name, **span, "intervals": len(edits), "withdrawn": withdrawn, "edited_by": actor}
    publish_event(conn, kind="edit", payload=payload)
