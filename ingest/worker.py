"""The ingest worker: reads its share of the partitions and stores what it reads, exactly once in effect.

The loop is plain: see which partitions are ours, take the batch that was read, store it while the next one is read.
Faults of the world (database away, broker away) make it wait and try again with the same batch; faults of the data end
up as dead letters; defects end the process.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import psycopg
from kafka.errors import AuthorizationError, KafkaError, OffsetOutOfRangeError, UnsupportedVersionError

from grid.faults import InputError
from grid.store.database import DatabaseUnavailableError, connect, explain, is_transient
from grid.store.migrate import check_schema
from grid.store.saving import ConcurrentSaveError
from grid.store.stream import Partition
from ingest.ahead import ReadAhead
from ingest.alarms import DeadLetterAlarm
from ingest.announcer import Announcer
from ingest.batch import BatchReport, BatchStore, OffsetsMovedBackError
from ingest.groups import GroupMember
from ingest.leases import LeaseKeeper
from ingest.metrics import IngestMetrics
from ingest.ownership import Ownership, OwnershipKind
from ingest.positions import stored_positions
from ingest.reader import Batch, PartitionReader
from ingest.resting import RESTING, DeadLetterRest
from ingest.topics import (
    DEFAULT_PARTITIONS,
    READINGS_TOPIC,
    WEATHER_TOPIC,
    BrokerUnavailableError,
    describe_topics,
    ensure_topics,
    warn_without_native_checksum,
)

SHORTEST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
REST_SECONDS = 1.0  # how soon a worker that rests notices that it may go on
PATIENCE = timedelta(seconds=8)  # and half of it until a group has met: 15 s at most until partitions move on
LAYOUT_SECONDS = 30.0  # how soon a topic made anew is noticed while all is quiet

_log = logging.getLogger(__name__)


class StreamTruncatedError(RuntimeError):
    """The broker holds fewer messages of a topic than were read from it: it lost data that it had acknowledged."""


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What a worker has done so far.

    Attributes:
        batches: Totals over its batches.
        gaps: Times the broker had dropped messages before they were read.
        seconds: Since it began. [s]
    """

    batches: BatchReport = field(default_factory=BatchReport)
    gaps: int = 0
    seconds: float = 0.0

    @property
    def readings(self) -> int:
        return self.batches.saved.readings


def run_worker(
    *,
    database_url: str,
    bootstrap: str,
    readings_topic: str = READINGS_TOPIC,
    weather_topic: str = WEATHER_TOPIC,
    partitions: int = DEFAULT_PARTITIONS,
    until_caught_up: bool = False,
    hold_unknown_meters: bool = False,
    pause_on_dead_letters: bool = False,
    ownership: OwnershipKind = "lease",
    patience: timedelta = PATIENCE,
    on_progress: Callable[[IngestReport], None] | None = None,
    stop: threading.Event | None = None,
    metrics: IngestMetrics | None = None,
) -> IngestReport:
    """Read both topics until told to stop; several workers with the same arguments share the partitions.

    Args:
        partitions: How many a topic gets if it has to be made.
        until_caught_up: Return once everything produced so far is stored. Partitions of other workers that are
            alive are theirs to finish.
        hold_unknown_meters: Keep readings of unregistered meters as dead letters until they are registered.
        pause_on_dead_letters: Rest while the alarm of :mod:`ingest.alarms` stands, until the dead letters that raised
            it are resolved.
        ownership: Who shares the partitions out: leases in the database, or a consumer group of Kafka. The same for
            all workers of one database.
        patience: A worker silent for longer loses its partitions to the others.
        on_progress: Called after every batch with the totals so far.
        stop: Set it to end after the batch in hand.
        metrics: What Prometheus is to be told.

    Raises:
        InputError: If database or broker cannot be reached at the start, or the schema is not this program's; or if
            it would have to rest before it is caught up.
        StreamTruncatedError: If the broker lost messages that had been read.
    """
    warn_without_native_checksum()
    ensure_topics(bootstrap, topics=(readings_topic, weather_topic), partitions=partitions)
    with connect(database_url, application_name="gridpilot-ingest") as conn:
        check_schema(conn)
    topics = readings_topic, weather_topic
    worker = _Worker(
        database_url,
        bootstrap,
        topics,
        _ownership(ownership, bootstrap, topics, patience),
        hold_unknown_meters=hold_unknown_meters,
        pause_on_dead_letters=pause_on_dead_letters,
        metrics=metrics or IngestMetrics(),
    )
    try:
        return worker.run(until_caught_up, on_progress or _ignore, stop or threading.Event())
    finally:
        worker.close()


