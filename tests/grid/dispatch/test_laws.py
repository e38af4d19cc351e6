"""Laws of every plan: nothing that is physical is ever broken, and the proven optimum is the enumerated one."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.dispatch import DispatchProblem, check_plan, plan_dispatch, plan_document
from grid.dispatch import planning as planning_module
from grid.dispatch.fallback import fallback_plan
from grid.dispatch.inherit import PreviousPlan
from grid.formulation.unit_terms import identical_units, single_units
from grid.problem.costs import running_cost_per_hour, start_costs

PERIODS = 6
BUSES = ("a", "b", "c")


@st.composite
def units(draw: st.DrawFn) -> dict[str, Any]:
    minimum = draw(st.integers(0, 40))
    widths = draw(st.lists(st.integers(1, 40), min_size=1, max_size=3))
    costs = sorted(draw(st.lists(st.integers(1, 60), min_size=len(widths), max_size=len(widths))))
    capacity = minimum + sum(widths)
    ramp = draw(st.sampled_from([5.0, 15.0, 500.0]))
    return {
        "bus": draw(st.sampled_from(BUSES)),
        "minimum_mw": minimum,
        "capacity_mw": capacity,
        "minimum_cost_per_hour": minimum * draw(st.integers(1, 60)),
        "segments": [list(pair) for pair in zip(widths, costs, strict=True)],
        "start_costs": [[0, draw(st.integers(0, 500))], [4, 600]],
        "minimum_up_hours": draw(st.sampled_from([0, 1, 2, 3.5])),
        "minimum_down_hours": draw(st.sampled_from([0, 1, 2, 3.5])),
        "ramp_mw_per_hour": ramp,
        "start_ramp_mw": draw(st.sampled_from([minimum, capacity, (minimum + capacity) / 2])),
        "stop_ramp_mw": draw(st.sampled_from([minimum, capacity, (minimum + capacity) / 2])),
        "must_run": draw(st.sampled_from([False, False, True])),
    }


@st.composite
def states(draw: st.DrawFn, unit: dict[str, Any]) -> dict[str, Any] | None:
    on = draw(st.sampled_from([True, False, None]))
    if on is None:
        return None
    power = draw(st.floats(unit["minimum_mw"], unit["capacity_mw"])) if on else 0.0
    return {"on": on, "hours": draw(st.integers(1, 5)), "power_mw": power}


@st.composite
def systems(draw: st.DrawFn) -> dict[str, Any]:
    fleet = {f"u{i}": draw(units()) for i in range(draw(st.integers(1, 3)))}
    if draw(st.booleans()):
        fleet["u0 again"] = fleet["u0"]
    initial = {name: state for name, unit in fleet.items() if (state := draw(states(unit))) is not None}

    def powers(most: int) -> list[float]:
        return draw(st.lists(st.integers(0, most).map(float), min_size=PERIODS, max_size=PERIODS))

    limits = draw(st.lists(st.sampled_from([None, 5.0, 25.0, 60.0]), min_size=3, max_size=3))
    ends = (("a", "b"), ("b", "c"), ("a", "c"))
    return {
        "load_mw": {bus: powers(70) for bus in BUSES},
        "branches": {
            f"{i}-{j}": {"from": i, "to": j, "limit_mw": limit} for (i, j), limit in zip(ends, limits, strict=True)
        },
        "links": {"dc": {"from": "a", "to": "c", "limit_mw": 10.0}},
        "units": fleet,
        "initial": initial,
        "plants": {
            "wind": {"bus": "b", "available_mw": powers(60)},
            "sun": {"bus": "b", "available_mw": powers(20)},
            "roof": {"bus": "c", "available_mw": powers(30), "curtailable": False},
        },
        "storages": {
            "battery": {
                "bus": "c",
                "power_mw": 10.0,
                "energy_mwh": 25.0,
                "charge_efficiency": 0.9,
                "discharge_efficiency": 0.95,
                "initial_mwh": draw(st.integers(0, 25)),
                "end_minimum_mwh": draw(st.integers(0, 25)),
                "cycle_cost_per_mwh": 1.0,
            }
        },
        "reserve_up_mw": powers(20),
        "reserve_down_mw": powers(10),
    }


@settings(max_examples=40, deadline=None)
@given(system=systems())
def test_every_plan_of_a_valid_problem_is_sound(system: dict[str, Any], make_problem: Any) -> None:
    plan = plan_dispatch(make_problem(system), time_limit_seconds=5.0, relative_gap=0.001)
    assert check_plan(plan) == []
    assert plan.best_bound <= plan.objective
    needed = {name for name in ("upward", "downward") if any(system[f"reserve_{name.removesuffix('ward')}_mw"])}
    explained = {*system["units"], *system["plants"], *system["storages"], *(f"{name} reserve" for name in needed)}
    assert {reason.asset_id for reason in plan.reasons} == explained


@settings(max_examples=15, deadline=None)
@given(system=systems())
def test_without_time_there_still_is_a_sound_plan(system: dict[str, Any], make_problem: Any) -> None:
    plan = plan_dispatch(make_problem(system), time_limit_seconds=0.0)
    assert plan.status == "timeout"
    assert check_plan(plan) == []
    assert "rounded" in plan.message


def cheapest_by_enumeration(problem: DispatchProblem) -> float:
    """Optimum of one bus without ramps, storages or reserve, over every commitment that minimum times allow."""
    load = problem.load_mw[0]
    patterns = list(product((False, True), repeat=len(problem.thermal_units)))
    hour = {(t, on): _hour_cost(problem, on, float(load[t])) for t in range(len(load)) for on in patterns}
    schedules = [_schedules(problem, i) for i in range(len(problem.thermal_units))]
    return min(
        sum(cost for _, cost in choice) + sum(hour[t, tuple(bool(on[t]) for on, _ in choice)] for t in range(len(load)))
        for choice in product(*schedules)
    )


def _schedules(problem: DispatchProblem, i: int) -> list[tuple[tuple[bool, ...], float]]:
    unit = problem.thermal_units[i]
    state = problem.initial[unit.unit_id]
    allowed = []
    for on in product((False, True), repeat=problem.axis.periods):
        now, length, fits = state.on, state.hours, True
        for value in on:
            if value != now:
                fits &= length >= (unit.minimum_up_hours if now else unit.minimum_down_hours)
                now, length = value, 0.0
            length += 1.0
        if fits:
            allowed.append((on, float(start_costs(unit, np.array(on), state, step_hours=1.0).sum())))
    return allowed


def _hour_cost(problem: DispatchProblem, on: tuple[bool, ...], load: float) -> float:
    committed = [unit for unit, running in zip(problem.thermal_units, on, strict=True) if running]
    left = load - sum(unit.minimum_mw for unit in committed)
    cost = sum(float(running_cost_per_hour(unit, np.array(unit.minimum_mw))) for unit in committed)
    for segment in sorted((s for unit in committed for s in unit.segments), key=lambda s: s.cost_per_mwh):
        used = min(max(left, 0.0), segment.width_mw)
        cost, left = cost + used * segment.cost_per_mwh, left - used
    prices = problem.penalties
    return cost + max(left, 0.0) * prices.shedding + max(-left, 0.0) * prices.surplus


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_proven_optimum_is_the_enumerated_one(data: st.DataObject, make_problem: Any) -> None:
    fleet = {}
    for i in range(2):
        unit = data.draw(units())
        fleet[f"u{i}"] = {
            **unit,
            "bus": "a",
            "must_run": False,
            "ramp_mw_per_hour": 500.0,
            "start_ramp_mw": unit["capacity_mw"],
            "stop_ramp_mw": unit["capacity_mw"],
        }
    if data.draw(st.booleans()):
        fleet["u1"] = fleet["u0"]
    hours = st.integers(1, 5)
    initial = {
        name: {"on": True, "hours": data.draw(hours), "power_mw": unit["minimum_mw"]}
        if data.draw(st.booleans())
        else {"on": False, "hours": data.draw(hours), "power_mw": 0.0}
        for name, unit in fleet.items()
    }
    load = data.draw(st.lists(st.integers(10, 120), min_size=5, max_size=5))
    problem = make_problem({"load_mw": {"a": load}, "units": fleet, "initial": initial})
    plan = plan_dispatch(problem, time_limit_seconds=20.0, relative_gap=0.0)
    assert check_plan(plan) == []
    assert plan.objective == pytest.approx(cheapest_by_enumeration(problem), rel=1e-6, abs=1e-4)
    assert plan.best_bound <= plan.objective + 1e-6


@pytest.mark.parametrize("minimum_up_hours", [1, 3])
def test_gathering_identical_units_changes_no_optimum(
    minimum_up_hours: int, make_problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = {
        "bus": "b",
        "minimum_mw": 20,
        "capacity_mw": 50,
        "minimum_cost_per_hour": 500,
        "segments": [[10, 20], [20, 35]],
        "start_costs": [[0, 100]],
        "minimum_up_hours": minimum_up_hours,
        "minimum_down_hours": 2,
        "start_ramp_mw": 20,
        "stop_ramp_mw": 20,
    }
    problem = make_problem(
        {
            "load_mw": {"b": [60, 90, 150, 190, 120, 60, 40, 130, 180, 70]},
            "units": {f"u{i}": unit for i in range(4)},
            "initial": {
                "u0": {"on": True, "hours": 1, "power_mw": 30},
                "u1": {"on": True, "hours": 9, "power_mw": 20},
                "u2": {"on": False, "hours": 1, "power_mw": 0},
                "u3": {"on": False, "hours": 40, "power_mw": 0},
            },
            "reserve_up_mw": [5.0] * 10,
        }
    )
    assert identical_units(problem) == ((0, 1, 2, 3),)
    gathered = plan_dispatch(problem, time_limit_seconds=20.0, relative_gap=0.0)
    monkeypatch.setattr(planning_module, "identical_units", single_units)
    one_by_one = plan_dispatch(problem, time_limit_seconds=20.0, relative_gap=0.0)
    assert check_plan(gathered) == []
    assert gathered.objective == pytest.approx(one_by_one.objective, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(system=systems(), hours=st.integers(0, PERIODS))
def test_what_is_fallen_back_on_is_sound_and_never_said_to_be_optimal(
    system: dict[str, Any], hours: int, make_problem: Any
) -> None:
    problem = make_problem(system)
    first = fallback_plan(problem, previous=None, why="no reason")
    document = plan_document(first, plan_id="first", site_id="s", issued_at=problem.axis.start)
    axis = replace(problem.axis, start=problem.axis.start + hours * problem.axis.step)
    previous = PreviousPlan(document, at=axis.start)
    states = {"initial": previous.unit_states(problem.thermal_units)} if hours else {}
    later = replace(problem, axis=axis, initial_mwh=previous.charges_mwh(problem.storages), **states)
    second = fallback_plan(later, previous=previous, why="no reason")
    assert first.status == "rule-based"
    assert second.status in ("rolled-on", "rule-based")
    for plan in (first, second):
        assert check_plan(plan) == []
        assert plan.best_bound == -np.inf
        assert "not proven" in plan.message
