"""Workers against a real broker and a real database: whatever is killed, every reading is counted once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import numpy as np
import psycopg
import pytest
from kafka import KafkaConsumer, TopicPartition

from grid.readings import Source
from grid.store.database import connect
from grid.time_axis import EPOCH
from grid.units import Channel
from ingest.encoding import encode_message
from ingest.ownership import OwnershipKind
from ingest.producer import ReadingProducer
from ingest.reader import Batch, PartitionReader
from ingest.topics import ensure_topics
from ingest.worker import IngestReport, run_worker

LEASE = timedelta(seconds=1.5)
_names = count(1)


@dataclass(frozen=True, slots=True)
class Stream:
    """A pair of topics of this test's own, and a database to store them in."""

    bootstrap: str
    database_url: str
    readings_topic: str
    weather_topic: str

    def produce(self, *, owners: int, messages: int, values: int, first_hour: int = 0) -> int:
        """Send consecutive hourly loads of some meters, value = hour; returns how many readings."""
        with ReadingProducer(self.bootstrap) as producer:
            for i in range(messages):
                hours = first_hour + i * values + np.arange(values, dtype=np.float64)
                for owner in range(owners):
                    payload = encode_message(
                        Source.METER,
                        f"m-{owner}",
                        Channel.LOAD,
                        unit="kW",
                        interval_minutes=60,
                        start=EPOCH + timedelta(hours=float(hours[0])),
                        values=hours,
                    )
                    producer.send(self.readings_topic, f"m-{owner}", payload)
        return owners * messages * values

    def work(
        self,
        *,
        until_caught_up: bool = True,
        stop: threading.Event | None = None,
        on_progress: Callable[[IngestReport], None] | None = None,
        ownership: OwnershipKind = "lease",
    ) -> IngestReport:
        return run_worker(
            database_url=self.database_url,
            bootstrap=self.bootstrap,
            readings_topic=self.readings_topic,
            weather_topic=self.weather_topic,
            until_caught_up=until_caught_up,
            patience=LEASE,
            stop=stop,
            on_progress=on_progress,
            ownership=ownership,
        )

    def counted(self) -> int:
        """Values counted once each by the offsets."""
        return int(self.ask("SELECT coalesce(sum(readings), 0)::bigint FROM stream_offset"))

    def ask(self, query: str) -> float:
        with connect(self.database_url, application_name="test") as conn:
            row = conn.execute(query.encode()).fetchone()
        assert row is not None
        return float(row[0])


@pytest.fixture
def stream(broker: str, database_url: str) -> Stream:
    number = next(_names)
    topics = f"worker-test-{number}.readings", f"worker-test-{number}.weather"
    ensure_topics(broker, topics=topics, partitions=4)
    return Stream(broker, database_url, *topics)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.05)


def test_both_topics_arrive_and_a_second_run_finds_nothing_new(stream: Stream) -> None:
    sent = stream.produce(owners=3, messages=5, values=24)
    payload = encode_message(
        Source.WEATHER,
        "s-1",
        Channel.AIR_TEMPERATURE,
        unit="degF",
        interval_minutes=60,
        start=EPOCH,
        values=np.array([50.0, np.nan]),
        issued_at=EPOCH,
    )
    with ReadingProducer(stream.bootstrap) as producer:
        producer.send(stream.weather_topic, "s-1", payload)
        producer.send(stream.readings_topic, "m-0", b"not a message")
    report = stream.work()
    assert (report.readings, report.batches.dead_letters) == (sent + 2, 1)
    assert stream.ask("SELECT count(*) FROM reading") == sent
    assert stream.ask("SELECT value FROM v_weather_forecast WHERE value IS NOT NULL") == pytest.approx(10.0)
    assert stream.ask("SELECT sum((payload->>'rows')::int) FROM event WHERE kind = 'readings'") == sent + 2
    assert stream.work().batches.messages == 0


def test_a_file_sent_twice_changes_no_row(stream: Stream) -> None:
    sent = stream.produce(owners=2, messages=3, values=50)
    stream.work()
    newest_write = stream.ask("SELECT max(xmin::text::bigint) FROM reading")
    stream.produce(owners=2, messages=3, values=50)
    report = stream.work()
    assert (report.batches.saved.duplicates, report.batches.saved.added) == (sent, 0)
    assert stream.ask("SELECT max(xmin::text::bigint) FROM reading") == newest_write
    assert stream.ask("SELECT count(*) FROM reading_history") == 0


