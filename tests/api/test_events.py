"""Events arrive as they happen, in order, and a client that comes back misses none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from grid.store.events import event_id_range, events_after, prune_events, publish_event


def publish(api: Any, *numbers: int) -> None:
    with psycopg.connect(api.database_url) as conn:
        for number in numbers:
            publish_event(conn, kind="plan", payload={"number": number})


@contextmanager
def stream(api: Any, last_event_id: int | None = None) -> Iterator[Iterator[tuple[str, int, dict[str, Any]]]]:
    headers = {"Last-Event-ID": str(last_event_id)} if last_event_id is not None else {}
    with api.client() as client, client.stream("GET", "/events", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield parsed(response)


def parsed(response: httpx.Response) -> Iterator[tuple[str, int, dict[str, Any]]]:
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        elif "data" in fields:
            yield fields["event"], int(fields["id"]), json.loads(fields["data"])
            fields = {}


def numbers(events: Iterator[tuple[str, int, dict[str, Any]]], count: int) -> list[int]:
    return [next(events)[2]["payload"]["number"] for _ in range(count)]


def test_a_new_client_hears_hello_and_then_what_happens_from_now_on(empty_api: Any) -> None:
    publish(empty_api, 1, 2)
    with stream(empty_api) as events:
        kind, event_id, _ = next(events)
        assert (kind, event_id) == ("hello", 2)
        publish(empty_api, 3)
        publish(empty_api, 4, 5)
        assert numbers(events, 3) == [3, 4, 5]


def test_a_client_that_comes_back_gets_what_it_missed_and_goes_on(empty_api: Any) -> None:
    publish(empty_api, *range(1, 451))  # more than one page
    with stream(empty_api, last_event_id=3) as events:
        assert next(events)[0] == "hello"
        assert numbers(events, 447) == list(range(4, 451))
        publish(empty_api, 451)
        assert numbers(events, 1) == [451]


def test_a_client_that_missed_pruned_events_is_told_to_load_afresh(empty_api: Any) -> None:
    publish(empty_api, *range(1, 21))
    with psycopg.connect(empty_api.database_url) as conn:
        assert prune_events(conn, keep=5) == 15
    for lost in (3, 999):
        with stream(empty_api, last_event_id=lost) as events:
            kind, event_id, _ = next(events)
            assert (kind, event_id) == ("reset", 20)
    with stream(empty_api, last_event_id=15) as events:
        assert next(events)[0] == "hello"
        assert numbers(events, 5) == [16, 17, 18, 19, 20]


def test_a_wrong_last_event_id_is_refused(empty_api: Any, problem: Any) -> None:
    problem(empty_api.get("/events", headers={"Last-Event-ID": "yesterday"}), 422)


def test_a_plan_a_decision_and_a_promotion_are_told(own_api: Any) -> None:
    with stream(own_api) as events:
        next(events)
        plan_id = own_api.post("/plans", json={}).json()["plan_id"]
        kind, _, data = next(events)
        assert (kind, data["payload"]["plan_id"], data["payload"]["what_if"]) == ("plan", plan_id, False)
        own_api.post(f"/plans/{plan_id}/decisions", json={"decision": "accept", "reason": "as planned"})
        assert next(events)[2]["payload"] == {"plan_id": plan_id, "decision": "accept", "decided_by": "test-operator"}
        own_api.post("/models/load-2/promote", role="admin")
        assert next(events)[0] == "model"


def test_open_streams_are_counted_in_the_metrics(empty_api: Any) -> None:
    def open_streams() -> float:
        lines = httpx.get(f"{empty_api.url}/metrics").text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("gridpilot_event_streams "))

    before = open_streams()
    with stream(empty_api) as first, stream(empty_api) as second:
        next(first), next(second)
        assert open_streams() == before + 2
    for _ in range(50):
        if open_streams() == before:
            break
        publish(empty_api, 1)  # the server notices a client that left when it writes to it
    assert open_streams() == before


def test_streams_are_bounded(empty_api: Any, problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(empty_api.app.state.service.events, "_limit", 1)
    with stream(empty_api) as events:
        next(events)
        response = empty_api.get("/events")
        assert "retry-after" in response.headers
        problem(response, 503)
    with stream(empty_api) as events:
        assert next(events)[0] == "hello"


def test_ids_grow_in_the_order_of_commit_so_that_no_reader_skips_one(database_url: str) -> None:
    with psycopg.connect(database_url) as first, psycopg.connect(database_url) as second:
        publish_event(first, kind="plan", payload={"number": 1})
        late = threading.Thread(
            target=lambda: (publish_event(second, kind="plan", payload={"number": 2}), second.commit())
        )
        late.start()
        late.join(timeout=0.3)
        assert late.is_alive(), "the second publisher must wait for the first one's commit"
        first.commit()
        late.join(timeout=10)
        assert [event.payload["number"] for event in events_after(first, event_id=0)] == [1, 2]
        assert event_id_range(first) == (1, 2)
