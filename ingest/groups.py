"""Which partitions this worker reads, decided by a consumer group of Kafka: the other choice beside leases.

The member of the group reads nothing. It joins, sends its heartbeats and learns what is ours; the messages come through
the worker's own reader, from the offsets that the database holds. So a rebalance neither moves a reading position nor
stops the stream: what was ours is read on until the group has met again, and the lock on the offset row keeps apart
two workers that read the same partition for a moment.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

import psycopg
from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import KafkaError

from grid.store.stream import Partition, database_identity
from ingest.topics import CONNECT_TIMEOUT_SECONDS, REQUEST_TIMEOUT_SECONDS, require_broker, unavailable

HEARTBEATS_PER_SESSION = 9  # with its next heartbeat a member learns that the group meets again
SILENT_SESSIONS = 2  # a worker that hangs for so long leaves the group; so long does the group wait for one, too
POLL_MILLISECONDS = 250
CLOSE_MILLISECONDS = 3000  # to say goodbye to a broker that may be away

_log = logging.getLogger(__name__)


class GroupMember:
    """One worker's membership, attended to by a thread of its own.

    The group is named for the database that the readings go to: two services that store the same topics in databases of
    their own must not share the partitions between them.
    """

    def __init__(
        self,
        worker_id: str,
        bootstrap: str,
        topics: Collection[str],
        *,
        monotonic: Callable[[], float],
        session: timedelta,
    ) -> None:
        self._bootstrap = bootstrap
        self._topics = list(topics)
        self._worker_id = worker_id
        self._monotonic = monotonic
        self._session_seconds = session.total_seconds()
        self._longest_silence = SILENT_SESSIONS * self._session_seconds
        self._decision = _Decision()
        self._seen: frozenset[TopicPartition] | None = None
        self._met_at = 0.0
        self._owns_all = False
        self._asked_at = 0.0
        self._fault: BaseException | None = None
        self._leaving = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def due(self) -> bool:
        return True  # asking costs no round trip, and tells the group that this worker does not hang

    @property
    def others_alive(self) -> bool:
        """Whoever died before the group met would have been missed within a session since."""
        stands = self._seen is not None and self._decision.assigned is self._seen
        return stands and (self._owns_all or self._monotonic() - self._met_at > self._session_seconds)

    def renew(self, conn: psycopg.Connection, partitions: Sequence[Partition]) -> frozenset[Partition]:
        """What the group has decided; nothing as long as it has not met."""
        self._asked_at = self._monotonic()
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        if self._thread is None or not self._thread.is_alive():
            self._join(conn)
        decided = self._decision.assigned
        if decided is not self._seen:
            self._seen, self._met_at = decided, self._monotonic()
            listed = ", ".join(f"{p.topic}[{p.partition}]" for p in sorted(decided or ()))
            said = {"worker_id": self._worker_id}
            _log.info("worker %s owns %s", self._worker_id, listed or "no partition", extra=said)
        owned = frozenset(p for p in partitions if TopicPartition(p.topic, p.number) in (decided or ()))
        self._owns_all = bool(owned) and len(owned) == len(partitions)
        return owned

    def expect_renewal(self) -> None:
        """It is always due."""

    def release(self, conn: psycopg.Connection | None) -> None:
        """Leave the group, so that the others share what this member owned."""
        self._leaving.set()
        if self._thread is not None:
            self._thread.join(2 * CLOSE_MILLISECONDS / 1000)  # the group misses us soon enough, should it hang

    def _join(self, conn: psycopg.Connection) -> None:
        with conn.transaction():
            group_id = f"gridpilot-ingest-{database_identity(conn)}"
        addresses = require_broker(self._bootstrap)
        try:
            consumer = KafkaConsumer(
                bootstrap_servers=addresses,
                client_id="gridpilot-ingest-group",
                group_id=group_id,
                enable_auto_commit=False,
                session_timeout_ms=int(self._session_seconds * 1000),
                heartbeat_interval_ms=int(self._session_seconds * 1000 / HEARTBEATS_PER_SESSION),
                max_poll_interval_ms=int(self._longest_silence * 1000),
                partition_assignment_strategy=[RoundRobinPartitionAssignor],
                allow_auto_create_topics=False,
                bootstrap_timeout_ms=CONNECT_TIMEOUT_SECONDS * 1000,
                request_timeout_ms=int(max(REQUEST_TIMEOUT_SECONDS, self._session_seconds) * 1000),
            )
        except KafkaError as error:
            raise unavailable(self._bootstrap, error) from error
        self._decision = _Decision(consumer)
        consumer.subscribe(self._topics, listener=self._decision)
        self._thread = threading.Thread(target=self._attend, args=(consumer,), name="group-member", daemon=True)
        self._thread.start()

    def _attend(self, consumer: KafkaConsumer) -> None:
        """Take part in the group until told to leave. A fault ends it; :meth:`renew` raises it and joins anew."""
        try:
            while not self._leaving.is_set():
                if self._monotonic() - self._asked_at > self._longest_silence:
                    self._leaving.wait(POLL_MILLISECONDS / 1000)  # unpolled, the client leaves the group
                else:
                    consumer.poll(timeout_ms=POLL_MILLISECONDS)
        except BaseException as fault:  # it belongs to the worker's own thread
            self._fault = fault
        finally:
            consumer.close(autocommit=False, timeout_ms=CLOSE_MILLISECONDS)


class _Decision(ConsumerRebalanceListener):  # type: ignore[misc]  # untyped base
    """What the group decided last: None before it first met. It is told so on the loop that sends the heartbeats."""

    def __init__(self, consumer: KafkaConsumer | None = None) -> None:
        self._consumer = consumer
        self.assigned: frozenset[TopicPartition] | None = None

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        if self._consumer is not None:
            for partition in assigned:
                self._consumer.seek(partition, 0)  # so that the client asks nobody where to begin; it reads nothing
            self._consumer.pause(*assigned)
        self.assigned = frozenset(assigned)

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """The group meets again; until it has, everything stays as it is."""

    def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None:
        self.assigned = frozenset()
