"""The plan without a search: the previous one rolled on, or merit order; sound whatever the system."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from grid.dispatch import DispatchPlan, DispatchProblem, check_plan, fallback, plan_dispatch, plan_document
from grid.dispatch.fallback import fallback_plan
from grid.dispatch.inherit import PreviousPlan
from grid.dispatch.merit_order import merit_order
from grid.formulation import model
from grid.formulation.prices import FixedDispatch, dispatch_fixed
from grid.formulation.relaxation import UnsolvedError
from grid.problem.plan import Status
from grid.problem.soft_limits import Penalties
from grid.time_axis import TimeAxis

WHY = "the solver was ill"
HOURS = 8
UNIT = {"bus": "b", "minimum_mw": 20, "capacity_mw": 80, "minimum_down_hours": 2}
SYSTEM = {
    "load_mw": {"b": [60.0, 90.0, 150.0, 190.0, 170.0, 120.0, 80.0, 60.0]},
    "units": {
        "cheap": {**UNIT, "minimum_cost_per_hour": 200, "cost_per_mwh": 10},
        "middle": {**UNIT, "minimum_cost_per_hour": 500, "cost_per_mwh": 25, "minimum_up_hours": 3},
        "dear": {**UNIT, "minimum_cost_per_hour": 900, "cost_per_mwh": 60},
    },
    "storages": {"battery": {"bus": "b", "power_mw": 10.0, "energy_mwh": 20.0, "initial_mwh": 10.0}},
    "reserve_up_mw": [5.0] * HOURS,
}


def window(problem: DispatchProblem, first: int, periods: int) -> DispatchProblem:
    """The periods of a problem from ``first`` on, with the last one repeated beyond its end."""
    at = np.minimum(np.arange(first, first + periods), problem.axis.periods - 1)
    return replace(
        problem,
        axis=TimeAxis(problem.axis.start + first * problem.axis.step, problem.axis.step, periods),
        load_mw=problem.load_mw[:, at],
        available_mw=problem.available_mw[:, at],
        reserve_up_mw=problem.reserve_up_mw[at],
        reserve_down_mw=problem.reserve_down_mw[at],
    )


def carried_on(problem: DispatchProblem, plan: DispatchPlan, hours: int) -> tuple[DispatchProblem, PreviousPlan]:
    """The problem some hours later, as the plan leaves it, and the plan as it is seen from there."""
    later = window(problem, hours, problem.axis.periods)
    document = plan_document(plan, plan_id="before", site_id="s", issued_at=problem.axis.start)
    previous = PreviousPlan(document, at=later.axis.start)
    initial = previous.unit_states(problem.thermal_units)
    return replace(later, initial=initial, initial_mwh=previous.charges_mwh(problem.storages)), previous


@pytest.fixture
def problem(make_problem: Any) -> DispatchProblem:
    return make_problem(SYSTEM)


def test_the_previous_plan_rolls_on_with_its_commitment(problem: DispatchProblem) -> None:
    first = plan_dispatch(problem, relative_gap=0.0)
    later, previous = carried_on(problem, first, 2)
    plan = fallback_plan(later, previous=previous, why=WHY)
    assert plan.status is Status.ROLLED_ON
    assert plan.message.startswith(f"There is no optimised plan: {WHY}. This is plan before rolled on: its commitment "
                                   "in the first 6 of 8 periods")  # fmt: skip
    assert plan.schedule.on[:, :6].tolist() == first.schedule.on[:, 2:].tolist()
    assert check_plan(plan) == []


def test_with_unchanged_inputs_rolling_on_gives_the_same_set_points(problem: DispatchProblem) -> None:
    first = plan_dispatch(problem, relative_gap=0.0)
    document = plan_document(first, plan_id="before", site_id="s", issued_at=problem.axis.start)
    plan = fallback_plan(problem, previous=PreviousPlan(document, at=problem.axis.start), why=WHY)
    assert plan.objective == pytest.approx(first.objective)
    assert plan.schedule.on.tolist() == first.schedule.on.tolist()


@pytest.mark.parametrize("hours", [HOURS, HOURS + 5])
def test_a_plan_that_has_ended_is_not_rolled_on(problem: DispatchProblem, hours: int) -> None:
    later, previous = carried_on(problem, plan_dispatch(problem, relative_gap=0.0), hours)
    assert fallback_plan(later, previous=previous, why=WHY).status is Status.RULE_BASED


def test_a_commitment_that_sheds_load_gives_way_to_the_rule(problem: DispatchProblem) -> None:
    calm = replace(problem, load_mw=0.4 * problem.load_mw)
    later, previous = carried_on(calm, plan_dispatch(calm, relative_gap=0.0), 1)
    stormy = replace(later, load_mw=later.load_mw / 0.4)
    plan = fallback_plan(stormy, previous=previous, why=WHY)
    assert plan.status is Status.RULE_BASED
    assert check_plan(plan) == []


def test_a_unit_that_was_not_planned_before_follows_merit_order(problem: DispatchProblem) -> None:
    small = replace(problem, thermal_units=problem.thermal_units[:2])
    later, previous = carried_on(small, plan_dispatch(small, relative_gap=0.0), 1)
    plan = fallback_plan(replace(later, thermal_units=problem.thermal_units), previous=previous, why=WHY)
    assert plan.schedule.on[2].any()
    assert check_plan(plan) == []


def test_a_plan_in_other_steps_is_not_rolled_on(problem: DispatchProblem) -> None:
    _, previous = carried_on(problem, plan_dispatch(problem, relative_gap=0.0), 1)
    assert previous.periods_ahead(timedelta(hours=1)) == HOURS - 1
    assert previous.periods_ahead(timedelta(minutes=15)) == 0


def test_merit_order_covers_load_and_reserve_by_average_cost_at_full_output(make_problem: Any) -> None:
    units = {
        "dear": {"bus": "b", "capacity_mw": 50, "cost_per_mwh": 40},
        "cheap": {"bus": "b", "minimum_mw": 30, "capacity_mw": 60, "minimum_cost_per_hour": 300, "cost_per_mwh": 10},
        "held": {"bus": "b", "minimum_mw": 5, "capacity_mw": 10, "minimum_cost_per_hour": 900, "must_run": True},
    }
    problem = make_problem(
        {"load_mw": {"b": [20.0, 40.0, 66.0, 100.0]}, "units": units, "reserve_up_mw": [2.0, 2.0, 5.0, 5.0]}
    )
    dear, cheap, held = merit_order(problem).tolist()
    assert held == [True] * 4
    assert cheap == [False, True, True, True]  # in the first hour its minimum has nowhere to go
    assert dear == [True, False, True, True]


def test_storages_of_a_plan_by_rule_work_where_that_is_cheapest(make_problem: Any) -> None:
    """Behind a full line the battery charges while net load is highest: there its power is worth most an hour later."""
    problem = make_problem(
        {
            "load_mw": {"a": [100.0, 10.0], "b": [10.0, 40.0]},
            "branches": {"line": {"from": "a", "to": "b", "limit_mw": 30}},
            "units": {
                "cheap": {"bus": "a", "capacity_mw": 200, "cost_per_mwh": 10, "must_run": True},
                "dear": {"bus": "b", "capacity_mw": 50, "cost_per_mwh": 80, "must_run": True},
            },
            "storages": {"battery": {"bus": "b", "power_mw": 10.0, "energy_mwh": 20.0, "initial_mwh": 0.0}},
        }
    )
    plan = fallback_plan(problem, previous=None, why=WHY)
    assert plan.status is Status.RULE_BASED
    assert plan.schedule.charge_mw[0, 0] == pytest.approx(10.0)
    assert plan.schedule.discharge_mw[0, 1] == pytest.approx(10.0)
    assert plan.objective == pytest.approx(10 * (100 + 20) + 10 * (10 + 30))
    assert check_plan(plan) == []


def test_a_plan_that_cannot_be_rolled_on_in_time_leaves_time_for_the_rule(
    problem: DispatchProblem, monkeypatch: pytest.MonkeyPatch
) -> None:
    later, previous = carried_on(problem, plan_dispatch(problem, relative_gap=0.0), 2)
    given: list[float] = []

    def slow_at_first(*args: Any, seconds: float, **options: Any) -> FixedDispatch:
        given.append(seconds)
        if len(given) == 1:
            raise UnsolvedError("Time limit reached")
        return dispatch_fixed(*args, seconds=seconds, **options)

    monkeypatch.setattr(fallback, "dispatch_fixed", slow_at_first)
    plan = fallback_plan(later, previous=previous, why=WHY, seconds=100.0)
    assert plan.status is Status.RULE_BASED
    assert given[0] <= 50.0 < given[1] <= 100.0
    assert check_plan(plan) == []


def test_a_plan_with_faults_is_better_than_none(problem: DispatchProblem, monkeypatch: pytest.MonkeyPatch) -> None:
    later, previous = carried_on(problem, plan_dispatch(problem, relative_gap=0.0), 2)
    monkeypatch.setattr(fallback, "check_plan", lambda _: ["cheap is bent", "so is dear"])
    plan = fallback_plan(later, previous=previous, why=WHY)
    assert plan.status is Status.RULE_BASED
    assert plan.message.endswith("It is unsound: cheap is bent; so is dear.")


def test_without_time_for_a_linear_program_there_is_no_plan(problem: DispatchProblem) -> None:
    with pytest.raises(UnsolvedError):
        fallback_plan(problem, previous=None, why=WHY, seconds=0.0)


def test_a_plan_by_rule_whose_reserve_cannot_be_delivered_is_sound(make_problem: Any) -> None:
    """Its unit holds 30 MW of reserve behind a line that has room for 5: 25 MW are short, though they are held."""
    problem = make_problem(
        {
            "load_mw": {"a": [0.0], "b": [45.0]},
            "branches": {"line": {"from": "a", "to": "b", "limit_mw": 50}},
            "units": {"cheap": {"bus": "a", "capacity_mw": 100, "cost_per_mwh": 10}},
            "reserve_up_mw": [30.0],
        }
    )
    plan = fallback_plan(replace(problem, deliverable=True), previous=None, why=WHY)
    assert [(v.what, round(v.amount_mw, 3)) for v in plan.violations] == [("upward reserve short", 25.0)]
    held = replace(plan, schedule=replace(plan.schedule, reserve_up_mw=np.array([[30.0]])))
    assert check_plan(plan) == check_plan(held) == []


@pytest.mark.parametrize("capacity_mw", [20.0, 200.0], ids=["capacity is short", "lines are full"])
def test_load_is_shed_where_that_is_cheapest_however_few_buses_it_begins_with(
    capacity_mw: float, make_problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {
        "load_mw": {"a": [0.0, 0.0], "b": [60.0, 10.0], "c": [50.0, 20.0], "d": [40.0, 45.0], "e": [5.0, 9.0]},
        "branches": {i + j: {"from": i, "to": j, "limit_mw": 25.0} for i, j in ("ab", "bc", "cd", "de", "ae")},
        "units": {"far": {"bus": "a", "capacity_mw": capacity_mw, "cost_per_mwh": 10.0}},
    }
    problem = replace(make_problem(data), penalties=Penalties(overload=1e5))
    monkeypatch.setattr(fallback, "_FIRST_SHEDS", 100)
    at_all_buses = fallback_plan(problem, previous=None, why=WHY)
    monkeypatch.setattr(fallback, "_FIRST_SHEDS", 1)
    plan = fallback_plan(problem, previous=None, why=WHY)
    assert len({v.what for v in plan.violations}) > 1
    assert plan.objective == pytest.approx(at_all_buses.objective, rel=1e-9)
    assert plan.prices.lmp.max() <= 10_000.0 * (1.0 + 1e-8)


def test_more_full_lines_than_a_model_may_hold_are_named(make_problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {
        "load_mw": {"a": [0.0], "b": [60.0]},
        "branches": {"ab": {"from": "a", "to": "b", "limit_mw": 20.0}},
        "units": {"far": {"bus": "a", "capacity_mw": 100.0, "cost_per_mwh": 10.0}},
    }
    monkeypatch.setattr(model, "MOST_ENTRIES", 1)
    with pytest.raises(
        RuntimeError, match=r"too many lines are full at once: 1 limits of branches, each in \d columns"
    ):
        plan_dispatch(make_problem(data))
