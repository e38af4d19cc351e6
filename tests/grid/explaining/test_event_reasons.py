"""Reasons under N-1 of units and with deliverable reserve: the loss that holds an asset back, and its price."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.assets import CostSegment, StartCost, ThermalUnit
from grid.dispatch import DispatchPlan, DispatchProblem, Reason, plan_dispatch
from grid.problem.exchanges import Exchange

TOWN: dict[str, Any] = {
    "load_mw": {"a": [100, 110, 100]},
    "units": {
        "cheap": {"bus": "a", "minimum_mw": 10, "capacity_mw": 100, "minimum_cost_per_hour": 200, "cost_per_mwh": 20},
        "mid": {"bus": "a", "minimum_mw": 5, "capacity_mw": 60, "minimum_cost_per_hour": 150, "cost_per_mwh": 30},
    },
    "storages": {"battery": {"bus": "a", "power_mw": 10, "energy_mwh": 20, "initial_mwh": 20}},
}


def solve(problem: DispatchProblem) -> DispatchPlan:
    return plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=0.0)


def secure(problem: DispatchProblem) -> DispatchProblem:
    """What may be imported at 100 holds no reserve: it takes the place of what may be lost."""
    periods = np.ones(problem.axis.periods)
    dear = Exchange("dear", "a", 200 * periods, 0 * periods, 100 * periods, 0 * periods)
    return replace(problem, exchanges=(dear,), secure_units=True)


def with_spare(problem: DispatchProblem, mw: float) -> DispatchProblem:
    """The same with so much more upward reserve, of a unit that never produces: less of a loss is to be made up for."""
    cost = (CostSegment(mw, 1e5),)
    unit = ThermalUnit("spare", "a", 0.0, mw, 0.0, cost, (StartCost(0.0, 0.0),), 0.0, 0.0, mw, mw, mw, mw, True)
    return replace(problem, thermal_units=(*problem.thermal_units, unit))


def of(plan: DispatchPlan, name: str) -> list[Reason]:
    return [reason for reason in plan.reasons if reason.asset_id == name]


def worth(plan: DispatchPlan, name: str, binding: str) -> float:
    """What the reasons promise of a MW less of what binds. [money]"""
    return plan.problem.axis.step_hours * sum(
        (reason.shadow_price_per_mwh or 0.0) * (reason.last_period + 1 - reason.first_period)
        for reason in of(plan, name)
        if reason.binding[:1] == (binding,)
    )


def test_a_unit_is_held_back_by_its_own_loss_and_others_by_the_reserve_for_it(make_problem: Any) -> None:
    """All 65 MW of cheap must be made up for, by 55 MW of mid and 10 of the battery; the rest is imported at 100."""
    plan = solve(secure(make_problem(TOWN)))
    (cheap,), (mid,), (loss,) = of(plan, "cheap"), of(plan, "mid"), of(plan, "loss of cheap")
    assert cheap.binding == mid.binding == ("loss of cheap",)
    assert cheap.text.startswith("held back at 55 to 65 MW, because its loss must be made up for, at 80.0 USD/MW and")
    assert "bus price 100.0, marginal cost 20.0" in cheap.text
    assert mid.text.startswith("held at 5.0 MW for the loss of cheap, worth 80.0 USD/MW and hour; bus price 100.0")
    assert of(plan, "battery")[0].binding == ("loss of cheap",)
    assert "discharging pays from 20.0, but it is held for the loss of cheap" in of(plan, "battery")[0].text
    assert loss.text.startswith("55.0 to 65.0 MW, held by mid 55.0, battery 3.3; 1 MW less would save 80.0")


@pytest.mark.parametrize("name", ["cheap", "mid", "loss of cheap"])
def test_the_price_of_a_loss_is_what_a_megawatt_less_of_it_saves(make_problem: Any, name: str) -> None:
    problem = secure(make_problem(TOWN))
    plan = solve(problem)
    saved = plan.objective - solve(with_spare(problem, 1.0)).objective
    assert worth(plan, name, "requirement" if name.startswith("loss") else "loss of cheap") == pytest.approx(saved)
    assert saved == pytest.approx(3 * 80.0)


def test_a_plant_is_curtailed_because_its_loss_must_be_made_up_for(make_problem: Any) -> None:
    """55 MW are held for it; the 5 that the loss of the unit is short of are short for the plant as well."""
    data = {
        "load_mw": {"a": [100]},
        "units": {"mid": {**TOWN["units"]["mid"], "must_run": True}},
        "plants": {"wind": {"bus": "a", "available_mw": [80]}},
    }
    problem = secure(make_problem(data))
    plan = solve(problem)
    (wind,) = of(plan, "wind")
    assert wind.binding == ("loss of wind",)
    assert wind.text == "curtailed by 20.0 MW, because its loss must be made up for; bus price 100.0"
    assert wind.runner_up_cost == pytest.approx(0.0), "what the rest is worth is what its loss would cost"
    assert worth(plan, "wind", "loss of wind") == pytest.approx(100.0)


def test_reserve_that_must_be_delivered_says_what_a_megawatt_less_saves(make_problem: Any) -> None:
    """Of what is needed at c 90 MW fit through, 20 are there: in the second hour 3 of 28 MW of reserve are short."""
    data = {
        "load_mw": {"a": [0, 0], "b": [0, 0], "c": [60, 85]},
        "branches": {
            "ab": {"from": "a", "to": "b", "limit_mw": 100},
            "bc": {"from": "b", "to": "c", "limit_mw": 50},
            "ac": {"from": "a", "to": "c", "limit_mw": 60},
        },
        "units": {
            "cheap": {"bus": "a", "capacity_mw": 200, "cost_per_mwh": 10},
            "near": {"bus": "c", "capacity_mw": 20, "cost_per_mwh": 40},
        },
        "reserve_up_mw": [30, 28],
    }
    problem = replace(make_problem(data), deliverable=True)
    plan = solve(problem)
    less = replace(problem, reserve_up_mw=problem.reserve_up_mw - 1.0)
    saved = plan.objective - solve(less).objective
    assert plan.prices.reserve_up == pytest.approx(0.0), "of the megawatts as such there are enough"
    assert worth(plan, "upward reserve", "requirement") == pytest.approx(saved)
    assert saved > 1.0


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_no_reason_says_of_a_price_what_it_does_not_do(data: st.DataObject, make_problem: Any) -> None:
    """Prices that reasons compare stand in the order that they say; a little less of a loss saves no more than told."""

    def some(least: int, most: int, count: int) -> list[int]:
        return data.draw(st.lists(st.integers(least, most), min_size=count, max_size=count))

    units = {
        f"u{i}": {"bus": "a", "minimum_mw": low, "capacity_mw": low + span, "minimum_cost_per_hour": low * price,
                  "cost_per_mwh": price, "must_run": True}
        for i, (low, span, price) in enumerate(zip(some(2, 20, 3), some(10, 60, 3), some(10, 60, 3), strict=True))
    }  # fmt: skip
    problem = secure(make_problem({"load_mw": {"a": some(40, 160, 4)}, "units": units}))
    problem = replace(problem, reserve_up_mw=np.array(some(0, 30, 4), dtype=np.float64))
    plan = solve(problem)
    for reason in plan.reasons:
        numbers = [float(number) for number in re.findall(r"-?\d+\.\d+", reason.text)]
        if "is below its marginal cost" in reason.text:
            _, *prices, cost = numbers
            assert max(prices) <= cost, reason.text
        if "against its marginal cost" in reason.text:
            assert numbers[-1] == numbers[-2], reason.text
    little = 0.01
    saved = (plan.objective - solve(with_spare(problem, little)).objective) / little
    names = {reason.asset_id for reason in plan.reasons if reason.asset_id.startswith("loss of")}
    told = sum(worth(plan, name, "requirement") for name in names) + worth(plan, "upward reserve", "requirement")
    assert saved <= told + 0.1
