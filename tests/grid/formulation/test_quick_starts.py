"""Upward reserve of quick-start units that are off (non-spinning reserve)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.dispatch import UnitState, check_plan, plan_dispatch
from grid.problem.quick_starts import QuickStarts
from grid.problem.requirements import Product, ReserveRequirement

QUICK = QuickStarts(3.0, 0.05)
BASE = {"bus": "b", "minimum_mw": 40, "capacity_mw": 100, "minimum_cost_per_hour": 400, "cost_per_mwh": 10,
        "minimum_up_hours": 24, "minimum_down_hours": 24}  # fmt: skip
PEAK = {"bus": "b", "minimum_mw": 10, "capacity_mw": 50, "minimum_cost_per_hour": 500, "cost_per_mwh": 50,
        "minimum_up_hours": 2, "minimum_down_hours": 3, "start_ramp_mw": 25, "stop_ramp_mw": 25,
        "start_costs": [[0, 100]]}  # fmt: skip
TIGHT: dict[str, Any] = {
    "load_mw": {"b": [90, 90, 90]},
    "units": {"base": BASE, "peak": PEAK},
    "reserve_up_mw": [30, 30, 30],
    "initial": {"base": {"on": True, "hours": 48, "power_mw": 90}, "peak": {"on": False, "hours": 48, "power_mw": 0}},
}


def test_a_quick_unit_need_not_run_to_hold_what_it_may_start_with(make_problem: Any) -> None:
    slow = make_problem(TIGHT)
    quick = replace(slow, quick_starts=QUICK)

    running, off = (plan_dispatch(problem, relative_gap=0.0) for problem in (slow, quick))

    assert running.on[1].all()
    assert not off.on[1].any()
    calls = QUICK.cost(np.full(3, 20.0), np.full(3, 30.0), quick.thermal_units)
    assert off.objective == pytest.approx(3 * 900.0 + calls.sum())
    assert off.reserve_up_mw.sum(axis=0) == pytest.approx([30.0] * 3)
    assert off.reserve_up_mw[1].min() >= 20.0 - 1e-6  # base has 10 MW left
    assert off.violations == ()
    assert check_plan(off) == []


def test_the_reserve_says_that_a_start_holds_it(make_problem: Any) -> None:
    plan = plan_dispatch(replace(make_problem(TIGHT), quick_starts=QUICK), relative_gap=0.0)

    told = {reason.asset_id: reason for reason in plan.reasons}["upward reserve"]
    last_called = QUICK.prices(plan.problem.thermal_units)[2]  # 20 of 30 MW
    assert told.text == (
        f"30.0 MW, held by a start of peak 20.0, base 10.0; 1 MW less would save {last_called:.1f} USD/h"
    )


def test_a_unit_that_starts_slower_than_asked_holds_nothing_while_off(make_problem: Any) -> None:
    plan = plan_dispatch(replace(make_problem(TIGHT), quick_starts=QuickStarts(2.5, 0.05)), relative_gap=0.0)

    assert plan.on[1].all()
    assert check_plan(plan) == []


def test_a_unit_holds_nothing_before_its_minimum_time_off_is_over(make_problem: Any) -> None:
    problem = replace(make_problem(TIGHT), quick_starts=QUICK)
    problem = replace(problem, initial=problem.initial | {"peak": UnitState(False, 1.0, 0.0)})

    plan = plan_dispatch(problem, relative_gap=0.0)

    assert [violation.amount_mw for violation in plan.violations] == pytest.approx([20.0, 20.0])
    assert {violation.what for violation in plan.violations} == {"upward reserve short"}
    assert plan.reserve_up_mw[1, :2] == pytest.approx([0.0, 0.0])
    assert plan.reserve_up_mw[:, 2].sum() == pytest.approx(30.0)
    assert check_plan(plan) == []


def test_a_unit_that_is_on_does_not_count_twice(make_problem: Any) -> None:
    problem = make_problem({**TIGHT, "load_mw": {"b": [110, 110, 110]}, "reserve_up_mw": [40, 40, 40]})
    problem = replace(problem, initial=problem.initial | {"peak": UnitState(True, 48.0, 20.0)})

    plan = plan_dispatch(replace(problem, quick_starts=QUICK), relative_gap=0.0)

    assert plan.on.all()
    assert plan.objective == pytest.approx(plan_dispatch(problem, relative_gap=0.0).objective)
    assert plan.reserve_up_mw.sum(axis=0) == pytest.approx([40.0] * 3)
    assert check_plan(plan) == []


def test_reserve_products_are_held_by_units_that_are_on(make_problem: Any) -> None:
    spinning = ReserveRequirement(Product("spinning", True), 60.0, np.full(3, 1.0))
    problem = replace(make_problem(TIGHT), quick_starts=QUICK, requirements=(spinning,))

    plan = plan_dispatch(problem, relative_gap=0.0)

    assert plan.on[1].all()
    assert check_plan(plan) == []


def test_the_check_finds_a_unit_that_could_not_start_with_so_much(make_problem: Any) -> None:
    plan = plan_dispatch(replace(make_problem(TIGHT), quick_starts=QUICK), relative_gap=0.0)
    held = plan.reserve_up_mw.copy()
    held[1, 2] = 26.0

    assert "peak period 2: off with output or reserve" in check_plan(replace(plan, reserve_up_mw=held))
    without = replace(plan, problem=replace(plan.problem, quick_starts=None))
    assert len([told for told in check_plan(without) if "off with output or reserve" in told]) == 3


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_plans_with_quick_starts_hold_what_they_tell_and_cost_no_more(make_problem: Any, data: st.DataObject) -> None:
    def powers(most: int) -> list[int]:
        return data.draw(st.lists(st.integers(0, most), min_size=5, max_size=5))

    states = st.sampled_from([None, (False, 1.0, 0.0), (False, 2.0, 0.0), (True, 1.0, 20.0), (True, 5.0, 20.0)])
    peaks = {name: data.draw(states) for name in ("peak", "twin")}
    problem = make_problem({
        "load_mw": {"b": powers(160)},
        "units": {"base": BASE, "peak": PEAK, "twin": PEAK},
        "reserve_up_mw": powers(80),
        "initial": {"base": TIGHT["initial"]["base"]},
    })  # fmt: skip
    problem = replace(problem, initial=problem.initial | {name: UnitState(*s) for name, s in peaks.items() if s})

    slow, quick = (plan_dispatch(replace(problem, quick_starts=quick), relative_gap=0.0) for quick in (None, QUICK))

    assert check_plan(quick) == []
    assert quick.objective <= slow.objective * (1.0 + 1e-6) + 1e-3
