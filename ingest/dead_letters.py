"""Dead letters from the operator's side: replay them when their cause is gone, or discard them with a reason."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from grid.readings import ReadingBlock, Rejection, Source
from grid.store.audit import SERVICE
from grid.store.dead_letters import (
    DeadLetter,
    find_dead_letter,
    list_dead_letters,
    open_dead_letter_ids,
    resolve_dead_letters,
)
from grid.store.saving import ConcurrentSaveError, save_readings
from grid.store.series import unregistered
from ingest.messages import decode_reading
from ingest.topics import WEATHER_TOPIC

__all__ = ["ReplayOutcome", "discard", "find_dead_letter", "list_dead_letters", "replay"]


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """What became of one dead letter.

    Attributes:
        stored: True if its readings are in now; False if it was resolved before, is unknown, or is still refused.
        detail: The resolution, or why it still cannot be stored.
    """

    dead_letter_id: int
    stored: bool
    detail: str


def replay(
    conn: psycopg.Connection,
    ids: Collection[int] | None = None,
    *,
    error_class: str | None = None,
    hold_unknown_meters: bool = False,
    weather_topic: str = WEATHER_TOPIC,
    actor: str = SERVICE,
) -> list[ReplayOutcome]:
    """Try to store dead letters again, as messages that came now; each in its own transaction.

    One that was resolved before is left alone, so a second replay changes nothing.

    Args:
        ids: Which ones; None for all that wait.
        error_class: With ``ids`` None: only those of this class, such as ``unknown_meter``.
        hold_unknown_meters: Refuse meters that are not registered, as the worker does.
        weather_topic: Letters of this topic are of weather sites.
        actor: Who does it, for the audit log.

    Raises:
        psycopg.Error: If the database fails; the letters before are replayed, the others still wait.
    """
    if ids is None:
        with conn.transaction():
            ids = open_dead_letter_ids(conn, error_class=error_class)
    return [_replay(conn, i, hold_unknown_meters, weather_topic, actor=actor, tries=3) for i in ids]


def discard(conn: psycopg.Connection, ids: Collection[int], *, reason: str, actor: str = SERVICE) -> int:
    """Resolve dead letters without storing them; they stay for the record. Returns how many were still waiting."""
    if not reason.strip():
        raise ValueError("a discarded message needs a reason; say why it is not to be stored")
    with conn.transaction():
        return resolve_dead_letters(conn, ids, resolution=f"discarded: {reason.strip()}", actor=actor)


def _replay(
    conn: psycopg.Connection,
    dead_letter_id: int,
    hold_unknown_meters: bool,
    weather_topic: str,
    *,
    actor: str,
    tries: int,
) -> ReplayOutcome:
    try:
        return _replay_once(conn, dead_letter_id, hold_unknown_meters, weather_topic, actor=actor)
    except ConcurrentSaveError:  # a worker saved one of its intervals meanwhile
        if tries == 1:
            raise
        return _replay(conn, dead_letter_id, hold_unknown_meters, weather_topic, actor=actor, tries=tries - 1)


def _replay_once(
    conn: psycopg.Connection, dead_letter_id: int, hold_unknown_meters: bool, weather_topic: str, *, actor: str
) -> ReplayOutcome:
    with conn.transaction():
        letter = find_dead_letter(conn, dead_letter_id, lock=True)
        if letter is None:
            return ReplayOutcome(dead_letter_id, False, "there is no such dead letter")
        if letter.resolved_at is not None:
            return ReplayOutcome(dead_letter_id, False, f"resolved before ({letter.resolution})")
        content = _content(letter, weather_topic)
        if isinstance(content, Rejection):
            return ReplayOutcome(dead_letter_id, False, f"still refused: {content.error_class}: {content.detail}")
        if hold_unknown_meters and content.source is Source.METER and unregistered(conn, [content.owner_id]):
            return ReplayOutcome(dead_letter_id, False, f"{content.owner_id!r} is still not registered")
        saved = save_readings(conn, [content], received_at=datetime.now(UTC))
        resolution = (
            f"replayed: {saved.added} added, {saved.replaced} replaced, {saved.late} late, {saved.duplicates} known"
        )
        resolve_dead_letters(conn, [dead_letter_id], resolution=resolution, actor=actor)
    return ReplayOutcome(dead_letter_id, True, resolution)


def _content(letter: DeadLetter, weather_topic: str) -> ReadingBlock | Rejection:
    source = Source.WEATHER if letter.topic == weather_topic else Source.METER
    return decode_reading(letter.payload, source, key=letter.message_key)
