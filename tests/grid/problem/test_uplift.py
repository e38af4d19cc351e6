"""Uplift: what prices leave unpaid of a unit's cost, in energy, reserve and products."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grid.dispatch import DispatchProblem, case_document, plan_dispatch
from grid.problem.requirements import Product, ReserveRequirement
from grid.problem.uplift import reserve_revenue, uplift

TWO: dict[str, Any] = {
    "load_mw": {"a": [90, 130, 90]},
    "units": {
        "base": {"bus": "a", "capacity_mw": 100, "cost_per_mwh": 20},
        "peak": {"bus": "a", "minimum_mw": 10, "capacity_mw": 80, "minimum_cost_per_hour": 700, "cost_per_mwh": 50,
                 "start_costs": [[0, 250]]},
    },
    "initial": {"peak": {"on": False, "hours": 9, "power_mw": 0}},
}  # fmt: skip


def solved(problem: DispatchProblem) -> Any:
    return plan_dispatch(problem, relative_gap=0.0)


def test_a_unit_that_prices_do_not_pay_is_made_whole(make_problem: Any) -> None:
    """Peak sets the price of 50 with its 30 MW: 200 of its first 10 MW and the start are left."""
    plan = solved(make_problem(TWO))
    assert plan.prices.lmp[0].tolist() == pytest.approx([20.0, 50.0, 20.0])
    assert uplift(plan).tolist() == pytest.approx([0.0, 250.0 + 700.0 - 10 * 50.0])
    told = case_document(plan, case="two")["uplift"]
    assert told == {"total": 450.0, "units": {"base": 0.0, "peak": 450.0}}


def test_what_reserve_earns_is_not_paid_twice(make_problem: Any) -> None:
    """Reserve is short at 1000 a MW: the headroom of both earns far more than they cost."""
    plan = solved(make_problem({**TWO, "reserve_up_mw": [0, 60, 0]}))
    short = plan.prices.held_up[1]
    assert short == pytest.approx(1000.0)
    assert reserve_revenue(plan).sum() == pytest.approx(short * (plan.schedule.reserve_up_mw.sum()))
    assert uplift(plan).tolist() == [0.0, 0.0]


def test_a_product_earns_the_price_of_every_requirement_that_it_serves(make_problem: Any) -> None:
    """Both areas' needs bind on what peak's area must hold: it earns both prices, and never that for net load."""
    problem = make_problem(TWO)
    network = problem.network
    buses = tuple(replace(bus, area="north") for bus in network.buses)
    spinning = Product("spinning", upward=True)
    needs = (
        ReserveRequirement(spinning, 60.0, np.array([0.0, 55.0, 0.0])),
        ReserveRequirement(spinning, 60.0, np.array([0.0, 54.0, 0.0]), areas=("north",)),
    )
    plan = solved(replace(problem, network=replace(network, buses=buses), requirements=needs))
    (held,) = plan.schedule.products
    prices = plan.prices.requirements.sum(axis=0)
    assert prices[1] > 900.0
    np.testing.assert_allclose(reserve_revenue(plan), held.unit_mw * prices, atol=1e-6)


def test_a_plan_without_a_schedule_has_no_uplift(make_problem: Any) -> None:
    problem = make_problem({**TWO, "load_mw": {"a": [90, 500, 90]}})
    none = plan_dispatch(replace(problem, penalties=replace(problem.penalties, shedding=np.inf)))
    assert case_document(none, case="none")["uplift"] is None
