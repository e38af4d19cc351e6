"""``gridpilot plan``: what it says and how it exits, whatever became of the plan; and which plan it goes on from."""

from __future__ import annotations

import json
import logging
import math
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import psycopg
import pytest

from api.jobs import planning
from api.plan_schemas import PlanDocument
from api.planning import PlanLimits, has_schedule, make_plan
from api.settings import PlanProcess
from grid.problem.dispatch_problem import DispatchProblem
from grid.site import ScenarioPolicy
from grid.site_file import EXAMPLE_SITE, read_site_file
from grid.store.plans import latest_plan, save_plan
from grid.store.sites import save_site

Command = Callable[..., tuple[int, str]]
SITE = read_site_file(EXAMPLE_SITE)
MESSAGE = "bus harbour: 10 MW of must-run power [steam] have nowhere to go"


def without_schedule(status: str, *, issued_at: str = "2026-03-02T05:00:00Z") -> dict[str, Any]:
    """The document of a plan that could not be made."""
    return {
        "plan_id": f"plan-{status}",
        "site_id": SITE.site_id,
        "issued_at": issued_at,
        "status": status,
        "objective": None,
        "best_bound": None,
        "gap": None,
        "build_seconds": 0.1,
        "solve_seconds": 0.2,
        "currency": "EUR",
        "message": MESSAGE,
        "axis": {"start": issued_at, "step_minutes": 60, "periods": 1, "interval_starts": [issued_at]},
        **{name: {} for name in ("assets", "units", "renewables", "storages", "buses", "branches", "links", "reasons")},
        **{name: [] for name in ("system", "violations")},
        "inputs": {},
    }


@pytest.mark.parametrize(("status", "exit_status"), [("infeasible", 3), ("error", 1)])
def test_a_plan_that_cannot_be_made_exits_with_its_reason(
    database_url: str, command: Command, monkeypatch: pytest.MonkeyPatch, status: str, exit_status: int
) -> None:
    monkeypatch.setattr(planning, "make_plan", lambda *_args, **_options: without_schedule(status))
    with psycopg.connect(database_url) as conn:
        save_site(conn, SITE)
    ended, said = command(database_url, "plan", "--once")
    assert ended == exit_status
    assert f"no plan, {status}: {MESSAGE}" in said
    ended, said = command(database_url, "plan", "--once", "--json")
    assert ended == exit_status
    assert '"objective": null' in said