_CHILD = """
import sys
from datetime import timedelta
import ingest.reader
from ingest.worker import run_worker
ingest.reader.BATCH_READINGS = 300
run_worker(database_url=sys.argv[1], bootstrap=sys.argv[2], readings_topic=sys.argv[3], weather_topic=sys.argv[4],
           ownership=sys.argv[5], patience=timedelta(seconds=1.5))
"""


def start_child(stream: Stream, *, ownership: OwnershipKind = "lease") -> subprocess.Popen[bytes]:
    arguments = (stream.database_url, stream.bootstrap, stream.readings_topic, stream.weather_topic, ownership)
    return subprocess.Popen([sys.executable, "-c", _CHILD, *arguments])


def test_a_worker_killed_in_the_middle_is_followed_by_one_that_counts_every_reading_once(stream: Stream) -> None:
    sent = stream.produce(owners=4, messages=600, values=30)
    for _ in range(2):
        before = stream.counted()
        child = start_child(stream)
        try:
            wait_for(lambda before=before: stream.counted() > before, "the first batches")  # type: ignore[misc]
        finally:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
    assert 0 < stream.counted() < sent, "the worker was to be killed in the middle"
    stream.work()
    assert stream.counted() == sent
    assert stream.ask("SELECT count(*) FROM reading") == sent
    assert stream.ask("SELECT count(*) FROM reading_history") == 0
    assert stream.ask("SELECT count(*) FROM reading WHERE value <> extract(epoch FROM interval_start) / 3600") == 0


def test_a_worker_that_loses_its_database_session_goes_on_with_the_same_batch(stream: Stream) -> None:
    sent = stream.produce(owners=4, messages=200, values=500)
    kills = []

    def kill_sessions(_: IngestReport) -> None:
        if len(kills) < 3:
            with psycopg.connect(stream.database_url) as conn:
                kills.append(
                    conn.execute(
                        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND application_name = 'gridpilot-ingest'"
                    ).fetchone()
                )

    stream.work(on_progress=kill_sessions)
    assert len(kills) == 3
    assert stream.counted() == sent
    assert stream.ask("SELECT count(*) FROM reading") == sent


def test_two_workers_share_the_partitions_and_the_survivor_takes_over(stream: Stream) -> None:
    stop = threading.Event()
    threads = [
        threading.Thread(target=stream.work, kwargs={"until_caught_up": False, "stop": stop}, daemon=True)
        for _ in range(2)
    ]
    owners = "SELECT count(DISTINCT worker_id) FROM partition_lease WHERE expires_at > now()"
    held = "SELECT count(*) FROM partition_lease WHERE expires_at > now() AND worker_id <> ''"
    child = start_child(stream)
    try:
        wait_for(lambda: stream.ask(held) == 8, "the first worker to own everything")
        threads[0].start()
        wait_for(lambda: stream.ask(owners) == 2 and stream.ask(held) == 8, "the second worker to get its share")
        sent = stream.produce(owners=8, messages=5, values=10)
        wait_for(lambda: stream.counted() == sent, "both to store their share")
        os.kill(child.pid, signal.SIGKILL)
        wait_for(lambda: stream.ask(owners) == 1 and stream.ask(held) == 8, "the survivor to own everything")
        sent += stream.produce(owners=8, messages=5, values=10, first_hour=50)
        wait_for(lambda: stream.counted() == sent, "the survivor to store the rest")
        assert stream.ask("SELECT count(*) FROM reading") == sent
    finally:
        child.kill()
        child.wait()
        stop.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join(10)
    assert stream.ask(held) == 0, "a worker that stops in order gives its leases back"


def test_offsets_that_a_crashed_database_lost_are_read_again(stream: Stream) -> None:
    first = stream.produce(owners=1, messages=4, values=10)
    stop = threading.Event()
    worker = threading.Thread(target=stream.work, kwargs={"until_caught_up": False, "stop": stop}, daemon=True)
    worker.start()
    try:
        wait_for(lambda: stream.counted() == first, "the first readings")
        with connect(stream.database_url, application_name="test") as conn:  # what an unsynchronised commit may lose
            conn.execute("DELETE FROM reading WHERE value >= 20")
            conn.execute("UPDATE stream_offset SET next_offset = 2, readings = 20 WHERE next_offset = 4")
        stream.produce(owners=1, messages=1, values=10, first_hour=40)
        wait_for(lambda: stream.counted() == first + 10, "the lost readings to be read again")
    finally:
        stop.set()
        worker.join(10)
    assert stream.ask("SELECT count(*) FROM reading") == first + 10


