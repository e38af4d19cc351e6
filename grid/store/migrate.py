"""Numbered SQL files bring a database to the schema of this code, once each, under one lock.

``migrations/`` runs on any PostgreSQL from 15 on. After it comes the set of the storage: ``timescale/`` where the
TimescaleDB extension can be had, ``plain/`` where it cannot. A server that gains the extension later moves over at the
next migration.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

import psycopg

from grid.faults import Fault, InputError

SETS = ("migrations", "timescale", "plain")
MIGRATION_LOCK = 0x6772_6964  # "grid": one migration at a time on a server

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file of one of :data:`SETS`; ``name`` orders it within its set."""

    set_name: str
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def label(self) -> str:
        return self.name if self.set_name == "migrations" else f"{self.set_name}/{self.name}"


def shipped_migrations(set_name: str) -> tuple[Migration, ...]:
    """The SQL files of one set as this version of the code carries them, in order."""
    folder = files("grid.store").joinpath(set_name)
    found = (Migration(set_name, f.name, f.read_text("utf-8")) for f in folder.iterdir() if f.name.endswith(".sql"))
    return tuple(sorted(found, key=lambda migration: migration.name))


def migrate(conn: psycopg.Connection) -> list[str]:
    """Apply what is missing and return the labels of the files applied, in order; empty if up to date.

    Each file is one transaction, together with its record in ``schema_migration``.

    Raises:
        InputError: If the database was migrated by newer code, or a file changed after it was applied.
        psycopg.Error: If a statement fails; the file at fault is rolled back and named in a note.
    """
    with conn.transaction():
        conn.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
    try:
        with conn.transaction():
            conn.execute(
                "CREATE TABLE IF NOT EXISTS schema_migration (set_name text NOT NULL, name text NOT NULL,"
                " sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (set_name, name))"
            )
            storage = "timescale" if _timescale_available(conn) else "plain"
            applied = _applied(conn)
        _refuse_strangers(applied)
        if storage == "timescale" and any(set_name == "plain" for set_name, _ in applied):
            applied = _leave_plain(conn)
        wanted = [*shipped_migrations("migrations"), *shipped_migrations(storage)]
        return [_apply(conn, m) for m in wanted if (m.set_name, m.name) not in applied]
    finally:
        if not conn.closed:
            conn.rollback()
            with conn.transaction():
                conn.execute("SELECT pg_advisory_unlock(%s)", (MIGRATION_LOCK,))


def check_schema(conn: psycopg.Connection) -> None:
    """Make sure that the database has exactly this code's schema, before a process works on it.

    Raises:
        InputError: If it was never migrated, is older or newer than the code, or an applied file has changed.
    """
    with conn.transaction():
        row = conn.execute("SELECT to_regclass('schema_migration') IS NOT NULL").fetchone()
        applied = _applied(conn) if row and row[0] else {}
    _refuse_strangers(applied)
    missing = [m.label for m in shipped_migrations("migrations") if (m.set_name, m.name) not in applied]
    if missing:
        problem = f"its schema is older than this program: {', '.join(missing)} not applied"
        raise InputError([Fault("database", problem, "run `gridpilot migrate`")])


def has_timescale(conn: psycopg.Connection) -> bool:
    """Whether the TimescaleDB extension is in use in this database."""
    row = conn.execute("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')").fetchone()
    return bool(row and row[0])


def _timescale_available(conn: psycopg.Connection) -> bool:
    # Available alone is not enough: without the preloaded library CREATE EXTENSION ends the session.
    query = """
        SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
            OR (EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
                AND current_setting('shared_preload_libraries') LIKE '%timescaledb%')
    """
    row = conn.execute(query).fetchone()
    return bool(row and row[0])


def _applied(conn: psycopg.Connection) -> dict[tuple[str, str], str]:
    rows = conn.execute("SELECT set_name, name, sha256 FROM schema_migration").fetchall()
    return {(set_name, name): sha256 for set_name, name, sha256 in rows}


def _refuse_strangers(applied: dict[tuple[str, str], str]) -> None:
    shipped = {(m.set_name, m.name): m for s in SETS for m in shipped_migrations(s)}
    faults = list(_stranger_faults(applied, shipped))
    if faults:
        raise InputError(faults)


def _stranger_faults(applied: dict[tuple[str, str], str], shipped: dict[tuple[str, str], Migration]) -> Iterable[Fault]:
    for key, sha256 in sorted(applied.items()):
        if key not in shipped:
            problem = f"its schema is newer than this program: it has {'/'.join(key)}, which this version lacks"
            yield Fault("database", problem, "install the newer gridpilot, or use another database")
        elif shipped[key].sha256 != sha256:
            problem = f"{shipped[key].label} was changed after it had been applied here"
            yield Fault("database", problem, "restore the file and put the change into a new, higher-numbered one")


def _leave_plain(conn: psycopg.Connection) -> dict[tuple[str, str], str]:
    """Make one table of the partitions again, for TimescaleDB to take over; returns what then counts as applied."""
    with conn.transaction():
        conn.execute("SELECT merge_reading_partitions()")
        conn.execute("DELETE FROM schema_migration WHERE set_name = 'plain'")
        _log.info("left plain/: the server has TimescaleDB now")
        return _applied(conn)


def _apply(conn: psycopg.Connection, migration: Migration) -> str:
    try:
        with conn.transaction():
            conn.execute(migration.sql.encode())
            conn.execute(
                "INSERT INTO schema_migration (set_name, name, sha256) VALUES (%s, %s, %s)",
                (migration.set_name, migration.name, migration.sha256),
            )
    except psycopg.Error as error:
        error.add_note(f"while applying {migration.label}; it was rolled back")
        raise
    _log.info("applied %s", migration.label)
    return migration.label
