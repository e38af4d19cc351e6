"""The model registry in the database: every trained model with its manifest, one champion per kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from grid.store.audit import SERVICE, append_audit
from grid.store.events import publish_event

CHALLENGER, CHAMPION, RETIRED = "challenger", "champion", "retired"
_LOCK = 0x6772_6964_0002  # advisory lock: one promotion at a time


@dataclass(frozen=True, slots=True)
class StoredModel:
    """One model without its weights.

    Attributes:
        kind: ``load`` or ``solar``.
        status: ``challenger``, ``champion`` or ``retired``.
        created_at, promoted_at: Wall clock; ``promoted_at`` is None for one that never was champion, or was
            retired by hand.
    """

    model_id: str
    kind: str
    status: str
    manifest: dict[str, Any]
    created_at: datetime
    promoted_at: datetime | None


class UnknownModelError(LookupError):
    """There is no such model."""


_COLUMNS = "model_id, kind, status, manifest, created_at, promoted_at"


def save_model(
    conn: psycopg.Connection[Any], *, model_id: str, kind: str, manifest: dict[str, Any], weights: bytes
) -> None:
    """Store a model as a challenger; the same model again changes nothing."""
    with conn.transaction():
        conn.execute(
            "INSERT INTO model (model_id, kind, status, manifest, weights) VALUES (%s, %s, 'challenger', %s, %s)"
            " ON CONFLICT (model_id) DO NOTHING",
            (model_id, kind, Jsonb(manifest), weights),
        )


def find_champion(conn: psycopg.Connection[Any], kind: str) -> StoredModel | None:
    """The present champion of a kind, without its weights; None if there is none."""
    row = conn.execute(f"SELECT {_COLUMNS} FROM model WHERE kind = %s AND status = 'champion'", (kind,)).fetchone()
    return StoredModel(*row) if row else None


def find_model(conn: psycopg.Connection[Any], model_id: str) -> StoredModel | None:
    """One model without its weights; None if there is none of this id."""
    row = conn.execute(f"SELECT {_COLUMNS} FROM model WHERE model_id = %s", (model_id,)).fetchone()
    return StoredModel(*row) if row else None


def list_champions(conn: psycopg.Connection[Any], kind: str, *, most: int = 3) -> list[StoredModel]:
    """The present champion of a kind, then those before it, the last promoted first; at most ``most``.

    Nobody where there is no present champion: earlier ones stand in for one that fails, not for one that was retired.
    """
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM model WHERE kind = %(kind)s AND promoted_at IS NOT NULL"
        " AND EXISTS (SELECT FROM model WHERE kind = %(kind)s AND status = 'champion')"
        " ORDER BY status = 'champion' DESC, promoted_at DESC LIMIT %(most)s",
        {"kind": kind, "most": most},
    ).fetchall()
    return [StoredModel(*row) for row in rows]


def is_retired(conn: psycopg.Connection[Any], kind: str) -> bool:
    """Whether a kind is without a champion because :func:`retire` left it so; False if it never had one."""
    row = conn.execute(
        "SELECT bool_or(status = 'retired') AND NOT bool_or(status = 'champion') FROM model WHERE kind = %s", (kind,)
    ).fetchone()
    return row is not None and bool(row[0])


def load_weights(conn: psycopg.Connection[Any], model_id: str) -> bytes:
    """The weights of one model (safetensors).

    Raises:
        UnknownModelError: If there is no such model.
    """
    row = conn.execute("SELECT weights FROM model WHERE model_id = %s", (model_id,)).fetchone()
    if row is None:
        raise UnknownModelError(f"no model {model_id!r}; list_models names those there are")
    return bytes(row[0])


def list_models(conn: psycopg.Connection[Any], *, kind: str | None = None) -> list[StoredModel]:
    """All models, the newest first, of one kind if given."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM model WHERE %(kind)s::text IS NULL OR kind = %(kind)s"
        " ORDER BY created_at DESC, model_id",
        {"kind": kind},
    ).fetchall()
    return [StoredModel(*row) for row in rows]


def lock_promotions(conn: psycopg.Connection[Any]) -> None:
    """Let nobody else promote a model until the transaction in hand ends; for who decides by the present champion."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


def promote(
    conn: psycopg.Connection[Any], model_id: str, *, actor: str = SERVICE, action: str = "model.promote"
) -> StoredModel:
    """Make a model the champion of its kind in one transaction; the former champion retires. Listeners are told.

    Args:
        actor, action: Who does it and as what, for the audit log.

    Raises:
        UnknownModelError: If there is no such model.
    """
    with conn.transaction():
        lock_promotions(conn)
        row = conn.execute("SELECT kind, status FROM model WHERE model_id = %s", (model_id,)).fetchone()
        if row is None:
            raise UnknownModelError(f"no model {model_id!r}; list_models names those there are")
        kind, status = row
        if status != CHAMPION:
            former = find_champion(conn, kind)
            conn.execute("UPDATE model SET status = 'retired' WHERE kind = %s AND status = 'champion'", (kind,))
            conn.execute(
                "UPDATE model SET status = 'champion', promoted_at = clock_timestamp() WHERE model_id = %s", (model_id,)
            )
            about = {"model_id": model_id, "kind": kind, "in_place_of": former.model_id if former else None}
            append_audit(conn, actor=actor, action=action, document=about)
            publish_event(conn, kind="model", payload={"model_id": model_id, "kind": kind})
        champion = find_champion(conn, kind)
    assert champion is not None
    return champion


def roll_back(conn: psycopg.Connection[Any], kind: str, *, actor: str = SERVICE) -> StoredModel:
    """Make the champion before the present one champion again; twice returns to the present one.

    After :func:`retire` it is the champion before the retired one.

    Args:
        actor: Who does it, for the audit log.

    Raises:
        UnknownModelError: If no earlier champion of this kind is stored.
    """
    with conn.transaction():
        lock_promotions(conn)
        row = conn.execute(
            "SELECT model_id FROM model WHERE kind = %s AND status = 'retired' AND promoted_at IS NOT NULL"
            " ORDER BY promoted_at DESC LIMIT 1",
            (kind,),
        ).fetchone()
        if row is None:
            raise UnknownModelError(f"no earlier champion of kind {kind!r}; train one or promote a challenger by name")
        return promote(conn, row[0], actor=actor, action="model.rollback")


def retire(conn: psycopg.Connection[Any], kind: str, *, actor: str = SERVICE) -> StoredModel:
    """Leave a kind without a champion until a model is promoted: no trained model speaks for it. Listeners are told.

    The retired model is no earlier champion afterwards: it stands in for no other, and speaks again only if it is
    promoted by name.

    Args:
        actor: Who does it, for the audit log.

    Raises:
        UnknownModelError: If there is no champion of this kind.
    """
    with conn.transaction():
        lock_promotions(conn)
        champion = find_champion(conn, kind)
        if champion is None:
            raise UnknownModelError(f"no champion of kind {kind!r}")
        about = {"model_id": champion.model_id, "kind": kind}
        conn.execute(
            "UPDATE model SET status = 'retired', promoted_at = NULL WHERE model_id = %s", (champion.model_id,)
        )
        append_audit(conn, actor=actor, action="model.retire", document=about)
        publish_event(conn, kind="model", payload=about)
    return champion
