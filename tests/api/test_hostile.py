"""Every kind of bad message, through the broker and a worker, and through the API: its reason, its place, and on."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from kafka import KafkaProducer

from grid.store.database import connect
from grid.store.dead_letters import list_dead_letters
from ingest.topics import READINGS_TOPIC, WEATHER_TOPIC, ensure_topics
from ingest.worker import run_worker

GOOD: dict[str, Any] = {
    "meter_id": "m-17",
    "channel": "import",
    "unit": "kWh",
    "interval": "PT15M",
    "start": "2026-03-01T00:00:00Z",
    "values": [0.42, 0.40],
}
KEY = b"m-17"


class Bad(NamedTuple):
    """A message that cannot be stored, and what is said of it."""

    payload: bytes | None
    error_class: str
    field: str
    key: bytes | None = KEY


def message(**changes: Any) -> bytes:
    return json.dumps({name: value for name, value in (GOOD | changes).items() if value is not ...}).encode()


def pairs(*stamps: str) -> bytes:
    return message(start=..., values=..., readings=[[stamp, 1.0] for stamp in stamps])


LAUGHS = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "' + b"&a;" * 1000 + b'">]><l>&b;</l>'
BAD = {
    "rubbish bytes": Bad(b"\x00\xff\xfe\x80\x81" * 20, "not_json", ""),
    "nothing at all": Bad(b"", "not_json", ""),
    "no payload": Bad(None, "not_json", ""),
    "a truncated message": Bad(message()[:-20], "not_json", ""),
    "two messages in one": Bad(message() + message(), "not_json", ""),
    "another encoding": Bad(message().decode().encode("utf-16"), "not_json", ""),
    "a billion laughs": Bad(LAUGHS, "not_json", ""),
    "arrays within arrays": Bad(b'{"x": ' + b"[" * 100_000, "not_json", ""),
    "a list": Bad(b"[1, 2]", "wrong_type", ""),
    "null": Bad(b"null", "wrong_type", ""),
    "a name twice": Bad(message()[:-1] + b', "unit": "Wh"}', "duplicate_field", "unit"),
    "a name twice, once escaped": Bad(message()[:-1] + b', "un\\u0069t": "Wh"}', "duplicate_field", "unit"),
    "an unknown name twice": Bad(message()[:-1] + b', "x": 1, "x": 1}', "duplicate_field", "x"),
    "NaN": Bad(message().replace(b"0.42", b"NaN"), "not_json", ""),
    "Infinity": Bad(message().replace(b"0.42", b"-Infinity"), "not_json", ""),
    "1e999": Bad(message().replace(b"0.42", b"1e999"), "not_finite", "values"),
    "a value beyond its unit": Bad(message(values=[1e308], unit="MWh"), "not_finite", "values"),
    "a value in quotes": Bad(message(values=["0.42"]), "wrong_type", "values"),
    "true for a value": Bad(message(values=[True]), "wrong_type", "values"),
    "a naive time": Bad(message(start="2026-03-01T00:00:00"), "wrong_type", "start"),
    "a naive time among others": Bad(pairs("2026-03-01T00:00:00Z", "2026-03-01T00:15:00"), "wrong_type", "readings"),
    "a day that is none": Bad(message(start="2026-02-29T00:00:00Z"), "wrong_type", "start"),
    "a time as a number": Bad(message(start=1772323200), "wrong_type", "start"),
    "the year 9999": Bad(message(start="9999-12-31T23:59:59-12:00"), "time_out_of_range", "start"),
    "the year 10000": Bad(message(start="10000-01-01T00:00:00Z"), "wrong_type", "start"),
    "the year 1": Bad(message(start="0001-01-01T00:00:00+14:00"), "time_out_of_range", "start"),
    "an offset beyond a day": Bad(message(start="2026-03-01T00:00:00-25:00"), "wrong_type", "start"),
    "an instant twice": Bad(
        pairs("2026-03-01T00:00:00Z", "2026-03-01T01:00:00+01:00"), "duplicate_interval", "readings"
    ),
    "10,001 values": Bad(message(values=[0.0] * 10_001), "too_many_values", "values"),
    "2 MiB": Bad(message(values=[0.123456789] * 180_000), "too_large", ""),
    "no values": Bad(message(values=[]), "empty", "values"),
    "no readings": Bad(message(start=..., values=..., readings=[]), "empty", "readings"),
    "neither shape": Bad(message(start=..., values=...), "missing_field", "values"),
    "mixed shapes": Bad(message(readings=[["2026-03-01T00:00:00Z", 1.0]]), "two_shapes", "readings"),
    "an unknown unit": Bad(message(unit="kilowatt"), "unknown_unit", "unit"),
    "a unit of another channel": Bad(message(unit="degC"), "unknown_unit", "unit"),
    "a wrong channel": Bad(message(channel="imported"), "unknown_channel", "channel"),
    "a channel of a wrong type": Bad(message(channel=["import"]), "wrong_type", "channel"),
    "a negative interval": Bad(message(interval="-PT15M"), "bad_interval", "interval"),
    "a negative revision": Bad(message(revision=-1), "wrong_type", "revision"),
    "a huge revision": Bad(message(revision=2**31), "wrong_type", "revision"),
    "below absolute zero": Bad(message(channel="air_temperature", unit="K", values=[-1.0]), "out_of_range", "values"),
    "a meter of control characters": Bad(message(meter_id="m\u0000\u202e"), "bad_id", "meter_id", None),
    "half a character": Bad(message(meter_id="\ud800"), "not_json", ""),
    "a forecast by a meter": Bad(message(issued_at="2026-03-01T00:00:00Z"), "unexpected_field", "issued_at"),
    "another meter's key": Bad(message(), "key_mismatch", "meter_id", b"m-18"),
    "a key that is no text": Bad(message(), "key_mismatch", "meter_id", b"\xff\xfe\x00"),
    "a key without a payload": Bad(None, "not_json", "", b"\xff"),
}
FINE = {
    "an offset west of Greenwich": message(start="2026-03-01T00:00:00-05:00"),
    "an offset that is not known": message(start="2026-03-01T06:00:00-00:00"),
    "a negative value": message(start="2026-03-01T07:00:00Z", values=[-1.0, 1.0]),
    "a register": message(channel="import_register", values=[120_000.0, 120_001.0]),
    "null for a value": message(start="2026-03-01T08:00:00Z", values=[None, 0.1]),
    "a name nobody knows": message(start="2026-03-01T09:00:00Z", firmware={"version": "1.2"}),
}


def test_each_bad_message_has_its_reason_and_its_place_and_the_stream_goes_on(broker: str, database_url: str) -> None:
    topics = {"readings_topic": "hostile-test.readings", "weather_topic": "hostile-test.weather"}
    ensure_topics(broker, topics=tuple(topics.values()), partitions=1)
    producer = KafkaProducer(bootstrap_servers=broker, max_request_size=4 * 1024 * 1024)
    places = {}
    for name, bad in BAD.items():
        places[name] = producer.send(topics["readings_topic"], key=bad.key, value=bad.payload).get(20).offset
    for payload in FINE.values():
        producer.send(topics["readings_topic"], key=KEY, value=payload)
    producer.close()
    report = run_worker(database_url=database_url, bootstrap=broker, until_caught_up=True, **topics)  # type: ignore[arg-type]
    assert (report.batches.dead_letters, report.readings) == (len(BAD), 2 * len(FINE))
    with connect(database_url, application_name="test") as conn:
        letters = {letter.offset: letter for letter in list_dead_letters(conn, limit=len(BAD) + 1)}
        stored = conn.execute("SELECT count(*), min(value) FROM v_reading WHERE meter_id = 'm-17'").fetchone()
    assert stored == (2 * len(FINE), -4.0)
    for name, bad in BAD.items():
        letter = letters[places[name]]
        assert (letter.error_class, letter.topic, letter.partition) == (bad.error_class, topics["readings_topic"], 0), (
            name
        )
        assert (letter.message_key, letter.payload) == (bad.key, bad.payload or b""), f"{name}: kept as it came"
        assert letter.detail.startswith(f"{bad.field}: " if bad.field else ""), name
        assert len(letter.detail) > 15, name


def test_the_api_says_the_same_of_each_message(broker: str, database_url: str, serve: Any) -> None:
    ensure_topics(broker, topics=(READINGS_TOPIC, WEATHER_TOPIC), partitions=1)
    with serve(database_url, kafka_bootstrap=broker) as api:
        for name, bad in BAD.items():
            if bad.payload is None or bad.error_class == "key_mismatch":
                continue  # these are faults of Kafka's messages
            response = api.post("/readings", content=bad.payload)
            document = response.json()
            if bad.error_class == "not_json" or bad.payload == b"[1, 2]":
                assert response.status_code == 422 or not document["results"][0]["accepted"], name
                continue
            assert response.status_code == 422, (name, document)
            (result,) = document["results"]
            assert (result["accepted"], result["error_class"], result["field"]) == (
                False,
                bad.error_class,
                bad.field,
            ), name
            assert result["detail"], name
        for name, payload in FINE.items():
            assert api.post("/readings", content=payload).json()["accepted"] == 1, name
