"""Imports and exports at a tariff: bought while cheaper than one's own units, sold while dearer, and counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.dispatch import DispatchProblem, check_plan, plan_dispatch
from grid.dispatch.document import case_document
from grid.faults import InputError
from grid.problem.exchanges import Exchange

TWO_BUSES: dict[str, Any] = {
    "load_mw": {"a": [80, 80, 80], "b": [20, 20, 20]},
    "branches": {"ab": {"from": "a", "to": "b", "limit_mw": 60}},
    "units": {"own": {"bus": "a", "capacity_mw": 150, "cost_per_mwh": 40}},
}


def trading(problem: DispatchProblem, **told: Any) -> DispatchProblem:
    fields: dict[str, Any] = {
        "import_mw": [50, 50, 50],
        "export_mw": [70, 70, 70],
        "import_price": [30, 45, 90],
        "export_price": [20, 35, 80],
    }
    arrays = {name: np.array(values, dtype=np.float64) for name, values in {**fields, **told}.items()}
    return replace(problem, exchanges=(Exchange("market", "b", **arrays),))


def test_power_is_bought_where_it_is_cheap_and_sold_where_it_is_dear(make_problem: Any) -> None:
    """Own power costs 40: bought at 30, neither at 45 or 35, sold at 80, as much as line and unit allow: 40 MW."""
    plan = plan_dispatch(trading(make_problem(TWO_BUSES)), relative_gap=0.0)
    assert check_plan(plan) == []
    assert plan.schedule.import_mw[0] == pytest.approx([50.0, 0.0, 0.0], abs=1e-6)
    assert plan.schedule.export_mw[0] == pytest.approx([0.0, 0.0, 40.0], abs=1e-6)
    assert plan.objective == pytest.approx((50 * 40 + 50 * 30) + 100 * 40 + (140 * 40 - 40 * 80))
    document = case_document(plan, case="trade")
    assert document["exchanges"]["market"][0]["import_mw"] == 50.0
    spent = [hour["production_cost"] + hour["exchange_cost"] for hour in document["system"]]
    assert sum(spent) == pytest.approx(plan.objective)


def test_the_price_at_the_market_is_its_own_while_it_trades(make_problem: Any) -> None:
    plan = plan_dispatch(trading(make_problem(TWO_BUSES), import_mw=[200, 0, 0], export_mw=[0, 0, 9]), relative_gap=0.0)
    assert plan.prices.lmp[1, 0] == pytest.approx(30.0)
    assert plan.prices.lmp[1, 1] == pytest.approx(40.0)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_plans_that_trade_are_sound(data: st.DataObject, make_problem: Any) -> None:
    def three(most: int) -> list[int]:
        return data.draw(st.lists(st.integers(0, most), min_size=3, max_size=3))

    bought = np.array(three(100)) - 20.0
    prices = {"import_price": bought, "export_price": bought - np.array(three(30))}
    system = {**TWO_BUSES, "load_mw": {"a": three(120), "b": three(60)}, "reserve_up_mw": three(30)}
    problem = trading(make_problem(system), import_mw=three(60), export_mw=three(60), **prices)
    asked = {"secure_units": data.draw(st.booleans()), "losses": data.draw(st.booleans())}
    assert check_plan(plan_dispatch(replace(problem, **asked), relative_gap=0.001)) == []


def test_trade_that_is_not_counted_is_noticed(make_problem: Any) -> None:
    plan = plan_dispatch(trading(make_problem(TWO_BUSES)), relative_gap=0.0)
    free = trading(plan.problem, import_price=[0, 0, 0], export_price=[0, 0, 0])
    assert any("the schedule costs" in told for told in check_plan(replace(plan, problem=free)))
    more = replace(plan.schedule, import_mw=plan.schedule.import_mw + 1.0)
    assert any("trades more" in told for told in check_plan(replace(plan, schedule=more)))


def test_every_fault_of_exchanges_is_told(make_problem: Any) -> None:
    problem = trading(make_problem(TWO_BUSES), import_mw=[-1, 5, 5], export_price=[31, 0, 0])
    (market,) = problem.exchanges
    wrong = replace(market, bus_id="z", export_mw=np.zeros(2))
    with pytest.raises(InputError) as raised:
        plan_dispatch(replace(problem, exchanges=(market, wrong)))
    for fault in (
        "it stands 2 times",
        "its bus must be one of the network's, got 'z'",
        "export_mw must be 3 finite numbers",
        "import_mw must not be negative",
        "in period 0 exports earn more than imports cost",
    ):
        assert fault in str(raised.value)
