"""Readings are checked one message at a time, handed to a real broker, and a meter writes only its own."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from api.client import GridPilot, GridPilotError
from api.routes.readings import ReadingsRefused
from ingest.topics import READINGS_TOPIC, WEATHER_TOPIC, ensure_topics

MESSAGE = {
    "meter_id": "m-17",
    "channel": "import",
    "unit": "kWh",
    "interval": "PT15M",
    "start": "2026-03-01T00:00:00Z",
    "values": [0.42, 0.40, None, 0.39],
}


@pytest.fixture
def sending(database_url: str, broker: str, serve: Any) -> Iterator[Any]:
    ensure_topics(broker, partitions=1)
    with serve(database_url, kafka_bootstrap=broker) as api:
        yield api


def received(
    broker: str, *, marker: str, count: int, topic: str = READINGS_TOPIC
) -> list[tuple[bytes, dict[str, Any]]]:
    """The first ``count`` messages with this ``sent_at``, as they stand on the topic."""
    consumer = KafkaConsumer(bootstrap_servers=broker, enable_auto_commit=False)
    try:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek_to_beginning()
        found: list[tuple[bytes, dict[str, Any]]] = []
        end = time.monotonic() + 20.0
        while len(found) < count and time.monotonic() < end:
            for records in consumer.poll(timeout_ms=500).values():
                messages = [(record.key, json.loads(record.value)) for record in records]
                found += [(key, message) for key, message in messages if message.get("sent_at") == marker]
        return found
    finally:
        consumer.close()


def test_accepted_messages_stand_on_the_topic_as_they_were_sent(sending: Any, broker: str) -> None:
    marker = "2026-03-01T01:00:01Z"
    first, second = MESSAGE | {"sent_at": marker}, MESSAGE | {"meter_id": "m-18", "sent_at": marker}
    response = sending.post("/readings", json=[first, second])
    assert response.status_code == 202
    assert (response.json()["accepted"], response.json()["refused"]) == (2, 0)
    assert [result["values"] for result in response.json()["results"]] == [4, 4]
    assert received(broker, marker=marker, count=2) == [(b"m-17", first), (b"m-18", second)]


def test_a_message_of_a_weather_site_stands_on_the_topic_of_weather(sending: Any, broker: str) -> None:
    marker = "2026-03-01T01:00:03Z"
    weather = {name: value for name, value in MESSAGE.items() if name != "meter_id"} | {
        "site_id": "town",
        "channel": "air_temperature",
        "unit": "degC",
        "issued_at": "2026-02-28T12:00:00Z",
        "sent_at": marker,
    }
    with GridPilot(sending.url, sending.keys["operator"]) as grid:
        assert grid.send([weather, MESSAGE])["accepted"] == 2
    assert received(broker, marker=marker, count=1, topic=WEATHER_TOPIC) == [(b"town", weather)]


def test_a_bad_message_is_refused_alone_with_its_reason(sending: Any, broker: str) -> None:
    marker = "2026-03-01T01:00:02Z"
    good = MESSAGE | {"sent_at": marker}
    messages = [MESSAGE | {"unit": "litre"}, good, MESSAGE | {"values": [False]}]
    document = sending.post("/readings", json=messages).json()
    assert [result["accepted"] for result in document["results"]] == [False, True, False]
    assert document["results"][0]["field"] == "unit"
    assert document["results"][2]["detail"]
    assert received(broker, marker=marker, count=1) == [(b"m-17", good)]


def test_where_every_message_is_refused_the_status_and_the_client_say_so(sending: Any, problem: Any) -> None:
    messages = [MESSAGE | {"unit": "litre"}, MESSAGE | {"values": [False]}]
    document = problem(sending.post("/readings", json=messages), 422)
    assert document.keys() == ReadingsRefused.model_fields.keys()
    assert [fault["place"] for fault in document["faults"]] == ["body[0].unit", "body[1].values"]
    assert (document["accepted"], document["refused"]) == (0, 2)
    assert [result["error_class"] for result in document["results"]] == ["unknown_unit", "wrong_type"]
    with GridPilot(sending.url, sending.keys["operator"]) as grid:
        with pytest.raises(GridPilotError, match="litre"):
            grid.send(messages[0])
        assert grid.send([MESSAGE, messages[0]])["refused"] == 1


def test_a_meter_writes_its_own_meter_only(sending: Any) -> None:
    weather = {name: value for name, value in MESSAGE.items() if name != "meter_id"} | {"site_id": "m-17"}
    messages = [MESSAGE, MESSAGE | {"meter_id": "m-18"}, weather]
    results = sending.post("/readings", role="meter", json=messages).json()["results"]
    assert [result["accepted"] for result in results] == [True, False, False]
    assert [result["error_class"] for result in results[1:]] == ["forbidden_meter"] * 2
    assert [result["field"] for result in results[1:]] == ["meter_id", "site_id"]


def test_without_a_broker_readings_are_refused_for_now(api: Any, problem: Any) -> None:
    response = api.post("/readings", json=MESSAGE)
    assert "GRIDPILOT_KAFKA_BOOTSTRAP" in str(problem(response, 503)["detail"])
    assert "retry-after" in response.headers


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_that_is_away_is_503_and_nothing_is_said_to_be_accepted(
    database_url: str, serve: Any, problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.producer.CONNECT_TIMEOUT_SECONDS", 1)
    with serve(database_url, kafka_bootstrap="127.0.0.1:9") as api:
        problem(api.post("/readings", json=MESSAGE), 503)
    gc.collect()  # kafka-python leaves two sockets open when it cannot connect


@pytest.mark.parametrize("body", [b"", b"[]", b"{not json", b"[" + b"{}," * 1000 + b"{}]"])
def test_bodies_that_hold_no_messages_or_too_many_are_refused(api: Any, problem: Any, body: bytes) -> None:
    document = problem(api.post("/readings", content=body), 422)
    assert [fault["place"] for fault in document["faults"]] == ["body"]
