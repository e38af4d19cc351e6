"""Health tells what is missing and stale; metrics count requests and the chain's state."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from api.sender import ASKED_AGAIN_SECONDS, Sender


@contextmanager
def answering(listening: socket.socket) -> Iterator[None]:
    """Answer the next request on ``listening`` with eight bytes, as a broker would begin."""

    def answer() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(64)
            connection.sendall(bytes(8))

    listening.settimeout(10.0)
    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def checks(api: Any) -> dict[str, str]:
    return {check["name"]: check["state"] for check in httpx.get(f"{api.url}/health/ready").json()["checks"]}


def test_a_filled_service_is_ready_and_its_data_fresh(api: Any) -> None:
    assert httpx.get(f"{api.url}/health/live").json() == {"status": "alive"}
    assert httpx.get(f"{api.url}/health/ready").status_code == 200
    found = checks(api)
    assert (found["database"], found["schema"], found["telemetry"], found["forecast"]) == ("ok",) * 4
    assert found["broker"] == "missing"


def test_an_empty_service_is_ready_and_says_what_is_missing(empty_api: Any) -> None:
    assert httpx.get(f"{empty_api.url}/health/ready").status_code == 200
    assert checks(empty_api)["site"] == "missing"


def test_a_broker_that_went_away_is_told_within_seconds_and_came_back_too() -> None:
    now = 0.0
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        sender = Sender(f"127.0.0.1:{port}", clock=lambda: now)
        with answering(listening):
            assert sender.trouble() == ""
    now += ASKED_AGAIN_SECONDS - 1
    assert sender.trouble() == "", "known from before"
    now += 1
    assert sender.trouble() == "ConnectionRefusedError"


def test_while_one_asks_a_broker_that_hangs_the_others_take_the_last_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, released = threading.Event(), threading.Event()
    asks = []

    def hang(bootstrap: str, *, timeout_seconds: float) -> None:
        asks.append(bootstrap)
        asked.set()
        released.wait(timeout=10.0)
        raise TimeoutError

    monkeypatch.setattr("api.sender.require_answer", hang)
    sender = Sender("hanging:9092")
    asking = threading.Thread(target=sender.trouble, daemon=True)
    asking.start()
    assert asked.wait(timeout=10.0)
    assert sender.trouble() == "", "as long as nothing else is known"
    assert asks == ["hanging:9092"]
    released.set()
    asking.join()
    assert sender.trouble() == "TimeoutError"


def test_an_address_that_is_none_is_told_and_breaks_nothing() -> None:
    for address in ("127.0.0.1:nine", ":9092", ""):
        assert Sender(address).trouble() == "InputError"


def test_a_service_with_a_dead_broker_is_ready_and_says_that_readings_are_refused(town_url: str, serve: Any) -> None:
    with socket.socket() as closed:  # bound, and nobody listens
        closed.bind(("127.0.0.1", 0))
        with serve(town_url, kafka_bootstrap=f"127.0.0.1:{closed.getsockname()[1]}") as api:
            response = httpx.get(f"{api.url}/health/ready")
    (check,) = (check for check in response.json()["checks"] if check["name"] == "broker")
    assert (response.status_code, check["state"]) == (200, "stale")
    assert "readings are refused" in check["detail"]


def test_a_database_without_the_schema_is_not_ready(empty_api: Any, problem: Any) -> None:
    with psycopg.connect(empty_api.database_url) as conn:
        conn.execute("DELETE FROM schema_migration")
    response = httpx.get(f"{empty_api.url}/health/ready")
    assert response.status_code == 503
    assert "gridpilot migrate" in response.text
    with psycopg.connect(empty_api.database_url) as conn:
        conn.execute("DROP TABLE api_key CASCADE")
    assert "gridpilot migrate" in problem(empty_api.get("/site"), 503)["detail"]


def test_old_forecasts_are_stale_on_the_sites_clock(own_api: Any) -> None:
    with psycopg.connect(own_api.database_url) as conn:
        conn.execute("UPDATE forecast_run SET issued_at = issued_at - interval '2 hours'")
        assert checks(own_api)["forecast"] == "ok"
        conn.execute("UPDATE forecast_run SET issued_at = issued_at - interval '1 hour'")
    freshness = own_api.get("/site").json()["freshness"]
    assert (freshness["forecast"]["state"], freshness["forecast"]["age_seconds"]) == ("stale", 3 * 3600.0)
    assert (freshness["telemetry"]["state"], freshness["plan"]["state"]) == ("fresh", "missing")
    assert checks(own_api)["forecast"] == "stale"
    assert httpx.get(f"{own_api.url}/health/ready").status_code == 200


def test_validation_that_does_not_keep_up_is_stale_and_measured(own_api: Any) -> None:
    def mark(ago: str) -> None:
        with psycopg.connect(own_api.database_url) as conn:
            conn.execute("UPDATE validation_due SET marked_at = now() - %s::interval", (ago,))

    mark("1 minute")
    assert checks(own_api)["validation"] == "ok"
    mark("20 minutes")
    (check,) = (c for c in httpx.get(f"{own_api.url}/health/ready").json()["checks"] if c["name"] == "validation")
    assert check["state"] == "stale"
    assert "new readings of 2 series wait, the oldest for 20 min; see that gridpilot validate runs" in check["detail"]
    lines = httpx.get(f"{own_api.url}/metrics").text.splitlines()
    measured = {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("gridpilot_validation_")}
    assert measured["gridpilot_validation_waiting_spans"] == 2.0
    assert measured["gridpilot_validation_waiting_seconds"] == pytest.approx(1200.0, abs=60.0)


def test_the_site_tells_its_present_and_what_is_dispatched(api: Any) -> None:
    site = api.get("/site").json()
    assert (site["clock"], site["present"], site["timezone"]) == ("telemetry", "2026-03-02T06:00:00Z", "Europe/Berlin")
    assert {asset["asset_id"]: asset["kind"] for asset in site["assets"]} == {
        "steam": "thermal",
        "turbine": "thermal",
        "dune-solar": "solar",
        "harbour-battery": "storage",
    }
    followed = {asset["asset_id"]: (asset["series_id"], asset["series_capacity_kw"]) for asset in site["assets"]}
    assert followed == {"dune-solar": ("dune-solar:generation", 30_000.0)} | dict.fromkeys(
        ("steam", "turbine", "harbour-battery"), (None, None)
    )


def test_metrics_count_by_route_and_never_by_path(own_api: Any) -> None:
    own_api.get("/forecasts", params={"series_id": "nobody:load"})
    own_api.get("/plans/some-plan")
    text = httpx.get(f"{own_api.url}/metrics").text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(lines['gridpilot_http_requests_total{method="GET",route="/api/v1/plans/{plan_id}",status="404"}']) >= 1
    assert "some-plan" not in text
    assert float(lines['gridpilot_age_seconds{link="forecast"}']) == 0.0
    assert float(lines["gridpilot_dead_letters_open"]) == 0.0
    assert float(lines["gridpilot_database_up"]) == 1.0


def test_metrics_are_open_and_tell_counts_and_ages_of_nobody_by_name(own_api: Any) -> None:
    own_api.get("/series/town:load/readings", params={"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"})
    text = httpx.get(f"{own_api.url}/metrics").text
    own = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line.startswith("gridpilot_")}
    assert "gridpilot_ingested_readings" in own
    for name in ("town", "dune-solar", "harbour", "load-1", "test-operator"):
        assert name not in text


@pytest.mark.parametrize("path", ["/", "/api/v1/site", "/static/style.css", "/health/live", "/nothing"])
def test_every_answer_carries_the_security_headers(api: Any, path: str) -> None:
    headers = httpx.get(api.url + path).headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    if path.startswith("/api/"):
        assert headers["cache-control"] == "no-store"
