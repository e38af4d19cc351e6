"""The plan's document: JSON-safe, complete, and its money adds up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from grid.dispatch import DispatchPlan, plan_dispatch, plan_document
from grid.problem.soft_limits import Limit, SoftLimit, Violation

ISSUED = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def plan(make_problem: Any) -> DispatchPlan:
    problem = make_problem(
        {
            "load_mw": {"a": [30, 60, 230], "b": [20, 30, 40]},
            "branches": {
                "line": {"from": "a", "to": "b", "limit_mw": 20},
                "open": {"from": "a", "to": "b", "reactance_pu": 0.5},
            },
            "links": {"dc": {"from": "a", "to": "b", "limit_mw": 5}},
            "units": {
                "base": {
                    "bus": "a",
                    "minimum_mw": 30,
                    "capacity_mw": 80,
                    "cost_per_mwh": 10,
                    "start_costs": [[0, 100]],
                },
                "peak": {"bus": "b", "minimum_mw": 5, "capacity_mw": 60, "cost_per_mwh": 40, "start_costs": [[0, 55]]},
            },
            "plants": {"wind": {"bus": "a", "available_mw": [5, 5, 9]}},
            "storages": {"s": {"bus": "b", "power_mw": 5, "energy_mwh": 10, "initial_mwh": 5, "cycle_cost_per_mwh": 2}},
            "reserve_up_mw": [5, 5, 5],
        }
    )
    return plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=0.0)


@pytest.fixture(scope="module")
def document(plan: DispatchPlan) -> dict[str, Any]:
    return plan_document(plan, plan_id="p", site_id="s", issued_at=ISSUED, inputs={"forecasts": [], "reserve": {}})


def test_document_survives_json_unchanged(document: dict[str, Any]) -> None:
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_every_asset_bus_and_branch_has_a_record_for_every_period(document: dict[str, Any], plan: DispatchPlan) -> None:
    for field, names in {
        "units": {"base", "peak"},
        "renewables": {"wind"},
        "storages": {"s"},
        "buses": {"a", "b"},
        "branches": {"line", "open"},
        "links": {"dc"},
    }.items():
        assert set(document[field]) == names
        assert all(len(records) == plan.problem.axis.periods for records in document[field].values())
    assert set(document["assets"]) == {"base", "peak", "wind", "s"}
    assert set(document["reasons"]) - set(document["assets"]) == {"upward reserve"}
    assert set(document["assets"]) < set(document["reasons"])
    assert document["branches"]["open"][0]["limit_mw"] is None
    assert document["axis"]["interval_starts"][1] == "2026-03-01T01:00:00Z"


def test_production_cost_and_violations_are_the_objective(document: dict[str, Any]) -> None:
    assert document["violations"], "the case must have a violation"
    cost = sum(record["production_cost"] for record in document["system"])
    cost += sum(v["cost"] for v in document["violations"])
    assert cost == pytest.approx(document["objective"], abs=1.0)


def test_a_violation_is_told_as_energy_and_money_whatever_the_step() -> None:
    shed = Violation(SoftLimit(Limit.SHEDDING, "a"), 0, 8.0, 10_000.0).told(0.25, digits=3)
    assert (shed["amount_mw"], shed["unit"], shed["energy_mwh"], shed["cost"]) == (8.0, "MW", 2.0, 20_000.0)
    due = Violation(SoftLimit(Limit.STORAGE_END, "s"), 0, 49.5, 500.0).told(0.25, digits=3)
    assert (due["amount_mw"], due["unit"], due["energy_mwh"], due["cost"]) == (49.5, "MWh", 49.5, 24_750.0)


def test_price_is_exactly_the_sum_of_its_components(document: dict[str, Any]) -> None:
    for records in document["buses"].values():
        for record in records:
            assert record["lmp"] == pytest.approx(record["energy"] + record["congestion"] + record["loss"], abs=1e-9)


def test_reasons_cover_every_period_without_overlap(document: dict[str, Any]) -> None:
    for reasons in document["reasons"].values():
        assert reasons[0]["from"] == "2026-03-01T00:00:00Z"
        assert reasons[-1]["to"] == "2026-03-01T03:00:00Z"
        assert all(one["to"] == following["from"] for one, following in pairwise(reasons))


def test_a_gap_that_is_not_known_is_null(plan: DispatchPlan) -> None:
    unbounded = replace(plan, best_bound=float("-inf"), gap=float("inf"))
    document = plan_document(unbounded, plan_id="p", site_id="s", issued_at=ISSUED)
    assert (document["best_bound"], document["gap"]) == (None, None)
