"""The audit log: who did what when, in the transaction that does it, chained by SHA-256 so that a change is found.

Entry n holds the hash of entry n - 1, and its own hash covers that and everything else it says. Whoever changes,
removes or puts in an entry breaks the chain there; whoever cuts off its end, or writes all of it anew, is found by a
head that was noted elsewhere. Triggers refuse all of it to ordinary sessions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from grid.time_axis import EPOCH

SERVICE = "gridpilot"
"""The actor of what the service does by itself."""
START = bytes(32)
"""What stands in the first entry for the hash of the one before it."""
_LOCK = 0x6772_6964_0003  # advisory lock: one entry at a time, from here to the commit
_COLUMNS = "audit_id, at, actor, action, document::text, previous_sha256, sha256"
_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did.

    Attributes:
        audit_id: 1, 2, 3 … without a gap.
        at: Wall clock, UTC.
        actor: ``key:NAME`` for an API key, ``shell:user@host`` for the command line, or ``gridpilot`` for the service.
        action: Such as ``key.create`` or ``reading.edit``.
        text: What exactly, as JSON; byte for byte what was hashed.
    """

    audit_id: int
    at: datetime
    actor: str
    action: str
    text: str
    previous_sha256: bytes
    sha256: bytes

    @property
    def document(self) -> dict[str, Any]:
        """``text``, parsed."""
        return dict(json.loads(self.text))


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """Whether the chain holds.

    Attributes:
        entries: How many entries were read and found whole.
        head: Hash of the last one that is whole; that of :data:`START` if there is none.
        broken: Number of the first entry that is not; None if the chain is intact.
        reason: What is wrong there; empty if nothing is.
    """

    entries: int
    head: bytes
    broken: int | None
    reason: str

    @property
    def intact(self) -> bool:
        return self.broken is None


def key_actor(name: str) -> str:
    """The actor that the holder of the API key ``name`` is."""
    return f"key:{name}"


def append_audit(conn: psycopg.Connection[Any], *, actor: str, action: str, document: Mapping[str, Any]) -> AuditEntry:
    """Add an entry in the caller's transaction: it stands if and only if what it tells of does.

    Call it when the work is done and before an event is published: writers wait for one another from here to their
    commit, and all take the two locks in that order. Needs read committed isolation, PostgreSQL's default.

    Args:
        document: What was done, to what, and why; instants as text.
    """
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    last = conn.execute("SELECT audit_id, sha256 FROM audit_entry ORDER BY audit_id DESC LIMIT 1").fetchone()
    number, previous = (last[0] + 1, bytes(last[1])) if last else (1, START)
    at, text = datetime.now(UTC), _canonical(document)
    digest = entry_sha256(number, at, actor, action, text, previous)
    conn.execute(
        "INSERT INTO audit_entry (audit_id, at, actor, action, document, previous_sha256, sha256)"
        " VALUES (%s, %s, %s, %s, %s::json, %s, %s)",
        (number, at, actor, action, text, previous, digest),
    )
    return AuditEntry(number, at, actor, action, text, previous, digest)


def entry_sha256(audit_id: int, at: datetime, actor: str, action: str, text: str, previous: bytes) -> bytes:
    """SHA-256 of an entry's canonical form: a JSON array of all it says, in ASCII and without spaces.

    The instant is in microseconds since 1970, the hash before it in hexadecimal, and the document is hashed as text.
    """
    microseconds = (at - EPOCH) // timedelta(microseconds=1)
    return hashlib.sha256(_canonical([audit_id, microseconds, actor, action, text, previous.hex()]).encode()).digest()


def list_audit(
    conn: psycopg.Connection[Any], *, limit: int, action: str | None = None, before: int | None = None
) -> list[AuditEntry]:
    """The newest entries first, at most ``limit``; of one action, and with lower numbers than ``before``, if given."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM audit_entry"
        " WHERE (%(action)s::text IS NULL OR action = %(action)s)"
        " AND (%(before)s::bigint IS NULL OR audit_id < %(before)s) ORDER BY audit_id DESC LIMIT %(limit)s",
        {"action": action, "before": before, "limit": limit},
    ).fetchall()
    return [AuditEntry(*row) for row in rows]


def verify_audit(conn: psycopg.Connection[Any], *, expected_head: bytes | None = None) -> AuditVerdict:
    """Read the whole log and hash it again.

    Args:
        expected_head: A hash noted before; it must still be that of some entry. Only so is an end that was cut off
            found, or a log that was written anew from the start.
    """
    count, head, met = 0, START, expected_head in (None, START)
    for entry in _every_entry(conn):
        reason = _fault_of(entry, number=count + 1, previous=head)
        if reason:
            return AuditVerdict(count, head, min(entry.audit_id, count + 1), reason)
        count, head = count + 1, entry.sha256
        met = met or head == expected_head
    if not met:
        return AuditVerdict(count, head, count + 1, "no entry has the hash that was noted: entries are gone, or forged")
    return AuditVerdict(count, head, None, "")


def _every_entry(conn: psycopg.Connection[Any]) -> Iterator[AuditEntry]:
    with conn.transaction(), conn.cursor(name="audit") as cursor:
        cursor.itersize = _PAGE
        cursor.execute(f"SELECT {_COLUMNS} FROM audit_entry ORDER BY audit_id")
        for row in cursor:
            yield AuditEntry(*row)


def _fault_of(entry: AuditEntry, *, number: int, previous: bytes) -> str:
    """What is wrong with an entry that should have this number and follow that hash; empty if nothing is."""
    if entry.audit_id > number:
        return f"it is gone: the next one there is has number {entry.audit_id}"
    if entry.audit_id < number:
        return "it was put in before the first one"
    if entry.previous_sha256 != previous:
        return "it does not follow the entry before it: that one was replaced, or this one forged"
    said = (entry.audit_id, entry.at, entry.actor, entry.action, entry.text, entry.previous_sha256)
    if entry_sha256(*said) != entry.sha256:
        return "what it says is not what was hashed: it was changed"
    return ""


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
