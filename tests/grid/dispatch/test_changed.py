"""What changed since the plan before is told by asset and input, in the hours that both plans have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grid.dispatch import DispatchProblem, plan_dispatch, plan_document
from grid.dispatch.changed import changes_since

SYSTEM = {
    "load_mw": {"b": [50.0, 60.0, 70.0, 80.0]},
    "units": {
        "coal": {"bus": "b", "capacity_mw": 60, "cost_per_mwh": 10},
        "gas": {"bus": "b", "capacity_mw": 90, "cost_per_mwh": 40},
    },
    "plants": {"wind": {"bus": "b", "available_mw": [10.0] * 4}},
}


@pytest.fixture
def problem(make_problem: Any) -> DispatchProblem:
    return make_problem(SYSTEM)


def document(problem: DispatchProblem, plan_id: str) -> dict[str, Any]:
    plan = plan_dispatch(problem, relative_gap=0.0)
    return plan_document(plan, plan_id=plan_id, site_id="s", issued_at=problem.axis.start)


def later(problem: DispatchProblem, hours: int) -> DispatchProblem:
    axis = replace(problem.axis, start=problem.axis.start + hours * problem.axis.step)
    return replace(
        problem,
        axis=axis,
        load_mw=np.roll(problem.load_mw, -hours, axis=1),
        available_mw=np.roll(problem.available_mw, -hours, axis=1),
    )


def test_unchanged_inputs_change_nothing(problem: DispatchProblem) -> None:
    changes = changes_since(document(problem, "one"), document(later(problem, 1), "two"), timezone="UTC")
    assert changes == {"since": "one", "price": None, "inputs": [], "assets": []}


def test_more_load_is_named_beside_the_unit_that_serves_it(problem: DispatchProblem) -> None:
    after = later(problem, 1)
    after.load_mw[0, 1:3] += 20.0
    changes = changes_since(document(problem, "one"), document(after, "two"), timezone="Europe/Berlin")
    assert changes is not None
    (load,), (gas,) = changes["inputs"], changes["assets"]
    assert (load["name"], load["from"], load["to"]) == ("load", "2026-03-01T02:00:00Z", "2026-03-01T04:00:00Z")
    assert (gas["name"], gas["change_mw"], gas["change_mwh"]) == ("gas", 20.0, 40.0)
    assert gas["text"] == "gas: 20.0 MW more from Sun 03:00 CET to Sun 05:00 CET; meanwhile load is 20.0 MW higher"


def test_a_unit_that_is_gone_is_told_as_gone(problem: DispatchProblem) -> None:
    without = replace(later(problem, 1), thermal_units=problem.thermal_units[1:])
    changes = changes_since(document(problem, "one"), document(without, "two"), timezone="UTC")
    assert changes is not None
    texts = {change["name"]: change["text"] for change in changes["assets"]}
    assert texts["coal"].endswith("the site no longer has it")
    assert "follows from others" in texts["gas"]
    assert sum(change["change_mwh"] for change in changes["assets"]) == pytest.approx(0.0, abs=1e-2)


def test_plans_that_share_no_hours_or_steps_are_not_compared(problem: DispatchProblem) -> None:
    one = document(problem, "one")
    assert changes_since(one, document(later(problem, 4), "two"), timezone="UTC") is None
    assert changes_since({**one, "axis": {**one["axis"], "step_minutes": 15}}, one, timezone="UTC") is None


def test_without_reserves_to_compare_none_are_said_to_be_as_before(problem: DispatchProblem) -> None:
    """A re-dispatch holds none: what it changes at the same load may come of that."""
    before, after = document(problem, "one"), document(problem, "two")
    after["system"] = [{"load_mw": record["load_mw"]} for record in after["system"]]
    for record in after["units"]["gas"]:
        record["power_mw"] += 5.0
    changes = changes_since(before, after, timezone="UTC")
    assert changes is not None
    because = "load and renewables are as before in these hours: it follows from others, or from reserves let go"
    assert [change["text"].split("; ")[1] for change in changes["assets"]] == [because]
