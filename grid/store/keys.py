"""API keys: 256 random bits, handed out once; only their SHA-256 is stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import psycopg

from grid.faults import Fault, InputError

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
    """

    key_id: int
    name: str
    role: Role
    meter_id: str | None
    created_at: datetime
    revoked_at: datetime | None = None


def create_key(conn: psycopg.Connection[Any], *, role: str, name: str, meter_id: str | None = None) -> str:
    """Make a key and return its secret, which cannot be read again.

    Args:
        role: One of :class:`Role`.
        name: Who holds it; stands beside every decision made with it. Unique, also among revoked keys.
        meter_id: The meter it may write; required for role ``meter``, None for the others.

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
    created = conn.execute(
        "INSERT INTO api_key (name, role, key_sha256, meter_id) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (name) DO NOTHING RETURNING key_id",
        (name, role, _digest(secret), meter_id),
    ).fetchone()
    if created is None:
        raise InputError([Fault("name", f"there is a key named {name!r} already", "choose another name, or rotate it")])
    return secret


def rotate_key(conn: psycopg.Connection[Any], *, name: str) -> str:
    """Give the key ``name`` a new secret and return it; the old secret stops working with this transaction.

    A revoked key works again. Its role and meter stay.

    Raises:
        InputError: If there is no key of that name.
    """
    secret = KEY_PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    rotated = conn.execute(
        "UPDATE api_key SET key_sha256 = %s, revoked_at = NULL WHERE name = %s RETURNING key_id",
        (_digest(secret), name),
    ).fetchone()
    if rotated is None:
        raise InputError([Fault("name", f"there is no key named {name!r}", "see gridpilot keys list")])
    return secret


def revoke_key(conn: psycopg.Connection[Any], *, name: str) -> bool:
    """Stop the key ``name`` from working; False if there is none, or it was revoked before."""
    revoked = conn.execute(
        "UPDATE api_key SET revoked_at = now() WHERE name = %s AND revoked_at IS NULL RETURNING key_id", (name,)
    ).fetchone()
    return revoked is not None


def find_key(conn: psycopg.Connection[Any], secret: str) -> ApiKey | None:
    """The working key with this secret; None if there is none, or it was revoked.

    The look-up is by hash, so its duration tells nothing about the secret; the final comparison takes constant time.
    """
    if not secret.startswith(KEY_PREFIX):
        return None
    digest = _digest(secret)
    row = conn.execute(
        "SELECT key_id, name, role, meter_id, created_at, revoked_at, key_sha256 FROM api_key "
        "WHERE key_sha256 = %s AND revoked_at IS NULL",
        (digest,),
    ).fetchone()
    if row is None or not hmac.compare_digest(bytes(row[6]), digest):
        return None
    return _from_row(row)


def list_keys(conn: psycopg.Connection[Any]) -> list[ApiKey]:
    """Every key, revoked ones too, by name."""
    rows = conn.execute(
        "SELECT key_id, name, role, meter_id, created_at, revoked_at FROM api_key ORDER BY name"
    ).fetchall()
    return [_from_row(row) for row in rows]


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _from_row(row: tuple[Any, ...]) -> ApiKey:
    key_id, name, role, meter_id, created_at, revoked_at = row[:6]
    return ApiKey(key_id, name, Role(role), meter_id, created_at, revoked_at)
