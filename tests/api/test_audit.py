"""Who did what can be read by admins, and the command line finds a log that was tampered with."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import psycopg

from api.client import GridPilot
from forecasting.engine.format import FORMAT
from grid.store.models import promote, save_model

Command = Callable[..., tuple[int, str]]


def test_what_is_decided_and_promoted_stands_in_the_log_with_the_key(planned: tuple[Any, str]) -> None:
    api, plan_id = planned
    api.post(f"/plans/{plan_id}/decisions", json={"decision": "accept", "reason": "as planned"})
    api.post("/models/load-2/promote", role="analyst")
    api.post("/models/load/rollback", role="admin")
    entries = api.get("/audit", role="admin").json()
    assert [(entry["actor"], entry["action"]) for entry in entries[:3]] == [
        ("key:test-admin", "model.rollback"),
        ("key:test-analyst", "model.promote"),
        ("key:test-operator", "plan.decide"),
    ]
    assert entries[2]["document"] == {
        "plan_id": plan_id,
        "decision": "accept",
        "reason": "as planned",
        "overrides": {},
    }
    assert [entry["audit_id"] for entry in entries] == list(range(len(entries), 0, -1))
    assert all(later["previous_sha256"] == entry["sha256"] for later, entry in pairwise(entries))


def test_the_log_comes_in_pages_and_as_a_frame(api: Any) -> None:
    first = api.get("/audit", role="admin", params={"limit": 2}).json()
    following = {"limit": 2, "before": first[-1]["audit_id"]}
    second = api.get("/audit", role="admin", params=following).json()
    assert first[-1]["previous_sha256"] == second[0]["sha256"]
    with GridPilot(api.url, api.keys["admin"]) as grid:
        frame = grid.audit(action="key.create")
    assert set(frame["action"]) == {"key.create"}
    assert frame["audit_id"].is_monotonic_decreasing
    assert str(frame["at"].dtype).endswith("UTC]")


def test_the_command_line_verifies_and_lists(own_api: Any, command: Command) -> None:
    url = own_api.database_url
    status, said = command(url, "audit", "verify", "--json")
    verdict = json.loads(said)
    assert (status, verdict["intact"], verdict["broken"]) == (0, True, None)
    assert verdict["entries"] == len(own_api.get("/audit", role="admin").json())
    assert command(url, "audit", "verify", "--expect", verdict["head"])[0] == 0
    status, said = command(url, "audit", "list", "--json", "--action", "site.load")
    assert [entry["action"] for entry in json.loads(said)] == ["site.load"]
    assert command(url, "audit", "verify", "--expect", "abc")[0] == 2
    with psycopg.connect(url) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute("UPDATE audit_entry SET actor = 'key:nobody' WHERE audit_id = 2")
    status, said = command(url, "audit", "verify")
    assert status == 2
    assert "broken at entry 2" in said


def test_a_key_is_rotated_on_the_command_line_with_or_without_a_grace(
    empty_api: Any, command: Command, problem: Any
) -> None:
    url = empty_api.database_url
    status, said = command(url, "keys", "rotate", "--name", "test-operator", "--grace-hours", "2")
    assert status == 0
    old, empty_api.keys["operator"] = empty_api.keys["operator"], said.strip()
    assert empty_api.get("/series").status_code == 200
    empty_api.keys["analyst"] = old
    assert empty_api.get("/series", role="analyst").status_code == 200  # the operator's former secret, in its grace
    assert command(url, "keys", "rotate", "--name", "test-operator")[0] == 0
    problem(empty_api.get("/series"), 401)
    problem(empty_api.get("/series", role="analyst"), 401)
    status, said = command(url, "keys", "rotate", "--name", "nobody")
    assert status == 2
    assert "gridpilot keys list" in said
    status, said = command(url, "keys", "create", "--role", "operator", "--name", "test-operator")
    assert status == 2
    assert "gridpilot keys rotate" in said


def test_models_are_listed_promoted_and_rolled_back_on_the_command_line(own_api: Any, command: Command) -> None:
    url = own_api.database_url
    assert command(url, "models", "promote", "load-2") == (0, "load-2 is champion of load\n")
    assert command(url, "models", "rollback", "load") == (0, "load-1 is champion of load\n")
    _, said = command(url, "models", "list", "--json")
    assert {model["model_id"]: model["status"] for model in json.loads(said)} == {
        "load-1": "champion",
        "load-2": "retired",
    }
    assert command(url, "models", "rollback", "solar")[0] == 2
    assert command(url, "models", "promote", "nobody")[0] == 2
    assert own_api.get("/audit", role="admin").json()[0]["actor"].startswith("shell:")


def test_a_first_champion_is_promoted_with_its_verdict_and_can_be_retired(own_api: Any, command: Command) -> None:
    url = own_api.database_url
    verdict = "Not better than the seasonal naive: skill -0.020."
    with psycopg.connect(url) as conn:
        manifest = {"format": FORMAT, "verdict": verdict}
        save_model(conn, model_id="solar-1", kind="solar", manifest=manifest, weights=b"")
    told = f"solar-1 is champion of solar\nwhen it was trained: {verdict}\n"
    assert command(url, "models", "promote", "solar-1") == (0, told)
    status, said = command(url, "models", "rollback", "solar")
    assert (status, "gridpilot models retire" in said) == (2, True)
    assert command(url, "models", "retire", "solar") == (0, "solar-1 is retired; stand-ins speak for solar\n")
    assert own_api.get("/audit", role="admin").json()[0]["action"] == "model.retire"
    status, said = command(url, "models", "retire", "solar")
    assert (status, "there is none to retire" in said) == (2, True), said


def test_a_model_of_an_older_format_does_not_become_champion_by_hand(
    own_api: Any, command: Command, problem: Any
) -> None:
    url = own_api.database_url
    with psycopg.connect(url) as conn:
        save_model(conn, model_id="load-0", kind="load", manifest={"format": FORMAT - 1}, weights=b"")
        promote(conn, "load-0")
        promote(conn, "load-1")
    for arguments in (("promote", "load-0"), ("rollback", "load")):
        status, said = command(url, "models", *arguments)
        assert status == 2
        assert f"load-0: format must be {FORMAT}, got {FORMAT - 1}" in said
    problem(own_api.post("/models/load-0/promote", role="analyst"), 409)
    problem(own_api.post("/models/load/rollback", role="admin"), 409)
    champions = [model["model_id"] for model in own_api.get("/models").json() if model["status"] == "champion"]
    assert champions == ["load-1"]
