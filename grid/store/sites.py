"""The site in force: its document as it was checked, and the registration of its meters."""

from __future__ import annotations

import hashlib
import json

import psycopg
from psycopg.types.json import Jsonb

from grid.faults import Fault, InputError
from grid.site import Site
from grid.site_file import parse_site, site_to_document
from grid.store.audit import SERVICE, append_audit
from grid.store.series import register_meters


def save_site(conn: psycopg.Connection, site: Site, *, actor: str = SERVICE) -> None:
    """Make ``site`` the one in force and register its meters; the same site again only renews its date.

    Args:
        actor: Who does it, for the audit log; the site document stands in the table, its hash in the log.

    Raises:
        InputError: If the site, made by code rather than read from a file, has faults.
    """
    document = site_to_document(site)
    parse_site(document)
    sha256 = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    with conn.transaction():
        conn.execute(
            "INSERT INTO site (site_id, document, sha256) VALUES (%s, %s, %s) ON CONFLICT (site_id) DO UPDATE"
            " SET document = EXCLUDED.document, sha256 = EXCLUDED.sha256, loaded_at = clock_timestamp()",
            (site.site_id, Jsonb(document), sha256),
        )
        register_meters(conn, [meter.meter_id for meter in site.meters])
        conn.execute("SELECT set_rollup_zone(%s)", (site.timezone,))
        append_audit(conn, actor=actor, action="site.load", document={"site_id": site.site_id, "sha256": sha256})


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
