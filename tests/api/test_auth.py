"""Nothing is open that does not have to be, and every role may do what its row says and no more."""

from __future__ import annotations

import re
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import APIRouter

from api.auth import publish_roles
from grid.store.keys import revoke_key, rotate_key

READERS = {"operator", "analyst", "admin"}
ALLOWED = {
    ("GET", "/api/v1/site"): READERS,
    ("GET", "/api/v1/series"): READERS,
    ("GET", "/api/v1/series/{series_id}/readings"): READERS,
    ("GET", "/api/v1/forecasts"): READERS,
    ("GET", "/api/v1/forecasts/explanation"): READERS,
    ("GET", "/api/v1/forecasts/scenarios"): READERS,
    ("POST", "/api/v1/forecasts/from-file"): READERS,
    ("GET", "/api/v1/plans"): READERS,
    ("GET", "/api/v1/plans/latest"): READERS,
    ("GET", "/api/v1/plans/shortfalls"): READERS,
    ("GET", "/api/v1/plans/{plan_id}"): READERS,
    ("GET", "/api/v1/plans/{plan_id}/explanation"): READERS,
    ("GET", "/api/v1/plans/{plan_id}/decisions"): READERS,
    ("POST", "/api/v1/plans"): READERS,
    ("POST", "/api/v1/plans/redispatch"): READERS,
    ("POST", "/api/v1/plans/{plan_id}/decisions"): {"operator", "admin"},
    ("POST", "/api/v1/readings"): {"meter", "operator", "admin"},
    ("GET", "/api/v1/models"): READERS,
    ("POST", "/api/v1/models/{model_id}/promote"): {"analyst", "admin"},
    ("POST", "/api/v1/models/{kind}/rollback"): {"analyst", "admin"},
    ("GET", "/api/v1/audit"): {"admin"},
    ("GET", "/api/v1/quality"): READERS,
    ("GET", "/api/v1/series/{series_id}/quality"): READERS,
    ("GET", "/api/v1/series/{series_id}/edits"): READERS,
    ("POST", "/api/v1/series/{series_id}/edits"): {"operator", "admin"},
    ("DELETE", "/api/v1/series/{series_id}/edits"): {"operator", "admin"},
    ("DELETE", "/api/v1/series/{series_id}/edits/{edit_id}"): {"operator", "admin"},
    ("GET", "/api/v1/events"): READERS,
}
OPEN = {("GET", "/health/live"), ("GET", "/health/ready"), ("GET", "/metrics")}


def routes(api: Any) -> dict[tuple[str, str], dict[str, Any]]:
    document = httpx.get(f"{api.url}/openapi.json").json()
    return {(method.upper(), path): route for path, item in document["paths"].items() for method, route in item.items()}


def request(api: Any, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    return httpx.request(method, api.url + re.sub(r"\{.*?\}", "x", path), headers=headers)


def test_every_route_admits_exactly_its_roles(api: Any) -> None:
    declared = {name: set(route.get("x-roles", ())) for name, route in routes(api).items()}
    assert declared == ALLOWED | {name: set() for name in OPEN}


def test_without_a_key_every_route_but_health_and_metrics_answers_401(api: Any, problem: Any) -> None:
    for method, path in routes(api).keys() - OPEN:
        for headers in (
            {},
            {"Authorization": "Bearer gp_wrong"},
            {"Authorization": f"Basic {api.keys['admin']}"},
        ):
            response = request(api, method, path, headers)
            problem(response, 401)
            assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_key_of_another_role_is_answered_403_before_anything_else_is_looked_at(api: Any, problem: Any) -> None:
    refused = [(name, role) for name, allowed in ALLOWED.items() for role in {*READERS, "meter"} - allowed]
    assert len(refused) > len(ALLOWED)
    for (method, path), role in refused:
        headers = {"Authorization": f"Bearer {api.keys[role]}"}
        assert role in str(problem(request(api, method, path, headers), 403)["detail"])


def test_paths_that_do_not_exist_are_protected_too(api: Any, problem: Any) -> None:
    problem(api.get("/nothing", role=None), 401)
    problem(api.get("/nothing"), 404)


def test_a_body_is_not_read_without_a_key(api: Any, problem: Any) -> None:
    problem(api.post("/plans", role=None, content=b"{not json"), 401)


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/static/style.css", "/health/live", "/metrics"])
def test_pages_health_and_metrics_need_no_key(api: Any, path: str) -> None:
    assert httpx.get(api.url + path).status_code == 200


def test_a_revoked_or_rotated_key_stops_working_at_once(empty_api: Any, problem: Any) -> None:
    assert empty_api.get("/series").status_code == 200
    with psycopg.connect(empty_api.database_url) as conn:
        assert revoke_key(conn, name="test-operator")
        rotate_key(conn, name="test-analyst")
    problem(empty_api.get("/series", role="operator"), 401)
    problem(empty_api.get("/series", role="analyst"), 401)


def test_the_secret_stands_nowhere_in_the_database(empty_api: Any) -> None:
    with psycopg.connect(empty_api.database_url) as conn:
        stored = conn.execute("SELECT api_key::text FROM api_key").fetchall()
    assert len(stored) == 4
    for key in empty_api.keys.values():
        assert not any(key in row[0] or key[3:] in row[0] for row in stored)


def test_a_route_that_names_no_role_stops_the_start() -> None:
    router = APIRouter()
    router.add_api_route("/forgotten", lambda: None)
    with pytest.raises(RuntimeError, match="/forgotten"):
        publish_roles(router.routes)