def test_workers_of_a_group_share_the_partitions_and_the_survivor_takes_over(stream: Stream) -> None:
    shares: list[int] = []
    stop = threading.Event()
    options = {"until_caught_up": False, "stop": stop, "ownership": "group"}
    worker = threading.Thread(
        target=stream.work, kwargs={**options, "on_progress": lambda r: shares.append(r.readings)}, daemon=True
    )
    child = start_child(stream, ownership="group")
    try:
        sent = stream.produce(owners=8, messages=1, values=10)
        wait_for(lambda: stream.counted() == sent, "the first worker to store everything")
        worker.start()
        hour = 10
        while not shares:  # until the second one has its share
            sent += stream.produce(owners=8, messages=1, values=10, first_hour=hour)
            hour += 10
            wait_for(lambda: stream.counted() == sent, "both to store their share")  # noqa: B023
            assert hour < 500
        assert shares[-1] < sent
        os.kill(child.pid, signal.SIGKILL)
        sent += stream.produce(owners=8, messages=5, values=10, first_hour=hour)
        wait_for(lambda: stream.counted() == sent, "the survivor to store the rest")
        assert stream.ask("SELECT count(*) FROM reading") == sent
    finally:
        child.kill()
        child.wait()
        stop.set()
        if worker.ident is not None:
            worker.join(10)
    assert stream.ask("SELECT count(*) FROM partition_lease") == 0, "a group needs no leases"


def test_a_group_is_caught_up_when_everything_is_stored(stream: Stream) -> None:
    sent = stream.produce(owners=3, messages=5, values=24)
    assert stream.work(ownership="group").readings == sent
    assert stream.work(ownership="group").readings == 0


def test_a_database_that_does_not_answer_holds_back_the_reading(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.reader.BATCH_READINGS", 100)
    sent = stream.produce(owners=4, messages=100, values=50)
    batches: list[int] = []
    read = PartitionReader.read

    def noted(reader: PartitionReader) -> Batch:
        batch = read(reader)
        batches.append(len(batch.records))
        return batch

    monkeypatch.setattr(PartitionReader, "read", noted)
    stop = threading.Event()
    worker = threading.Thread(target=stream.work, kwargs={"until_caught_up": False, "stop": stop}, daemon=True)
    try:
        with psycopg.connect(stream.database_url) as conn:
            conn.execute("LOCK TABLE reading_history, reading IN EXCLUSIVE MODE")
            worker.start()
            wait_for(lambda: sum(map(bool, batches)) == 2, "the batch in hand and the one read ahead")
            time.sleep(1.0)
            assert sum(map(bool, batches)) == 2
            stop.set()
            worker.join(0.3)
            assert worker.is_alive(), "told to stop, it finishes the batch in hand"
    finally:
        stop.set()
        if worker.ident is not None:
            worker.join(10)
    assert 0 < stream.counted() < sent
    assert stream.ask("SELECT count(*) FROM reading") == stream.counted()
    stream.work()
    assert stream.ask("SELECT count(*) FROM reading") == sent


def test_a_defect_ends_the_worker_and_stores_nothing(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = stream.produce(owners=2, messages=2, values=10)

    def defect(*_: Any, **__: Any) -> None:
        raise TypeError("a defect")

    with monkeypatch.context() as broken:
        broken.setattr("ingest.batch.save_readings", defect)
        with pytest.raises(TypeError, match="a defect"):
            stream.work()
    assert stream.counted() == 0
    assert stream.work().readings == sent


def test_an_answer_of_the_broker_that_leaves_a_partition_out_is_asked_for_again(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = stream.produce(owners=3, messages=2, values=10)
    whole, asked = KafkaConsumer.beginning_offsets, []

    def left_out(consumer: KafkaConsumer, partitions: list[TopicPartition]) -> Any:
        asked.append(partitions)
        if len(asked) == 1:
            raise KeyError(partitions[0])  # as kafka-python does it
        return whole(consumer, partitions)

    monkeypatch.setattr(KafkaConsumer, "beginning_offsets", left_out)
    assert stream.work().readings == sent
    assert len(asked) > 1
