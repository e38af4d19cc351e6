"""The checker itself: a sound plan passes, and every way of spoiling it is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grid.dispatch import DispatchPlan, Limit, SoftLimit, Violation, check_plan, plan_dispatch
from grid.problem.dispatch_problem import StartRule
from grid.problem.storage_profiles import StorageProfile

Spoil = Callable[[DispatchPlan], DispatchPlan]


@pytest.fixture(scope="module")
def plan(make_problem: Any) -> DispatchPlan:
    problem = make_problem(
        {
            "load_mw": {"a": [30, 60, 90, 40], "b": [20, 30, 40, 20]},
            "branches": {"line": {"from": "a", "to": "b", "limit_mw": 20}},
            "units": {
                "base": {
                    "bus": "a",
                    "minimum_mw": 30,
                    "capacity_mw": 80,
                    "cost_per_mwh": 10,
                    "minimum_up_hours": 2,
                    "minimum_down_hours": 2,
                    "ramp_mw_per_hour": 25,
                    "start_ramp_mw": 40,
                    "stop_ramp_mw": 40,
                    "start_costs": [[0, 100]],
                },
                "peak": {"bus": "b", "minimum_mw": 5, "capacity_mw": 60, "cost_per_mwh": 40},
            },
            "initial": {"base": {"on": True, "hours": 5, "power_mw": 40}},
            "plants": {"wind": {"bus": "a", "available_mw": [5, 5, 9, 5]}},
            "storages": {"s": {"bus": "b", "power_mw": 5, "energy_mwh": 10, "initial_mwh": 5, "end_minimum_mwh": 5}},
            "reserve_up_mw": [5, 5, 5, 5],
        }
    )
    return plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=0.0)


def scheduled(plan: DispatchPlan, **arrays: Any) -> DispatchPlan:
    return replace(plan, schedule=replace(plan.schedule, **arrays))


def changed(field: str, index: tuple[Any, ...], by: float) -> Spoil:
    def spoil(plan: DispatchPlan) -> DispatchPlan:
        values = getattr(plan.schedule, field).copy()
        values[index] += by
        return scheduled(plan, **{field: values})

    return spoil


def priced(plan: DispatchPlan) -> DispatchPlan:
    return replace(plan, prices=replace(plan.prices, lmp=plan.prices.lmp + 1.0))


def reporting(limit: SoftLimit) -> Spoil:
    return lambda plan: replace(plan, violations=(Violation(limit, 0, 3.0, 1e4),))


def switched_off(plan: DispatchPlan) -> DispatchPlan:
    on = plan.schedule.on.copy()
    on[0, 1] = False
    return scheduled(plan, on=on)


def test_a_plan_of_ours_passes(plan: DispatchPlan) -> None:
    assert check_plan(plan) == []


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (switched_off, "off for"),
        (switched_off, "off with output"),
        (changed("power_mw", (0, 0), 40.0), "exceed"),
        (changed("power_mw", (0, 2), -40.0), "by its ramp"),
        (changed("power_mw", (1, 2), 1.0), "production and load differ"),
        (changed("reserve_up_mw", (0, 0), 50.0), "exceed"),
        (changed("reserve_up_mw", (0, 0), -10.0), "negative reserve"),
        (changed("renewable_mw", (0, 0), 10.0), "wind period 0"),
        (changed("charge_mw", (0, 0), 50.0), "beyond 5"),
        (changed("state_of_charge_mwh", (0, 1), 1.0), "does not follow"),
        (changed("branch_flow_mw", (0, 0), 1.0), "do not follow from the injections"),
        (changed("shed_mw", (0, 0), 1.0), "load shed at bus a"),
        (priced, "sum of energy"),
        (lambda plan: replace(plan, objective=plan.objective + 50.0), "the schedule costs"),
        (lambda plan: replace(plan, best_bound=plan.objective + 50.0), "the bound"),
        (reporting(SoftLimit(Limit.SHEDDING, "a")), "load shed at bus a in period 0"),
        (reporting(SoftLimit(Limit.SPILL, "a")), "spilled renewables at bus a"),
        (reporting(SoftLimit(Limit.PRODUCT_UP, "spinning up")), "spinning up reserve short"),
        (reporting(SoftLimit(Limit.LARGEST_LOSS)), "short of the largest loss"),
        (changed("storage_reserve_up_mw", (...,), 20.0), "reserve beyond"),
        (lambda plan: scheduled(plan, reserve_up_mw=np.zeros_like(plan.schedule.on, float)), "upward reserve short"),
    ],
)
def test_a_spoilt_plan_is_noticed(spoil: Spoil, told: str, plan: DispatchPlan) -> None:
    assert any(told in sentence for sentence in check_plan(spoil(plan)))


@pytest.mark.parametrize(
    ("hours", "unit"),
    [
        (0.5, {"start_costs": [[0, 10], [5, 500]]}),
        (1.75, {"start_costs": [[0, 10], [5.75, 500]]}),
        (1.5, {"minimum_down_hours": 2.5, "must_run": True}),
    ],
)
def test_hours_before_the_plan_that_are_no_whole_periods_count_alike_everywhere(
    make_problem: Any, hours: float, unit: dict[str, Any]
) -> None:
    late = {"bus": "b", "capacity_mw": 100, "cost_per_mwh": 20, "minimum_cost_per_hour": 600, **unit}
    problem = make_problem({
        "load_mw": {"b": [0, 0, 0, 0, 50, 50]},
        "units": {"late": late},
        "initial": {"late": {"on": False, "hours": hours, "power_mw": 0}},
    })  # fmt: skip
    for rule in StartRule:
        assert check_plan(plan_dispatch(replace(problem, start_rule=rule), relative_gap=0.0)) == []


def test_the_check_does_not_believe_what_the_model_says_may_leave(
    make_problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {
        "load_mw": {"b": [50, 50]},
        "units": {"base": {"bus": "b", "minimum_mw": 60, "capacity_mw": 100, "cost_per_mwh": 10, "must_run": True}},
        "storages": {"cars": {"bus": "b", "power_mw": 20, "energy_mwh": 40, "initial_mwh": 38, "end_minimum_mwh": 0}},
    }
    cars = StorageProfile(*(np.full(2, value) for value in (20.0, 0.0, 40.0, 0.0, 0.0)))
    problem = replace(make_problem(told), storage_profiles={"cars": cars})

    assert check_plan(plan_dispatch(problem, relative_gap=0.0)) == []
    monkeypatch.setattr(StorageProfile, "unused_mwh", lambda profile, initial_mwh: np.full(2, np.inf))
    wasted = plan_dispatch(problem, relative_gap=0.0)
    assert any(fault.startswith("cars period ") and "does not follow" in fault for fault in check_plan(wasted))
