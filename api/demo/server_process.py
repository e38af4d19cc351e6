"""One server program that we start, watch and stop: it never outlives us, and its log tells why it failed."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grid.faults import Fault, InputError

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"

# A shell stands between us and the server and holds the read end of a pipe whose write end only we hold. When the
# pipe closes (we stop the server, or we died of anything, kill -9 included), it signals the server. PR_SET_PDEATHSIG
# would be shorter, but it fires when the starting *thread* ends, is lost on other systems than Linux, and needs
# preexec_fn, which may deadlock in a process with threads.
_GUARD = """
exec 3<&0 0</dev/null
stop_signal=$1; shift
"$@" 3<&- &
server=$!
( read -r line; kill -s "$stop_signal" "$server" ) <&3 3<&- >/dev/null 2>&1 &
watcher=$!
exec 3<&-
trap 'kill -s "$stop_signal" "$server"' TERM INT HUP
wait "$server"; status=$?
while kill -0 "$server" 2>/dev/null; do wait "$server"; status=$?; done
kill "$watcher" 2>/dev/null
exit "$status"
"""


class ServerError(RuntimeError):
    """An embedded server did not start or did not stop; the message ends with its log."""


@dataclass(frozen=True, slots=True)
class Account:
    """The system account a server runs as, when we are root and it must not be."""

    name: str
    uid: int
    gid: int


class ServerProcess:
    """A running server behind its guard. The server gets the stop signal when this process ends, however it ends.

    Attributes:
        name: That of its log.

    Args:
        command: Program and arguments.
        log_path: Where its output goes; the previous run's log is kept beside it as ``<name>.1``.
        stop_signal: What ends it in good order, such as ``INT`` (PostgreSQL's fast shutdown).
        account: Run as this account; None runs it as ourselves.
        environment: Its whole environment.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log_path: Path,
        stop_signal: str,
        account: Account | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = log_path.stem
        self.log_path = log_path
        self._command = ["/bin/sh", "-c", _GUARD, "guard", stop_signal, *command]
        self._account = account
        self._environment = dict(os.environ if environment is None else environment)
        self._guard = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        if self.log_path.exists():
            self.log_path.replace(self.log_path.with_name(self.log_path.name + ".1"))
        account = self._account
        with self.log_path.open("wb") as log:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=self._environment,
                start_new_session=True,  # Ctrl-C reaches us, and we stop the server after its clients
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )

    @property
    def status(self) -> int | None:
        """With what it ended, 128 more than a signal's number as shells tell it; None while it runs."""
        return self._guard.poll()

    @property
    def running(self) -> bool:
        return self.status is None

    def restart(self) -> None:
        """Start the same again; one that still runs is stopped first."""
        self.stop()
        self._guard = self._start()

    def log_tail(self, lines: int = 20) -> str:
        """The last lines that the server wrote."""
        try:
            text = self.log_path.read_text(errors="replace")
        except OSError:
            return "(no log)"
        return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"

    def stop(self, *, timeout_s: float = 20.0) -> None:
        """Send the stop signal and wait; after ``timeout_s`` kill the server and whatever it started."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        try:
            self._guard.wait(timeout_s)
        except subprocess.TimeoutExpired:
            logger.warning("%s did not stop within %.0f s and is killed", self.name, timeout_s)
            os.killpg(self._guard.pid, signal.SIGKILL)
            self._guard.wait()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def require_free_port(port: int, *, purpose: str, remedy: str) -> None:
    """Check that ``port`` of 127.0.0.1 can be listened on.

    Raises:
        InputError: If it is out of range, taken or forbidden; the message names ``purpose`` and says ``remedy``.
    """
    place = f"port {port} ({purpose})"
    if not 1 <= port <= 65535:
        raise InputError([Fault(place, "a port lies between 1 and 65535", remedy)])
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            problem = "another program listens on it" if taken else f"it cannot be used: {error.strerror}"
            raise InputError([Fault(place, problem, remedy)]) from error


def make_data_directory(directory: Path) -> None:
    """Make a server's folder.

    Raises:
        InputError: If that is not possible.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remedy = "choose another data directory, or make room"
        raise InputError([Fault(f"data directory {directory}", f"cannot be made: {error.strerror}", remedy)]) from error


def give_up_if_late(process: ServerProcess, deadline: float, problem: str) -> None:
    """Wait a moment before the next look at a starting server.

    Raises:
        ServerError: If it has ended, or ``deadline`` (of :func:`time.monotonic`) has passed.
    """
    if not process.running or time.monotonic() > deadline:
        raise ServerError(f"{problem}\nits log ends with:\n{process.log_tail()}")
    time.sleep(0.05)
