"""What the broker dropped before it was read is recorded and alarmed once; what it lost after ends the worker."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import psycopg
import pytest
from kafka import KafkaConsumer
from kafka.errors import OffsetOutOfRangeError

from grid.store.database import connect
from grid.store.stream import Partition
from ingest.metrics import IngestMetrics
from ingest.positions import Gap, stored_positions
from ingest.producer import ReadingProducer
from ingest.reader import PartitionReader
from ingest.topics import describe_topics, ensure_topics
from ingest.worker import IngestReport, StreamTruncatedError, run_worker

GOOD = b'{"meter_id":"m","channel":"load","unit":"kW","interval":"PT1H","start":"2026-01-01T00:00:00Z","values":[1]}'
P0, P1 = Partition("c", "t", "id", 0), Partition("c", "t", "id", 1)
_names = count(1)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        yield connection


def ask(conn: psycopg.Connection, query: str) -> list[Any]:
    with conn.transaction():
        return conn.execute(query.encode()).fetchall()


def test_a_gap_is_recorded_and_alarmed_once_for_all_partitions(conn: psycopg.Connection) -> None:
    assert stored_positions(conn, {P0: 0, P1: 0}) == ({P0: 0, P1: 0}, [])
    positions, gaps = stored_positions(conn, {P0: 3, P1: 5})
    assert positions == {P0: 3, P1: 5}
    assert gaps == [Gap(P0, 0, 3), Gap(P1, 0, 5)]
    assert ask(conn, 'SELECT "partition", from_offset, to_offset FROM stream_gap ORDER BY 1') == [(0, 0, 3), (1, 0, 5)]
    ((alarm,),) = ask(conn, "SELECT payload FROM event WHERE kind = 'alarm'")
    assert (alarm["alarm"], alarm["level"], alarm["messages"], alarm["partitions"]) == ("stream_gap", "high", 8, 2)
    assert all(alarm[part] for part in ("cause", "consequence", "action"))
    assert stored_positions(conn, {P0: 3, P1: 5}) == ({P0: 3, P1: 5}, [])
    assert ask(conn, "SELECT count(*) FROM event") == [(1,)]


def test_a_position_past_the_oldest_message_is_no_gap(conn: psycopg.Connection) -> None:
    stored_positions(conn, {P0: 7})
    assert stored_positions(conn, {P0: 2}) == ({P0: 7}, [])


@dataclass(frozen=True, slots=True)
class Stream:
    """Five messages in partition 0 of a topic of this test's own, and a database to store them in."""

    bootstrap: str
    database_url: str
    partitions: tuple[Partition, ...]

    def work(self, metrics: IngestMetrics | None = None) -> IngestReport:
        topic = self.partitions[0].topic
        return run_worker(
            database_url=self.database_url,
            bootstrap=self.bootstrap,
            readings_topic=topic,
            weather_topic=f"{topic}.weather",
            partitions=1,
            until_caught_up=True,
            metrics=metrics,
        )


@pytest.fixture
def stream(broker: str, database_url: str) -> Stream:
    topic = f"positions-test-{next(_names)}"
    ensure_topics(broker, topics=[topic], partitions=1)
    with ReadingProducer(broker) as producer:
        for hour in range(5):
            producer.send(topic, "m", GOOD.replace(b"T00", b"T%02d" % hour))
    return Stream(broker, database_url, describe_topics(broker, [topic]).all_partitions)


def drop_messages(monkeypatch: pytest.MonkeyPatch, stream: Stream, *, below: int, at_first: int = 0) -> None:
    """Let the broker seem to hold no message below an offset, once it has been asked so often: it cannot delete any."""
    asked = count()

    def first_offsets(reader: PartitionReader, partitions: Collection[Partition]) -> dict[Partition, int]:
        dropped = below if next(asked) >= at_first else 0
        return {p: dropped * (p in stream.partitions) for p in partitions}

    monkeypatch.setattr(PartitionReader, "first_offsets", first_offsets)


def refuse_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the broker answer the first poll that would bring messages with an offset out of range."""
    whole, refused = KafkaConsumer.poll, []

    def poll(consumer: KafkaConsumer, **options: Any) -> Any:
        polled = whole(consumer, **options)
        if polled and not refused:
            refused.append(polled)
            raise OffsetOutOfRangeError(dict.fromkeys(polled, 0))
        return polled

    monkeypatch.setattr(KafkaConsumer, "poll", poll)


def test_messages_dropped_before_they_were_read_are_a_gap_and_the_rest_is_stored(
    stream: Stream, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_messages(monkeypatch, stream, below=3)
    metrics = IngestMetrics()
    report = stream.work(metrics)
    assert (report.gaps, report.readings) == (1, 2)
    assert metrics.registry.get_sample_value("gridpilot_ingest_gaps_total") == 1
    assert stream.work().gaps == 0, "the next worker finds the offset moved on"
    assert ask(conn, "SELECT from_offset, to_offset FROM stream_gap") == [(0, 3)]
    assert ask(conn, "SELECT count(*) FROM event WHERE kind = 'alarm'") == [(1,)]


def test_messages_dropped_while_they_are_read_are_a_gap_and_the_rest_is_stored(
    stream: Stream, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_once(monkeypatch)
    drop_messages(monkeypatch, stream, below=2, at_first=1)
    report = stream.work()
    assert (report.gaps, report.readings) == (1, 3)
    assert ask(conn, "SELECT from_offset, to_offset FROM stream_gap") == [(0, 2)]


def test_a_broker_that_lost_what_was_read_ends_the_worker_with_the_reason(
    stream: Stream, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_once(monkeypatch)
    with pytest.raises(StreamTruncatedError, match="lost data that it had acknowledged"):
        stream.work()
    assert ask(conn, "SELECT count(*) FROM stream_gap") == [(0,)]


def test_a_topic_made_anew_is_read_from_its_beginning_under_its_own_identity(
    stream: Stream, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, told = describe_topics, []

    def described(bootstrap: str, topics: Collection[str]) -> Any:
        told.append(topics)
        layout = whole(bootstrap, tuple(topics))
        if len(told) > 1:
            return layout
        former = {n: tuple(p._replace(topic_id="former") for p in ps) for n, ps in layout.partitions.items()}
        return type(layout)(former)

    monkeypatch.setattr("ingest.worker.describe_topics", described)
    assert stream.work().readings == 5
    query = "SELECT topic_id = 'former', sum(readings)::bigint FROM stream_offset GROUP BY 1 ORDER BY 1"
    assert ask(conn, query) == [(False, 5), (True, 0)], "nothing of the new topic counts for the former one"
