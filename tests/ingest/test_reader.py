"""Reading from a real broker: batches are bounded in readings and in bytes, and say how far they reach."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from grid.store.stream import Partition
from ingest.producer import ReadingProducer
from ingest.reader import BATCH_BYTES, POLL_RECORDS, Batch, PartitionReader
from ingest.topics import describe_topics, ensure_topics

MIB = 1024 * 1024
GOOD = b'{"meter_id":"m","channel":"load","unit":"kW","interval":"PT1H","start":"2026-01-01T00:00:00Z","values":[1,2]}'
_names = count(1)


@pytest.fixture
def partition(broker: str) -> Partition:
    name = f"reader-test-{next(_names)}"
    ensure_topics(broker, topics=[name], partitions=1)
    (made,) = describe_topics(broker, [name]).all_partitions
    return made


@pytest.fixture
def reader(broker: str, partition: Partition) -> Iterator[PartitionReader]:
    made = PartitionReader(broker, weather_topic="weather")
    made.assign({partition: 0})
    yield made
    made.close()


def produce(broker: str, partition: Partition, payload: bytes, times: int) -> None:
    with ReadingProducer(broker) as producer:
        for _ in range(times):
            producer.send(partition.topic, "m", payload)


def read_all(reader: PartitionReader) -> list[Batch]:
    batches = [reader.read()]
    while not batches[-1].caught_up:
        batches.append(reader.read())
        assert len(batches) < 100
    return batches


def test_a_backlog_of_the_largest_messages_comes_in_batches_of_a_few_megabytes(
    broker: str, partition: Partition, reader: PartitionReader
) -> None:
    produce(broker, partition, b"x" * MIB, times=60)  # one fetch, compressed
    batches = read_all(reader)
    sizes = [sum(len(record.payload) for record in batch.records) for batch in batches]
    assert sum(sizes) == 60 * MIB
    assert max(sizes) < BATCH_BYTES + POLL_RECORDS * MIB
    assert batches[0].read_from == {partition: 0}
    assert batches[0].lags == {partition: 60 - len(batches[0].records)}


def test_a_batch_is_full_at_so_many_readings(
    broker: str, partition: Partition, reader: PartitionReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.reader.BATCH_READINGS", 300)
    produce(broker, partition, GOOD, times=1000)
    batches = read_all(reader)
    assert sum(len(batch.records) for batch in batches) == 1000
    assert max(len(batch.records) for batch in batches) <= 150 + POLL_RECORDS
    offsets = [record.offset for batch in batches for record in batch.records]
    assert offsets == list(range(1000))


def test_only_an_empty_batch_at_the_end_of_every_partition_is_caught_up(
    broker: str, partition: Partition, reader: PartitionReader
) -> None:
    assert read_all(reader)[-1].records == []
    produce(broker, partition, GOOD, times=1)
    batch = read_all(reader)[-1]
    assert batch.lags == {partition: 0}
    assert reader.positions == {partition: 1}
