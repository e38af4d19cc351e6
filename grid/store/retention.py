"""Dropping old readings, when an operator says so: by default everything is kept for good.

Hourly and daily totals stay. Nothing here reads the wall clock: an age counts back from the newest reading, so that a
replayed history is not dropped the night it was loaded.

First the totals are made final and the horizon is set, in one short transaction. What lies before it is then dropped
piece by piece, so that ingest and validation never wait for long; broken off, it is taken up by the next call.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import psycopg
from psycopg import errors, sql

from grid.faults import Fault, InputError
from grid.local_days import local_date, local_midnight
from grid.store.migrate import has_timescale
from grid.store.partitions import SPAN_US
from grid.store.rollups import roll_up_all, roll_up_lock
from grid.time_axis import EPOCH
from grid.validation import LOOK_AHEAD, LOOK_BACK

LEAST_AGE = LOOK_BACK + LOOK_AHEAD
"""Of what is dropped, counted back from the newest reading: so old that no verdict yet to come rests on it."""

_T = TypeVar("_T")
_CHANNELS_AT_ONCE = 100
_LOCK_TRIES = 60
_LOCK_PAUSE_SECONDS = 0.5
_PATIENCE = "500ms"  # shorter than deadlock_timeout: it is the retention that gives way
_PATIENCE_TO_DROP = "1200ms"  # longer: it is autovacuum that gives way

# What goes row by row. Forecasts that others sent are kept, and so is their history: both or neither.
_ROWS = {
    "verdict": "interval_start < %(before)s",
    "verdict_history": "interval_start < %(before)s",
    "reading_history": "interval_start < %(before)s AND issued_at IS NULL",
    "validation_done": "interval_until <= %(before)s",
    "validation_done_folded": "interval_until <= %(before)s",
}


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """What would be dropped.

    Attributes:
        before: Intervals that began before this instant go: the local midnight of the site at or before the one that
            was asked for.
        newest: The newest reading, from which an age counts back; None if there is none.
        readings, kept: Readings that go, and those that stay.
    """

    before: datetime
    newest: datetime | None
    readings: int
    kept: int


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """What was dropped.

    Attributes:
        before: Intervals that began before this instant are gone.
        dropped: Partitions or chunks that were dropped whole.
        deleted: Rows that were deleted one by one, history and verdicts included.
    """

    before: datetime
    dropped: int
    deleted: int


def newest_reading(conn: psycopg.Connection) -> datetime | None:
    """The start of the newest interval that any channel has a reading of; None if there is none.

    Readings of intervals that had not begun when they were received do not count: their stamps are wrong.
    """
    row = conn.execute(
        "SELECT max(newest.interval_start) FROM channel c CROSS JOIN LATERAL (SELECT r.interval_start FROM reading r"
        " WHERE r.channel_key = c.channel_key AND r.interval_start <= r.received_at"
        " ORDER BY r.interval_start DESC LIMIT 1) newest"
    ).fetchone()
    return row[0] if row else None


def judged_from(conn: psycopg.Connection) -> datetime | None:
    """Verdicts on intervals that begin before are final, since what they rest on was dropped; None if nothing was."""
    row = conn.execute("SELECT readings_from FROM rollup_setting WHERE isfinite(readings_from)").fetchone()
    return row[0] + LOOK_BACK if row else None


def require_not_final(conn: psycopg.Connection, start: datetime) -> None:
    """Refuse to change by hand what is not judged again.

    Raises:
        InputError: If intervals from ``start`` lie before :func:`judged_from`.
    """
    final_before = judged_from(conn)
    if final_before is not None and start < final_before:
        problem = f"what validation found before {final_before.isoformat()} is final: readings it rests on were dropped"
        raise InputError([Fault("start", f"{problem}, got {start.isoformat()}", "leave it, or choose a later one")])


def plan_retention(conn: psycopg.Connection, *, before: datetime) -> RetentionPlan:
    """What :func:`drop_readings` would drop; changes nothing.

    Raises:
        InputError: If ``before`` is within :data:`LEAST_AGE` of the newest reading.
    """
    newest = newest_reading(conn)
    if newest is not None and before > newest - LEAST_AGE:
        problem = f"must lie {LEAST_AGE.days} days or more before the newest reading, {newest.isoformat()}"
        remedy = "keep more: verdicts on what follows would rest on what is dropped"
        raise InputError([Fault("the cut", f"{problem}, got {before.isoformat()}", remedy)])
    row = conn.execute("SELECT timezone FROM rollup_setting").fetchone()
    assert row is not None
    day = local_midnight(local_date(before, row[0]), row[0])
    counted = conn.execute("SELECT count(*) FILTER (WHERE interval_start < %s), count(*) FROM reading", (day,))
    readings, stored = counted.fetchone() or (0, 0)
    return RetentionPlan(before=day, newest=newest, readings=readings, kept=stored - readings)


def drop_readings(conn: psycopg.Connection, *, before: datetime) -> RetentionReport:
    """Drop the readings of all local days that ended by ``before``, their history and verdicts; totals stay.

    Totals are brought in line first, and those of the dropped days never change again: what arrives late for them is
    stored, and does not count. It commits by itself, so there must be no transaction open.

    Raises:
        InputError: If ``before`` is within :data:`LEAST_AGE` of the newest reading; if validation has yet to judge what
            bears upon the dropped days, and nothing is dropped then; or if somebody holds a table for long.
    """
    day = plan_retention(conn, before=before).before
    conn.commit()
    with roll_up_lock(conn):  # whoever rolls up now still counts with what is to be dropped
        roll_up_all(conn)
        while not _patiently(conn, partial(_make_final, conn, day)):
            roll_up_all(conn)
    deleted = sum(_delete_rows(conn, table, condition, day) for table, condition in _ROWS.items())
    dropped = _drop_chunks(conn, day) if has_timescale(conn) else _drop_partitions(conn, day)
    deleted += _delete_rows(conn, "reading", "interval_start < %(before)s", day)
    # Deleting verdicts marked their totals, which are final.
    _patiently(conn, partial(conn.execute, "DELETE FROM rollup_due WHERE interval_until <= %s", (day,)))
    return RetentionReport(before=day, dropped=dropped, deleted=deleted)


def _make_final(conn: psycopg.Connection, day: datetime) -> bool:
    """Set the horizon, unless something that bears upon the days before it waits for the roll-up.

    Raises:
        InputError: If it waits for validation.
    """
    conn.execute("LOCK TABLE validation_due, rollup_due IN SHARE ROW EXCLUSIVE MODE")  # no mark may come meanwhile
    due = conn.execute(
        "SELECT count(*) FROM validation_due, rollup_setting"
        " WHERE interval_from < %s AND interval_until > readings_from",
        (day + LEAST_AGE,),
    ).fetchone()
    if due != (0,):
        problem = f"{due[0] if due else '?'} marks on or near the days to be dropped wait for validation"
        raise InputError([Fault("validation", problem, "run gridpilot validate --until-caught-up, then again")])
    # One day more: the hour that the horizon lies in is final too, where days begin at half past.
    waits = conn.execute(
        "SELECT FROM rollup_due, rollup_setting WHERE interval_from < %s AND interval_until > readings_from LIMIT 1",
        (day + timedelta(days=1),),
    ).fetchone()
    if waits is None:
        conn.execute("UPDATE rollup_setting SET readings_from = greatest(readings_from, %s)", (day,))
    return waits is None


def _patiently(conn: psycopg.Connection, work: Callable[[], _T], *, patience: str = _PATIENCE) -> _T:
    """Do it in a transaction that gives up soon where it must wait for a lock, since others queue behind it; try again.

    Raises:
        InputError: If it never got the lock.
    """
    for _ in range(_LOCK_TRIES):
        try:
            with conn.transaction():
                conn.execute(f"SET LOCAL lock_timeout = '{patience}'")
                # Deleting from a compressed chunk unpacks the segments of the channels concerned.
                conn.execute("SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0")
                return work()
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            time.sleep(_LOCK_PAUSE_SECONDS)
    problem = "could not be locked, since others hold them for long"
    raise InputError([Fault("readings", problem, "run it again at a quieter hour: what is dropped stays dropped")])


def _delete_rows(conn: psycopg.Connection, table: str, condition: str, day: datetime) -> int:
    """Delete by the index of each table, the channels a few at a time."""
    query = sql.SQL("DELETE FROM {} WHERE channel_key BETWEEN %(first)s AND %(last)s AND " + condition).format(
        sql.Identifier(table)
    )
    row = conn.execute("SELECT coalesce(max(channel_key), 0) FROM channel").fetchone()
    conn.commit()
    deleted = 0
    for first in range(1, row[0] + 1 if row else 1, _CHANNELS_AT_ONCE):
        bounds = {"first": first, "last": first + _CHANNELS_AT_ONCE - 1, "before": day}
        deleted += _patiently(conn, partial(conn.execute, query, bounds)).rowcount
    return deleted


def _drop_partitions(conn: psycopg.Connection, day: datetime) -> int:
    names = conn.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'reading'::regclass AND c.relname ~ '^reading_-?[0-9]+$'"
    ).fetchall()
    conn.commit()
    behind = (day - EPOCH) // timedelta(microseconds=SPAN_US)
    old = sorted(name for (name,) in names if int(name.removeprefix("reading_")) < behind)
    for name in old:
        drop = sql.SQL("DROP TABLE {}").format(sql.Identifier("partitions", name))
        _patiently(conn, partial(conn.execute, drop), patience=_PATIENCE_TO_DROP)
    return len(old)


def _drop_chunks(conn: psycopg.Connection, day: datetime) -> int:
    ends = conn.execute(
        "SELECT range_end FROM timescaledb_information.chunks WHERE hypertable_name = 'reading' AND range_end <= %s"
        " ORDER BY range_end",
        (day,),
    ).fetchall()
    conn.commit()
    for (end,) in ends:
        drop = partial(conn.execute, "SELECT drop_chunks('reading', %s::timestamptz)", (end,))
        _patiently(conn, drop, patience=_PATIENCE_TO_DROP)
    return len(ends)
