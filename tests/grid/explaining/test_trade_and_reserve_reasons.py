"""Reasons of exchanges and reserves: each number is what a re-solve with the limit moved by a MW saves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.dispatch import DispatchPlan, DispatchProblem, Reason, check_plan, plan_dispatch
from grid.problem.exchanges import Exchange
from grid.problem.requirements import Product, ReserveRequirement

TOWN: dict[str, Any] = {
    "load_mw": {"a": [100, 100, 100, 100, 30]},
    "units": {
        "base": {"bus": "a", "minimum_mw": 20, "capacity_mw": 90, "cost_per_mwh": 20, "must_run": True},
        "peak": {"bus": "a", "capacity_mw": 60, "cost_per_mwh": 70, "must_run": True},
    },
}


def market(problem: DispatchProblem, **told: Any) -> DispatchProblem:
    fields: dict[str, Any] = {
        "import_mw": [5, 20, 20, 20, 20],
        "export_mw": [10, 10, 10, 10, 10],
        "import_price": [50, 50, 71, 95, 30],
        "export_price": [40, 40, 40, 90, 10],
    }
    arrays = {name: np.array(values, dtype=np.float64) for name, values in {**fields, **told}.items()}
    return replace(problem, exchanges=(Exchange("market", "a", **arrays),))


def solve(problem: DispatchProblem) -> DispatchPlan:
    return plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=0.0)


def of(plan: DispatchPlan, name: str) -> list[Reason]:
    return [reason for reason in plan.reasons if reason.asset_id == name]


def worth(plan: DispatchPlan, name: str, binding: str) -> float:
    """What the reasons promise of a MW more of a limit in every period. [money]"""
    step = plan.problem.axis.step_hours
    return step * sum(
        (reason.shadow_price_per_mwh or 0.0) * (reason.last_period + 1 - reason.first_period)
        for reason in of(plan, name)
        if reason.binding[:1] == (binding,)
    )


def test_an_exchange_says_what_it_does_against_which_price(make_problem: Any) -> None:
    """Beside 90 MW at 20, ten are bought at 50, at first no more than five; none at 71, and sold at 90, not at 10."""
    reasons = of(solve(market(make_problem(TOWN))), "market")
    assert [reason.text for reason in reasons] == [
        "importing 5.0 MW, all it can: bus price 70.0 beats the 50.0 it costs; 1 MW more would save 20.0 USD/h",
        "importing 10.0 MW of 20.0: bus price 50.0, costs 50.0",
        "no trade: bus price 70.0 lies between the 40.0 that an export earns and the 71.0 of an import",
        "exporting 10.0 MW, all it can: it earns 90.0, bus price 70.0; 1 MW more would save 20.0 USD/h",
        "no trade: bus price 20.0 lies between the 10.0 that an export earns and the 30.0 of an import",
    ]
    assert [reason.binding for reason in reasons] == [("import limit",), (), (), ("export limit",), ()]
    assert [reason.runner_up_cost for reason in reasons] == pytest.approx([100.0, 0.0, 0.0, 200.0, 0.0])


@pytest.mark.parametrize(("binding", "field"), [("import limit", "import_mw"), ("export limit", "export_mw")])
def test_the_shadow_price_of_trade_is_what_a_megawatt_more_saves(make_problem: Any, binding: str, field: str) -> None:
    plan = solve(market(make_problem(TOWN)))
    (exchange,) = plan.problem.exchanges
    wider = replace(exchange, **{field: getattr(exchange, field) + 1.0})
    saved = plan.objective - solve(replace(plan.problem, exchanges=(wider,))).objective
    assert worth(plan, "market", binding) == pytest.approx(saved)
    assert saved > 1.0


def test_what_an_exchange_is_worth_is_what_doing_without_costs(make_problem: Any) -> None:
    """The dear unit could serve what is bought, and sets the price with and without: no price moves."""
    problem = market(make_problem(TOWN), import_mw=[5] * 5)
    plan = solve(problem)
    told = sum(reason.runner_up_cost or 0.0 for reason in of(plan, "market"))
    assert solve(replace(problem, exchanges=())).objective - plan.objective == pytest.approx(told)


RESERVED: dict[str, Any] = {**TOWN, "reserve_up_mw": [55, 45, 0, 75, 55], "reserve_down_mw": [85, 0, 0, 0, 30]}


def test_a_reserve_says_who_holds_it_and_what_it_costs(make_problem: Any) -> None:
    """100 of 150 MW run: a 51st MW of reserve would be short; of 30 MW of load 10 can be turned down, 20 are short."""
    plan = solve(make_problem(RESERVED))
    up = of(plan, "upward reserve")
    assert [(reason.first_period, reason.binding) for reason in up] == [
        (0, ("requirement",)), (1, ()), (2, ()), (3, ("requirement",)), (4, ()),
    ]  # fmt: skip
    assert up[0].text.startswith("short by 5.0 of 55.0 MW, held by peak")
    assert up[2].text == "nothing required"
    assert up[3].text.endswith("; 1 MW less would save 1000.0 USD/h")
    down = of(plan, "downward reserve")
    assert down[-1].text == "short by 20.0 of 30.0 MW, held by base 10.0; 1 MW less would save 600.0 USD/h"


@pytest.mark.parametrize(
    ("name", "field"), [("upward reserve", "reserve_up_mw"), ("downward reserve", "reserve_down_mw")]
)
def test_the_shadow_price_of_a_reserve_is_what_a_megawatt_less_saves(make_problem: Any, name: str, field: str) -> None:
    plan = solve(make_problem(RESERVED))
    required = getattr(plan.problem, field)
    saved = plan.objective - solve(replace(plan.problem, **{field: np.maximum(required - 1.0, 0.0)})).objective
    assert worth(plan, name, "requirement") == pytest.approx(saved)
    assert saved > 1.0


def test_a_product_says_what_holding_it_costs(make_problem: Any) -> None:
    """The dear unit's ramp yields 10 MW in ten minutes; for 5 more the cheap one makes room, at 70 less 20 a MWh."""
    units = {**TOWN["units"], "base": {**TOWN["units"]["base"], "capacity_mw": 100}}
    problem = make_problem({**TOWN, "units": units})
    need = ReserveRequirement(Product("spinning", upward=True), 10.0, np.array([15.0, 15.0, 8.0, 0.0, 15.0]))
    problem = replace(problem, requirements=(need,))
    plan = solve(problem)
    first, *_ = of(plan, "spinning up")
    assert (first.first_period, first.last_period, first.shadow_price_per_mwh) == (0, 1, pytest.approx(50.0))
    assert first.text == "15.0 MW, held by peak 10.0, base 5.0; 1 MW less would save 50.0 USD/h"
    fewer = replace(need, required_mw=np.maximum(need.required_mw - 1.0, 0.0))
    saved = plan.objective - solve(replace(problem, requirements=(fewer,))).objective
    assert worth(plan, "spinning up", "requirement") == pytest.approx(saved)


