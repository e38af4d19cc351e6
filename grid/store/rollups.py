"""Rolling up what is due: hourly and daily totals at rest, brought in line with the readings and verdicts.

The views ``v_reading_hourly`` and ``v_reading_daily`` are exact without it: what is due they compute from the readings.
Rolling up keeps that part small. On plain PostgreSQL it rewrites the buckets that are due; on TimescaleDB it refreshes
the continuous aggregates, and rewrites only the buckets that they cannot express: those with verdicts, and those whose
intervals are of several lengths or off their grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg import sql

from grid.faults import Fault, InputError
from grid.store.migrate import has_timescale

_LOCK = "hashtext('gridpilot roll-up')"
_TOTALS = ("reading_hourly", "reading_daily")
_ZONES = (sql.NULL, sql.SQL("(SELECT timezone FROM rollup_setting)"))


class _Mark(NamedTuple):
    due_id: int
    channel_key: int
    interval_from: datetime
    interval_until: datetime


@contextmanager
def roll_up_lock(conn: psycopg.Connection, *, wait: bool = True) -> Iterator[bool]:
    """Let no other process roll up meanwhile. Whoever holds it may take it again.

    Args:
        wait: Until another process is done with it; otherwise the block is told that it does not hold the lock.
    """
    if wait:
        conn.execute(f"SELECT pg_advisory_lock({_LOCK})")
    held = wait or conn.execute(f"SELECT pg_try_advisory_lock({_LOCK})").fetchone() == (True,)
    conn.commit()
    try:
        yield held
    finally:
        if held and not conn.closed:
            conn.rollback()
            conn.execute(f"SELECT pg_advisory_unlock({_LOCK})")
            conn.commit()


def set_rollup_zone(conn: psycopg.Connection, timezone: str) -> None:
    """Let days be those of this zone, and hours begin with its hours, in the caller's transaction. All become due.

    Raises:
        InputError: If it is another zone than before, and readings were dropped: of those only the totals are left.
    """
    dropped = conn.execute(
        "SELECT timezone, readings_from FROM rollup_setting WHERE timezone <> %s AND isfinite(readings_from)",
        (timezone,),
    ).fetchone()
    if dropped is not None:
        problem = (
            f"is {timezone}, but totals are by days of {dropped[0]}, and readings before {dropped[1]} were dropped"
        )
        remedy = f"keep {dropped[0]}, or load the site into a database of its own"
        raise InputError([Fault("timezone", problem, remedy)])
    conn.execute("SELECT set_rollup_zone(%s)", (timezone,))


def roll_up(conn: psycopg.Connection, *, limit: int = 5_000) -> int | None:
    """Bring the totals in line with up to ``limit`` of the oldest marks, and remove these; returns how many.

    It commits by itself, so there must be no transaction open. One process at a time does it: where another one is
    busy with it, nothing is done, and it returns None.

    Args:
        limit: Marks, each of one channel and, as a rule, at most a week.
    """
    with roll_up_lock(conn, wait=False) as held:
        return _roll_up(conn, limit=limit) if held else None


def roll_up_all(conn: psycopg.Connection) -> int:
    """Roll up until nothing is due, once no other process does; returns how many marks that took."""
    done = 0
    with roll_up_lock(conn):
        while step := _roll_up(conn, limit=5_000):
            done += step
    return done


def _roll_up(conn: psycopg.Connection, *, limit: int) -> int:
    found = conn.execute(
        "SELECT due_id, channel_key, interval_from, interval_until FROM rollup_due ORDER BY due_id LIMIT %s", (limit,)
    ).fetchall()
    marks = [_Mark(*mark) for mark in found]
    timescale = has_timescale(conn)
    conn.commit()
    if marks and timescale:
        _refresh(conn, marks)
    if marks:
        with conn.transaction():
            _rewrite(conn, marks, timescale=timescale)
    return len(marks)


def _rewrite(conn: psycopg.Connection, marks: Sequence[_Mark], *, timescale: bool) -> None:
    """Rewrite the totals of the marked buckets from the readings, and remove the marks.

    Marks that come meanwhile stay: whoever commits readings commits their marks with them, so that what was committed
    after this statement's snapshot is due again.
    """
    ids, keys, starts, ends = (list(column) for column in zip(*marks, strict=True))
    conn.execute("DELETE FROM rollup_due WHERE due_id = ANY(%s)", (ids,))
    spans = {"keys": keys, "starts": starts, "ends": ends}
    for table, zone in zip(_TOTALS, _ZONES, strict=True):
        sums = sql.Identifier(f"{table}_sums")
        chosen = sql.SQL(_EXCEPTIONS if timescale else _EVERY_BUCKET).format(sums=sums, zone=zone)
        conn.execute(sql.SQL(_REWRITE).format(table=sql.Identifier(table), zone=zone, chosen=chosen), spans)


_REWRITE = """
WITH spans AS MATERIALIZED (
    SELECT channel_key, unnest(range_agg(whole_buckets(interval_from, interval_until, {zone}))) AS span
    FROM unnest(%(keys)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
         AS due(channel_key, interval_from, interval_until)
    GROUP BY channel_key
), chosen AS MATERIALIZED ({chosen}
), fresh AS MATERIALIZED (
    SELECT t.* FROM chosen c CROSS JOIN LATERAL reading_totals(c.channel_key, c.span, {zone}) t
), gone AS (
    DELETE FROM {table} WHERE ctid = ANY (ARRAY(  -- by the index, span by span, however long the table is
        SELECT h.ctid FROM spans s CROSS JOIN LATERAL (
            SELECT ctid, channel_key, bucket_start FROM {table} WHERE channel_key = s.channel_key
               AND bucket_start >= lower(s.span) AND bucket_start < upper(s.span) OFFSET 0
        ) h WHERE NOT EXISTS (
            SELECT FROM fresh f WHERE f.channel_key = h.channel_key AND f.bucket_start = h.bucket_start)))
)
INSERT INTO {table} AS h SELECT * FROM fresh
ON CONFLICT (channel_key, bucket_start) DO UPDATE
SET value_minutes = excluded.value_minutes, known_minutes = excluded.known_minutes, readings = excluded.readings,
    estimated = excluded.estimated, missing = excluded.missing, last_value = excluded.last_value
WHERE h.* IS DISTINCT FROM excluded.*
"""
_EVERY_BUCKET = "SELECT channel_key, span FROM spans"
_EXCEPTIONS = """
    SELECT channel_key, tstzrange(bucket, bucket_end(bucket, {zone})) AS span FROM (
        SELECT s.channel_key, bucket_start(v.interval_start, {zone}) AS bucket
        FROM spans s JOIN verdict v ON v.channel_key = s.channel_key
             AND v.interval_start >= lower(s.span) AND v.interval_start < upper(s.span)
        UNION
        SELECT s.channel_key, a.bucket_start
        FROM spans s JOIN {sums} a ON a.channel_key = s.channel_key
             AND a.bucket_start >= lower(s.span) AND a.bucket_start < upper(s.span)
        WHERE NOT a.uniform
    ) AS found
"""


def _refresh(conn: psycopg.Connection, marks: Sequence[_Mark]) -> None:
    """Refresh the continuous aggregates over the marked buckets; a refresh cannot run inside a transaction.

    It is forced: TimescaleDB 2.28.3 was seen to leave out one of several touched buckets now and then when it went by
    its own log of them.
    """
    times = ([m.interval_from for m in marks], [m.interval_until for m in marks])
    for table, zone in zip(_TOTALS, _ZONES, strict=True):
        windows = conn.execute(
            sql.SQL(
                "SELECT lower(w), upper(w) FROM unnest((SELECT range_agg(whole_buckets(starts, ends, {}))"
                " FROM unnest(%s::timestamptz[], %s::timestamptz[]) AS m(starts, ends))) AS w"
            ).format(zone),
            times,
        ).fetchall()
        conn.commit()
        before, conn.autocommit = conn.autocommit, True
        try:
            for start, end in windows:
                conn.execute(
                    "CALL refresh_continuous_aggregate(%s, %s, %s, force => true)", (f"{table}_sums", start, end)
                )
        finally:
            conn.autocommit = before
