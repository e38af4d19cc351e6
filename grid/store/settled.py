"""Exact answers as of an instant: nobody may still be writing what is stamped with an earlier one.

Rows are seen when their transaction commits, later than the instant that they are stamped with. So whoever stamps holds
a lock from before the stamp until the commit, named by its second, and who asks as of an instant waits until no such
lock of that second or an earlier one is left. A lock that is taken later belongs to a later stamp.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from grid.faults import Fault
from grid.store.database import DatabaseUnavailableError, server_clock

PATIENCE = timedelta(seconds=5)
"""Of who asks; a batch takes a second or so."""

_LOCK = 0x6772_6966  # first half of the advisory locks; the second is seconds since _EPOCH, which fit until 2088
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_POLL_SECONDS = 0.02


def stamp(conn: psycopg.Connection[Any]) -> datetime:
    """The server's clock, for what the transaction in hand is about to write. Ask late, and commit soon."""
    second = (server_clock(conn) - _EPOCH) // timedelta(seconds=1)
    conn.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", (_LOCK, second))
    return server_clock(conn)


def wait_until_settled(conn: psycopg.Connection[Any], instant: datetime, *, patience: timedelta = PATIENCE) -> None:
    """Return once all that is stamped with ``instant`` or before is committed, or never will be.

    Of an instant in the future, only what is stamped by now. What this connection itself has yet to commit does not
    count.

    Raises:
        DatabaseUnavailableError: If somebody who stamped before is still writing after ``patience``.
    """
    second = max((min(instant, server_clock(conn)) - _EPOCH) // timedelta(seconds=1), 0)
    deadline = time.monotonic() + patience.total_seconds()
    while _writing(conn, second):
        if time.monotonic() >= deadline:
            problem = f"what was known at {instant.isoformat()} is not settled: a batch stamped before is being written"
            raise DatabaseUnavailableError([Fault("as_of", problem, "ask again later, or as of an earlier instant")])
        time.sleep(_POLL_SECONDS)


def _writing(conn: psycopg.Connection[Any], second: int) -> bool:
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid <= %s::bigint"
        " AND objsubid = 2 AND pid <> pg_backend_pid()"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
        (_LOCK, second),
    ).fetchone()
    assert row is not None
    return bool(row[0])
