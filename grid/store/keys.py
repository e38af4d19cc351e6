"""API keys: 256 random bits, handed out once; only their SHA-256 is stored. Every change is audited."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import psycopg

from grid.faults import Fault, InputError
from grid.store.audit import SERVICE, append_audit

KEY_PREFIX = "gp_"
_KEY_BYTES = 32


class Role(StrEnum):
    """What the holder of a key may do; each route names the roles that it admits."""

    OPERATOR = "operator"
    ANALYST = "analyst"
    METER = "meter"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Who is calling. The secret itself is nowhere in it.

    Attributes:
        meter_id: The one meter that a key of role ``meter`` may write; None for every other role.
        revoked_at: From when on the key no longer works; None while it does.
        former_until: Until when the secret before the last rotation works beside the present one; None if it does not.
    """

    key_id: int
    name: str
    role: Role
    meter_id: str | None
    created_at: datetime
    revoked_at: datetime | None = None
    former_until: datetime | None = None


_COLUMNS = "key_id, name, role, meter_id, created_at, revoked_at, former_until"


def create_key(
    conn: psycopg.Connection[Any], *, role: str, name: str, meter_id: str | None = None, actor: str = SERVICE
) -> str:
    """Make a key and return its secret, which cannot be read again.

    Args:
        role: One of :class:`Role`.
        name: Who holds it; stands beside every decision made with it. Unique, also among revoked keys.
        meter_id: The meter it may write; required for role ``meter``, None for the others.
        actor: Who makes it, for the audit log.

    Raises:
        InputError: If the role is unknown, the name empty or taken, or ``meter_id`` does not fit the role.
    """
    faults = []
    if role not in set(Role):
        faults.append(Fault("role", f"must be one of {', '.join(Role)}, got {role!r}", "choose one of them"))
    if not name.strip():
        faults.append(Fault("name", "is empty", "say who will hold the key, such as control-room-1"))
    if (role == Role.METER) != (meter_id is not None):
        faults.append(
            Fault("meter", f"got {meter_id!r} for role {role}", "name a meter for role meter, and only there")
        )
    if faults:
        raise InputError(faults)
    secret = KEY_PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    with conn.transaction():
        created = conn.execute(
            "INSERT INTO api_key (name, role, key_sha256, meter_id) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (name) DO NOTHING RETURNING key_id",
            (name, role, _digest(secret), meter_id),
        ).fetchone()
        if created is None:
            remedy = "choose another name, or give it a new secret: gridpilot keys rotate"
            raise InputError([Fault("name", f"there is a key named {name!r} already", remedy)])
        about = {"name": name, "role": role, "meter_id": meter_id}
        append_audit(conn, actor=actor, action="key.create", document=about)
    return secret


def rotate_key(
    conn: psycopg.Connection[Any], *, name: str, grace: timedelta = timedelta(0), actor: str = SERVICE
) -> str:
    """Give the key ``name`` a new secret and return it. Its role and meter stay; a revoked key works again.

    Args:
        grace: How long the old secret goes on working beside the new one; not at all by default, nor if the key had
            been revoked. A secret before the old one ends at once.
        actor: Who does it, for the audit log.

    Raises:
        InputError: If there is no key of that name.
    """
    secret = KEY_PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    with conn.transaction():
        rotated = conn.execute(
            "UPDATE api_key SET key_sha256 = %(new)s, revoked_at = NULL,"
            " former_sha256 = CASE WHEN revoked_at IS NULL THEN key_sha256 END,"
            " former_until = CASE WHEN revoked_at IS NULL THEN clock_timestamp() + %(grace)s END"
            " WHERE name = %(name)s RETURNING key_id",
            {"new": _digest(secret), "name": name, "grace": grace},
        ).fetchone()
        if rotated is None:
            raise InputError([Fault("name", f"there is no key named {name!r}", "see gridpilot keys list")])
        about = {"name": name, "grace_seconds": grace.total_seconds()}
        append_audit(conn, actor=actor, action="key.rotate", document=about)
    return secret


def revoke_key(conn: psycopg.Connection[Any], *, name: str, actor: str = SERVICE) -> bool:
    """Stop every secret of the key ``name`` from working; False if there is none, or it was revoked before."""
    with conn.transaction():
        revoked = conn.execute(
            "UPDATE api_key SET revoked_at = now() WHERE name = %s AND revoked_at IS NULL RETURNING key_id", (name,)
        ).fetchone()
        if revoked is not None:
            append_audit(conn, actor=actor, action="key.revoke", document={"name": name})
    return revoked is not None


def find_key(conn: psycopg.Connection[Any], secret: str) -> ApiKey | None:
    """The working key with this secret; None if there is none, it was revoked, or rotated and its grace is over.

    The look-up is by hash, so its duration tells nothing about the secret; the final comparison takes constant time.
    """
    if not secret.startswith(KEY_PREFIX):
        return None
    digest = _digest(secret)
    row = conn.execute(
        f"SELECT {_COLUMNS}, CASE WHEN key_sha256 = %(digest)s THEN key_sha256 ELSE former_sha256 END FROM api_key"
        " WHERE (key_sha256 = %(digest)s OR (former_sha256 = %(digest)s AND former_until > clock_timestamp()))"
        " AND revoked_at IS NULL",
        {"digest": digest},
    ).fetchone()
    if row is None or not hmac.compare_digest(bytes(row[-1]), digest):
        return None
    return _from_row(row[:-1])


def list_keys(conn: psycopg.Connection[Any]) -> list[ApiKey]:
    """Every key, revoked ones too, by name."""
    rows = conn.execute(f"SELECT {_COLUMNS} FROM api_key ORDER BY name").fetchall()
    return [_from_row(row) for row in rows]


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _from_row(row: tuple[Any, ...]) -> ApiKey:
    key_id, name, role, *others = row
    return ApiKey(key_id, name, Role(role), *others)
