"""Plans are made for real by the solver, explained, changed for what-ifs, and decided about."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import psycopg
import pytest

from grid.readings import ReadingBlock, Source
from grid.store.forecasts import load_forecast
from grid.store.saving import save_readings
from grid.time_axis import FloatArray
from grid.units import Channel

PLAN_HOURS = 24
NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)


def test_a_plan_made_now_is_the_latest_and_says_where_it_is(own_api: Any) -> None:
    response = own_api.post("/plans", json={})
    plan = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/api/v1/plans/{plan['plan_id']}"
    assert plan["status"] in ("optimal", "feasible")
    assert plan["axis"]["periods"] == PLAN_HOURS
    assert own_api.get("/plans/latest").json() == plan
    assert own_api.get(f"/plans/{plan['plan_id']}").json() == plan


def test_a_plan_serves_the_load_of_every_hour(planned: tuple[Any, str]) -> None:
    api, plan_id = planned
    plan = api.get(f"/plans/{plan_id}").json()
    for i, system in enumerate(plan["system"]):
        made = sum(unit[i]["power_mw"] for unit in plan["units"].values())
        made += sum(plant[i]["power_mw"] for plant in plan["renewables"].values())
        made += sum(s[i]["discharge_mw"] - s[i]["charge_mw"] for s in plan["storages"].values())
        assert made == pytest.approx(system["load_mw"], abs=0.01)


def test_a_what_if_is_stored_and_never_becomes_the_latest(planned: tuple[Any, str]) -> None:
    api, plan_id = planned
    response = api.post("/plans", role="analyst", json={"load_scale": 1.1, "unavailable_units": ["harbour-battery"]})
    what_if = response.json()
    assert response.status_code == 201
    latest = api.get("/plans/latest").json()
    assert latest["plan_id"] == plan_id
    assert what_if["inputs"]["changes"] == {"load_scale": 1.1, "unavailable_units": ["harbour-battery"]}
    assert what_if["system"][0]["load_mw"] == pytest.approx(1.1 * latest["system"][0]["load_mw"], abs=0.01)
    assert what_if["storages"] == {}
    assert what_if["objective"] > latest["objective"]
    listed = {plan["plan_id"]: plan["what_if"] for plan in api.get("/plans").json()}
    assert listed == {plan_id: False, what_if["plan_id"]: True}
    assert [plan["plan_id"] for plan in api.get("/plans", params={"what_if": True}).json()] == [what_if["plan_id"]]


def test_an_analyst_may_not_make_the_plan_in_force(own_api: Any, problem: Any) -> None:
    problem(own_api.post("/plans", role="analyst", json={}), 403)


def test_a_what_if_names_everything_the_site_does_not_have(api: Any, problem: Any) -> None:
    body = {"unavailable_units": ["nobody", "steam"], "unavailable_branches": ["nowhere"]}
    faults = problem(api.post("/plans", json=body), 422)["faults"]
    assert [fault["place"] for fault in faults] == ["unavailable_units: nobody", "unavailable_branches: nowhere"]


def test_a_what_if_that_cuts_the_network_apart_is_refused_with_the_reason(api: Any, problem: Any) -> None:
    faults = problem(api.post("/plans", json={"unavailable_branches": ["dunes-east"]}), 422)["faults"]
    assert "dunes" in str(faults)


def test_without_forecasts_there_is_nothing_to_plan_from(empty_api: Any, problem: Any) -> None:
    document = problem(empty_api.post("/plans", json={}), 503)
    assert document["type"] == "urn:gridpilot:no-site"


def test_a_second_plan_at_the_same_time_is_told_to_wait(own_api: Any, problem: Any) -> None:
    planner = own_api.app.state.service.planner
    with planner._at_work:
        response = own_api.post("/plans", json={})
    problem(response, 503)
    assert int(response.headers["retry-after"]) > 0
    assert own_api.post("/plans", json={}).status_code == 201


def test_an_explanation_has_reasons_for_every_hour_of_a_unit(planned: tuple[Any, str], problem: Any) -> None:
    api, plan_id = planned
    whole = api.get(f"/plans/{plan_id}/explanation").json()
    assert whole["reserve"]["up_level"] == 0.95
    one = api.get(f"/plans/{plan_id}/explanation", params={"asset_id": "steam"}).json()
    assert one["reasons"] == {"steam": whole["reasons"]["steam"]}
    spans = [(reason["from"], reason["to"]) for reason in one["reasons"]["steam"]]
    assert all(end == start for (_, end), (start, _) in pairwise(spans))
    assert all(reason["text"] for reason in one["reasons"]["steam"])
    problem(api.get(f"/plans/{plan_id}/explanation", params={"asset_id": "nobody"}), 404)


def test_decisions_are_added_with_the_name_of_the_key_and_never_changed(planned: tuple[Any, str]) -> None:
    api, plan_id = planned
    path = f"/plans/{plan_id}/decisions"
    assert api.get(path).json() == []
    first = api.post(path, json={"decision": "reject", "reason": "line returns at noon"})
    second = api.post(path, role="admin", json={"decision": "accept", "reason": "line stays out"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert [(d["decision"], d["decided_by"]) for d in api.get(path).json()] == [
        ("accept", "test-admin"),
        ("reject", "test-operator"),
    ]
    assert api.get("/plans").json()[0]["decision"] == "accept"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"decision": "perhaps"}, "body.decision"),
        ({"reason": "   "}, "body.reason"),
        ({"overrides": {"steam": 50.0}}, "body.overrides"),
        ({"decision": "override"}, "body.overrides"),
        ({"decision": "override", "overrides": {"nobody": 1.0}}, "body.overrides.nobody"),
        ({"decision": "override", "overrides": {"steam": 500.0}}, "body.overrides.steam"),
        ({"decision": "override", "overrides": {"turbine": -1.0}}, "body.overrides.turbine"),
    ],
)
def test_wrong_decisions_name_their_place(
    planned_once: tuple[Any, str], problem: Any, change: dict[str, Any], place: str
) -> None:
    api, plan_id = planned_once
    body = {"decision": "accept", "reason": "as planned"} | change
    document = problem(api.post(f"/plans/{plan_id}/decisions", json=body), 422)
    assert [fault["place"] for fault in document["faults"]] == [place]


def test_an_override_may_charge_a_storage(planned: tuple[Any, str]) -> None:
    api, plan_id = planned
    body = {"decision": "override", "reason": "hold it full", "overrides": {"harbour-battery": -10.0}}
    assert api.post(f"/plans/{plan_id}/decisions", json=body).json()["overrides"] == {"harbour-battery": -10.0}


def test_readers_are_served_while_a_plan_is_computed(own_api: Any) -> None:
    answers = []
    planning = threading.Thread(target=lambda: answers.append(own_api.post("/plans", json={}).status_code))
    planning.start()
    assert own_api.get("/site").status_code == 200
    planning.join(timeout=60)
    assert answers == [201]


@pytest.fixture(scope="session")
def planned_once(api: Any) -> tuple[Any, str]:
    """The readers' service with a plan, for requests that are refused."""
    return api, api.post("/plans", json={}).json()["plan_id"]


