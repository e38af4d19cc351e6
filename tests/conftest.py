"""Real servers for the tests: one PostgreSQL and one broker per run, one fresh migrated database per test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from api.demo.embedded import EmbeddedBroker, EmbeddedPostgres
from api.demo.wheels import DEMO_WHEELS, fetch_wheel
from api.settings import CacheSettings, read_settings
from grid.store.migrate import migrate

TEMPLATE = "gridpilot_template"
_numbers = count(1)


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    """A folder for servers' files that an unprivileged account can enter (pytest's own it cannot, as root)."""
    with tempfile.TemporaryDirectory(prefix="gridpilot-tests-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="session")
def postgres_url(server_directory: Path) -> Iterator[str]:
    """URL of a running PostgreSQL's maintenance database; the account may create databases."""
    with EmbeddedPostgres(server_directory / "postgres") as postgres:
        yield postgres.url


@pytest.fixture(scope="session")
def _migrated_template(postgres_url: str) -> str:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    with psycopg.connect(_with_database(postgres_url, TEMPLATE)) as connection:
        migrate(connection)
    return TEMPLATE


@pytest.fixture
def database_url(postgres_url: str, _migrated_template: str) -> Iterator[str]:
    """URL of a migrated, empty database of this test's own; it is dropped afterwards."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {_migrated_template}")
        yield _with_database(postgres_url, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def broker(server_directory: Path) -> Iterator[str]:
    """Bootstrap address of a running broker, such as ``127.0.0.1:9092``. Tests name their topics uniquely."""
    with EmbeddedBroker(server_directory / "broker") as running:
        yield running.bootstrap


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of large benchmark data beside the repository; without it the test is skipped."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no benchmark data in {folder}: it is not part of the repository")
    return folder


@pytest.fixture(scope="session")
def demo_cache() -> Path:
    """The cache folder with the demo's wheels in it; they are fetched the first time."""
    cache_dir = read_settings(CacheSettings).cache_dir
    for wheel in DEMO_WHEELS:
        fetch_wheel(wheel, cache_dir)
    return cache_dir


def _with_database(url: str, name: str) -> str:
    return f"{url.rsplit('/', 1)[0]}/{name}"