def _ownership(kind: OwnershipKind, bootstrap: str, topics: Sequence[str], patience: timedelta) -> Ownership:
    worker_id = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
    if kind == "lease":
        return LeaseKeeper(worker_id, monotonic=time.monotonic, duration=patience)
    return GroupMember(worker_id, bootstrap, topics, monotonic=time.monotonic, session=patience)


class _Worker:
    """One worker's connections and progress; see :func:`run_worker`."""

    def __init__(
        self,
        database_url: str,
        bootstrap: str,
        topics: tuple[str, str],
        ownership: Ownership,
        *,
        hold_unknown_meters: bool,
        pause_on_dead_letters: bool,
        metrics: IngestMetrics,
    ) -> None:
        self._database_url = database_url
        self._bootstrap = bootstrap
        self._topics = topics
        self._ownership = ownership
        self._metrics = metrics
        self._announcer = Announcer(monotonic=time.monotonic)
        self._alarm = DeadLetterAlarm(monotonic=time.monotonic)
        self._store = BatchStore(hold_unknown_meters, self._before_commit)
        self._rest = DeadLetterRest(self._alarm, allowed=pause_on_dead_letters)
        self._reader = PartitionReader(bootstrap, weather_topic=topics[1])
        self._ahead = ReadAhead(self._reader)
        self._open: psycopg.Connection | None = None
        self._layout: tuple[Partition, ...] = ()
        self._layout_due_at = 0.0
        self._out_of_range: OffsetOutOfRangeError | None = None
        self._gaps = 0

    def run(
        self, until_caught_up: bool, on_progress: Callable[[IngestReport], None], stop: threading.Event
    ) -> IngestReport:
        began, pause = time.monotonic(), SHORTEST_PAUSE_SECONDS
        report = IngestReport()
        batch: Batch | None = None
        rests = False
        while batch is not None or not stop.is_set():
            try:
                conn = self._connection()
                if batch is None:
                    batch = self._ahead.take()
                    self._take_share(conn)
                    rests = self._rest.lasts(conn)
                    if rests and until_caught_up:
                        raise InputError([RESTING])
                    if not rests:
                        self._ahead.begin()
                if batch is None:
                    if rests:
                        self._metrics.stands(connected=True, paused=True)
                        stop.wait(REST_SECONDS)
                    continue
                if batch.records:
                    stored = self._store_batch(conn, batch)
                    report = IngestReport(report.batches + stored, self._gaps, time.monotonic() - began)
                    on_progress(report)
                elif until_caught_up and self._all_stored(batch):
                    break
                else:
                    self._announcer.flush(conn)
                self._metrics.behind(batch.lags)
                self._metrics.stands(connected=True)
                batch, pause = None, SHORTEST_PAUSE_SECONDS
            except OffsetsMovedBackError as moved:
                _log.warning("%s: the database lost its last transactions; reading them again", moved)
                self._forget_positions()
                batch = None
            except OffsetOutOfRangeError as error:
                self._out_of_range = error
                self._expect_change()
            except (
                psycopg.Error,
                KafkaError,
                ConcurrentSaveError,
                DatabaseUnavailableError,
                BrokerUnavailableError,
            ) as error:
                self._recover(error, pause)
                if stop.wait(pause):
                    break  # what is in hand was not stored; it stays in the broker
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        return IngestReport(report.batches, self._gaps, time.monotonic() - began)

    def close(self) -> None:
        """Tell what was held back, give back the partitions, disconnect."""
        self._ahead.close()
        self._reader.close()
        try:
            with self._connection() as conn:
                self._announcer.flush(conn, at_once=True)
                self._ownership.release(conn)
        except (psycopg.Error, DatabaseUnavailableError) as error:
            _log.warning("the database did not hear that this worker stops: %s", error)
            self._ownership.release(None)

    def _connection(self) -> psycopg.Connection:
        if self._open is None or self._open.closed:
            conn = connect(self._database_url, application_name="gridpilot-ingest")
            # A crash of the server may lose the last transactions. They go as a whole, their offsets included, and
            # OffsetsMovedBackError has them read again: so waiting for the disk at every batch would buy nothing.
            conn.execute("SET synchronous_commit = off")
            conn.commit()
            self._open = conn
        return self._open

    def _before_commit(self, conn: psycopg.Connection, report: BatchReport) -> None:
        self._announcer.before_commit(conn, report)
        self._alarm.before_commit(conn, report)

    def _store_batch(self, conn: psycopg.Connection, batch: Batch) -> BatchReport:
        began = time.monotonic()
        try:
            stored = self._store.store(conn, batch.records, read_from=batch.read_from)
        except BaseException:
            self._announcer.forget()
            self._alarm.forget()
            raise
        self._announcer.keep()
        self._alarm.keep()
        seconds = time.monotonic() - began
        self._metrics.stored(stored, seconds=seconds)
        figures = {"messages": stored.messages, "readings": stored.saved.readings, "seconds": round(seconds, 3)}
        _log.debug("stored %(messages)d messages, %(readings)d readings in %(seconds)s s", figures, extra=figures)
        return stored

    def _take_share(self, conn: psycopg.Connection) -> None:
        """See which partitions are ours when it is time, and read new ones from where the database stands."""
        if not self._ownership.due:
            return
        if time.monotonic() >= self._layout_due_at:
            self._layout = describe_topics(self._bootstrap, self._topics).all_partitions
            self._layout_due_at = time.monotonic() + LAYOUT_SECONDS
        if self._out_of_range is not None:
            self._refuse_truncation(self._out_of_range)
            self._forget_positions()
        owned = self._ownership.renew(conn, self._layout)
        if owned != self._reader.assigned:
            known = {p: offset for p, offset in self._reader.positions.items() if p in owned}
            positions, gaps = stored_positions(conn, self._reader.first_offsets(owned - known.keys()))
            for _ in gaps:
                self._gaps += 1
                self._metrics.gap()
            self._reader.assign(known | positions)

    def _all_stored(self, batch: Batch) -> bool:
        """Whether an empty batch shows that nothing waits, here or at a worker that lives."""
        return batch.caught_up and batch.read_from.keys() == self._reader.assigned and self._ownership.others_alive

    def _forget_positions(self) -> None:
        self._ahead.drop()
        self._reader.assign({})
        self._out_of_range = None
        self._ownership.expect_renewal()

    def _refuse_truncation(self, error: OffsetOutOfRangeError) -> None:
        """An offset out of range lies before what the broker holds (a gap), or else after it (it lost data)."""
        if not self._reader.assigned <= set(self._layout):
            return  # the topic was made anew
        first = self._reader.first_offsets(self._reader.assigned)
        if not any(position < first[p] for p, position in self._reader.positions.items()):
            raise StreamTruncatedError(
                f"the broker holds fewer messages than were read from it ({error}). It lost data that it had"
                " acknowledged: restore it; or delete and make the topic anew, then send again what is missing."
            ) from error

    def _expect_change(self) -> None:
        self._layout_due_at = 0.0
        self._ownership.expect_renewal()  # what is owned may not be assigned yet

    def _recover(self, error: Exception, pause: float) -> None:
        """Make ready to try again after a fault of the world; raise what is none."""
        if isinstance(error, psycopg.Error) and not is_transient(error):
            raise error
        if isinstance(error, AuthorizationError | UnsupportedVersionError):
            raise error
        reason = (explain(error) if isinstance(error, psycopg.Error) else None) or f"{type(error).__name__}: {error}"
        _log.warning("%s; trying again in %.1f s", reason, pause)
        self._metrics.stands(connected=False)
        self._expect_change()
        if self._open is not None and (self._open.broken or isinstance(error, psycopg.OperationalError)):
            self._open.close()
            self._open = None


def _ignore(report: IngestReport) -> None:
    """Nobody asked for progress."""
