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

    assert running.schedule.on[1].all()
    assert not off.schedule.on[1].any()
    parts = np.array([7.5, 7.5, 5.0, 0.0])  # 20 MW of four parts of 30
    assert off.objective == pytest.approx(3 * (900.0 + parts @ QUICK.prices(quick.thermal_units)))
    assert off.schedule.reserve_up_mw.sum(axis=0) == pytest.approx([30.0] * 3)
    assert off.schedule.reserve_up_mw[1].min() >= 20.0 - 1e-6  # base has 10 MW left
    assert off.violations == ()
    assert check_plan(off) == []


def test_the_reserve_says_that_a_start_holds_it(make_problem: Any) -> None:
    problem = replace(make_problem(TIGHT), quick_starts=QUICK)
    plan = plan_dispatch(problem, relative_gap=0.0)
    less = plan_dispatch(replace(problem, reserve_up_mw=problem.reserve_up_mw - 1.0), relative_gap=0.0)

    saved = (plan.objective - less.objective) / 3.0
    told = {reason.asset_id: reason for reason in plan.reasons}["upward reserve"]
    assert told.text == f"30.0 MW, held by a start of peak 20.0, base 10.0; 1 MW less would save {saved:.1f} USD/h"


@pytest.mark.parametrize("required", [12.0, 18.0, 24.0, 30.0, 45.0])
def test_the_price_of_reserve_is_what_a_megawatt_less_required_saves(make_problem: Any, required: float) -> None:
    problem = replace(make_problem(TIGHT), quick_starts=QUICK, reserve_up_mw=np.full(3, required))
    plan = plan_dispatch(problem, relative_gap=0.0)
    less = plan_dispatch(replace(problem, reserve_up_mw=problem.reserve_up_mw - 0.5), relative_gap=0.0)

    assert plan.prices.reserve_up.sum() == pytest.approx((plan.objective - less.objective) / 0.5, rel=1e-6)


SHORT: dict[str, Any] = {**TIGHT, "load_mw": {"b": [40, 40, 40]}, "reserve_up_mw": [120, 120, 120],
                         "initial": {**TIGHT["initial"], "base": {"on": True, "hours": 48, "power_mw": 40}},
                         "units": {"base": BASE,
                                   "peak": {**PEAK, "start_ramp_mw": 50, "stop_ramp_mw": 50}}}  # fmt: skip


