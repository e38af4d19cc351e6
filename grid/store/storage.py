"""What the readings are kept in: partitions or chunks, how much of it, and how much waits for the roll-up."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from grid.store.migrate import has_timescale


@dataclass(frozen=True, slots=True)
class StorageState:
    """The state of the storage.

    Attributes:
        kind: ``chunks`` of TimescaleDB or ``partitions`` of plain PostgreSQL.
        partitions: How many the readings are in.
        bytes: Size of the whole database on disk.
        due: Spans whose hourly and daily totals wait for the roll-up.
    """

    kind: str
    partitions: int
    bytes: int
    due: int


def storage_state(conn: psycopg.Connection) -> StorageState:
    """Look at it; takes milliseconds."""
    row = conn.execute(
        "SELECT (SELECT count(*) FROM pg_inherits WHERE inhparent = 'reading'::regclass),"
        " pg_database_size(current_database()), (SELECT count(*) FROM rollup_due)"
    ).fetchone()
    assert row is not None
    return StorageState("chunks" if has_timescale(conn) else "partitions", *row)
