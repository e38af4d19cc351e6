"""Why there is no plan: the limits in conflict and the ways out, in their units."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grid.assets import Storage
from grid.cases import read_folder
from grid.dispatch import DispatchProblem, Limit, Penalties, SoftLimit, plan_dispatch, relaxable
from grid.dispatch.conflict import find_conflict, limit_name
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import LinearSolution, UnsolvedError, solve_with_lines
from grid.formulation.unit_terms import unit_terms
from grid.problem.dispatch_problem import UnitState

THREE_BUSES = Path(__file__).parent.parent / "cases" / "three_bus_day"
SECOND, BOTH = "between Sun 00:30 UTC and Sun 01:00 UTC", "between Sun 00:00 UTC and Sun 01:00 UTC"
SYSTEM: dict[str, Any] = {
    "step_hours": 0.5,
    "load_mw": {"a": [50, 50]},
    "units": {"unit": {"bus": "a", "minimum_mw": 20, "capacity_mw": 100, "cost_per_mwh": 10}},
    "storages": {"battery": {"bus": "a", "power_mw": 10, "energy_mwh": 40, "end_minimum_mwh": 35}},
}


@pytest.mark.parametrize("kind", sorted(set(Limit) - {Limit.LOSSES}, key=str))
def test_every_limit_that_can_be_in_conflict_has_a_name(kind: Limit) -> None:
    name = limit_name(SoftLimit(kind, "subject", "cause"))
    assert ("cause" in name) == bool(kind.when)
    assert ("subject" in name) == ("{of}" in kind.words and kind not in (Limit.SHEDDING, Limit.SURPLUS))


def test_energy_that_is_missing_in_a_storage_is_told_in_mwh_whatever_the_step(make_problem: Any) -> None:
    """10 MW for an hour leave 10 of the 35 MWh that are wanted."""
    problem = replace(make_problem(SYSTEM), penalties=Penalties(storage_end=np.inf))
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert plan.status == "infeasible"
    assert plan.message == (
        "No plan keeps the limit: final level of storage battery. "
        f"Way out: energy missing in battery at the end, 25.0 MWh {SECOND}, at a cost of 12,500."
    )


def test_power_that_is_missing_is_told_in_mw_and_mwh(make_problem: Any) -> None:
    system = {**SYSTEM, "load_mw": {"a": [50, 130]}, "storages": {}}
    problem = replace(make_problem(system), penalties=Penalties(shedding=np.inf))
    plan = plan_dispatch(problem, relative_gap=0.0)
    told = f"load shed at bus a, up to 30.0 MW for 30 min {SECOND}, 15.0 MWh, at a cost of 150,000."
    assert told in plan.message


def test_a_conflict_of_states_names_storages_beside_units(make_problem: Any) -> None:
    """15 MWh are owed within half an hour, and no more than 10 MW go in."""
    response = Storage("shift", "a", 10.0, 20.0, 1.0, 1.0, 5.0, 20.0, rebound_hours=0.5)
    plan = plan_dispatch(replace(make_problem(SYSTEM), storages=(response,)), relative_gap=0.0)
    assert plan.status == "infeasible"
    assert "own limits of thermal units or storages contradict their states" in plan.message


def test_only_limits_that_are_never_relaxed_conflict(make_problem: Any) -> None:
    """The battery cannot be full either, but that has a price; relaxing it would not serve the load."""
    problem = replace(make_problem({**SYSTEM, "load_mw": {"a": [50, 130]}}), penalties=Penalties(shedding=np.inf))
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert plan.message == (
        "No plan keeps the limit: load served in full. Limits of units take part: capacity of unit. "
        f"Way out: load shed at bus a, up to 20.0 MW for 30 min {SECOND}, 10.0 MWh, at a cost of 100,000."
    )


def test_when_time_runs_out_the_limits_that_are_left_are_told_as_such(
    make_problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three limits that are never relaxed one cannot be kept: load beyond what unit and battery can give."""
    system = {**SYSTEM, "load_mw": {"a": [50, 130]}}
    problem = replace(make_problem(system), penalties=Penalties(shedding=np.inf, surplus=np.inf, reserve_up=np.inf))
    terms = [unit_terms(unit, step_hours=0.5) for unit in problem.thermal_units]
    left = 0

    def solve_or_be_late(*args: Any, **options: Any) -> LinearSolution:
        nonlocal left
        left -= 1
        if left < 0:
            raise UnsolvedError("Time limit reached")
        return solve_with_lines(*args, **options)

    monkeypatch.setattr(relaxable, "solve_with_lines", solve_or_be_late)
    assert "which of them conflict" in find_conflict(problem, terms, Ptdf(problem.network)).message
    left = 3
    late = find_conflict(problem, terms, Ptdf(problem.network))
    assert [limit.kind for limit in late.limits] == [Limit.SHEDDING, Limit.RESERVE_UP]
    assert "Way out: load shed at bus a, up to 20.0 MW" in late.message, "of the first solution"
    assert late.message.endswith("Time ran out: fewer of them may conflict, and there may be other ways out.")
    left = 100
    assert [limit.kind for limit in find_conflict(problem, terms, Ptdf(problem.network)).limits] == [Limit.SHEDDING]
    assert "which of them conflict" in find_conflict(problem, terms, Ptdf(problem.network), seconds=0.0).message


