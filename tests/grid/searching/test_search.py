"""The search: its time limit, its honest bound, one thread or two, and systems with hardly anything in them."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grid.dispatch import DispatchProblem, Status, check_plan, plan_dispatch, planning
from grid.formulation.build import build_model
from grid.formulation.linear import LinearModel, new_highs
from grid.formulation.model import DispatchModel
from grid.formulation.prices import FixedDispatch, dispatch_fixed
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import LinearSolution, solve_lazily, solve_with_lines
from grid.formulation.unit_terms import identical_units, unit_terms
from grid.searching import improving
from grid.searching import search as search_module
from grid.searching.incumbent import Found, Incumbent, begin_from, gap_between
from grid.searching.neighbourhoods import held_at, near_fractions


@pytest.fixture
def problem(make_problem: Any) -> DispatchProblem:
    """Twelve units of four kinds over a day: small, but its relaxation is not whole."""
    load = 260.0 + 120.0 * np.sin(np.arange(24) / 24.0 * 2.0 * np.pi - 2.0)
    fleet = {}
    for i, (minimum, capacity, cost, start) in enumerate([(40, 90, 18, 900), (25, 60, 24, 400), (10, 35, 33, 90)]):
        for k in range(4):
            fleet[f"u{i}{k}"] = {
                "bus": "ab"[k % 2],
                "minimum_mw": minimum,
                "capacity_mw": capacity,
                "minimum_cost_per_hour": minimum * (cost + 6) + k,
                "segments": [[(capacity - minimum) / 2, cost], [(capacity - minimum) / 2, cost + 5]],
                "start_costs": [[0, start], [8, 2 * start]],
                "minimum_up_hours": 6 - 2 * i,
                "minimum_down_hours": 5 - 2 * i,
                "start_ramp_mw": minimum,
                "stop_ramp_mw": minimum,
            }
    made: DispatchProblem = make_problem(
        {
            "load_mw": {"a": (0.4 * load).tolist(), "b": (0.6 * load).tolist()},
            "branches": {"line": {"from": "a", "to": "b", "limit_mw": 60}},
            "units": fleet,
            "reserve_up_mw": (0.08 * load).tolist(),
        }
    )
    return made


def relaxed_model(problem: DispatchProblem) -> tuple[DispatchModel, LinearSolution]:
    """The model with the branch limits that its relaxation meets."""
    terms = [unit_terms(unit, step_hours=1.0) for unit in problem.thermal_units]
    model = build_model(problem, terms, identical_units(problem), ptdf=Ptdf(problem.network))
    return model, solve_with_lines(model)


def test_one_thread_and_two_prove_the_same_optimum(problem: DispatchProblem) -> None:
    plans = [plan_dispatch(problem, time_limit_seconds=60.0, relative_gap=1e-2, threads=n) for n in (1, 2)]
    assert [plan.status for plan in plans] == [Status.OPTIMAL] * 2
    assert all(plan.gap <= 1e-2 for plan in plans)
    assert all(check_plan(plan) == [] for plan in plans)
    assert max(plan.best_bound for plan in plans) <= min(plan.objective for plan in plans)


def test_at_the_deadline_the_best_plan_comes_with_its_proven_gap(
    problem: DispatchProblem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Branch and cut never ends here: what the other thread found is returned, bounded by the relaxation."""

    def sleepy(model: object, incumbent: Incumbent) -> None:
        incumbent.stop.wait(30.0)

    monkeypatch.setattr(search_module, "bound", sleepy)
    began = time.monotonic()
    plan = plan_dispatch(problem, time_limit_seconds=2.0, relative_gap=0.0)
    assert time.monotonic() - began < 10.0
    assert plan.status is Status.FEASIBLE
    assert plan.gap == pytest.approx(gap_between(plan.objective, plan.best_bound))
    assert 0.0 < plan.gap < 0.1
    assert check_plan(plan) == []