def hourly(meter: str, channel: Channel, kw: FloatArray) -> ReadingBlock:
    """Readings from NOW on."""
    starts = int(NOW.timestamp() * 1e6) + np.arange(len(kw), dtype=np.int64) * 3_600_000_000
    return ReadingBlock(Source.METER, meter, channel, 60, starts, kw, 0)


def test_what_was_promised_of_shortfalls_stands_beside_what_came(own_api: Any, problem: Any) -> None:
    plan = own_api.post("/plans", json={}).json()
    span = {"start": plan["axis"]["interval_starts"][0], "end": "2026-03-02T12:00:00Z"}
    beyond = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 3.0])  # as forecast in five hours, then thrice the load
    with psycopg.connect(own_api.database_url) as conn:
        for meter, channel, factor in (("town", Channel.LOAD, beyond), ("dune-solar", Channel.GENERATION, 1.0)):
            told = load_forecast(conn, f"{meter}:{channel}")
            assert told is not None
            save_readings(conn, [hourly(meter, channel, told.median[:6] * factor)], received_at=NOW)
    up, down = own_api.get("/plans/shortfalls", params=span).json()
    assert (up["direction"], up["periods"], up["came"]) == ("up", 6, 1)
    assert (down["direction"], down["periods"], down["came"]) == ("down", 6, 0)
    assert up["promised"] == pytest.approx(sum(plan["shortfall"]["up"]["probability"][:6]))
    early = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}
    assert [one["periods"] for one in own_api.get("/plans/shortfalls", params=early).json()] == [0, 0]
    for start, end in (("2020-01-02", "2020-01-01"), ("0001-01-01", "0001-01-02"), ("9999-12-30", "9999-12-31")):
        span = {"start": f"{start}T00:00:00Z", "end": f"{end}T00:00:00Z"}
        assert problem(own_api.get("/plans/shortfalls", params=span), 422)
