"""Wind and sun that hold reserve: upward by what is curtailed of them, downward by what they give."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.dispatch import DispatchProblem, check_plan, plan_dispatch
from grid.dispatch.document import case_document
from grid.problem.requirements import Product, ReserveRequirement

SPINNING, REGULATION_DOWN = Product("spinning", True), Product("regulation", False)
FULL_OF_WIND: dict[str, Any] = {
    "load_mw": {"b": [60]},
    "units": {"u": {"bus": "b", "minimum_mw": 20, "capacity_mw": 50, "minimum_cost_per_hour": 500, "cost_per_mwh": 40}},
    "plants": {
        "wind": {"bus": "b", "available_mw": [60]},
        "sun": {"bus": "b", "available_mw": [20]},
        "roof": {"bus": "b", "available_mw": [10], "curtailable": False},
    },
}


def needing(problem: DispatchProblem, *, up: float, down: float) -> DispatchProblem:
    needs = ((SPINNING, up), (REGULATION_DOWN, down))
    requirements = tuple(ReserveRequirement(what, 60.0, np.array([mw])) for what, mw in needs)
    return replace(problem, requirements=requirements, reserve_from_plants=True)


def test_what_is_curtailed_is_held_as_upward_reserve(make_problem: Any) -> None:
    """90 MW are there for 60 of load: 30 are curtailed anyway and 20 of them held; no unit has to run."""
    plan = plan_dispatch(needing(make_problem(FULL_OF_WIND), up=20.0, down=30.0), relative_gap=0.0)
    assert check_plan(plan) == []
    assert (plan.objective, plan.violations) == (0.0, ())
    document = case_document(plan, case="windy")
    assert set(document["reserves"]["spinning up"][0]["held_by"]) <= {"wind", "sun"}
    assert document["reserves"]["spinning up"][0]["held_mw"] >= 20.0
    assert set(document["reserves"]["regulation down"][0]["held_by"]) <= {"wind", "sun"}
    assert sum(document["renewables"][name][0]["reserve_down_mw"] for name in ("wind", "sun")) >= 30.0
    assert document["renewables"]["roof"][0]["reserve_mw"] == 0.0


def test_without_leave_a_unit_must_run_for_them(make_problem: Any) -> None:
    problem = replace(needing(make_problem(FULL_OF_WIND), up=20.0, down=0.0), reserve_from_plants=False)
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert check_plan(plan) == []
    assert plan.schedule.on.tolist() == [[True]]
    assert plan.schedule.renewable_reserve_up_mw.max() == 0.0


def test_a_plant_that_is_held_back_says_so(make_problem: Any) -> None:
    """Wind and roof could serve the 70 MW; the unit's ramp yields 6 of 20 MW, so 14 of wind's are kept back."""
    plants = {name: FULL_OF_WIND["plants"][name] for name in ("wind", "roof")}
    units = {"u": {**FULL_OF_WIND["units"]["u"], "minimum_mw": 0, "minimum_cost_per_hour": 0, "ramp_mw_per_hour": 6}}
    problem = make_problem({"load_mw": {"b": [70]}, "units": units, "plants": plants})
    plan = plan_dispatch(needing(problem, up=20.0, down=0.0), relative_gap=0.0)
    assert check_plan(plan) == []
    assert plan.schedule.renewable_reserve_up_mw[0, 0] == pytest.approx(14.0)
    assert plan.schedule.renewable_mw[0, 0] == pytest.approx(46.0)
    (reason,) = [told for told in plan.reasons if told.asset_id == "wind"]
    assert reason.binding == ("spinning up",)
    assert "held ready as spinning up" in reason.text


def test_reserve_that_no_plant_has_is_noticed(make_problem: Any) -> None:
    plan = plan_dispatch(needing(make_problem(FULL_OF_WIND), up=20.0, down=30.0), relative_gap=0.0)
    (up, down) = plan.schedule.renewable_reserve_up_mw, plan.schedule.renewable_reserve_down_mw
    for spoilt, told in (
        ({"renewable_reserve_up_mw": up + 40.0}, "more upward reserve than is left"),
        ({"renewable_reserve_down_mw": down + 70.0}, "more downward reserve than they produce"),
        ({"renewable_reserve_up_mw": 0.0 * up}, "plants hold more upward products than reserve"),
    ):
        noticed = check_plan(replace(plan, schedule=replace(plan.schedule, **spoilt)))
        assert any(told in sentence for sentence in noticed)


def cheapest(load: int, wind: int, up: int, down: int) -> float:
    """Every output of the unit in MW, off included, and every MW taken of the wind; what is short costs its price."""
    best = np.inf
    for unit, taken in product([None, *range(20, 51)], range(wind + 1)):
        fed = (unit or 0) + taken
        cost = 0.0 if unit is None else 500.0 + 40.0 * (unit - 20)
        cost += 10_000.0 * max(load - fed, 0)
        if fed > load:
            if unit is None or taken > 0:
                continue  # wind is curtailed first; surplus is the unit's alone
            cost += 5_000.0 * (fed - load)
        held_up = wind - taken + (0 if unit is None else 50 - unit)
        held_down = taken + (0 if unit is None else unit - 20)
        best = min(best, cost + 1_000.0 * max(up - held_up, 0) + 600.0 * max(down - held_down, 0))
    return float(best)


@settings(max_examples=25, deadline=None)
@given(load=st.integers(0, 80), wind=st.integers(0, 60), up=st.integers(0, 60), down=st.integers(0, 40))
def test_the_optimum_is_the_best_of_all_outputs(load: int, wind: int, up: int, down: int, make_problem: Any) -> None:
    windy = {**FULL_OF_WIND, "load_mw": {"b": [load]}, "plants": {"wind": {"bus": "b", "available_mw": [wind]}}}
    plan = plan_dispatch(needing(make_problem(windy), up=up, down=down), relative_gap=0.0)
    assert check_plan(plan) == []
    assert plan.objective == pytest.approx(cheapest(load, wind, up, down), abs=1e-3)