def test_a_fault_in_a_thread_of_the_search_is_raised(problem: DispatchProblem, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(search_module, "bound", broken)
    with pytest.raises(RuntimeError, match="broken on purpose"):
        plan_dispatch(problem, time_limit_seconds=5.0, relative_gap=0.0)


def test_a_plan_that_is_found_after_the_search_gave_up_waiting_is_not_lost(
    problem: DispatchProblem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HiGHS is caught in a sub-problem at the deadline; its better plan comes while the one before is dispatched."""
    model, relaxed = relaxed_model(problem)
    best = Incumbent(Found(np.inf, -np.inf, None), gap=1e-3, deadline=time.monotonic() + 30.0)
    improving.solve_within(model, near_fractions(model, relaxed), best, by="alone")
    caught: list[Incumbent] = []
    begun, dispatching, came = threading.Event(), threading.Event(), threading.Event()

    def late(_: DispatchModel, incumbent: Incumbent) -> None:
        if caught:
            return
        caught.append(incumbent)
        begun.set()
        assert dispatching.wait(30.0)
        assert best.found.values is not None
        incumbent.offer(best.found.objective, best.found.values, by="late")
        came.set()

    def everyone_on(model: DispatchModel, relaxed: LinearSolution, _: object, incumbent: Incumbent) -> None:
        assert begun.wait(30.0)
        counts = relaxed.values.copy()
        for group, columns in zip(model.groups, model.thermal, strict=True):
            counts[columns.on] = len(group)
        improving.solve_within(model, held_at(model, counts), incumbent, by="everyone on")
        incumbent.stop.set()

    def in_the_meantime(*args: Any, **options: Any) -> FixedDispatch:
        if caught and caught[0].stop.is_set() and not dispatching.is_set():
            dispatching.set()
            assert came.wait(30.0)
        return dispatch_fixed(*args, **options)

    monkeypatch.setattr(search_module, "_GRACE_SECONDS", 0.0)
    monkeypatch.setattr(search_module, "bound", late)
    monkeypatch.setattr(search_module, "improve", everyone_on)
    monkeypatch.setattr(planning, "first_plan", lambda *_, **__: Found(np.inf, -np.inf, None))
    monkeypatch.setattr(planning, "dispatch_fixed", in_the_meantime)
    monkeypatch.setattr(planning._Candidates, "surprises", lambda *_: False)  # nothing is dispatched while it searches
    plan = plan_dispatch(problem, time_limit_seconds=60.0, relative_gap=0.0)
    assert came.is_set()
    assert plan.objective <= best.found.objective * (1.0 + 1e-6)
    assert check_plan(plan) == []


def test_a_search_ends_when_a_plan_is_enough(problem: DispatchProblem, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that limits which the model does not have come into it before time is spent on a plan that breaks them."""
    monkeypatch.setattr(search_module, "bound", lambda _, incumbent: incumbent.stop.wait(30.0))
    model, relaxed = relaxed_model(problem)
    asked: list[float] = []

    def enough(found: Found) -> bool:
        asked.append(found.objective)
        return True

    state = search_module.search(
        model, relaxed, start=Found(np.inf, -np.inf, None), gap=0.0, deadline=time.monotonic() + 600.0, threads=2,
        enough=enough,
    )  # fmt: skip
    assert len(asked) == 1
    assert state.found.objective <= asked[0]
    assert state.gap > 0.0


def test_a_plan_that_breaks_a_limit_its_model_does_not_have_is_a_surprise(problem: DispatchProblem) -> None:
    tight = replace(problem.network.branches[0], limit_mw=20.0)
    narrow = replace(problem, network=replace(problem.network, branches=(tight,)))
    terms = [unit_terms(unit, step_hours=1.0) for unit in problem.thermal_units]
    model = build_model(narrow, terms, identical_units(narrow), ptdf=Ptdf(narrow.network))

    def surprises(relaxed: LinearSolution) -> bool:
        found = search_module.first_plan(model, relaxed, gap=0.01, deadline=time.monotonic() + 30.0)
        return planning._Candidates(model, terms, relaxed, tolerance=0.01).surprises(found)

    assert surprises(solve_lazily(model.linear, lambda _: False))
    assert not surprises(solve_with_lines(model))


def test_gap_is_relative_to_the_plan_and_infinite_without_one() -> None:
    assert gap_between(200.0, 199.0) == pytest.approx(0.005)
    assert gap_between(200.0, 201.0) == 0.0
    assert gap_between(float("inf"), 199.0) == float("inf")
    assert gap_between(200.0, float("-inf")) == float("inf")


@pytest.mark.parametrize(
    "data",
    [
        {"load_mw": {"b": [10]}},
        {"load_mw": {"b": [10, 20]}, "plants": {"wind": {"bus": "b", "available_mw": [30, 5]}}},
        {"load_mw": {"b": [0]}, "units": {"u": {"bus": "b", "minimum_mw": 5, "capacity_mw": 9}}},
        {"load_mw": {"b": [3, 4]}, "storages": {"s": {"bus": "b", "power_mw": 5, "energy_mwh": 9, "initial_mwh": 9}}},
        {"load_mw": {"b": [3]}, "units": {"block": {"bus": "b", "minimum_mw": 5, "capacity_mw": 5}}},
    ],
)
def test_a_system_with_hardly_anything_in_it_is_planned(data: dict[str, Any], make_problem: Any) -> None:
    plan = plan_dispatch(make_problem(data), time_limit_seconds=5.0, relative_gap=0.0)
    assert plan.status is Status.OPTIMAL
    assert check_plan(plan) == []


def test_a_better_plan_found_elsewhere_does_not_upset_a_part_drawn_around_the_one_before(
    problem: DispatchProblem,
) -> None:
    """Another thread offers a plan with other counts after the bounds were drawn, before the program is begun."""
    model, relaxed = relaxed_model(problem)
    incumbent = Incumbent(Found(float("inf"), relaxed.objective, None), gap=0.0, deadline=time.monotonic() + 20.0)
    improving.solve_within(model, near_fractions(model, relaxed), incumbent, by="first")
    first = incumbent.found
    assert first.values is not None
    nothing_free = held_at(model, first.values)
    everyone_on = first.values.copy()
    for group, columns in zip(model.groups, model.thermal, strict=True):
        everyone_on[columns.on] = len(group)
    incumbent.offer(first.objective - 1.0, everyone_on, by="elsewhere")
    improving.solve_within(model, nothing_free, incumbent, by="part", start=first.values)
    assert incumbent.found.values is everyone_on


def test_a_solution_a_hair_beyond_its_bounds_is_one_to_begin_with() -> None:
    linear, highs = LinearModel(), new_highs()
    column = linear.columns(2, upper=1.0, cost=[1.0, -1.0], integer=True)
    linear.put(linear.rows(1, upper=1.0), column, 1.0)
    linear.load(highs, integer=True)
    begin_from(highs, np.array([-2e-6, 1.0 + 2e-6]))  # HiGHS bears such in its own solutions and refuses them as given
    highs.run()
    assert highs.getInfo().objective_function_value == pytest.approx(-1.0)
