"""What waits for validation: spans of intervals of a channel, marked by whoever changes something that they rest on.

Marks are only ever added, so a writer never waits for a validator. A validator that has judged a span moves its mark
to ``validation_done``, which tells until when an interval was not yet valid.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import psycopg

from grid.store.binary_copy import INT4, POSTGRES_EPOCH_US, TIMESTAMPTZ, IntArray, pack_rows
from grid.time_axis import to_us

MERGE_WITHIN = timedelta(days=7)
"""Intervals of one channel no farther apart are marked together; the surroundings of each reach farther anyway."""

LONGEST_PIECE = timedelta(days=366)
"""Judged in one go; of a longer mark the rest stays due. So no row of ``validation_done`` is longer."""
LATE_AFTER = timedelta(minutes=15)
"""What waits for longer is late: no validator runs, or it does not keep up."""
FOLDED_SPAN = timedelta(days=7)
"""Marks that begin within so long a span of intervals are folded together."""

_CHANNEL_LOCK = 0x6772_6965  # first half of the advisory locks that validators hold, one per channel
_MERGE_US = MERGE_WITHIN // timedelta(microseconds=1)
_MINUTE_US = 60_000_000


class DueSpan(NamedTuple):
    """Intervals of one channel that start in [interval_from, interval_until)."""

    channel_key: int
    interval_from: datetime
    interval_until: datetime


class DueMark(NamedTuple):
    """A span that somebody marked."""

    due_id: int
    span: DueSpan
    marked_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits: how many marks, of how many channels, and since when the oldest (wall clock)."""

    marks: int
    channels: int
    oldest_marked_at: datetime | None

    def waited(self, *, at: datetime) -> timedelta:
        """For how long the oldest has waited; nothing if none does."""
        return max(at - (self.oldest_marked_at or at), timedelta(0))


def mark_due(conn: psycopg.Connection[Any], spans: Collection[DueSpan], *, marked_at: datetime) -> None:
    """Mark spans in the caller's transaction."""
    if spans:
        conn.execute(
            "INSERT INTO validation_due (channel_key, interval_from, interval_until, marked_at)"
            " SELECT *, %s FROM unnest(%s::integer[], %s::timestamptz[], %s::timestamptz[])",
            (marked_at, *(list(column) for column in zip(*spans, strict=True))),
        )


def mark_intervals(
    conn: psycopg.Connection[Any], channel_key: IntArray, start_us: IntArray, minutes: IntArray, *, marked_at: datetime
) -> None:
    """Mark many intervals, sorted by channel and start, as few spans, in the caller's transaction.

    Args:
        channel_key, start_us, minutes: Shape (intervals,); starts in microseconds since 1970.
    """
    if not len(channel_key):
        return
    begins = np.ones(len(channel_key), dtype=np.bool_)
    begins[1:] = (np.diff(channel_key) != 0) | (np.diff(start_us) > _MERGE_US)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(begins)) - 1
    stream = pack_rows(
        [
            (INT4, channel_key[first]),
            (TIMESTAMPTZ, start_us[first] - POSTGRES_EPOCH_US),
            (TIMESTAMPTZ, start_us[last] + minutes[last] * _MINUTE_US - POSTGRES_EPOCH_US),
            (TIMESTAMPTZ, np.full(len(first), to_us(marked_at) - POSTGRES_EPOCH_US)),
        ]
    )
    columns = "channel_key, interval_from, interval_until, marked_at"
    with conn.cursor().copy(f"COPY validation_due ({columns}) FROM STDIN (FORMAT binary)") as copy:
        copy.write(stream)


def mark_stored(
    conn: psycopg.Connection[Any],
    keys: Collection[int] | None,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    marked_at: datetime,
) -> int:
    """Mark everything that is stored of these channels, or of all; returns how many of them have something.

    Args:
        start, end: Only intervals that start in [start, end).
    """
    cursor = conn.execute(
        """
        INSERT INTO validation_due (channel_key, interval_from, interval_until, marked_at)
        SELECT c.channel_key, greatest(first.interval_start, %(start)s),
               least(last.interval_start + last.interval_minutes * interval '1 minute', %(end)s), %(marked_at)s
        FROM channel c
        CROSS JOIN LATERAL (SELECT r.interval_start FROM reading r WHERE r.channel_key = c.channel_key
                            ORDER BY r.interval_start LIMIT 1) first
        CROSS JOIN LATERAL (SELECT r.interval_start, r.interval_minutes FROM reading r
                            WHERE r.channel_key = c.channel_key
                            ORDER BY r.interval_start DESC, r.interval_minutes DESC LIMIT 1) last
        WHERE (%(keys)s::integer[] IS NULL OR c.channel_key = ANY(%(keys)s))
          AND (%(start)s::timestamptz IS NULL OR last.interval_start >= %(start)s)
          AND (%(end)s::timestamptz IS NULL OR first.interval_start < %(end)s)
        """,
        {"keys": None if keys is None else list(keys), "start": start, "end": end, "marked_at": marked_at},
    )
    return cursor.rowcount