@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_every_promise_is_kept_by_a_small_enough_change(data: st.DataObject, make_problem: Any) -> None:
    """Costs are convex in a limit: moving it by a little saves at most the shadow price, moving it back costs it."""

    def five(least: int, most: int) -> list[float]:
        return data.draw(st.lists(st.floats(least, most), min_size=5, max_size=5))

    system = {**TOWN, "load_mw": {"a": five(25, 120)}, "reserve_up_mw": five(0, 70), "reserve_down_mw": five(0, 40)}
    bought = np.array(five(10, 90))
    prices = {"import_price": bought, "export_price": bought - np.array(five(0, 30))}
    plan = solve(market(make_problem(system), import_mw=five(1, 30), export_mw=five(1, 30), **prices))
    (exchange,) = plan.problem.exchanges
    little = 0.01

    def saved(field: str, by: float) -> float:
        if field in ("import_mw", "export_mw"):
            moved = replace(plan.problem, exchanges=(replace(exchange, **{field: getattr(exchange, field) + by}),))
        else:
            required = getattr(plan.problem, field)
            moved = replace(plan.problem, **{field: np.maximum(required - by, 0.0)})
        return (plan.objective - solve(moved).objective) / abs(by)

    for field, name, binding in (
        ("import_mw", "market", "import limit"),
        ("export_mw", "market", "export limit"),
        ("reserve_up_mw", "upward reserve", "requirement"),
        ("reserve_down_mw", "downward reserve", "requirement"),
    ):
        told = worth(plan, name, binding)
        assert saved(field, little) <= told + 0.1
        if field in ("import_mw", "export_mw"):
            assert -saved(field, -little) >= told - 0.1


def test_an_exchange_without_a_limit_to_use_up_says_that_none_is_allowed(make_problem: Any) -> None:
    shut = market(make_problem(TOWN), import_mw=[0] * 5, export_mw=[0, 0, 0, 0, 10])
    reasons = of(solve(shut), "market")
    assert [reason.text for reason in reasons] == [
        "no trade: bus price 70.0 is above the 50.0 of an import, but none is allowed",
        "no trade: bus price 70.0 lies between the 40.0 that an export earns and the 71.0 of an import",
        "no trade: bus price 70.0 is below the 90.0 that an export earns, but none is allowed",
        "no trade: bus price 20.0 lies between the 10.0 that an export earns and the 30.0 of an import",
    ]
    assert all(reason.binding == () for reason in reasons)


def test_an_exchange_at_one_price_both_ways_does_one_of_the_two(make_problem: Any) -> None:
    """Some of the draws below leave the solver indifferent to trading both ways at once."""
    for seed in (11, 18):
        draw = np.random.default_rng(seed)
        price = draw.uniform(20.0, 80.0, 6).round()
        system = {
            "load_mw": {"a": draw.uniform(20.0, 150.0, 6).round().tolist()},
            "units": {"u": {"bus": "a", "minimum_mw": 20, "capacity_mw": 150, "segments": [[65, 30], [65, 70]],
                            "must_run": True}},
            "plants": {"w": {"bus": "a", "available_mw": draw.uniform(0.0, 90.0, 6).round().tolist()}},
            "storages": {"s": {"bus": "a", "power_mw": 10, "energy_mwh": 20, "initial_mwh": 5, "end_minimum_mwh": 5}},
            "reserve_up_mw": [10] * 6,
        }  # fmt: skip
        ones = np.ones(6)
        problem = replace(make_problem(system), exchanges=(Exchange("m", "a", 100 * ones, 60 * ones, price, price),))
        plan = solve(problem)
        assert np.minimum(plan.schedule.import_mw, plan.schedule.export_mw).max() < 1e-6
        assert check_plan(plan) == []