def test_the_loop_logs_what_could_not_be_planned_as_an_error_and_goes_on(
    town_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()

    def fail(conn: psycopg.Connection, site: Any, *, limits: PlanLimits) -> dict[str, Any]:
        stop.set()
        return without_schedule("infeasible")

    monkeypatch.setattr(planning, "make_plan", fail)
    with caplog.at_level(logging.INFO, "api.jobs.planning"):
        planning.plan_forever(PlanProcess(database_url=town_url), stop=stop)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "infeasible, no bound is proven" in record.message
    assert MESSAGE in record.message


def test_the_loop_plans_the_site_that_is_loaded_meanwhile(town_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, planned = threading.Event(), []

    def note(conn: psycopg.Connection, site: Any, *, limits: PlanLimits) -> dict[str, Any]:
        planned.append(site.name)
        if len(planned) == 2:
            stop.set()
        with psycopg.connect(town_url) as other:
            save_site(other, replace(SITE, name="renamed"))
            other.execute("UPDATE forecast_run SET issued_at = issued_at + interval '1 hour'")
        return without_schedule("infeasible")

    monkeypatch.setattr(planning, "make_plan", note)
    planning.plan_forever(PlanProcess(database_url=town_url), stop=stop)
    assert planned == [SITE.name, "renamed"]


def test_what_cannot_be_planned_has_a_reason_and_no_schedule(town_url: str) -> None:
    def hopeless(problem: DispatchProblem) -> DispatchProblem:
        hard = replace(problem.penalties, shedding=math.inf)
        return replace(problem, load_mw=10.0 * problem.load_mw, penalties=hard)

    limits = PlanLimits(horizon_hours=4, time_limit_seconds=5.0, gap=0.02, threads=1)
    with psycopg.connect(town_url) as conn:
        document = make_plan(conn, SITE, limits=limits, change=hopeless)
        setpoints = conn.execute("SELECT count(*) FROM plan_setpoint").fetchone()
    assert (document["status"], document["objective"], document["gap"]) == ("infeasible", None, None)
    assert (document["units"], document["buses"], document["system"], setpoints) == ({}, {}, [], (0,))
    assert document["message"]
    assert not has_schedule(document)
    PlanDocument.model_validate_json(json.dumps(document))


def test_a_plan_goes_on_from_the_latest_one_that_has_a_schedule(town_url: str) -> None:
    limits = PlanLimits(horizon_hours=6, time_limit_seconds=5.0, gap=0.02, threads=1)
    with psycopg.connect(town_url) as conn:
        first = make_plan(conn, SITE, limits=limits)
        conn.execute("UPDATE plan SET issued_at = issued_at - interval '2 hours'")
        save_plan(conn, without_schedule("infeasible"))
        latest = latest_plan(conn, SITE.site_id)
        assert latest is not None
        assert (latest["status"], has_schedule(latest)) == ("infeasible", False)
        before = latest_plan(conn, SITE.site_id, with_schedule=True)
        assert before is not None
        assert before["plan_id"] == first["plan_id"]
        assert has_schedule(make_plan(conn, SITE, limits=limits))


def test_without_an_optimised_plan_the_latest_one_is_carried_on_and_stored_as_such(town_url: str) -> None:
    limits = PlanLimits(horizon_hours=6, time_limit_seconds=0.0, gap=0.02, threads=1)
    with psycopg.connect(town_url) as conn:
        first = make_plan(conn, SITE, limits=limits)
        conn.execute("UPDATE plan SET issued_at = issued_at - interval '2 hours'")
        second = make_plan(conn, SITE, limits=limits)
        latest = latest_plan(conn, SITE.site_id, with_schedule=True)
        setpoints = conn.execute(
            "SELECT count(*) FROM plan_setpoint WHERE plan_id = %s", (second["plan_id"],)
        ).fetchone()
    assert (first["status"], second["status"]) == ("rule-based", "rolled-on")
    assert f"plan {first['plan_id']} rolled on" in second["message"]
    assert (second["best_bound"], second["gap"]) == (None, None)
    assert has_schedule(second)
    assert first["changes"] is None
    assert second["changes"]["since"] == first["plan_id"]
    assert latest is not None
    assert latest["plan_id"] == second["plan_id"]
    assert setpoints == (6 * (len(second["units"]) + len(second["renewables"]) + len(second["storages"])),)
    PlanDocument.model_validate_json(json.dumps(second))


def test_a_site_may_have_its_plans_made_for_scenarios_of_the_stored_forecasts(town_url: str) -> None:
    limits = PlanLimits(horizon_hours=6, time_limit_seconds=20.0, gap=0.02, threads=1)
    site = replace(SITE, scenarios=ScenarioPolicy(drawn=8, most=3, risk_weight=0.5))
    with psycopg.connect(town_url) as conn:
        document = make_plan(conn, site, limits=limits)
        again = make_plan(conn, site, limits=limits)
    outlook = document["outlook"]
    assert (outlook["drawn"], len(outlook["scenarios"])) == (8, 3)
    assert document["inputs"]["scenarios"] == again["inputs"]["scenarios"]
    assert outlook["central_objective"] == pytest.approx(again["outlook"]["central_objective"], rel=0.05)
    shares = np.array(document["shortfall"]["up"]["probability"]) * 8
    np.testing.assert_allclose(shares, np.round(shares), atol=1e-4)  # of the eight that were drawn
    PlanDocument.model_validate_json(json.dumps(document))


def test_a_plan_for_the_medians_promises_shortfalls_by_the_forecasts_quantiles(town_url: str) -> None:
    limits = PlanLimits(horizon_hours=6, time_limit_seconds=10.0, gap=0.02, threads=1)
    with psycopg.connect(town_url) as conn:
        document = make_plan(conn, SITE, limits=limits)
    assert document["outlook"] is None
    up, reserve = document["shortfall"]["up"], document["inputs"]["reserve"]
    held = [reach >= needed - 1e-3 for reach, needed in zip(up["reach_mw"], reserve["up_mw"], strict=True)]
    kept = [chance <= 1.0 - reserve["up_level"] + 1e-6 for chance in up["probability"]]
    assert held == kept, "the reserve is held where its shortfall is no more probable than its level allows"
    PlanDocument.model_validate_json(json.dumps(document))
