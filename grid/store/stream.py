"""Bookkeeping of the message stream: offsets, gaps and leases, in the transaction that stores the readings.

The offset row is the fence: whoever holds its lock may store that partition's messages, and a worker that was
believed dead finds the offset already moved on. Leases only decide who should try; being wrong about them costs
work, never a reading.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import psycopg


class Partition(NamedTuple):
    """One partition of one topic. A topic made anew has another ``topic_id`` and starts over at offset 0."""

    cluster_id: str
    topic: str
    topic_id: str
    number: int


@dataclass(frozen=True, slots=True)
class LeaseView:
    """What one worker sees after renewing: the partitions it owns, and until when others own the rest."""

    owned: frozenset[tuple[str, int]]
    others: Mapping[tuple[str, int], datetime | None]


@dataclass(frozen=True, slots=True)
class OffsetProgress:
    """How far one transaction takes a partition: the next offset, and how many values came with it."""

    next_offset: int
    readings: int


def lock_offsets(conn: psycopg.Connection, partitions: Collection[Partition]) -> dict[Partition, int]:
    """Lock the offset rows until the transaction ends and return the next offset of each; a new one starts at 0.

    Rows are locked in sorted order, so that two workers cannot wait for each other in a circle.
    """
    offsets: dict[Partition, int] = {}
    for p in sorted(partitions):
        conn.execute(
            'INSERT INTO stream_offset (cluster_id, topic, topic_id, "partition", next_offset)'
            " VALUES (%s, %s, %s, %s, 0) ON CONFLICT DO NOTHING",
            p,
        )
        row = conn.execute(
            "SELECT next_offset FROM stream_offset"
            ' WHERE cluster_id = %s AND topic = %s AND topic_id = %s AND "partition" = %s FOR UPDATE',
            p,
        ).fetchone()
        assert row is not None
        offsets[p] = row[0]
    return offsets


def advance_offsets(conn: psycopg.Connection, progress: Mapping[Partition, OffsetProgress]) -> None:
    """Move locked offsets on; call it in the transaction that stores what was read up to there."""
    for p, step in sorted(progress.items()):
        conn.execute(
            "UPDATE stream_offset SET next_offset = %s, readings = readings + %s, updated_at = now()"
            ' WHERE cluster_id = %s AND topic = %s AND topic_id = %s AND "partition" = %s',
            (step.next_offset, step.readings, *p),
        )


def record_gap(conn: psycopg.Connection, partition: Partition, *, from_offset: int, to_offset: int) -> None:
    """Keep note that the broker dropped the messages ``[from_offset, to_offset)`` before they were read."""
    conn.execute(
        'INSERT INTO stream_gap (topic, "partition", from_offset, to_offset) VALUES (%s, %s, %s, %s)',
        (partition.topic, partition.number, from_offset, to_offset),
    )


def database_identity(conn: psycopg.Connection) -> str:
    """A name for this database that no other one has, be it on the same server or on another."""
    row = conn.execute(
        "SELECT system_identifier::text || '-' || (SELECT oid FROM pg_database WHERE datname = current_database())"
        " FROM pg_control_system()"
    ).fetchone()
    assert row is not None
    return str(row[0])


def renew_leases(
    conn: psycopg.Connection, partitions: Collection[tuple[str, int]], *, worker_id: str, duration: timedelta
) -> LeaseView:
    """Extend this worker's leases, take free or expired ones up to its fair share, give back what exceeds it.

    The fair share is the number of partitions over the number of workers heard of lately (this one included),
    rounded up. All in one transaction under one lock, on the database's clock: workers' clocks do not matter.

    Args:
        partitions: Every (topic, partition) there is.
        worker_id: Unique among workers.
        duration: A worker that stays silent for longer loses its leases.

    Returns:
        The partitions that this worker owns until ``duration`` from now, and when the leases on the others end (None
        for one that nobody owns).
    """
    topics, numbers = [topic for topic, _ in sorted(partitions)], [number for _, number in sorted(partitions)]
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtext('gridpilot partition_lease'))")
        conn.execute(
            'INSERT INTO partition_lease (topic, "partition", worker_id, expires_at)'
            " SELECT t, n, '', '-infinity' FROM unnest(%s::text[], %s::integer[]) AS p(t, n) ON CONFLICT DO NOTHING",
            (topics, numbers),
        )
        rows = conn.execute(
            'SELECT topic, "partition", worker_id, CASE WHEN expires_at > clock_timestamp() THEN expires_at END'
            ' FROM partition_lease WHERE (topic, "partition") IN (SELECT * FROM unnest(%s::text[], %s::integer[]))'
            ' ORDER BY "partition", topic',  # so that shares hold partitions of every topic
            (topics, numbers),
        ).fetchall()
        conn.execute(
            "INSERT INTO ingest_worker (worker_id, expires_at) VALUES (%s, clock_timestamp() + %s)"
            " ON CONFLICT (worker_id) DO UPDATE SET expires_at = excluded.expires_at",
            (worker_id, duration),
        )
        conn.execute("DELETE FROM ingest_worker WHERE expires_at <= clock_timestamp()")
        row = conn.execute("SELECT count(*) FROM ingest_worker").fetchone()
        assert row is not None
        share = -(-len(rows) // max(row[0], 1))
        own = [(topic, number) for topic, number, owner, _ in rows if owner == worker_id]
        free = [(topic, number) for topic, number, owner, until in rows if owner != worker_id and until is None]
        kept = [*own, *free][:share]
        _write_leases(conn, set(own) - set(kept), worker_id="", duration=timedelta(0))
        _write_leases(conn, kept, worker_id=worker_id, duration=duration)
    others = {(t, n): until if owner != worker_id else None for t, n, owner, until in rows if (t, n) not in kept}
    return LeaseView(frozenset(kept), others)


def release_leases(conn: psycopg.Connection, *, worker_id: str) -> None:
    """Give back every lease of a worker that stops, so that others need not wait for them to expire."""
    with conn.transaction():
        conn.execute("UPDATE partition_lease SET expires_at = '-infinity' WHERE worker_id = %s", (worker_id,))
        conn.execute("DELETE FROM ingest_worker WHERE worker_id = %s", (worker_id,))


def _write_leases(
    conn: psycopg.Connection, partitions: Collection[tuple[str, int]], *, worker_id: str, duration: timedelta
) -> None:
    conn.execute(
        "UPDATE partition_lease SET worker_id = %s, expires_at = clock_timestamp() + %s"
        ' WHERE (topic, "partition") IN (SELECT * FROM unnest(%s::text[], %s::integer[]))',
        (worker_id, duration, [topic for topic, _ in partitions], [number for _, number in partitions]),
    )
