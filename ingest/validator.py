"""The validator: takes what is due, judges it, writes what differs. Run as many as you like.

The loop is that of the ingest worker: faults of the world make it wait and try again, defects end the process. Due
spans are rows, and a batch is one transaction, so a validator that is killed leaves nothing half done.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg

from grid.basis import SiteBasis, site_basis
from grid.faults import InputError
from grid.store.database import DatabaseUnavailableError, connect, explain, is_transient, server_clock
from grid.store.migrate import check_schema
from grid.store.rollups import roll_up
from grid.store.settled import stamp
from grid.store.sites import load_site
from grid.store.validation_due import fold_done, mark_silent, validation_backlog
from ingest.evidence import LONGEST_AWAITED
from ingest.judging import JudgedBatch, judge_batch
from ingest.validation_metrics import ValidationMetrics

SHORTEST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
REST_SECONDS = 1.0
"""How soon new marks are noticed while nothing waits; what comes within it is judged together."""
ROLLUP_MARKS = 200
"""Totals of so many spans are brought in line at once: what comes meanwhile waits for a second or so."""
WATCH_EVERY = timedelta(hours=1)
"""How often, on the site's clock, silent channels are looked for: one look at the end of each channel."""
BACKLOG_SECONDS = 10.0
ROLLUP_SECONDS = 30.0
"""How long totals may wait while there is always something to validate; they are exact meanwhile, and slower."""
DEFAULT_PATIENCE = timedelta(hours=26)

Clock = Callable[[psycopg.Connection], datetime | None]

_log = logging.getLogger(__name__)


def run_validator(
    *,
    database_url: str,
    until_caught_up: bool = False,
    clock: Clock | None = None,
    patience: timedelta = DEFAULT_PATIENCE,
    every: timedelta = timedelta(0),
    on_progress: Callable[[JudgedBatch], None] | None = None,
    stop: threading.Event | None = None,
    metrics: ValidationMetrics | None = None,
) -> JudgedBatch:
    """Validate until told to stop, or until nothing waits; returns the totals.

    Args:
        until_caught_up: Return once nothing waits. What other validators have in hand is theirs to finish.
        clock: The site's present, for intervals that should have come at the end of a channel; None where it is not
            known yet. Without a clock only gaps between readings are noticed.
        patience: How long after its end an interval may still come before it is a gap.
        every: A channel that was judged less than this ago waits, so that several readings are judged together; no
            more so where ``until_caught_up``.
        on_progress: Called after every batch with the totals so far.
        stop: Set it to end after the batch in hand.

    Raises:
        InputError: If the database cannot be reached at the start, or the schema is not this program's.
    """
    with connect(database_url, application_name="gridpilot-validate") as conn:
        check_schema(conn)
    every = timedelta(0) if until_caught_up else every
    validator = _Validator(database_url, clock or _no_clock, patience, every, metrics or ValidationMetrics())
    try:
        return validator.run(until_caught_up, on_progress or _ignore, stop or threading.Event())
    finally:
        validator.close()