def test_a_run_of_a_unit_would_lose_what_it_holds_while_off(make_problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grid.dispatch.planning._AGAIN_SECONDS", 0.0)
    problem = replace(make_problem(SHORT), quick_starts=QUICK)
    plan = plan_dispatch(problem, relative_gap=0.0)
    base, peak = problem.thermal_units
    running = plan_dispatch(replace(problem, thermal_units=(base, replace(peak, must_run=True))), relative_gap=0.0)

    told = next(reason for reason in plan.reasons if reason.asset_id == "peak")
    held = plan.schedule.reserve_up_mw[1]
    assert running.objective > plan.objective
    assert held == pytest.approx([50.0] * 3)
    # Reserve is short at 1000; off, it is worth that less its dearest calls. The best run is the last hour.
    worth = 1000.0 - QUICK.prices([peak])[1]  # 50 of 120 MW reach into the second part
    assert told.runner_up_cost == pytest.approx(100.0 + 500.0 - 1000.0 * 40.0 + worth * 50.0, rel=1e-6)
    assert "its best run, Sun 02:00 UTC to Sun 03:00 UTC, would cost" in told.text


def test_not_running_would_let_a_unit_hold_reserve_by_a_start(
    make_problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grid.dispatch.planning._AGAIN_SECONDS", 0.0)
    units = SHORT["units"] | {"twin": {**SHORT["units"]["peak"], "cost_per_mwh": 60}}
    states = SHORT["initial"] | {"twin": TIGHT["initial"]["peak"]}
    told = {"load_mw": {"b": [40, 40, 110, 110]}, "units": units, "reserve_up_mw": [180] * 4, "initial": states}
    plan = plan_dispatch(replace(make_problem(told), quick_starts=QUICK), relative_gap=0.0)

    assert plan.schedule.on[1:].tolist() == [[False, False, True, True], [False] * 4]
    assert plan.prices.reserve_up.min() > 990.0
    reason = next(reason for reason in plan.reasons if reason.asset_id == "peak" and reason.first_period >= 2)
    price, power = plan.prices.lmp[0, 2:], plan.schedule.power_mw[1, 2:]
    running = price * power - 500.0 - 50.0 * (power - 10.0) + 1000.0 * (50.0 - power)
    waiting = 50.0 * (1000.0 - QUICK.prices(plan.problem.thermal_units)[1])  # twin's 50 MW reach into the second part
    lost = 100.0 - (running - waiting).sum()
    assert lost > 50.0
    assert f"its run loses {lost:,.0f} USD" in reason.text


def test_a_unit_that_starts_slower_than_asked_holds_nothing_while_off(make_problem: Any) -> None:
    plan = plan_dispatch(replace(make_problem(TIGHT), quick_starts=QuickStarts(2.5, 0.05)), relative_gap=0.0)

    assert plan.schedule.on[1].all()
    assert check_plan(plan) == []


def test_a_unit_holds_nothing_before_its_minimum_time_off_is_over(make_problem: Any) -> None:
    problem = replace(make_problem(TIGHT), quick_starts=QUICK)
    problem = replace(problem, initial=problem.initial | {"peak": UnitState(False, 1.0, 0.0)})

    plan = plan_dispatch(problem, relative_gap=0.0)

    assert [violation.amount_mw for violation in plan.violations] == pytest.approx([20.0, 20.0])
    assert {violation.what for violation in plan.violations} == {"upward reserve short"}
    assert plan.schedule.reserve_up_mw[1, :2] == pytest.approx([0.0, 0.0])
    assert plan.schedule.reserve_up_mw[:, 2].sum() == pytest.approx(30.0)
    assert check_plan(plan) == []


def test_a_unit_that_is_on_does_not_count_twice(make_problem: Any) -> None:
    problem = make_problem({**TIGHT, "load_mw": {"b": [110, 110, 110]}, "reserve_up_mw": [40, 40, 40]})
    problem = replace(problem, initial=problem.initial | {"peak": UnitState(True, 48.0, 20.0)})

    plan = plan_dispatch(replace(problem, quick_starts=QUICK), relative_gap=0.0)

    assert plan.schedule.on.all()
    assert plan.objective == pytest.approx(plan_dispatch(problem, relative_gap=0.0).objective)
    assert plan.schedule.reserve_up_mw.sum(axis=0) == pytest.approx([40.0] * 3)
    assert check_plan(plan) == []


def test_reserve_products_are_held_by_units_that_are_on(make_problem: Any) -> None:
    spinning = ReserveRequirement(Product("spinning", True), 60.0, np.full(3, 1.0))
    problem = replace(make_problem(TIGHT), quick_starts=QUICK, requirements=(spinning,))

    plan = plan_dispatch(problem, relative_gap=0.0)

    assert plan.schedule.on[1].all()
    assert check_plan(plan) == []


def test_the_check_finds_a_unit_that_could_not_start_with_so_much(make_problem: Any) -> None:
    plan = plan_dispatch(replace(make_problem(TIGHT), quick_starts=QUICK), relative_gap=0.0)
    held = plan.schedule.reserve_up_mw.copy()
    held[1, 2] = 26.0
    spoilt = replace(plan, schedule=replace(plan.schedule, reserve_up_mw=held))

    assert "peak period 2: off with output or reserve" in check_plan(spoilt)
    without = replace(plan, problem=replace(plan.problem, quick_starts=None))
    assert len([told for told in check_plan(without) if "off with output or reserve" in told]) == 3


def test_the_check_does_not_believe_what_the_model_says_of_quick_starts(
    make_problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    priced, who = QuickStarts.prices, QuickStarts.includes
    tight = replace(make_problem(TIGHT), quick_starts=QUICK)
    with monkeypatch.context() as wrong:
        wrong.setattr(QuickStarts, "prices", lambda quick, units: 0.5 * priced(quick, units))
        assert any(told.startswith("the schedule costs") for told in check_plan(plan_dispatch(tight, relative_gap=0.0)))
    slow = replace(tight, quick_starts=replace(QUICK, hours=2.5))
    assert not who(slow.quick_starts, slow.thermal_units[1])
    monkeypatch.setattr(QuickStarts, "includes", lambda quick, unit: unit.unit_id == "peak")
    assert "peak period 0: off with output or reserve" in check_plan(plan_dispatch(slow, relative_gap=0.0))


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
