"""The intervals of one channel: those that came, and those of which validation knows that they did not."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from grid.store.series import ChannelId, find_channel_keys


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


def known_intervals(
    conn: psycopg.Connection[Any], channel: ChannelId, *, start: datetime, end: datetime, limit: int
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
