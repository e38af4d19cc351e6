"""The plan in force dispatched again for newer forecasts: same commitment, what changes, warm the second time."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partialmethod
from typing import Any

import numpy as np
import psycopg
import pytest

from api.client import GridPilot
from grid.dispatch import Redispatch
from grid.forecasts import Forecast
from grid.site import Contingency
from grid.site_file import parse_site
from grid.store.forecasts import PRIMARY, load_forecast, save_forecasts
from grid.store.sites import load_site, save_site
from grid.time_axis import TimeAxis

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


def issue(api: Any, *, at: datetime, scale: float) -> None:
    """New forecasts: those of the stored ones' hours from ``at`` on, loads times ``scale``."""
    with psycopg.connect(api.database_url) as conn:
        made = []
        for series in ("town:load", "site:load", "dune-solar:generation"):
            old = load_forecast(conn, series)
            assert old is not None
            first = -(-(at - old.axis.start) // HOUR)
            axis = TimeAxis(old.axis.start + first * HOUR, HOUR, old.axis.periods - first)
            quantiles = old.quantiles[first:] * (scale if series.endswith("load") else 1.0)
            made.append(Forecast(series, axis, at, old.levels, quantiles, old.model_id, old.method))
        save_forecasts(conn, made, role=PRIMARY)


def made_of(document: dict[str, Any], t: int) -> float:
    made = sum(rows[t]["power_mw"] for kind in ("units", "renewables") for rows in document[kind].values())
    made += sum(rows[t]["discharge_mw"] - rows[t]["charge_mw"] for rows in document["storages"].values())
    return float(made + sum(rows[t]["import_mw"] - rows[t]["export_mw"] for rows in document["exchanges"].values()))


def test_the_plan_in_force_follows_newer_forecasts_with_its_commitment_held(planned: tuple[Any, str]) -> None:
    api, plan_id = planned
    plan = api.get("/plans/latest").json()
    issue(api, at=NOW + 90 * HOUR / 60, scale=1.03)
    response = api.post("/plans/redispatch", role="analyst")
    again = response.json()
    assert response.status_code == 200, again
    assert (again["plan_id"], again["warm"], again["violations"]) == (plan_id, False, [])
    assert again["axis"]["interval_starts"] == plan["axis"]["interval_starts"][2:]
    for name, rows in again["units"].items():
        assert [row["on"] for row in rows] == [row["on"] for row in plan["units"][name][2:]]
    for t, system in enumerate(again["system"]):
        assert system["load_mw"] == pytest.approx(1.03 * plan["system"][t + 2]["load_mw"], abs=0.01)
        assert made_of(again, t) == pytest.approx(system["load_mw"], abs=0.01)
    assert again["changes"]["since"] == plan_id
    assert {change["name"] for change in again["changes"]["inputs"]} == {"load"}
    assert all("load is" in change["text"] for change in again["changes"]["assets"])
    assert api.get("/plans/latest").json() == plan, "nothing is stored"

    issue(api, at=NOW + 95 * HOUR / 60, scale=1.0 / 1.03)
    back = api.post("/plans/redispatch").json()
    assert back["warm"]
    assert back["changes"]["inputs"] == []
    assert back["objective"] < again["objective"]
    with GridPilot(api.url, api.keys["operator"]) as grid:
        same = grid.redispatch()
    assert same["warm"]
    timed = ("solve_seconds",)
    assert {k: v for k, v in same.items() if k not in timed} == {k: v for k, v in back.items() if k not in timed}


def test_a_secure_site_and_one_that_trades_are_dispatched_again(own_api: Any, trading_example: str) -> None:
    site = parse_site(tomllib.loads(trading_example))
    found = {}
    for name, change in (("plain", {}), ("secure", {"n_1": (Contingency.BRANCHES,), "losses": True})):
        with psycopg.connect(own_api.database_url) as conn:
            save_site(conn, replace(site, **change))
        assert own_api.post("/plans", json={}).status_code == 201
        response = own_api.post("/plans/redispatch")
        assert response.status_code == 200, response.text
        found[name] = response.json()
        plan = own_api.get("/plans/latest").json()
        assert found[name]["objective"] <= plan["objective"] + 0.5, "the plan itself is one, and holds reserves too"
        assert not found[name]["warm"]
        assert own_api.post("/plans/redispatch").json()["warm"]
        assert set(found[name]["exchanges"]) == {"supplier"}
        assert found[name]["storages"].keys() >= {"depot-vans", "upper-lake"}
    assert np.sum([bus[0]["lmp"] for bus in found["plain"]["buses"].values()]) > 0.0


def test_without_a_plan_in_force_there_is_nothing_to_dispatch(own_api: Any, problem: Any) -> None:
    document = problem(own_api.post("/plans/redispatch"), 409)
    assert document["faults"][0]["place"] == "plan in force"


def test_a_plan_that_does_not_tell_of_an_hour_or_a_unit_cannot_be_dispatched_again(
    planned: tuple[Any, str], problem: Any
) -> None:
    api, _ = planned
    with psycopg.connect(api.database_url) as conn:
        site = load_site(conn)
        unit = replace(site.thermal_units[0], unit_id="new")
        save_site(conn, replace(site, thermal_units=(*site.thermal_units, unit)))
    faults = problem(api.post("/plans/redispatch"), 409)["faults"]
    assert [fault["place"] for fault in faults] == ["plan in force: new"]
    issue(api, at=NOW + 24 * HOUR, scale=1.0)
    assert "tells nothing of" in problem(api.post("/plans/redispatch"), 409)["faults"][0]["problem"]


def test_a_solver_that_failed_is_not_kept(planned: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    api, _ = planned
    assert api.post("/plans/redispatch").status_code == 200
    assert api.post("/plans/redispatch").json()["warm"]
    with monkeypatch.context() as patched:
        patched.setattr(Redispatch, "solve", failing)
        assert api.post("/plans/redispatch").status_code == 500
    assert not api.post("/plans/redispatch").json()["warm"]


def test_what_is_not_settled_in_time_is_asked_for_again(
    planned: tuple[Any, str], monkeypatch: pytest.MonkeyPatch, problem: Any
) -> None:
    api, _ = planned
    with monkeypatch.context() as patched:
        patched.setattr(Redispatch, "solve", partialmethod(Redispatch.solve, seconds=0.0))
        told = problem(api.post("/plans/redispatch"), 503)["detail"]
    assert "not settled in 0 s" in told
    assert "cannot be dispatched" not in told
    assert api.post("/plans/redispatch").json()["warm"]


def failing(*_: object) -> None:
    raise RuntimeError("HiGHS: addRows failed")