def mark_silent(
    conn: psycopg.Connection[Any], *, awaited_until: datetime, longest: timedelta, marked_at: datetime
) -> int:
    """Mark intervals that should have come by ``awaited_until`` at the ends of channels, each once; how many channels.

    Args:
        longest: After so long a silence a channel is no longer awaited.
    """
    cursor = conn.execute(
        """
        INSERT INTO validation_due (channel_key, interval_from, interval_until, marked_at)
        SELECT c.channel_key, told.until, awaited.until, %(marked_at)s FROM channel c
        CROSS JOIN LATERAL (
            SELECT r.interval_start + r.interval_minutes * interval '1 minute' AS interval_end,
                   r.interval_minutes * interval '1 minute' AS length
            FROM reading r WHERE r.channel_key = c.channel_key AND r.interval_start < %(awaited_until)s
            ORDER BY r.interval_start DESC, r.interval_minutes DESC LIMIT 1) newest
        LEFT JOIN LATERAL (
            SELECT v.interval_start + v.interval_minutes * interval '1 minute' AS interval_end
            FROM verdict v WHERE v.channel_key = c.channel_key AND v.interval_start < %(awaited_until)s
            ORDER BY v.interval_start DESC, v.interval_minutes DESC LIMIT 1) judged ON true
        CROSS JOIN LATERAL (SELECT greatest(newest.interval_end, judged.interval_end) AS until) told
        CROSS JOIN LATERAL (SELECT least(%(awaited_until)s, newest.interval_end + %(longest)s) AS until) awaited
        WHERE told.until + newest.length <= awaited.until
        """,
        {"awaited_until": awaited_until, "longest": longest, "marked_at": marked_at},
    )
    return cursor.rowcount


def lock_due(
    conn: psycopg.Connection[Any], *, channels: int, every: timedelta = timedelta(0)
) -> dict[int, list[DueMark]]:
    """Take up to so many channels that have waited longest: their marks, each channel's in order of time.

    The channel that has waited longest comes first.
    Until the transaction ends no other validator gets these channels; channels that another one has are left out.

    Args:
        every: Channels that were settled less than this ago are left out as well.
    """
    # Locks are tried row by row and only until there are enough; the ordering must not be mixed up with them.
    rows = conn.execute(
        "WITH waiting AS MATERIALIZED"
        " (SELECT channel_key FROM validation_due LEFT JOIN channel_settled USING (channel_key)"
        "  WHERE settled_at IS NULL OR settled_at <= clock_timestamp() - %s"
        "  GROUP BY channel_key ORDER BY min(due_id))"
        " SELECT channel_key FROM waiting WHERE pg_try_advisory_xact_lock(%s, channel_key) LIMIT %s",
        (every, _CHANNEL_LOCK, channels),
    ).fetchall()
    # Only now, with the locks held, is it certain what still waits.
    marks = conn.execute(
        "SELECT due_id, channel_key, interval_from, interval_until, marked_at FROM validation_due"
        " WHERE channel_key = ANY(%s)"
        " ORDER BY min(due_id) OVER (PARTITION BY channel_key), channel_key, interval_from, due_id",
        ([key for (key,) in rows],),
    ).fetchall()
    due: dict[int, list[DueMark]] = {}
    for due_id, key, begin, until, marked_at in marks:
        due.setdefault(key, []).append(DueMark(due_id, DueSpan(key, begin, until), marked_at))
    return due


def settle_due(
    conn: psycopg.Connection[Any],
    marks: Sequence[DueMark],
    *,
    until: Mapping[int, datetime],
    judged_at: datetime,
) -> None:
    """Move marks to ``validation_done``. Of a mark that reaches beyond what was judged the rest stays due.

    Args:
        until: By channel, up to where was judged.
    """
    if not marks:
        return
    done, rest = [], []
    for _, span, marked_at in marks:
        limit = until[span.channel_key]
        done.append((*span[:2], min(span.interval_until, limit), marked_at))
        if span.interval_until > limit:
            rest.append((span.channel_key, limit, span.interval_until, marked_at))
    unnested = "unnest(%s::integer[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])"
    columns = "channel_key, interval_from, interval_until, marked_at"
    conn.execute(
        "DELETE FROM validation_due WHERE channel_key = ANY(%s) AND due_id = ANY(%s)",
        (list(until), [mark.due_id for mark in marks]),
    )
    conn.execute(
        f"INSERT INTO validation_done ({columns}, judged_at) SELECT *, %s FROM {unnested}",
        (judged_at, *(list(column) for column in zip(*done, strict=True))),
    )
    if rest:
        conn.execute(
            f"INSERT INTO validation_due ({columns}) SELECT * FROM {unnested}",
            [list(column) for column in zip(*rest, strict=True)],
        )
    conn.execute(
        """
        INSERT INTO channel_settled SELECT k, %s FROM unnest(%s::integer[]) k
        WHERE NOT EXISTS (SELECT FROM validation_due d WHERE d.channel_key = k)
        ON CONFLICT (channel_key) DO UPDATE SET settled_at = excluded.settled_at
        """,
        (judged_at, list(until)),
    )


def fold_done(conn: psycopg.Connection[Any], *, judged_before: datetime) -> int:
    """Fold what was judged before an instant, a row for each channel and week of its intervals; returns how many.

    Nothing is lost: a folded row holds its spans in arrays. Called once a day it leaves one row per channel and day.
    """
    return conn.execute(
        """
        WITH old AS (DELETE FROM validation_done WHERE judged_at < %s RETURNING *)
        INSERT INTO validation_done_folded
        SELECT channel_key, min(interval_from), max(interval_until), min(marked_at), max(judged_at),
               array_agg(interval_from), array_agg(interval_until), array_agg(marked_at), array_agg(judged_at)
        FROM old GROUP BY channel_key, date_bin(%s, interval_from, timestamptz '1970-01-01Z')
        """,
        (judged_before, FOLDED_SPAN),
    ).rowcount


def validation_backlog(conn: psycopg.Connection[Any]) -> Backlog:
    """What waits now."""
    row = conn.execute("SELECT count(*), count(DISTINCT channel_key), min(marked_at) FROM validation_due").fetchone()
    assert row is not None
    return Backlog(*row)
