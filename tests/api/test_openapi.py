"""The OpenAPI document is complete, and generated requests never find an undocumented answer or a server error."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ingest.topics import ensure_topics

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 12
PATIENCE_S = 60.0
"""Longer than any plan: a request given up would leave its plan under way, and the next one be told to wait."""


def document(api: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = httpx.get(f"{api.url}/openapi.json").json()
    return loaded


def test_every_field_and_parameter_is_documented(api: Any) -> None:
    loaded = document(api)
    bare = [
        f"{name}.{field}"
        for name, schema in loaded["components"]["schemas"].items()
        for field, described in schema.get("properties", {}).items()
        if not described.get("description")
    ]
    bare += [
        f"{method} {path} {parameter['name']}"
        for path, item in loaded["paths"].items()
        for method, route in item.items()
        for parameter in route.get("parameters", [])
        if not parameter.get("description")
    ]
    assert bare == []


def test_every_route_has_a_summary_and_names_its_problems(api: Any) -> None:
    for path, item in document(api)["paths"].items():
        for route in item.values():
            assert route["summary"]
            assert route["description"]
            if path.startswith("/api/"):
                assert {"401", "403", "503"} <= route["responses"].keys()
                assert "application/problem+json" in route["responses"]["401"]["content"]


def test_readings_that_are_refused_have_a_document_of_their_own(api: Any) -> None:
    loaded = document(api)
    declared = loaded["paths"]["/api/v1/readings"]["post"]["responses"]["422"]["content"]["application/problem+json"]
    names = [kind["$ref"].rsplit("/", 1)[1] for kind in declared["schema"]["anyOf"]]
    assert names == ["ReadingsRefused", "ProblemDocument"]
    refused = loaded["components"]["schemas"]["ReadingsRefused"]
    assert {"type", "title", "status", "detail", "accepted", "refused", "results"} == set(refused["required"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_generated_requests_get_documented_answers(town_url: str, broker: str, serve: Any) -> None:
    ensure_topics(broker, partitions=1)
    with serve(town_url, kafka_bootstrap=broker) as service:
        tried = _try_every_operation(service)
    assert len(tried) == 29


def _try_every_operation(api: Any) -> set[tuple[str, str]]:
    schema = schemathesis.openapi.from_url(f"{api.url}/openapi.json")
    headers = {"Authorization": f"Bearer {api.keys['admin']}"}
    tried = set()
    for found in schema.include(path_regex="^/api/|^/health").exclude(path="/api/v1/events").get_all_operations():
        operation = found.ok()
        tried.add((operation.method, operation.path))

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def answers_as_documented(case: Any) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS, timeout=PATIENCE_S)

        answers_as_documented()
    return tried
