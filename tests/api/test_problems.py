"""Every error is a problem document that says what happened and what to do."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import psycopg
import pytest
from starlette.exceptions import HTTPException

from api.problems import problem_from, problem_response
from grid.faults import Fault, InputError


def test_all_faults_of_a_request_are_listed_with_their_places(api: Any, problem: Any) -> None:
    body = {"load_scale": -1, "wind_scale": True, "unavailable_units": "steam", "colour": "red"}
    document = problem(api.post("/plans", json=body), 422)
    assert document["type"] == "urn:gridpilot:invalid-request"
    places = {fault["place"] for fault in document["faults"]}
    assert places == {"body.load_scale", "body.wind_scale", "body.unavailable_units", "body.colour"}


def test_numbers_are_not_taken_for_words_nor_words_for_numbers(api: Any, problem: Any) -> None:
    for wrong in ("1.05", False, None, [1.0]):
        document = problem(api.post("/plans", json={"load_scale": wrong}), 422)
        assert [fault["place"] for fault in document["faults"]] == ["body.load_scale"]


def test_broken_json_is_told_as_such(api: Any, problem: Any) -> None:
    response = api.post("/plans", content=b'{"load_scale": ', headers={"Content-Type": "application/json"})
    assert problem(response, 422)["faults"][0]["place"].startswith("body")


def test_a_body_that_is_no_text_is_told_as_such(api: Any, problem: Any) -> None:
    response = api.post("/plans", content=b"\x9c\x81\xfe", headers={"Content-Type": "application/json"})
    assert problem(response, 422)["faults"] == [
        {"place": "body", "problem": "is no text in UTF-8", "remedy": "see /docs for what this route accepts"}
    ]


def test_each_fault_says_what_to_do(api: Any, problem: Any) -> None:
    path = "/series/town:load/readings"
    asked = {"start": "2026-03-01", "end": "2026-03-02T00:00:00 01:00"}
    naive, spoilt = problem(api.get(path, params=asked), 422)["faults"]
    assert "append Z for UTC, or an offset such as +01:00" in naive["remedy"]
    assert "%2B" in spoilt["remedy"]
    (missing,) = problem(api.get(path, params={"start": "2026-03-01T00:00:00Z"}), 422)["faults"]
    assert (missing["place"], missing["remedy"]) == ("query.end", "give it")
    (unknown,) = problem(api.post("/plans", json={"load_scal": 1.05}), 422)["faults"]
    assert unknown["remedy"].startswith("leave it out, or correct its name; there are ")
    assert "load_scale" in unknown["remedy"]


def test_before_the_first_plan_there_is_no_latest_one(own_api: Any, problem: Any) -> None:
    assert "gridpilot plan" in problem(own_api.get("/plans/latest"), 404)["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/series/nobody:load/readings?start=2026-03-01T00:00:00Z&end=2026-03-02T00:00:00Z",
        "/series/no-channel/readings?start=2026-03-01T00:00:00Z&end=2026-03-02T00:00:00Z",
        "/forecasts?series_id=nobody:load",
        "/plans/nothing",
        "/plans/nothing/explanation",
        "/plans/nothing/decisions",
    ],
)
def test_unknown_things_are_404_with_a_remedy(api: Any, problem: Any, path: str) -> None:
    assert ";" in problem(api.get(path), 404)["detail"]


def test_a_database_that_is_away_is_503_with_retry_after(database_url: str, serve: Any, problem: Any) -> None:
    with serve(database_url) as api:
        assert api.get("/series").status_code == 200
        server, name = database_url.rsplit("/", 1)
        with psycopg.connect(f"{server}/postgres", autocommit=True) as conn:
            conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            response = api.get("/series")
            assert int(response.headers["retry-after"]) > 0
            problem(response, 503)
            ready = httpx.get(f"{api.url}/health/ready", timeout=20)
            assert ready.status_code == 503
            assert [check["name"] for check in ready.json()["checks"]] == ["database"]
            assert "gridpilot_database_up 0.0" in httpx.get(f"{api.url}/metrics", timeout=20).text
            conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        end = time.monotonic() + 10.0
        while api.get("/series").status_code != 200:
            assert time.monotonic() < end, "the service did not find its way back to the database"


def test_too_large_a_body_is_413_whether_declared_or_not(api: Any, problem: Any) -> None:
    size = 17 * 1024 * 1024
    declared = problem(api.post("/readings", content=b" " * size), 413)

    def undeclared() -> Any:
        for _ in range(17):
            yield b" " * 1024 * 1024

    assert problem(api.post("/readings", content=undeclared()), 413) == declared


def test_a_wrong_method_names_what_the_path_takes(api: Any, problem: Any) -> None:
    with api.client() as client:
        response = client.delete("/series")
    problem(response, 405)
    assert response.headers["allow"] == "GET"


def test_unforeseen_errors_tell_an_incident_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    problem = problem_from(KeyError("secret detail"))
    assert problem.status == 500
    assert "secret" not in problem.detail
    assert problem.detail.split()[-1] in caplog.text


def test_faults_of_our_own_checks_pass_through() -> None:
    problem = problem_from(InputError([Fault("here", "is wrong", "change it")]))
    assert (problem.status, problem.faults) == (422, (Fault("here", "is wrong", "change it"),))


def test_half_a_surrogate_pair_in_a_name_is_told_escaped() -> None:
    told = problem_response(problem_from(InputError([Fault("SERIES.json \ud800", "is no series", "correct it")])))
    assert json.loads(told.body)["faults"][0]["place"] == r"SERIES.json \ud800"


def test_the_words_of_an_http_error_are_kept() -> None:
    assert problem_from(HTTPException(404, "there is no zebra")).detail == "there is no zebra"
