"""A commitment for scenarios is the enumerated best one, bounded, never lost to a deadline, and says what it costs."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.assets import ThermalUnit
from grid.dispatch import (
    DispatchProblem,
    Penalties,
    Scenarios,
    check_plan,
    plan_always,
    plan_dispatch,
    plan_document,
    two_stage,
)
from grid.faults import InputError
from grid.formulation import model
from grid.formulation.build import build_model
from grid.formulation.lines import Line
from grid.formulation.model import DispatchModel
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import LinearSolution, UnsolvedError
from grid.formulation.unit_terms import identical_units, unit_terms
from grid.problem.costs import running_cost_per_hour, start_costs
from grid.problem.reduction import reduced
from grid.problem.scenarios import conditional_value_at_risk
from grid.problem.what_if import Changes, change_problem
from grid.searching.incumbent import Found, Incumbent
from grid.searching.pricing import relax
from grid.searching.search import search
from grid.time_axis import FloatArray

WINDY = {
    "load_mw": {"west": [0.0, 0.0], "east": [80.0, 80.0]},
    "branches": {"line": {"from": "west", "to": "east", "limit_mw": 60}},
    "units": {
        "coal": {"bus": "west", "minimum_mw": 20, "capacity_mw": 100, "cost_per_mwh": 20, "minimum_cost_per_hour": 400},
        "gas": {"bus": "east", "minimum_mw": 5, "capacity_mw": 40, "cost_per_mwh": 60, "minimum_cost_per_hour": 300},
    },
    "plants": {"wind": {"bus": "east", "available_mw": [30.0, 30.0]}},
}


def with_wind(problem: DispatchProblem, wind_mw: list[list[float]], **choices: Any) -> DispatchProblem:
    """Scenarios of the one plant, equally likely."""
    available = np.array(wind_mw)[:, None, :]
    load = np.repeat(problem.load_mw[None], len(wind_mw), axis=0)
    weight = np.full(len(wind_mw), 1.0 / len(wind_mw))
    return replace(problem, scenarios=Scenarios(load, available, weight, **choices))


def test_a_unit_behind_the_full_line_runs_in_case_the_wind_fails(make_problem: Any) -> None:
    problem = make_problem(WINDY)
    assert not plan_dispatch(problem, relative_gap=0.0).schedule.on[1].any(), "for the mean wind the line suffices"
    plan = plan_dispatch(with_wind(problem, [[60.0, 60.0], [0.0, 60.0]]), relative_gap=0.0)
    assert check_plan(plan) == []
    assert plan.schedule.on.tolist() == [[True, True], [True, False]]
    outlook = plan.outlook
    assert outlook is not None
    calm, windy = 2 * 400.0, 2 * 400.0 + 300.0 + 40 * 20.0  # coal at its minimum; 60 MW of coal, 20 MW of gas
    np.testing.assert_allclose(outlook.costs, [calm + 300.0, windy + 15 * 60.0])
    assert plan.objective == pytest.approx(outlook.costs.mean())
    assert plan.best_bound == pytest.approx(plan.objective)
    overloaded = 60 * 20.0 + 20.0 * Penalties().overload  # without gas the line must bear 80 MW of coal
    assert outlook.central_objective == pytest.approx((calm + calm + overloaded) / 2.0)
    assert outlook.unserved_mwh.tolist() == [0.0, 0.0]


def test_risk_buys_what_the_expectation_does_not(make_problem: Any) -> None:
    problem = make_problem({**WINDY, "load_mw": {"west": [0.0], "east": [80.0]}, "plants": {
        "wind": {"bus": "east", "available_mw": [30.0]}}})  # fmt: skip
    cheap = replace(problem, penalties=Penalties(shedding=150.0))  # 20 MW short cost 3,000, gas in vain 300
    wind = [[60.0]] * 19 + [[0.0]]
    neutral = plan_dispatch(with_wind(cheap, wind, most=20), relative_gap=0.0)
    averse = plan_dispatch(with_wind(cheap, wind, most=20, risk_weight=1.0, risk_level=0.95), relative_gap=0.0)
    assert (neutral.schedule.on[1].any(), averse.schedule.on[1].any()) == (False, True)
    assert neutral.outlook is not None
    assert averse.outlook is not None
    assert averse.outlook.costs.max() < neutral.outlook.costs.max()
    assert averse.outlook.costs.mean() > neutral.outlook.costs.mean()


def test_the_risk_of_a_single_scenario_is_its_cost(make_problem: Any) -> None:
    problem = with_wind(make_problem(WINDY), [[60.0, 60.0]], risk_weight=0.5)
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert plan.outlook is not None
    assert plan.objective == pytest.approx(1.5 * plan.outlook.costs[0])
    assert plan.best_bound == pytest.approx(plan.objective)


def cheapest_by_enumeration(problem: DispatchProblem, scenarios: Scenarios) -> float:
    """Optimum of one bus without ramps and minimum times over every commitment."""
    units, periods = problem.thermal_units, problem.axis.periods
    best = np.inf
    for flat in product((False, True), repeat=len(units) * periods):
        on = np.array(flat).reshape(len(units), periods)
        started = sum(
            float(start_costs(unit, row, problem.initial[unit.unit_id], step_hours=1.0).sum())
            for unit, row in zip(units, on, strict=True)
        )
        costs = np.array([
            started + sum(_hour(units, on[:, t], float(load[0, t]), problem.penalties) for t in range(periods))
            for load in scenarios.load_mw
        ])  # fmt: skip
        best = min(best, scenarios.measure(costs))
    return best


def _hour(units: tuple[ThermalUnit, ...], on: np.ndarray, load: float, prices: Penalties) -> float:
    committed = [unit for unit, running in zip(units, on, strict=True) if running]
    left = load - sum(unit.minimum_mw for unit in committed)
    cost = sum(float(running_cost_per_hour(unit, np.array(unit.minimum_mw))) for unit in committed)
    for segment in sorted((s for unit in committed for s in unit.segments), key=lambda s: s.cost_per_mwh):
        used = min(max(left, 0.0), segment.width_mw)
        cost, left = cost + used * segment.cost_per_mwh, left - used
    return cost + max(left, 0.0) * prices.shedding + max(-left, 0.0) * prices.surplus


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_the_optimum_over_scenarios_is_the_enumerated_one(data: st.DataObject, make_problem: Any) -> None:
    fleet = {
        f"u{i}": {
            "bus": "b",
            "minimum_mw": (low := data.draw(st.integers(0, 30))),
            "capacity_mw": low + data.draw(st.integers(1, 50)),
            "cost_per_mwh": data.draw(st.integers(1, 60)),
            "minimum_cost_per_hour": low * data.draw(st.integers(1, 60)),
            "start_costs": [[0, data.draw(st.integers(0, 500))]],
        }
        for i in range(2)
    }
    initial = {
        name: {"on": True, "hours": 9, "power_mw": unit["minimum_mw"]}
        if data.draw(st.booleans())
        else {"on": False, "hours": 9, "power_mw": 0.0}
        for name, unit in fleet.items()
    }
    courses = st.lists(st.integers(10, 100).map(float), min_size=3, max_size=3)
    load = np.array(data.draw(st.lists(courses, min_size=2, max_size=4)))
    weight = np.array(data.draw(st.lists(st.integers(1, 5), min_size=len(load), max_size=len(load))), dtype=np.float64)
    problem = make_problem({"load_mw": {"b": load.mean(axis=0)}, "units": fleet, "initial": initial})
    problem = replace(problem, penalties=Penalties(shedding=float(data.draw(st.sampled_from([100, 10_000])))))
    scenarios = Scenarios(
        load[:, None, :],
        np.zeros((len(load), 0, 3)),
        weight / weight.sum(),
        risk_weight=data.draw(st.sampled_from([0.0, 0.5, 3.0])),
        risk_level=data.draw(st.sampled_from([0.0, 0.5, 0.9])),
    )
    plan = plan_dispatch(replace(problem, scenarios=scenarios), time_limit_seconds=20.0, relative_gap=0.0)
    assert check_plan(plan) == []
    expected = cheapest_by_enumeration(problem, scenarios)
    roughly = plan_dispatch(replace(problem, scenarios=scenarios), time_limit_seconds=20.0, relative_gap=1e9)
    assert roughly.best_bound <= expected + 1e-3 + 1e-6 * abs(expected)
    assert roughly.objective >= expected - 1e-3 - 1e-6 * abs(expected)
    assert plan.objective == pytest.approx(expected, rel=1e-6, abs=1e-3)
    assert plan.best_bound <= expected + 1e-3 + 1e-6 * abs(expected)


def test_without_time_the_commitment_for_the_central_forecast_answers(
    make_problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = with_wind(make_problem(WINDY), [[60.0, 60.0], [0.0, 60.0]])
    with monkeypatch.context() as patched:
        patched.delattr(two_stage, "relax")
        plan = plan_dispatch(problem, time_limit_seconds=0.0)
    assert check_plan(plan) == []
    assert plan.outlook is not None
    assert (plan.status, plan.objective) == ("feasible", pytest.approx(plan.outlook.central_objective))
    document = plan_document(plan, plan_id="p", site_id="s", issued_at=problem.axis.start)
    json.dumps(document, allow_nan=False)
    assert (document["best_bound"], document["gap"]) == (None, None)
    assert "time ran out before a bound" in plan.message


def test_more_full_lines_than_fit_in_all_scenarios_together_leave_the_central_commitment(
    make_problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = with_wind(make_problem(WINDY), [[60.0, 60.0], [0.0, 60.0]])
    terms = [unit_terms(unit, step_hours=1.0) for unit in problem.thermal_units]
    lines = [Line(0, 0), Line(0, 1)]
    one = build_model(problem, terms, identical_units(problem), ptdf=Ptdf(problem.network), outages=None, lines=lines)
    monkeypatch.setattr(model, "MOST_ENTRIES", one.linear.entry_count)
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert check_plan(plan) == []
    assert "as 2 scenarios are too many for one model (too many lines are full at once: " in plan.message
    assert plan.outlook is not None
    assert plan.objective == pytest.approx(plan.outlook.central_objective)
    assert -np.inf < plan.best_bound < plan.objective


def test_each_scenario_with_units_of_its_own_is_a_bound(make_problem: Any) -> None:
    problem = with_wind(make_problem(WINDY), [[60.0, 60.0], [0.0, 60.0]])
    plan = plan_dispatch(problem, time_limit_seconds=20.0, relative_gap=1e9)
    calm, windy = 2 * 20 * 20.0, 60 * 20.0 + 20 * 60.0 + 20 * 20.0  # a MWh of relaxed coal costs 20, of gas 60
    assert plan.best_bound == pytest.approx((calm + windy) / 2.0)


def test_a_scenario_that_is_not_relaxed_in_time_leaves_the_plan_without_that_bound(
    make_problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[float] = []

    def relaxes_once(*args: Any, seconds: float, **options: Any) -> LinearSolution:
        left.append(seconds)
        if len(left) > 1:
            raise UnsolvedError("Time limit reached")
        return relax(*args, seconds=seconds, **options)

    monkeypatch.setattr(two_stage, "relax", relaxes_once)
    problem = with_wind(make_problem(WINDY), [[60.0, 60.0], [0.0, 60.0]])
    plan = plan_dispatch(problem, time_limit_seconds=20.0, relative_gap=0.0)
    assert len(left) == 2
    assert max(left) <= 20.0
    assert plan.status == "optimal", "the model of all scenarios has a bound of its own"


def test_a_commitment_that_is_found_after_the_search_gave_up_waiting_is_not_lost(
    make_problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = with_wind(make_problem(WINDY), [[60.0, 60.0], [0.0, 60.0]])
    best = plan_dispatch(problem, relative_gap=0.0)
    caught: list[tuple[Incumbent, Found]] = []

    def late(model: DispatchModel, *args: Any, **options: Any) -> Incumbent:
        found = search(model, *args, **options).found
        assert found.values is not None
        without_gas = found.values.copy()
        without_gas[model.thermal[1].on] = 0.0
        caught.append((Incumbent(Found(np.inf, -np.inf, without_gas), gap=0.0, deadline=0.0), found))
        return caught[-1][0]

    def in_the_meantime(*args: Any) -> np.ndarray:
        state, found = caught[-1]
        assert found.values is not None
        on: np.ndarray = commitment(*args)
        state.offer(found.objective, found.values, by="late")
        return on

    commitment = two_stage._Cases.commitment
    monkeypatch.setattr(two_stage, "search", late)
    monkeypatch.setattr(two_stage._Cases, "commitment", in_the_meantime)
    assert plan_dispatch(problem, relative_gap=0.0).objective == pytest.approx(best.objective)


def test_the_solver_of_its_own_process_plans_for_scenarios_too(make_problem: Any) -> None:
    problem = with_wind(make_problem(WINDY), [[60.0, 60.0], [0.0, 60.0]], risk_weight=0.5)
    plan = plan_always(problem, time_limit_seconds=5.0, relative_gap=0.0)
    told = plan_document(plan, plan_id="p", site_id="s", issued_at=problem.axis.start)["outlook"]
    assert [one["probability"] for one in told["scenarios"]] == [0.5, 0.5]
    assert plan.objective == pytest.approx(told["expected_cost"] + 0.5 * told["cost_at_risk"])


def test_a_what_if_changes_the_scenarios_as_it_changes_the_forecast(make_problem: Any) -> None:
    problem = with_wind(make_problem(WINDY), [[60.0, 60.0], [0.0, 60.0]])
    changed = change_problem(problem, Changes(load_scale=1.1, unavailable_units=frozenset({"wind"})))
    assert changed.scenarios is not None
    assert changed.scenarios.available_mw.max() == 0.0
    np.testing.assert_allclose(changed.scenarios.load_mw, [changed.load_mw, changed.load_mw])


def test_faulty_scenarios_are_named(make_problem: Any) -> None:
    problem = with_wind(make_problem(WINDY), [[60.0, np.nan]], risk_weight=-1.0, risk_level=1.0, most=0)
    assert problem.scenarios is not None
    heavy = replace(problem.scenarios, weight=np.array([2.0]))
    with pytest.raises(InputError) as caught:
        plan_dispatch(replace(problem, scenarios=heavy, penalties=Penalties(shedding=np.inf)))
    assert [fault.place for fault in caught.value.faults] == [
        "scenarios: available_mw",
        "scenarios: weight",
        "risk_weight",
        "risk_level",
        "most scenarios",
        "penalties",
    ]


@given(
    costs=st.lists(st.integers(0, 1000).map(float), min_size=1, max_size=8),
    level=st.sampled_from([0.0, 0.3, 0.9, 0.99]),
    data=st.data(),
)
def test_conditional_value_at_risk_is_the_least_of_its_program(
    costs: list[float], level: float, data: st.DataObject
) -> None:
    weight = np.array(data.draw(st.lists(st.integers(1, 9), min_size=len(costs), max_size=len(costs))), dtype=float)
    weight /= weight.sum()
    values = np.array(costs)
    program = [at + float(weight @ np.maximum(values - at, 0.0)) / (1.0 - level) for at in costs]
    assert conditional_value_at_risk(values, weight, level=level) == pytest.approx(min(program))


def left_out(courses: FloatArray, weight: FloatArray, kept: list[int]) -> float:
    """How far all scenarios are from the nearest of those kept."""
    distance = np.linalg.norm(courses[:, None] - courses[None, kept], axis=2)
    return float(weight @ distance.min(axis=1))


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_reduction_chooses_the_best_one_then_the_best_next(data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(st.integers(0, 9), min_size=2, max_size=2), min_size=2, max_size=7))
    courses = np.array(rows, dtype=np.float64)
    weight = np.full(len(rows), 1.0 / len(rows))
    for count in (1, 2):
        kept, inherited = reduced(courses, weight, count=count)
        assert inherited.sum() == pytest.approx(1.0)
        before = [] if count == 1 else reduced(courses, weight, count=1)[0].tolist()
        best = min(left_out(courses, weight, [*before, i]) for i in range(len(rows)) if i not in before)
        assert left_out(courses, weight, kept.tolist()) == pytest.approx(best, abs=1e-9)


def test_scenarios_beyond_the_most_are_reduced_and_keep_their_mean_weight(make_problem: Any) -> None:
    twice = [[60.0, 60.0], [0.0, 60.0], [60.0, 60.0]]
    plan = plan_dispatch(with_wind(make_problem(WINDY), twice, most=2), relative_gap=0.0)
    assert plan.outlook is not None
    assert len(plan.outlook.drawn) == 3
    assert sorted(plan.outlook.scenarios.weight.tolist()) == pytest.approx([1 / 3, 2 / 3])
