"""The alarm over dead letters: raised where a format broke, once, and only with the transaction that shows it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from grid.faults import InputError
from grid.store.database import connect
from grid.store.dead_letters import list_dead_letters
from grid.store.events import Event, events_after
from ingest.alarms import DeadLetterAlarm
from ingest.batch import BatchReport
from ingest.dead_letters import discard
from ingest.metrics import IngestMetrics
from ingest.producer import ReadingProducer
from ingest.topics import ensure_topics
from ingest.worker import IngestReport, run_worker

GOOD = b'{"meter_id":"m","channel":"load","unit":"kW","interval":"PT1H","start":"2026-01-01T00:00:00Z","values":[1]}'


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        yield connection


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def alarm(clock: Clock) -> DeadLetterAlarm:
    return DeadLetterAlarm(monotonic=clock)


def batch(messages: int, dead_letters: int) -> BatchReport:
    classes = {"unknown_unit": dead_letters} if dead_letters else {}
    return BatchReport(messages=messages, dead_letters=dead_letters, error_classes=classes)


def store(conn: psycopg.Connection, alarm: DeadLetterAlarm, report: BatchReport) -> list[Event]:
    """Commit a batch; returns all alarms so far."""
    with conn.transaction():
        alarm.before_commit(conn, report)
    alarm.keep()
    return alarms(conn)


def alarms(conn: psycopg.Connection) -> list[Event]:
    return [event for event in events_after(conn, event_id=0) if event.kind == "alarm"]


@pytest.mark.parametrize(("messages", "dead_letters", "raised"), [(1000, 10, 0), (1000, 11, 1), (4, 4, 0), (5, 5, 1)])
def test_more_than_one_percent_and_at_least_five_raise_the_alarm(
    conn: psycopg.Connection, alarm: DeadLetterAlarm, messages: int, dead_letters: int, raised: int
) -> None:
    assert len(store(conn, alarm, batch(messages, dead_letters))) == raised
    assert alarm.raised is bool(raised)


def test_the_alarm_says_cause_consequence_and_action(conn: psycopg.Connection, alarm: DeadLetterAlarm) -> None:
    store(conn, alarm, batch(100, 4))
    (event,) = store(conn, alarm, batch(100, 4))
    assert "8 of 200 messages (4.0%)" in event.payload["cause"]
    assert "8 of them for unknown_unit" in event.payload["cause"]
    assert "missing from forecasts" in event.payload["consequence"]
    assert "gridpilot dlq replay" in event.payload["action"]
    assert event.payload["error_classes"] == {"unknown_unit": 8}


def test_what_is_older_than_five_minutes_no_longer_counts(
    conn: psycopg.Connection, alarm: DeadLetterAlarm, clock: Clock
) -> None:
    store(conn, alarm, batch(100, 4))
    clock.seconds = 299.0
    store(conn, alarm, batch(1000, 0))
    clock.seconds = 301.0
    assert store(conn, alarm, batch(100, 4)) == []
    assert not alarm.raised


def test_several_workers_raise_it_once(conn: psycopg.Connection, alarm: DeadLetterAlarm) -> None:
    other = DeadLetterAlarm(monotonic=Clock())
    store(conn, alarm, batch(100, 50))
    store(conn, other, batch(100, 50))
    assert len(store(conn, alarm, batch(100, 50))) == 1
    conn.execute("UPDATE event SET at = at - interval '5 minutes'")
    assert len(store(conn, other, batch(100, 50))) == 2


def test_a_batch_that_was_rolled_back_raises_nothing(conn: psycopg.Connection, alarm: DeadLetterAlarm) -> None:
    with conn.transaction(force_rollback=True):
        alarm.before_commit(conn, batch(100, 50))
    alarm.forget()
    assert not alarm.raised
    assert alarms(conn) == []


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


def test_a_worker_told_to_pause_rests_until_the_dead_letters_are_resolved(
    broker: str, database_url: str, conn: psycopg.Connection
) -> None:
    topics = "alarm-test.readings", "alarm-test.weather"
    ensure_topics(broker, topics=topics, partitions=1)
    metrics, stop, seen = IngestMetrics(), threading.Event(), list[IngestReport]()

    def send(payload: bytes, times: int) -> None:
        with ReadingProducer(broker) as producer:
            for _ in range(times):
                producer.send(topics[0], "m", payload)

    def work(until_caught_up: bool, metrics: IngestMetrics | None = None) -> IngestReport:
        return run_worker(
            database_url=database_url,
            bootstrap=broker,
            readings_topic=topics[0],
            weather_topic=topics[1],
            until_caught_up=until_caught_up,
            pause_on_dead_letters=True,
            on_progress=seen.append,
            stop=stop,
            metrics=metrics,
        )

    send(b"rubbish", 6)
    with pytest.raises(InputError, match=r"GRIDPILOT_DEAD_LETTER_PAUSE.*reading rests"):
        work(until_caught_up=True)
    assert len(alarms(conn)) == 1
    conn.rollback()

    send(b"more rubbish", 6)
    worker = threading.Thread(target=work, args=(False, metrics), daemon=True)
    worker.start()
    try:
        wait_for(lambda: metrics.registry.get_sample_value("gridpilot_ingest_paused") == 1.0, "the pause")
        send(GOOD, 1)
        time.sleep(1.0)
        assert seen[-1].readings == 0
        discard(conn, [letter.dead_letter_id for letter in list_dead_letters(conn)], reason="a test")
        conn.commit()
        wait_for(lambda: seen[-1].readings == 1, "reading to go on")
        assert metrics.registry.get_sample_value("gridpilot_ingest_paused") == 0.0
    finally:
        stop.set()
        worker.join(10)
