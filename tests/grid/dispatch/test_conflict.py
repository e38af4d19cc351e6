"""Why there is no plan: the limits in conflict and the ways out, in their units."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grid.assets import Storage
from grid.dispatch import Limit, Penalties, SoftLimit, conflict, plan_dispatch
from grid.dispatch.conflict import find_conflict, limit_name
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import LinearSolution, UnsolvedError, solve_with_lines
from grid.formulation.unit_terms import unit_terms

SYSTEM: dict[str, Any] = {
    "step_hours": 0.5,
    "load_mw": {"a": [50, 50]},
    "units": {"unit": {"bus": "a", "minimum_mw": 20, "capacity_mw": 100, "cost_per_mwh": 10}},
    "storages": {"battery": {"bus": "a", "power_mw": 10, "energy_mwh": 40, "end_minimum_mwh": 35}},
}


@pytest.mark.parametrize("kind", sorted(set(Limit) - {Limit.LOSSES}, key=str))
def test_every_limit_that_can_be_in_conflict_has_a_name(kind: Limit) -> None:
    name = limit_name(SoftLimit(kind, "subject", "cause"))
    assert ("cause" in name) == ("{event}" in kind.words)
    assert ("subject" in name) == ("{of}" in kind.words and kind not in (Limit.SHEDDING, Limit.SURPLUS))


def test_energy_that_is_missing_in_a_storage_is_told_in_mwh_whatever_the_step(make_problem: Any) -> None:
    """10 MW for an hour leave 10 of the 35 MWh that are wanted."""
    problem = replace(make_problem(SYSTEM), penalties=Penalties(storage_end=np.inf))
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert plan.status == "infeasible"
    assert plan.message == (
        "No plan keeps the limit: final level of storage battery. "
        "Way out: relax final level of storage battery by 25.0 MWh in period 1, at a cost of 12,500."
    )


def test_power_that_is_missing_is_told_in_mw_and_mwh(make_problem: Any) -> None:
    system = {**SYSTEM, "load_mw": {"a": [50, 130]}, "storages": {}}
    problem = replace(make_problem(system), penalties=Penalties(shedding=np.inf))
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert "relax load served in full by up to 30.0 MW in period 1, 15.0 MWh, at a cost of 150,000." in plan.message


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
        "No plan keeps the limit: load served in full. "
        "Way out: relax load served in full by up to 20.0 MW in period 1, 10.0 MWh, at a cost of 100,000."
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

    monkeypatch.setattr(conflict, "solve_with_lines", solve_or_be_late)
    assert "which of them conflict" in find_conflict(problem, terms, Ptdf(problem.network)).message
    left = 3
    late = find_conflict(problem, terms, Ptdf(problem.network))
    assert [limit.kind for limit in late.limits] == [Limit.SHEDDING, Limit.RESERVE_UP]
    assert late.message.endswith("Time ran out: fewer of them may conflict, and there may be other ways out.")
    left = 100
    assert [limit.kind for limit in find_conflict(problem, terms, Ptdf(problem.network)).limits] == [Limit.SHEDDING]
    assert "which of them conflict" in find_conflict(problem, terms, Ptdf(problem.network), seconds=0.0).message
