"""Ingest workers in processes of their own, to be killed: forked from one that has the modules loaded already."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from datetime import timedelta
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from ingest.ownership import OwnershipKind

PATIENCE = timedelta(seconds=1.0)  # short, so that a killed worker's partitions move soon
FROZEN_SECONDS = 1.8
LAYOUT_SECONDS = 2.0  # after which a topic made anew is noticed
SILENT_SESSIONS = 60  # nobody leaves the group because the database is away: see bench_faults.GROUP
BATCH_READINGS = 4_000  # small, so that there are many transactions to be killed in


# A worker that is told to stop before it has begun to listen to that ends by the signal: as good.
IN_ORDER = (0, -signal.SIGTERM)


class WorkerDefectError(RuntimeError):
    """A worker ended that nobody had ended."""


def work(
    database_url: str,
    bootstrap: str,
    log_path: str,
    ownership: OwnershipKind,
    request_timeout_seconds: int,
    lifetime_seconds: float,
) -> None:
    """Ingest until SIGTERM; start again while database or broker is away, as a supervisor would do it.

    Ends with the process that started it, and after ``lifetime_seconds`` at the latest.
    """
    import ingest.groups
    import ingest.reader
    import ingest.topics
    import ingest.worker
    from grid.store.database import is_transient
    from ingest.topics import BrokerUnavailableError
    from ingest.worker import run_worker

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    threading.Thread(target=_end_with_parent, args=(lifetime_seconds,), daemon=True).start()
    logging.basicConfig(filename=log_path, level=logging.WARNING, format="%(asctime)s %(process)d %(message)s")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # it tells of every reset connection
    ingest.reader.BATCH_READINGS = BATCH_READINGS
    ingest.worker.LAYOUT_SECONDS = LAYOUT_SECONDS
    ingest.groups.SILENT_SESSIONS = SILENT_SESSIONS
    ingest.reader.REQUEST_TIMEOUT_SECONDS = request_timeout_seconds  # type: ignore[attr-defined]
    ingest.groups.REQUEST_TIMEOUT_SECONDS = request_timeout_seconds  # type: ignore[attr-defined]
    ingest.topics.REQUEST_TIMEOUT_SECONDS = request_timeout_seconds
    while not stop.is_set():
        try:
            run_worker(
                database_url=database_url, bootstrap=bootstrap, ownership=ownership, patience=PATIENCE, stop=stop
            )
        except Exception as error:
            if not (isinstance(error, BrokerUnavailableError) or is_transient(error)):
                logging.getLogger(__name__).exception("a defect")
                raise
            logging.getLogger(__name__).warning("starting again: %s", error)
            stop.wait(0.2)


def _end_with_parent(lifetime_seconds: float) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel], timeout=lifetime_seconds)
    os._exit(3)


class Crew:
    """The workers of one round, and those that were told to stop and have not yet ended."""

    def __init__(
        self,
        database_url: str,
        bootstrap: str,
        log_path: Path,
        *,
        ownership: OwnershipKind,
        request_timeout_seconds: int,
        lifetime_seconds: float,
    ) -> None:
        timeouts = request_timeout_seconds, lifetime_seconds
        self._arguments = (database_url, bootstrap, str(log_path), ownership, *timeouts)
        self._log_path = log_path
        os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["ingest.worker", "kafka", "psycopg", "numpy"])
        self._working: list[ForkServerProcess] = []
        self._leaving: list[ForkServerProcess] = []

    def __len__(self) -> int:
        return len(self._working)

    def join(self) -> None:
        """Start one more."""
        worker = self._context.Process(target=work, args=self._arguments, daemon=True)
        worker.start()
        self._working.append(worker)

    def kill(self, chosen: int) -> None:
        """``kill -9`` one, and start another in its place."""
        victim = self._working.pop(chosen % len(self._working))
        victim.kill()
        victim.join()
        if victim.exitcode != -signal.SIGKILL:
            raise WorkerDefectError(self._told(victim))
        self.join()

    def freeze(self, chosen: int) -> None:
        """Stop one in the middle of what it does (SIGSTOP) until others have its partitions; then let it go on."""
        frozen = self._working[chosen % len(self._working)]
        if frozen.pid is None or frozen.exitcode is not None:
            raise WorkerDefectError(self._told(frozen))
        os.kill(frozen.pid, signal.SIGSTOP)
        time.sleep(FROZEN_SECONDS)
        os.kill(frozen.pid, signal.SIGCONT)

    def leave(self, chosen: int) -> None:
        """Ask one to stop (SIGTERM); it finishes its batch in its own time."""
        leaver = self._working.pop(chosen % len(self._working))
        leaver.terminate()
        self._leaving.append(leaver)

    def check(self) -> None:
        """See that nobody ended unasked.

        Raises:
            WorkerDefectError: If somebody did, or ended in disorder; it comes with the end of the workers' log.
        """
        for worker in self._working:
            if worker.exitcode is not None:
                raise WorkerDefectError(self._told(worker))
        for worker in self._leaving:
            if worker.exitcode not in (None, *IN_ORDER):
                raise WorkerDefectError(self._told(worker))

    def disband(self, *, seconds: float) -> None:
        """Ask all to stop and see that they do."""
        while self._working:
            self.leave(0)
        deadline = time.monotonic() + seconds
        for worker in self._leaving:
            worker.join(max(0.0, deadline - time.monotonic()))
            if worker.exitcode not in IN_ORDER:
                raise WorkerDefectError(self._told(worker))

    def end(self) -> None:
        """Kill whatever still runs."""
        for worker in [*self._working, *self._leaving]:
            if worker.exitcode is None:
                worker.kill()
                worker.join()

    def _told(self, worker: ForkServerProcess) -> str:
        log = self._log_path.read_text(errors="replace") if self._log_path.exists() else ""
        return f"worker {worker.pid} ended with {worker.exitcode}; the log ends with:\n{log[-4000:]}"
