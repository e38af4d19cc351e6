"""Dead letters from the operator's side: replay them when their cause is gone, or discard them with a reason."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import psycopg

from grid.readings import ReadingBlock, Rejection, Source
from grid.store.audit import SERVICE
from grid.store.dead_letters import (
    EVERY_ONE,
    REPLAYED,
    DeadLetter,
    Which,
    find_dead_letter,
    open_dead_letter_ids,
    replayed_before,
    resolve_dead_letters,
)
from grid.store.saving import Arrival, ConcurrentSaveError, save_readings
from grid.store.series import unregistered
from grid.store.settled import stamp
from ingest.messages import decode_reading
from ingest.topics import WEATHER_TOPIC


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
    which: Which | Collection[int] = EVERY_ONE,
    *,
    hold_unknown_meters: bool = False,
    weather_topic: str = WEATHER_TOPIC,
    actor: str = SERVICE,
) -> list[ReplayOutcome]:
    """Try to store dead letters, the oldest first; each in its own transaction.

    A reading wins and loses as if its message had been stored when it came: what came after it stays. A letter that
    was resolved before is left alone, so a second replay changes nothing, whatever was killed in between.

    Args:
        which: By what they are, or by their ids.
        hold_unknown_meters: Refuse meters that are not registered, as the worker does.
        weather_topic: Letters of this topic are of weather sites.
        actor: Who does it, for the audit log.

    Raises:
        psycopg.Error: If the database fails; the letters before are replayed, the others still wait.
    """

    def once(dead_letter_id: int) -> ReplayOutcome:
        with conn.transaction():
            letter = find_dead_letter(conn, dead_letter_id, lock=True)
            content = _content(conn, letter, hold_unknown_meters, weather_topic)
            if letter is None or isinstance(content, str):
                return ReplayOutcome(dead_letter_id, False, str(content))
            arrival = Arrival(letter.received_at, replayed_before(conn, letter))
            now = stamp(conn)
            saved = save_readings(conn, [content], received_at=now, arrival=arrival)
            became = f"{saved.added} added, {saved.replaced} replaced, {saved.late} late, {saved.duplicates} known"
            resolve_dead_letters(conn, [dead_letter_id], resolution=f"{REPLAYED}: {became}", actor=actor, at=now)
        return ReplayOutcome(dead_letter_id, True, f"{REPLAYED}: {became}")

    return [_tried(once, dead_letter_id) for dead_letter_id in _ids(conn, which)]


def rehearse(
    conn: psycopg.Connection,
    which: Which | Collection[int] = EVERY_ONE,
    *,
    hold_unknown_meters: bool = False,
    weather_topic: str = WEATHER_TOPIC,
) -> list[ReplayOutcome]:
    """What :func:`replay` would do as far as the messages tell; nothing is stored."""
    outcomes = []
    for dead_letter_id in _ids(conn, which):
        with conn.transaction():
            letter = find_dead_letter(conn, dead_letter_id)
            content = _content(conn, letter, hold_unknown_meters, weather_topic)
        refused = isinstance(content, str)
        detail = content if isinstance(content, str) else f"{len(content.values)} readings would be stored"
        outcomes.append(ReplayOutcome(dead_letter_id, not refused, detail))
    return outcomes


def discard(conn: psycopg.Connection, which: Which | Collection[int], *, reason: str, actor: str = SERVICE) -> int:
    """Resolve dead letters without storing them; they stay for the record. Returns how many were still waiting.

    Raises:
        ValueError: Without a reason.
    """
    if not reason.strip():
        raise ValueError("a discarded message needs a reason; say why it is not to be stored")
    with conn.transaction():
        return resolve_dead_letters(conn, _ids(conn, which), resolution=f"discarded: {reason.strip()}", actor=actor)


def _ids(conn: psycopg.Connection, which: Which | Collection[int]) -> list[int]:
    if not isinstance(which, Which):
        return list(which)
    with conn.transaction():
        return open_dead_letter_ids(conn, which)


def _tried(once: Callable[[int], ReplayOutcome], dead_letter_id: int, tries: int = 3) -> ReplayOutcome:
    try:
        return once(dead_letter_id)
    except ConcurrentSaveError:  # a worker saved one of its intervals meanwhile
        if tries == 1:
            raise
        return _tried(once, dead_letter_id, tries - 1)


def _content(
    conn: psycopg.Connection, letter: DeadLetter | None, hold_unknown_meters: bool, weather_topic: str
) -> ReadingBlock | str:
    """Its readings, or why they cannot be stored."""
    if letter is None:
        return "there is no such dead letter"
    if letter.resolved_at is not None:
        return f"resolved before ({letter.resolution})"
    source = Source.WEATHER if letter.topic == weather_topic else Source.METER
    content = decode_reading(letter.payload, source, key=letter.message_key)
    if isinstance(content, Rejection):
        place = f"{content.field}: " if content.field else ""
        return f"still refused: {content.error_class}: {place}{content.detail}"
    if hold_unknown_meters and source is Source.METER and unregistered(conn, [content.owner_id]):
        return f"{content.owner_id!r} is still not registered; see gridpilot meters register"
    return content