NEVER = Penalties(*([np.inf] * 7))
LUMPS: dict[str, Any] = {
    "step_hours": 0.5,
    "load_mw": {"a": [0, 0], "b": [30, 30]},
    "branches": {"ab": {"from": "a", "to": "b", "limit_mw": 25}},
    "units": {
        "big": {"bus": "a", "minimum_mw": 40, "capacity_mw": 60, "cost_per_mwh": 10},
        "small": {"bus": "b", "capacity_mw": 8, "cost_per_mwh": 50},
    },
}


def test_where_only_whole_units_conflict_their_conflict_and_its_ways_out_are_named(make_problem: Any) -> None:
    """Half of the big unit would serve the load; the whole of it feeds in 40 MW at least, of which 25 leave its bus."""
    plan = plan_dispatch(replace(make_problem(LUMPS), penalties=NEVER), relative_gap=0.0)
    assert plan.status == "infeasible"
    assert plan.message == (
        "No plan keeps all of: load served in full, production within what can be taken. "
        "Limits of units take part: minimum output of big; capacity of small. "
        f"Way out: surplus power at bus a, up to 10.0 MW for 60 min {BOTH}, 10.0 MWh; and overload of branch "
        f"ab, up to 5.0 MW, 120.0 % of its rating, for 60 min {BOTH}, 5.0 MWh, at a cost of 65,000. "
        f"Way out: surplus power at bus a, up to 15.0 MW for 60 min {BOTH}, 15.0 MWh, at a cost of 75,000. "
        f"Way out: load shed at bus b, up to 22.0 MW for 60 min {BOTH}, 22.0 MWh, at a cost of 220,000."
    )


def test_a_way_out_that_whole_units_need_more_for_says_what_else_they_need(make_problem: Any) -> None:
    """The relaxation would run 0.55 of the big unit over a line of 22 rather than 20 MW, or shed 2 MW."""
    narrow = {**LUMPS, "branches": {"ab": {"from": "a", "to": "b", "limit_mw": 20}}}
    plan = plan_dispatch(replace(make_problem(narrow), penalties=NEVER), relative_gap=0.0)
    assert plan.message == (
        "No plan keeps all of: load served in full, rating of branch ab. Limits of units take part: capacity of small. "
        f"Way out: surplus power at bus a, up to 10.0 MW for 60 min {BOTH}, 10.0 MWh; and overload of branch "
        f"ab, up to 10.0 MW, 150.0 % of its rating, for 60 min {BOTH}, 10.0 MWh, at a cost of 80,000. "
        f"Way out: load shed at bus b, up to 22.0 MW for 60 min {BOTH}, 22.0 MWh, at a cost of 220,000."
    )


def test_where_time_allows_only_the_relaxation_its_ways_out_say_so(
    make_problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*_: Any) -> None:
        raise UnsolvedError("Time limit reached")

    monkeypatch.setattr(relaxable.Relaxable, "_committed", late)
    narrow = {**LUMPS, "branches": {"ab": {"from": "a", "to": "b", "limit_mw": 20}}}
    plan = plan_dispatch(replace(make_problem(narrow), penalties=NEVER), relative_gap=0.0)
    assert plan.message.count("the linear relaxation says so, whole units may need more") == 2


