"""A migration that has landed is never edited: databases of every earlier version upgrade, and answer as before."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from grid.store.migrate import SETS, Migration, migrate, shipped_migrations

LANDED = {
    "001_schema.sql": "d578244b6d86e89344cd0bb7a6518cdb997a005d2a5f026a7bec23c9c2b6aefc",
    "002_validation.sql": "dc569e0be03f8c86f5fa891214655814c3b50b0e8e6914b7995cad0d8a6156c7",
    "003_rollups.sql": "51e28c3ced51f248f3a2dce21d0939dc27a66215d1e9c728a621f641c3f906d7",
    "004_audit.sql": "afe6c8e8e09c6f54e9a575bbc2f6d780284b057ca24a0ae61175064cec8b1336",
    "005_quality.sql": "83e769eb900404b7c5e18eb9ba340c141072730e43abce39cb158e0634cb6651",
    "006_provenance.sql": "a49f03ecc6ab165b9e3531fc7de808b3232b026b06273d9b614d8c1c58895056",
    "007_reading_with_verdict.sql": "a6f594eb98496c96323869aade2d47128577d48b2831383d8555c65e3793afa5",
    "timescale/001_hypertables.sql": "6f048330dd38c06238477a7cd08cccde8a057fc3b9160c0c2a266c22821b92ac",
    "timescale/002_rollups.sql": "9722643e6385744acca0bce9ca3ad3189359ca5f97cb2e37629dac411eacff65",
    "plain/001_partitions.sql": "99853d0ef435449862b785d8e50a6c7a19e3df4da67930bc54b80c0775eaa382",
}
"""SHA-256 by file. A new one is added at its set's end; the others stay as they are."""
FIRST_NEW = "006"
START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def database(postgres_url: str) -> Iterator[psycopg.Connection]:
    """An empty one."""
    name = f"landed_{uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        with psycopg.connect(f"{postgres_url.rsplit('/', 1)[0]}/{name}") as conn:
            yield conn
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_files_that_have_landed_are_as_they_landed() -> None:
    assert {m.label: m.sha256 for set_name in SETS for m in shipped_migrations(set_name)} == LANDED


def test_a_database_of_an_earlier_version_upgrades_and_its_views_answer_the_same(
    database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("grid.store.migrate")  # the package exports its function under that name

    def earlier(set_name: str) -> tuple[Migration, ...]:
        every = shipped_migrations(set_name)
        return tuple(m for m in every if set_name != "migrations" or m.name < FIRST_NEW)

    with monkeypatch.context() as patch:
        patch.setattr(module, "shipped_migrations", earlier)
        migrate(database)
    _fill(database)
    before = _answers(database)
    assert [len(rows) for rows in before] == [4, 4, 5]
    applied = migrate(database)
    assert applied == [label for label in LANDED if "/" not in label and label >= FIRST_NEW]
    assert _answers(database) == before


def _fill(conn: psycopg.Connection) -> None:
    """Of a meter and a weather site: hours valid, estimated, edited and due; one of the meter's never came."""
    conn.execute(
        "INSERT INTO channel (source, owner_id, channel, unit)"
        " VALUES ('meter', 'm', 'load', 'kW'), ('weather', 's', 'air_temperature', 'degC')"
    )
    for key in (1, 2):
        for hour in range(4):
            conn.execute("INSERT INTO reading VALUES (%s, %s, 60, %s, 0, 0, now())", (key, START + hour * HOUR, hour))
        for hour, value, quality in ((1, 7.0, 4), (2, None, 2), (9, 5.0, 8)):
            conn.execute(
                "INSERT INTO verdict (channel_key, interval_start, interval_minutes, value, quality, judged_at)"
                " VALUES (%s, %s, 60, %s, %s, now())",
                (key, START + hour * HOUR, value, quality),
            )
        conn.execute(
            "INSERT INTO validation_due (channel_key, interval_from, interval_until, marked_at)"
            " VALUES (%s, %s, %s, now())",
            (key, START + 3 * HOUR, START + 4 * HOUR),
        )
    conn.commit()


def _answers(conn: psycopg.Connection) -> list[list[Any]]:
    views = ("v_reading", "v_weather", "v_validated_reading")
    return [conn.execute(f"SELECT * FROM {view} ORDER BY interval_start".encode()).fetchall() for view in views]
