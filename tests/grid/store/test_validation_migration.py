"""A database from before validation: its quality bits move, everything in it is due, and health checks stay quick."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from grid.readings import Quality
from grid.store.freshness import chain_state
from grid.store.migrate import Migration, migrate, shipped_migrations

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def old(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """A database with the first schema only."""
    name = f"old_{uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        with psycopg.connect(f"{postgres_url.rsplit('/', 1)[0]}/{name}") as conn:
            module = importlib.import_module("grid.store.migrate")  # the package exports its function under that name

            def first_only(set_name: str) -> tuple[Migration, ...]:
                return tuple(m for m in shipped_migrations(set_name) if m.name == "001_schema.sql")

            with monkeypatch.context() as patch:
                patch.setattr(module, "shipped_migrations", first_only)
                migrate(conn)
            yield conn
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_old_quality_bits_move_and_everything_stored_is_due(old: psycopg.Connection) -> None:
    old.execute(
        "INSERT INTO channel (source, owner_id, channel, unit) VALUES ('meter', 'm', 'load', 'kW'),"
        " ('weather', 's', 'load', 'kW'), ('meter', 'empty', 'load', 'kW')"
    )
    for hour, quality in enumerate((0, 1, 2, 3)):
        old.execute("INSERT INTO reading VALUES (1, %s, 60, NULL, %s, 0, now())", (START + hour * HOUR, quality))
    old.execute("INSERT INTO reading_history VALUES (1, NULL, %s, 60, NULL, 3, 0, now(), now())", (START,))
    old.execute("INSERT INTO weather_forecast VALUES (2, %s, %s, 60, NULL, 1, 0, now())", (START, START))
    old.commit()
    migrate(old)
    missing, corrected = Quality.MISSING, Quality.CORRECTED
    moved = [Quality(q) for (q,) in old.execute("SELECT quality FROM reading ORDER BY interval_start").fetchall()]
    assert moved == [Quality(0), missing, corrected, missing | corrected]
    assert old.execute("SELECT quality FROM reading_history").fetchone() == (int(missing | corrected),)
    assert old.execute("SELECT quality FROM weather_forecast").fetchone() == (int(missing),)
    due = old.execute("SELECT channel_key, interval_from, interval_until FROM validation_due").fetchall()
    assert due == [(1, START, START + 4 * HOUR)]
    assert {row[0] & 1 for row in old.execute("SELECT quality FROM v_reading").fetchall()} == {0}


def test_the_newest_forecast_and_plan_are_found_by_index(old: psycopg.Connection) -> None:
    migrate(old)
    assert chain_state(old).forecast_issued_at is None
    old.execute("SET enable_seqscan = off")  # tables are empty here: a scan would cost less
    for query, index in (
        ("SELECT max(issued_at) FROM forecast_run WHERE role = 'primary'", "forecast_run_newest"),
        ("SELECT max(issued_at) FROM plan WHERE NOT what_if", "plan_newest"),
    ):
        plan = "\n".join(row[0] for row in old.execute(f"EXPLAIN {query}".encode()).fetchall())
        assert f"Index Only Scan using {index}" in plan or f"Index Only Scan Backward using {index}" in plan
