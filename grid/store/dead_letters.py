"""Messages that could not be stored, kept whole with their reason until somebody resolves them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import psycopg

from grid.readings import Rejection
from grid.store.audit import SERVICE, append_audit

REPLAYED = "replayed"
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


@dataclass(frozen=True, slots=True)
class Which:
    """Which dead letters are meant; what is None does not matter.

    Attributes:
        meter_id: By the message's key; a message without one counts if it holds the id in quotation marks.
        since, until: Bounds of when they were received, the latter exclusive.
    """

    error_class: str | None = None
    topic: str | None = None
    meter_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


EVERY_ONE = Which()
_WHICH = """
    (%(error_class)s::text IS NULL OR error_class = %(error_class)s)
    AND (%(topic)s::text IS NULL OR topic = %(topic)s)
    AND (%(meter_key)s::bytea IS NULL OR message_key = %(meter_key)s
         OR message_key IS NULL AND position(%(meter_quoted)s::bytea IN payload) > 0)
    AND (%(since)s::timestamptz IS NULL OR received_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR received_at < %(until)s)
"""


def list_dead_letters(
    conn: psycopg.Connection, which: Which = EVERY_ONE, *, include_resolved: bool = False, limit: int = 100
) -> list[DeadLetter]:
    """Dead letters, the oldest first, at most ``limit``."""
    query = (
        f"SELECT {_COLUMNS} FROM dead_letter WHERE (%(all)s OR resolved_at IS NULL) AND {_WHICH}"
        " ORDER BY dead_letter_id LIMIT %(limit)s"
    )
    rows = conn.execute(query.encode(), _parameters(which) | {"all": include_resolved, "limit": limit}).fetchall()
    return [DeadLetter(*row) for row in rows]


def count_dead_letters(
    conn: psycopg.Connection, which: Which = EVERY_ONE, *, include_resolved: bool = False
) -> dict[str, int]:
    """How many there are of each error class, the most frequent first."""
    query = (
        f"SELECT error_class, count(*) FROM dead_letter WHERE (%(all)s OR resolved_at IS NULL) AND {_WHICH}"
        " GROUP BY error_class ORDER BY count(*) DESC, error_class"
    )
    return dict(conn.execute(query.encode(), _parameters(which) | {"all": include_resolved}).fetchall())


def find_dead_letter(conn: psycopg.Connection, dead_letter_id: int, *, lock: bool = False) -> DeadLetter | None:
    """One dead letter by its id; None if there is none. ``lock`` holds it until the transaction ends."""
    query = f"SELECT {_COLUMNS} FROM dead_letter WHERE dead_letter_id = %s" + (" FOR UPDATE" if lock else "")
    row = conn.execute(query.encode(), (dead_letter_id,)).fetchone()
    return DeadLetter(*row) if row else None


def open_dead_letter_ids(conn: psycopg.Connection, which: Which = EVERY_ONE) -> list[int]:
    """Ids of the dead letters that wait, the oldest first."""
    query = f"SELECT dead_letter_id FROM dead_letter WHERE resolved_at IS NULL AND {_WHICH} ORDER BY dead_letter_id"
    return [row[0] for row in conn.execute(query.encode(), _parameters(which)).fetchall()]


def any_open_dead_letter(conn: psycopg.Connection, *, since: datetime) -> bool:
    """Whether a dead letter received at ``since`` or later waits."""
    query = "SELECT EXISTS (SELECT FROM dead_letter WHERE resolved_at IS NULL AND received_at >= %s)"
    row = conn.execute(query, (since,)).fetchone()
    assert row is not None
    return bool(row[0])


def replayed_before(conn: psycopg.Connection, letter: DeadLetter) -> list[datetime]:
    """When other letters of the same key were replayed that had come before this one, although only after it came."""
    rows = conn.execute(
        "SELECT DISTINCT resolved_at FROM dead_letter WHERE resolution LIKE %s AND resolved_at > %s"
        " AND (received_at, dead_letter_id) < (%s, %s) AND message_key IS NOT DISTINCT FROM %s",
        (f"{REPLAYED}:%", letter.received_at, letter.received_at, letter.dead_letter_id, letter.message_key),
    ).fetchall()
    return [row[0] for row in rows]


def resolve_dead_letters(
    conn: psycopg.Connection,
    ids: Collection[int],
    *,
    resolution: str,
    actor: str = SERVICE,
    at: datetime | None = None,
) -> int:
    """Mark waiting dead letters as resolved; returns how many were still waiting. The message itself stays.

    Args:
        at: The instant with which its readings were stamped; None for that of the transaction.
        actor: Who does it, for the audit log.
    """
    with conn.transaction():
        rows = conn.execute(
            "UPDATE dead_letter SET resolved_at = coalesce(%s, now()), resolution = %s"
            " WHERE dead_letter_id = ANY(%s) AND resolved_at IS NULL RETURNING dead_letter_id",
            (at, resolution, list(ids)),
        ).fetchall()
        if rows:
            about = {"dead_letter_ids": sorted(row[0] for row in rows), "resolution": resolution}
            append_audit(conn, actor=actor, action="dead_letter.resolve", document=about)
    return len(rows)


def _parameters(which: Which) -> dict[str, object]:
    meter = which.meter_id
    return {
        "error_class": which.error_class,
        "topic": which.topic,
        "meter_key": None if meter is None else meter.encode(),
        "meter_quoted": None if meter is None else f'"{meter}"'.encode(),
        "since": which.since,
        "until": which.until,
    }


def _storable(text: str) -> str:
    """Text without what PostgreSQL's text cannot hold; the payload keeps the original bytes."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")
