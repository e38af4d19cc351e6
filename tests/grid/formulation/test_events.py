"""Losses of units, plants and links, and reserve that is called: what plans do to survive them, checked apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.checking.event_check import check_events
from grid.checking.outage_check import check_outages
from grid.dispatch import DispatchProblem, Penalties, check_plan, plan_dispatch
from grid.formulation.prices import dispatch_fixed
from grid.formulation.ptdf import Ptdf
from grid.formulation.unit_terms import unit_terms
from grid.problem.requirements import Product, ReserveRequirement

RING: dict[str, Any] = {
    "load_mw": {"a": [0, 0], "b": [0, 0], "c": [60, 90]},
    "branches": {
        "ab": {"from": "a", "to": "b", "limit_mw": 100},
        "bc": {"from": "b", "to": "c", "limit_mw": 50},
        "ac": {"from": "a", "to": "c", "limit_mw": 60},
    },
    "units": {
        "cheap": {"bus": "a", "capacity_mw": 200, "cost_per_mwh": 10},
        "other": {"bus": "a", "capacity_mw": 200, "cost_per_mwh": 12},
        "near": {"bus": "c", "capacity_mw": 50, "cost_per_mwh": 40},
    },
}


def test_the_largest_loss_is_made_up_for_by_all_others(make_problem: Any) -> None:
    """Alone, one unit would carry all; its loss must leave enough, so that both run and each covers the other."""
    units = {
        name: {"bus": "a", "capacity_mw": 100, "minimum_mw": 10, "cost_per_mwh": price, "minimum_cost_per_hour": 500}
        for name, price in (("one", 10), ("two", 30))
    }
    problem = make_problem({"load_mw": {"a": [80, 60]}, "units": units})
    alone = plan_dispatch(problem, relative_gap=0.0)
    secure = plan_dispatch(replace(problem, secure_units=True), relative_gap=0.0)
    assert alone.schedule.on.tolist() == [[True, True], [False, False]]
    assert secure.schedule.on.all()
    assert check_plan(secure) == check_events(secure) == []
    assert secure.objective > alone.objective
    assert any("after the loss of one" in told for told in check_events(replace(alone, problem=secure.problem)))


def test_a_loss_that_nothing_covers_is_reported(make_problem: Any) -> None:
    problem = make_problem({"load_mw": {"a": [80]}, "units": {"one": {"bus": "a", "capacity_mw": 100}}})
    plan = plan_dispatch(replace(problem, secure_units=True), relative_gap=0.0)
    (violation,) = plan.violations
    assert violation.what == "upward reserve short of the largest loss"
    assert violation.amount_mw == pytest.approx(80.0)
    assert check_plan(plan) == check_events(plan) == []
    never = replace(problem, secure_units=True, penalties=Penalties(reserve_up=np.inf, shedding=np.inf))
    assert "upward reserve for the largest loss" in plan_dispatch(never, relative_gap=0.0).message


def test_the_response_to_a_loss_must_fit_through_the_network(make_problem: Any) -> None:
    """The unit at c lost, c would import 120 MW from a, two thirds of it over ac: 90 MW fit, 30 MW are short."""
    data = {**RING, "load_mw": {"a": [0], "b": [0], "c": [120]}}
    problem = replace(make_problem(data), secure_units=True)
    tight = plan_dispatch(problem, relative_gap=0.0)
    assert check_plan(tight) == check_events(tight) == []
    assert {violation.what for violation in tight.violations} == {"upward reserve short of the largest loss"}
    wide = tuple(replace(branch, emergency_mw=200.0) for branch in problem.network.branches)
    plan = plan_dispatch(replace(problem, network=replace(problem.network, branches=wide)), relative_gap=0.0)
    assert plan.violations == ()


def test_reserve_behind_a_full_line_does_not_count(make_problem: Any) -> None:
    """Line ac carries two thirds of what a gives: 60 MW at 90 MW. Called, 30 MW more for c cannot come from a."""
    data = {**RING, "reserve_up_mw": [30, 30], "load_mw": {"a": [0, 0], "b": [0, 0], "c": [60, 85]}}
    problem = make_problem(data)
    plain = plan_dispatch(problem, relative_gap=0.0)
    sent = replace(plain.schedule, reserve_up_mw=np.array([[30.0, 30.0], [0.0, 0.0], [0.0, 0.0]]))
    deliverable = replace(problem, deliverable=True)
    spoilt = replace(plain, schedule=sent, problem=deliverable)
    assert any("when upward reserve is called" in told for told in check_events(spoilt))
    plan = plan_dispatch(deliverable, relative_gap=0.0)
    assert check_plan(plan) == check_events(plan) == []
    assert plan.schedule.reserve_up_mw[2, 1] >= 25.0 - 1e-6


def test_reserve_that_cannot_be_delivered_is_short(make_problem: Any) -> None:
    """Without a unit at c only 5 of 30 MW fit through: 25 MW are short, which is cheaper than an overload."""
    units = {name: unit for name, unit in RING["units"].items() if name != "near"}
    data = {**RING, "units": units, "reserve_up_mw": [30, 30], "load_mw": {"a": [0, 0], "b": [0, 0], "c": [60, 85]}}
    plan = plan_dispatch(replace(make_problem(data), deliverable=True), relative_gap=0.0)
    assert [(v.what, v.period) for v in plan.violations] == [("upward reserve short", 1)]
    assert plan.violations[0].amount_mw == pytest.approx(25.0, abs=1e-3)
    assert check_plan(plan) == check_events(plan) == []


def test_reserve_beside_a_product_is_delivered_too(make_problem: Any) -> None:
    """What a holder has left beside its product answers a call: from c alone it would not get through to a."""
    system = {
        "load_mw": {"a": [16], "b": [1], "c": [0]},
        "branches": {
            "ab": {"from": "a", "to": "b", "limit_mw": None},
            "bc": {"from": "b", "to": "c", "limit_mw": None},
            "ac": {"from": "a", "to": "c", "limit_mw": 10},
        },
        "links": {"dc": {"from": "a", "to": "c", "limit_mw": 10}},
        "units": {
            name: {"bus": bus, "capacity_mw": 90, "minimum_mw": 10, "cost_per_mwh": price, "minimum_cost_per_hour": 100}
            for name, bus, price in (("near", "a", 14), ("beside", "b", 16), ("far", "c", 5))
        },
        "storages": {"battery": {"bus": "c", "power_mw": 10, "energy_mwh": 25, "initial_mwh": 10}},
        "reserve_up_mw": [11],
    }
    problem = make_problem(system)
    buses = tuple(replace(bus, area=bus.bus_id) for bus in problem.network.buses)
    problem = replace(problem, network=replace(problem.network, buses=buses), deliverable=True)
    spinning = ReserveRequirement(Product("spinning", True), 10.0, np.array([5.0]), ("c",))
    plan = plan_dispatch(replace(problem, requirements=(spinning,)), relative_gap=0.0)
    assert check_plan(plan) == check_events(plan) == []


@st.composite
def problems(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    def powers(most: int) -> list[float]:
        return draw(st.lists(st.integers(0, most).map(float), min_size=3, max_size=3))

    def unit(bus: str) -> dict[str, Any]:
        capacity, minimum = draw(st.sampled_from([30, 60, 90])), draw(st.sampled_from([0, 10]))
        return {
            "bus": bus, "capacity_mw": capacity, "minimum_mw": minimum, "cost_per_mwh": draw(st.integers(5, 60)),
            "minimum_cost_per_hour": 100, "ramp_mw_per_hour": draw(st.sampled_from([20, 200])),
            "minimum_up_hours": draw(st.integers(1, 2)),
        }  # fmt: skip

    limits = draw(st.lists(st.sampled_from([None, 10.0, 25.0, 60.0]), min_size=3, max_size=3))
    ends = (("a", "b"), ("b", "c"), ("a", "c"))
    system = {
        "load_mw": {bus: powers(50) for bus in "abc"},
        "branches": {i + j: {"from": i, "to": j, "limit_mw": mw} for (i, j), mw in zip(ends, limits, strict=True)},
        "links": {"dc": {"from": "a", "to": "c", "limit_mw": 10.0}},
        "units": {f"u{i}": unit(bus) for i, bus in enumerate("aabc")},
        "plants": {"wind": {"bus": "b", "available_mw": powers(60)}, "sun": {"bus": "b", "available_mw": powers(20)}},
        "storages": {"battery": {"bus": "c", "power_mw": 10, "energy_mwh": 25, "initial_mwh": 10}},
        "reserve_up_mw": powers(20),
        "reserve_down_mw": powers(10),
    }
    asked = {"secure_units": draw(st.booleans()), "deliverable": draw(st.booleans()), "secure": draw(st.booleans())}
    spinning = ReserveRequirement(Product("spinning", True), 10.0, np.array(powers(20)), ("c",))
    return system, {**asked, "requirements": (spinning,) if draw(st.booleans()) else ()}


@settings(max_examples=12, deadline=None)
@given(drawn=problems())
def test_every_plan_survives_what_it_is_asked_to(
    drawn: tuple[dict[str, Any], dict[str, Any]], make_problem: Any
) -> None:
    system, asked = drawn
    problem: DispatchProblem = replace(make_problem(system), **asked)
    buses = tuple(replace(bus, area=bus.bus_id) for bus in problem.network.buses)
    problem = replace(problem, network=replace(problem.network, buses=buses))
    plan = plan_dispatch(problem, time_limit_seconds=1.0, relative_gap=0.05)
    assert check_plan(plan) == []
    assert check_events(plan) == []
    assert not problem.secure or check_outages(plan) == []


def test_prices_of_a_secure_plan_are_what_a_little_more_load_costs(make_problem: Any) -> None:
    """All load stands at one bus of each area, so that a call of reserve is spread the same after a little more."""
    data = {**RING, "load_mw": {"a": [0, 0], "b": [0, 0], "c": [60.3, 93.2]}, "reserve_up_mw": [30.1, 30.2]}
    problem = replace(make_problem(data), secure_units=True, deliverable=True)
    plan = plan_dispatch(problem, relative_gap=0.0)
    terms = [unit_terms(unit, step_hours=1.0) for unit in problem.thermal_units]

    def optimum(bus: int, period: int, by: float) -> float:
        load = problem.load_mw.copy()
        load[bus, period] += by
        moved, charging = replace(problem, load_mw=load), np.zeros((0, 2), dtype=np.bool_)
        dispatch = dispatch_fixed(moved, terms, plan.schedule.on, charging, ptdf=Ptdf(problem.network), lines=())
        return dispatch.solution.objective

    for period in range(2):
        numeric = (optimum(2, period, 0.01) - optimum(2, period, -0.01)) / 0.02
        assert plan.prices.lmp[2, period] == pytest.approx(numeric, abs=1e-4)
    assert plan.prices.lmp[2, 1] > plan.prices.lmp[0, 1] + 1.0, "the case must have a response that fills a line"