@pytest.mark.parametrize(
    ("system", "cost"),
    [
        ({**LUMPS, "load_mw": {"a": [0, 0], "b": [130, 130]}}, 725_000.0),
        ({**LUMPS, "load_mw": {"a": [0, 0], "b": [65, 65]}}, 96_000.0),
    ],
)
def test_the_cheapest_way_out_relaxes_what_a_plan_with_prices_would(
    make_problem: Any, system: dict[str, Any], cost: float
) -> None:
    """However few limits are in conflict: shedding alone, the only limit in it, would cost more."""
    problem = replace(make_problem(system), penalties=NEVER)
    terms = [unit_terms(unit, step_hours=0.5) for unit in problem.thermal_units]
    found = find_conflict(problem, terms, Ptdf(problem.network))
    priced = plan_dispatch(replace(problem, penalties=Penalties()), relative_gap=0.0)
    mixed, *single = [way.extra_cost for way in found.ways_out]
    assert mixed == pytest.approx(sum(violation.cost(0.5) for violation in priced.violations))
    assert mixed == pytest.approx(cost)
    assert min(single) > 1.01 * mixed


@pytest.mark.parametrize(
    ("unit", "told"),
    [
        ({"ramp_mw_per_hour": 20, "start_ramp_mw": 20}, "ramps of unit; capacity of other"),
        (
            {"minimum_down_hours": 4},
            "minimum up and down times of unit; the state before the plan of unit; capacity of other",
        ),
    ],
)
def test_limits_of_units_that_leave_no_plan_are_named(make_problem: Any, unit: dict[str, Any], told: str) -> None:
    """The other unit gives 30 of 100 MW, and its ramps do not matter."""
    off = UnitState(on=False, hours=1.0, power_mw=0.0)
    system = {
        **SYSTEM,
        "storages": {},
        "units": {
            "unit": {"bus": "a", "capacity_mw": 100, "cost_per_mwh": 10, **unit},
            "other": {"bus": "a", "capacity_mw": 30, "cost_per_mwh": 10, "ramp_mw_per_hour": 40},
        },
        "load_mw": {"a": [20, 100]},
    }
    problem = replace(make_problem(system), penalties=NEVER)
    if "state" in told:
        problem = replace(problem, initial={"unit": off})
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert f"Limits of units take part: {told}. Way out: " in plan.message


@pytest.mark.parametrize("second_mw", [30.0, 31.15])
def test_a_plan_exists_with_each_way_out_that_is_told(second_mw: float) -> None:
    """The relaxation would need a MW or nothing beyond the rating; minimum times and minimum outputs need more."""
    text = (THREE_BUSES / "network.m").read_text()
    told = json.loads((THREE_BUSES / "periods.json").read_text())
    told |= {"load_scale": 1.6, "n_1": False, "reserves": {}}

    def narrow(limits_mw: tuple[float, float]) -> DispatchProblem:
        problem = read_folder(text, json.dumps(told), matpower=True)
        first, second, third = problem.network.branches
        branches = (replace(first, limit_mw=limits_mw[0]), replace(second, limit_mw=limits_mw[1]), third)
        return replace(problem, network=replace(problem.network, branches=branches), penalties=NEVER)

    problem = narrow((30.0, second_mw))
    terms = [unit_terms(unit, step_hours=problem.axis.step_hours) for unit in problem.thermal_units]
    found = find_conflict(problem, terms, Ptdf(problem.network), whole=second_mw > 31.0)
    assert found.settled
    ways = {way.limit.kind: way for way in found.ways_out if way.limit is not None}
    (hotter,), (shed,) = ways[Limit.OVERLOAD].parts, ways[Limit.SHEDDING].parts
    assert (hotter.rating_mw, shed.limit.of) == (second_mw, "3")
    assert hotter.most_mw is not None
    assert plan_dispatch(narrow((30.0, second_mw + hotter.most_mw + 0.01))).status != "infeasible"
    assert plan_dispatch(replace(problem, penalties=replace(NEVER, shedding=1e4))).status != "infeasible"
