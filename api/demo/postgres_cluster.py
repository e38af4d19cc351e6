"""The files of the demo's PostgreSQL cluster: made whole or not at all, and taken up again after a crash."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import subprocess
import time
from pathlib import Path

from api.demo.postgres_install import PostgresInstall, run_tool
from api.demo.server_process import Account
from grid.faults import Fault, InputError

logger = logging.getLogger(__name__)


def cluster_major(cluster: Path) -> int | None:
    """Major version of the cluster's files; None if there is no cluster."""
    try:
        return int((cluster / "PG_VERSION").read_text().split(".")[0])
    except FileNotFoundError:
        return None


def read_or_make_password(path: Path, *, cluster_exists: bool) -> str:
    """The superuser's password: generated with the cluster, then read from ``path`` (mode 0600).

    Raises:
        InputError: If the cluster exists and its password is gone.
    """
    if cluster_exists:
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            remedy = "put the file back, or remove the data directory to start anew"
            raise InputError([Fault(str(path), "the database's password file is missing", remedy)]) from None
    password = secrets.token_urlsafe(24)
    _write_private(path, password)
    return password


def make_cluster(
    install: PostgresInstall, cluster: Path, *, password: str, superuser: str, account: Account | None
) -> None:
    """``initdb`` into a draft folder that is renamed when it is whole, so a kill leaves no half cluster.

    Raises:
        ServerError: If ``initdb`` fails; the message ends with what it said.
    """
    draft = cluster.with_name(cluster.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    password_file = cluster.with_name("initial-password")
    password_file.unlink(missing_ok=True)
    _write_private(password_file, password)
    if account is not None:
        os.chown(draft, account.uid, account.gid)
        os.chown(password_file, account.uid, account.gid)
    options = [f"--username={superuser}", f"--pwfile={password_file}", "--auth=scram-sha-256"]
    options += ["--encoding=UTF8", "--locale=C", "--data-checksums"]
    try:
        run_tool([str(install.bin_directory / "initdb"), "-D", str(draft), *options], account=account, purpose="initdb")
        draft.rename(cluster)
    finally:
        password_file.unlink(missing_ok=True)
        shutil.rmtree(draft, ignore_errors=True)


def clear_stale_pid(cluster: Path, *, wait_s: float = 10.0) -> None:
    """Remove the ``postmaster.pid`` of a server that crashed; wait for one that is just shutting down.

    PostgreSQL itself refuses to start when the number in that file belongs to any live process of the same account,
    which after a reboot or in a container it often does.

    Raises:
        InputError: If a PostgreSQL still runs on this cluster.
    """
    pid_file = cluster / "postmaster.pid"
    deadline = time.monotonic() + wait_s
    while True:
        try:
            pid = int(pid_file.read_text().splitlines()[0])
        except FileNotFoundError:
            return
        except (IndexError, ValueError):
            pid = 0
        if pid == 0 or str(cluster) not in _command_line(pid):
            logger.info("an earlier run crashed: removing its %s", pid_file.name)
            pid_file.unlink(missing_ok=True)
            return
        if time.monotonic() > deadline:
            problem = f"the PostgreSQL with process id {pid} still runs on it"
            remedy = f"stop the other demo, or that process (kill -INT {pid})"
            raise InputError([Fault(f"data directory {cluster}", problem, remedy)])
        time.sleep(0.1)


def _command_line(pid: int) -> str:
    """The command line of a process; "" if there is none with this id."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    result = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return result.stdout


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
