"""Events: what dashboards are told. Ids grow in the order of commit, so a reader that resumes misses nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

CHANNEL = "gridpilot_event"  # a trigger of the schema notifies here with the id of every new event
_KEPT = 100_000  # events; at one a second, a day
_PRUNE_EVERY = 1_000
_LOCK = 0x6772_6964_0001  # advisory lock that keeps the order of ids and the order of commits the same


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        kind: readings, forecast, plan, decision, edit, model or alarm.
        at: When it was written (wall clock).
        payload: What a listener needs to know in order to ask for the rest.
    """

    event_id: int
    kind: str
    at: datetime
    payload: dict[str, Any]


def publish_event(conn: psycopg.Connection[Any], *, kind: str, payload: Mapping[str, Any]) -> int:
    """Store an event in the caller's transaction; listeners are notified when it commits. Returns its id.

    Publish last in the transaction: publishers wait for one another from here to their commit. Without that, a later
    id could be seen first, and a reader resuming after it would never see the earlier one. Now and then the oldest
    events are pruned.
    """
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    row = conn.execute(
        "INSERT INTO event (kind, payload) VALUES (%s, %s) RETURNING event_id", (kind, Jsonb(dict(payload)))
    ).fetchone()
    assert row is not None
    event_id = int(row[0])
    if event_id % _PRUNE_EVERY == 0:
        prune_events(conn, keep=_KEPT)
    return event_id


def publish_event_once(
    conn: psycopg.Connection[Any],
    *,
    kind: str,
    payload: Mapping[str, Any],
    same: Mapping[str, Any],
    within: timedelta,
) -> bool:
    """Publish unless an event of this kind whose payload holds ``same`` is younger than ``within``; True if it did.

    Whoever else asks at the same time waits for this transaction, so that only one of them publishes.
    """
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    found = conn.execute(
        "SELECT FROM event WHERE kind = %s AND payload @> %s AND at > clock_timestamp() - %s LIMIT 1",
        (kind, Jsonb(dict(same)), within),
    ).fetchone()
    if found is None:
        publish_event(conn, kind=kind, payload=payload)
    return found is None


def events_after(conn: psycopg.Connection[Any], *, event_id: int, limit: int = 500) -> list[Event]:
    """Events with a higher id than ``event_id``, oldest first, at most ``limit``."""
    rows = conn.execute(
        "SELECT event_id, kind, at, payload FROM event WHERE event_id > %s ORDER BY event_id LIMIT %s",
        (event_id, limit),
    ).fetchall()
    return [Event(*row) for row in rows]


def latest_alarms(conn: psycopg.Connection[Any], *, within: timedelta) -> list[Event]:
    """The newest alarm of each name that is younger than ``within``, the newest first."""
    rows = conn.execute(
        "SELECT DISTINCT ON (payload->>'alarm') event_id, kind, at, payload FROM event"
        " WHERE kind = 'alarm' AND at > clock_timestamp() - %s ORDER BY payload->>'alarm', event_id DESC",
        (within,),
    ).fetchall()
    return sorted((Event(*row) for row in rows), key=lambda event: -event.event_id)


def event_id_range(conn: psycopg.Connection[Any]) -> tuple[int, int]:
    """Ids of the oldest and the newest stored event; (0, 0) if there is none."""
    row = conn.execute("SELECT coalesce(min(event_id), 0), coalesce(max(event_id), 0) FROM event").fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def prune_events(conn: psycopg.Connection[Any], *, keep: int = _KEPT) -> int:
    """Delete all but the newest ``keep`` events; returns how many went."""
    return conn.execute("DELETE FROM event WHERE event_id <= (SELECT max(event_id) FROM event) - %s", (keep,)).rowcount