class _Validator:
    """One validator's connection and what it remembers; see :func:`run_validator`."""

    def __init__(
        self, database_url: str, clock: Clock, patience: timedelta, every: timedelta, metrics: ValidationMetrics
    ) -> None:
        self._database_url = database_url
        self._clock = clock
        self._patience = patience
        self._every = every
        self._metrics = metrics
        self._open: psycopg.Connection | None = None
        self._site: tuple[str | None, SiteBasis] = (None, site_basis(None))
        self._watched_until: datetime | None = None
        self._backlog_due_at = 0.0
        self._folded_until: datetime | None = None
        self._rollup_due_at = time.monotonic() + ROLLUP_SECONDS

    def run(
        self, until_caught_up: bool, on_progress: Callable[[JudgedBatch], None], stop: threading.Event
    ) -> JudgedBatch:
        total, pause = JudgedBatch(), SHORTEST_PAUSE_SECONDS
        while not stop.is_set():
            try:
                batch = self._validate(self._connection())
                # Totals are exact without it: a validator that is to return has no need to wait for them.
                rolled = 0 if until_caught_up else self._roll_up(self._connection(), idle=not batch.channels)
                pause = SHORTEST_PAUSE_SECONDS
            except (psycopg.Error, DatabaseUnavailableError) as error:
                self._recover(error, pause)
                stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                continue
            if batch.channels:
                total += batch
                on_progress(total)
            elif rolled:
                continue
            elif until_caught_up:
                break
            else:
                stop.wait(REST_SECONDS)
        return total

    def _roll_up(self, conn: psycopg.Connection, *, idle: bool) -> int:
        """Bring hourly and daily totals in line while nothing waits, and now and then if something always does."""
        if not idle and time.monotonic() < self._rollup_due_at:
            return 0
        self._rollup_due_at = time.monotonic() + ROLLUP_SECONDS
        return roll_up(conn, limit=ROLLUP_MARKS) or 0

    def close(self) -> None:
        """Disconnect."""
        if self._open is not None:
            self._open.close()

    def _connection(self) -> psycopg.Connection:
        if self._open is None or self._open.closed:
            self._open = connect(self._database_url, application_name="gridpilot-validate")
            self._open.autocommit = True  # every batch is a transaction of its own; nothing is held while it rests
            # A crash of the server may lose the last batches. They go as a whole, their marks come back, and they are
            # judged again: so waiting for the disk at every batch would buy nothing.
            self._open.execute("SET synchronous_commit = off")
        return self._open

    def _validate(self, conn: psycopg.Connection) -> JudgedBatch:
        """Look for silent channels when it is time, and judge one batch."""
        now = server_clock(conn)
        present = self._clock(conn)
        awaited_until = None if present is None else present - self._patience
        if awaited_until is not None and (
            self._watched_until is None or awaited_until >= self._watched_until + WATCH_EVERY
        ):
            with conn.transaction():
                marked_at = stamp(conn)
                silent = mark_silent(conn, awaited_until=awaited_until, longest=LONGEST_AWAITED, marked_at=marked_at)
            self._watched_until = awaited_until
            if silent:
                _log.info("%d channels are silent", silent, extra={"channels": silent})
        batch = judge_batch(conn, self._basis, awaited_until=awaited_until, every=self._every)
        if batch.channels:
            self._metrics.judged(batch)
            self._tell(batch)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if not batch.channels and self._folded_until != today:
            fold_done(conn, judged_before=today)
            self._folded_until = today
        if time.monotonic() >= self._backlog_due_at:
            self._metrics.waiting(validation_backlog(conn), at=now)
            self._backlog_due_at = time.monotonic() + BACKLOG_SECONDS
        self._metrics.stands(connected=True)
        return batch

    def _basis(self, conn: psycopg.Connection) -> SiteBasis:
        """What the site in force says; read again when another one was loaded."""
        row = conn.execute("SELECT sha256 FROM site ORDER BY loaded_at DESC LIMIT 1").fetchone()
        sha256 = row[0] if row else None
        if sha256 != self._site[0]:
            try:
                self._site = sha256, site_basis(load_site(conn))
            except InputError as error:
                _log.error("the site cannot be read; channels are validated by the defaults: %s", error)
                self._site = sha256, site_basis(None)
        return self._site[1]

    def _tell(self, batch: JudgedBatch) -> None:
        found = ", ".join(f"{name.lower()} {count}" for name, count in batch.reasons.items())
        said = {"channels": batch.channels, "intervals": batch.intervals, "reasons": dict(batch.reasons)}
        _log.info(
            "%d channels, %d intervals in %.2f s (%.2f s judging): %d verdicts written, %d withdrawn%s",
            batch.channels,
            batch.intervals,
            batch.seconds,
            batch.judging_seconds,
            batch.written,
            batch.withdrawn,
            f" ({found})" if found else "",
            extra=said,
        )

    def _recover(self, error: Exception, pause: float) -> None:
        """Make ready to try again after a fault of the world; raise what is none."""
        if isinstance(error, psycopg.Error) and not is_transient(error):
            raise error
        reason = (explain(error) if isinstance(error, psycopg.Error) else None) or f"{type(error).__name__}: {error}"
        _log.warning("%s; trying again in %.1f s", reason, pause)
        self._metrics.stands(connected=False)
        if self._open is not None and (self._open.broken or isinstance(error, psycopg.OperationalError)):
            self._open.close()
            self._open = None


def _no_clock(conn: psycopg.Connection) -> None:
    """Nobody says what the present is."""


def _ignore(total: JudgedBatch) -> None:
    """Nobody asked for progress."""
