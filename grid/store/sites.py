"""The site in force: its document as it was checked, and the registration of its meters."""

from __future__ import annotations

import hashlib
import json

import psycopg
from psycopg.types.json import Jsonb

from grid.basis import SiteBasis, site_basis
from grid.faults import Fault, InputError
from grid.readings import Source
from grid.site import Site
from grid.site_file import parse_site, site_to_document
from grid.store.audit import SERVICE, append_audit
from grid.store.rollups import set_rollup_zone
from grid.store.series import register_meters
from grid.store.settled import stamp
from grid.store.validation_due import mark_stored
from grid.units import Channel


def save_site(conn: psycopg.Connection, site: Site, *, actor: str = SERVICE) -> None:
    """Make ``site`` the one in force and register its meters; the same site again only renews its date.

    What the new one has judged by other rules is due for validation again.

    Args:
        actor: Who does it, for the audit log; the site document stands in the table, its hash in the log.

    Raises:
        InputError: If the site, made by code rather than read from a file, has faults, or another zone than the one
            before after readings were dropped.
    """
    document = site_to_document(site)
    parse_site(document)
    sha256 = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    with conn.transaction():
        before = _basis_in_force(conn)
        conn.execute(
            "INSERT INTO site (site_id, document, sha256) VALUES (%s, %s, %s) ON CONFLICT (site_id) DO UPDATE"
            " SET document = EXCLUDED.document, sha256 = EXCLUDED.sha256, loaded_at = clock_timestamp()",
            (site.site_id, Jsonb(document), sha256),
        )
        register_meters(conn, [meter.meter_id for meter in site.meters])
        set_rollup_zone(conn, site.timezone)
        _mark_judged_otherwise(conn, before, site_basis(site))
        append_audit(conn, actor=actor, action="site.load", document={"site_id": site.site_id, "sha256": sha256})


def _basis_in_force(conn: psycopg.Connection) -> SiteBasis:
    try:
        return site_basis(load_site(conn))
    except InputError:  # none, or one that this version does not read: validators take the defaults then
        return site_basis(None)


def _mark_judged_otherwise(conn: psycopg.Connection, before: SiteBasis, after: SiteBasis) -> None:
    """Make due again what the new site judges by other rules, or knows more or less about, than the one before."""
    rows = conn.execute("SELECT channel_key, source, owner_id, channel FROM channel").fetchall()
    channels = [(key, (Source(source), owner, Channel(channel))) for key, source, owner, channel in rows]
    keys = [key for key, channel in channels if before.of(channel) != after.of(channel)]
    if keys:
        mark_stored(conn, keys, marked_at=stamp(conn))


def load_site(conn: psycopg.Connection, site_id: str | None = None) -> Site:
    """The site of that id, or the one saved last.

    Raises:
        InputError: If there is none, or the stored one does not pass the checks of this version.
    """
    row = conn.execute(
        "SELECT document FROM site WHERE %(id)s::text IS NULL OR site_id = %(id)s ORDER BY loaded_at DESC LIMIT 1",
        {"id": site_id},
    ).fetchone()
    if row is None:
        problem = "no site is loaded" if site_id is None else f"no such site: {site_id!r}"
        raise InputError([Fault("site", problem, "write one with gridpilot init, then gridpilot site load FILE")])
    return parse_site(row[0])
