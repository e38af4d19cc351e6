"""Reading assigned partitions from the broker, a batch of decoded records at a time, from offsets that we choose."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, LeaderNotAvailableError

from grid.readings import Source
from grid.store.stream import Partition
from ingest.batch import Record, decode_record
from ingest.topics import (
    CONNECT_TIMEOUT_SECONDS,
    REQUEST_TIMEOUT_SECONDS,
    BrokerUnavailableError,
    TopicWatch,
    require_broker,
    unavailable,
)

BATCH_READINGS = 50_000  # larger ordered batches load faster; 50,000 rows are about 4 MB on their way to the database
BATCH_BYTES = 8 * 1024 * 1024  # of payloads: messages that hold few readings, or none, are bounded by this
BATCH_SECONDS = 0.5
POLL_RECORDS = 32  # by so many messages a batch may be overshot; more at once would be no faster
FETCH_BYTES = 8 * 1024 * 1024  # compressed; one fetch waits in memory while another is on its way
POLL_MILLISECONDS = 250
FETCH_WAIT_MILLISECONDS = 100  # shorter than a poll, so that an empty poll has heard from the broker


@dataclass(frozen=True, slots=True)
class Batch:
    """What one reading gave.

    Attributes:
        records: In order of offset per partition.
        read_from: The offset at which reading each partition began.
        lags: How many messages of each partition wait after these, as far as the broker has told.
        caught_up: Whether every partition was then read to its end, and the last poll came back empty.
    """

    records: list[Record]
    read_from: Mapping[Partition, int]
    lags: Mapping[Partition, int]
    caught_up: bool


class PartitionReader:
    """A Kafka consumer without a group: partitions and offsets are assigned by the caller. Not thread-safe."""

    def __init__(self, bootstrap: str, *, weather_topic: str) -> None:
        """Connect.

        Raises:
            BrokerUnavailableError: If no broker answers.
        """
        addresses = require_broker(bootstrap)
        try:
            self._consumer = KafkaConsumer(
                bootstrap_servers=addresses,
                client_id="gridpilot-ingest",
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",  # an offset out of range is ours to explain, never the client's to skip
                isolation_level="read_committed",
                allow_auto_create_topics=False,
                fetch_max_wait_ms=FETCH_WAIT_MILLISECONDS,
                fetch_max_bytes=FETCH_BYTES,
                max_partition_fetch_bytes=FETCH_BYTES // 2,
                bootstrap_timeout_ms=CONNECT_TIMEOUT_SECONDS * 1000,
                request_timeout_ms=REQUEST_TIMEOUT_SECONDS * 1000,
            )
        except KafkaError as error:
            raise unavailable(bootstrap, error) from error
        self._watch = TopicWatch(bootstrap)
        self._weather_topic = weather_topic
        self._positions: dict[Partition, int] = {}

    @property
    def assigned(self) -> frozenset[Partition]:
        return frozenset(self._positions)

    def assign(self, positions: Mapping[Partition, int]) -> None:
        """Read exactly these partitions from now on, each from the offset given."""
        self._positions = dict(positions)
        self._consumer.assign([_topic_partition(p) for p in positions])
        for p, offset in positions.items():
            self._consumer.seek(_topic_partition(p), offset)

    @property
    def positions(self) -> dict[Partition, int]:
        """The next offset to read of each assigned partition."""
        return dict(self._positions)

    def first_offsets(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The oldest offset that the broker still holds of each partition.

        Raises:
            KafkaError: If the broker does not tell.
        """
        if not partitions:
            return {}
        try:
            found = self._consumer.beginning_offsets([_topic_partition(p) for p in partitions])
        except KeyError as missing:  # the client itself trips over an answer in which a partition is missing
            raise LeaderNotAvailableError(f"the broker does not tell the first offset of {missing}") from missing
        return {p: found[_topic_partition(p)] for p in partitions}

    def read(self) -> Batch:
        """Wait a moment for records and return them; often none.

        A batch is full at :data:`BATCH_READINGS` or :data:`BATCH_BYTES`.

        Raises:
            KafkaError, BrokerUnavailableError: If the broker fails, or a topic is not the one that was assigned;
                nothing is lost, the same offsets are read again.
        """
        read_from = self.positions
        names = {_topic_partition(p): p for p in read_from}
        records: list[Record] = []
        readings = size = 0
        empty = False
        deadline = time.monotonic() + BATCH_SECONDS
        while readings < BATCH_READINGS and size < BATCH_BYTES and time.monotonic() < deadline and not empty:
            try:
                timeout = 20 if records else POLL_MILLISECONDS
                polled = self._consumer.poll(timeout_ms=timeout, max_records=POLL_RECORDS)
            except KafkaError:
                if records:
                    break  # store these first; the fault comes again if it lasts
                raise
            empty = not polled
            for where, messages in polled.items():
                partition = names[where]
                source = Source.WEATHER if partition.topic == self._weather_topic else Source.METER
                for message in messages:
                    record = decode_record(partition, message.offset, message.key, message.value, source=source)
                    records.append(record)
                    readings += record.readings
                    size += len(record.payload)
                self._positions[partition] = messages[-1].offset + 1
        if records:
            try:
                self._watch.require_same(read_from)
            except (KafkaError, BrokerUnavailableError):
                self.assign(read_from)
                raise
        return Batch(records, read_from, self._lags(), caught_up=empty and all(map(self._at_end, read_from)))

    def _lags(self) -> dict[Partition, int]:
        known = ((p, self._consumer.highwater(_topic_partition(p)), at) for p, at in self._positions.items())
        return {p: max(end - at, 0) for p, end, at in known if end is not None}

    def _at_end(self, partition: Partition) -> bool:
        # The end is what fetch responses say: the embedded broker's end_offsets is wrong. And it is the client's
        # position that counts, not ours: it goes past the markers of transactions, which are no records.
        where = _topic_partition(partition)
        end = self._consumer.highwater(where)
        return end is not None and self._consumer.position(where) >= end

    def close(self) -> None:
        """Leave the broker; no offset is committed there."""
        self._consumer.close(autocommit=False)
        self._watch.close()


def _topic_partition(partition: Partition) -> TopicPartition:
    return TopicPartition(partition.topic, partition.number)
