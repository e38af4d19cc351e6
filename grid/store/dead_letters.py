"""Messages that could not be stored, kept whole with their reason until somebody resolves them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import psycopg

from grid.readings import Rejection
from grid.store.audit import SERVICE, append_audit

_COLUMNS = (
    'dead_letter_id, topic, "partition", "offset", message_key, payload, error_class, detail, received_at,'
    " resolved_at, resolution"
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message as it came, why it was refused, and what became of it.

    Attributes:
        message_key, payload: Byte for byte as received; the payload of a message without one is empty.
        resolved_at: None while it waits.
        resolution: ``replayed: ...`` or ``discarded: ...``.
    """

    dead_letter_id: int
    topic: str
    partition: int
    offset: int
    message_key: bytes | None
    payload: bytes
    error_class: str
    detail: str
    received_at: datetime
    resolved_at: datetime | None
    resolution: str | None


def add_dead_letter(
    conn: psycopg.Connection,
    *,
    topic: str,
    partition: int,
    offset: int,
    message_key: bytes | None,
    payload: bytes,
    rejection: Rejection,
    received_at: datetime,
) -> None:
    """Keep a rejected message, in the transaction that moves the offset past it."""
    detail = f"{rejection.field}: {rejection.detail}" if rejection.field else rejection.detail
    conn.execute(
        'INSERT INTO dead_letter (topic, "partition", "offset", message_key, payload, error_class, detail, received_at)'
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (topic, partition, offset, message_key, payload, rejection.error_class, _storable(detail), received_at),
    )


def list_dead_letters(
    conn: psycopg.Connection, *, include_resolved: bool = False, limit: int = 100
) -> list[DeadLetter]:
    """Dead letters, the oldest first, at most ``limit``."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM dead_letter WHERE %s OR resolved_at IS NULL ORDER BY dead_letter_id LIMIT %s",
        (include_resolved, limit),
    ).fetchall()
    return [DeadLetter(*row) for row in rows]


def find_dead_letter(conn: psycopg.Connection, dead_letter_id: int, *, lock: bool = False) -> DeadLetter | None:
    """One dead letter by its id; None if there is none. ``lock`` holds it until the transaction ends."""
    query = f"SELECT {_COLUMNS} FROM dead_letter WHERE dead_letter_id = %s" + (" FOR UPDATE" if lock else "")
    row = conn.execute(query.encode(), (dead_letter_id,)).fetchone()
    return DeadLetter(*row) if row else None


def open_dead_letter_ids(conn: psycopg.Connection, *, error_class: str | None = None) -> list[int]:
    """Ids of the dead letters that wait, the oldest first; of one error class only, if given."""
    rows = conn.execute(
        "SELECT dead_letter_id FROM dead_letter WHERE resolved_at IS NULL"
        " AND (%(error_class)s::text IS NULL OR error_class = %(error_class)s) ORDER BY dead_letter_id",
        {"error_class": error_class},
    ).fetchall()
    return [row[0] for row in rows]


def any_open_dead_letter(conn: psycopg.Connection, *, since: datetime) -> bool:
    """Whether a dead letter received at ``since`` or later waits."""
    query = "SELECT EXISTS (SELECT FROM dead_letter WHERE resolved_at IS NULL AND received_at >= %s)"
    row = conn.execute(query, (since,)).fetchone()
    assert row is not None
    return bool(row[0])


def resolve_dead_letters(
    conn: psycopg.Connection, ids: Collection[int], *, resolution: str, actor: str = SERVICE
) -> int:
    """Mark waiting dead letters as resolved; returns how many were still waiting. The message itself stays.

    Args:
        actor: Who does it, for the audit log.
    """
    with conn.transaction():
        rows = conn.execute(
            "UPDATE dead_letter SET resolved_at = now(), resolution = %s"
            " WHERE dead_letter_id = ANY(%s) AND resolved_at IS NULL RETURNING dead_letter_id",
            (resolution, list(ids)),
        ).fetchall()
        if rows:
            about = {"dead_letter_ids": sorted(row[0] for row in rows), "resolution": resolution}
            append_audit(conn, actor=actor, action="dead_letter.resolve", document=about)
    return len(rows)


def _storable(text: str) -> str:
    """Text without what PostgreSQL's text cannot hold; the payload keeps the original bytes."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")
