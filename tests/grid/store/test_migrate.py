"""Migrations run once each, in order, under a lock, and refuse a database that they do not understand."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

from grid.faults import InputError
from grid.store.migrate import Migration, check_schema, migrate, shipped_migrations


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    name = f"empty_{uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        yield f"{postgres_url.rsplit('/', 1)[0]}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_a_second_migration_finds_nothing_to_do(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as conn:
        assert migrate(conn)[0] == "001_schema.sql"
        assert migrate(conn) == []
        check_schema(conn)


def test_a_database_never_migrated_is_sent_to_the_migrate_command(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as conn, pytest.raises(InputError, match="gridpilot migrate"):
        check_schema(conn)


def test_two_migrations_at_once_apply_each_file_once(empty_database_url: str) -> None:
    def run(_: int) -> list[str]:
        with psycopg.connect(empty_database_url) as conn:
            return migrate(conn)

    with ThreadPoolExecutor(2) as pool:
        applied = list(pool.map(run, range(2)))
    assert sorted(map(len, applied)) == [0, len(applied[0]) + len(applied[1])]


def test_a_newer_schema_is_refused(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as conn:
        migrate(conn)
        conn.execute(
            "INSERT INTO schema_migration (set_name, name, sha256) VALUES ('migrations', '999_later.sql', 'x')"
        )
        conn.commit()
        with pytest.raises(InputError, match=r"newer than this program.*999_later"):
            migrate(conn)
        with pytest.raises(InputError, match="newer than this program"):
            check_schema(conn)


def test_a_file_changed_after_it_was_applied_is_refused(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as conn:
        migrate(conn)
        conn.execute("UPDATE schema_migration SET sha256 = 'other' WHERE name = '001_schema.sql'")
        conn.commit()
        with pytest.raises(InputError, match=r"001_schema\.sql was changed"):
            check_schema(conn)


def test_a_failing_file_leaves_nothing_behind(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Migration("migrations", "000_broken.sql", "CREATE TABLE half (); SELECT 1 / 0;")
    module = importlib.import_module("grid.store.migrate")  # the package exports its function under the same name
    monkeypatch.setattr(module, "shipped_migrations", lambda name: (broken,) if name == "migrations" else ())
    with psycopg.connect(empty_database_url) as conn:
        with pytest.raises(psycopg.errors.DivisionByZero) as caught:
            migrate(conn)
        assert any("000_broken.sql" in note for note in caught.value.__notes__)
        row = conn.execute("SELECT to_regclass('half') IS NULL, (SELECT count(*) FROM schema_migration)").fetchone()
    assert row == (True, 0)


def test_files_are_numbered_without_a_gap() -> None:
    for set_name in ("migrations", "timescale"):
        numbers = [int(m.name.split("_")[0]) for m in shipped_migrations(set_name)]
        assert numbers == list(range(1, len(numbers) + 1))
