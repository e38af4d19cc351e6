"""Dropping old readings, when an operator says so: by default everything is kept for good.

Hourly and daily totals stay. Nothing here reads the wall clock: an age counts back from the newest reading, so that a
replayed history is not dropped the night it was loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg import sql

from grid.local_days import local_date, local_midnight
from grid.store.migrate import has_timescale
from grid.store.partitions import SPAN_US
from grid.store.rollups import roll_up_all
from grid.time_axis import EPOCH

_BESIDE = ("reading_history", "verdict", "verdict_history", "reading")


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """What was dropped.

    Attributes:
        before: Intervals that began before this instant are gone: the local midnight of the site at or before the one
            that was asked for.
        dropped: Partitions or chunks that were dropped whole.
        deleted: Rows that were deleted one by one, history and verdicts included.
    """

    before: datetime
    dropped: int
    deleted: int


def newest_reading(conn: psycopg.Connection) -> datetime | None:
    """The start of the newest interval that any channel has a reading of; None if there is none."""
    row = conn.execute(
        "SELECT max(newest.interval_start) FROM channel c CROSS JOIN LATERAL (SELECT r.interval_start FROM reading r"
        " WHERE r.channel_key = c.channel_key ORDER BY r.interval_start DESC LIMIT 1) newest"
    ).fetchone()
    return row[0] if row else None


def drop_readings(conn: psycopg.Connection, *, before: datetime) -> RetentionReport:
    """Drop the readings of all local days that ended by ``before``, their history and verdicts; totals stay.

    Totals that are due are brought in line first, and those of the dropped days never change again: what arrives late
    for them is stored, and does not count. It commits by itself, so there must be no transaction open.
    """
    roll_up_all(conn)
    with conn.transaction():
        row = conn.execute("SELECT timezone FROM rollup_setting FOR UPDATE").fetchone()
        assert row is not None
        day = local_midnight(local_date(before, row[0]), row[0])
        conn.execute("UPDATE rollup_setting SET readings_from = greatest(readings_from, %s)", (day,))
        timescale = has_timescale(conn)
        dropped = _drop_chunks(conn, day) if timescale else _drop_partitions(conn, day)
        deleted = 0
        for table in _BESIDE:
            query = sql.SQL("DELETE FROM {} WHERE interval_start < %s").format(sql.Identifier(table))
            deleted += conn.execute(query, (day,)).rowcount
    return RetentionReport(before=day, dropped=dropped, deleted=deleted)


def _drop_partitions(conn: psycopg.Connection, before: datetime) -> int:
    names = conn.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'reading'::regclass AND c.relname ~ '^reading_-?[0-9]+$'"
    ).fetchall()
    behind = (before - EPOCH) // timedelta(microseconds=SPAN_US)
    old = sorted(name for (name,) in names if int(name.removeprefix("reading_")) < behind)
    for name in old:
        conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("partitions", name)))
    return len(old)


def _drop_chunks(conn: psycopg.Connection, before: datetime) -> int:
    tables = ("reading", "reading_history")
    return sum(len(conn.execute("SELECT drop_chunks(%s, %s)", (table, before)).fetchall()) for table in tables)
