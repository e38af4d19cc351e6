"""Malformed problems are refused with every fault named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grid.assets import StartCost
from grid.dispatch import DispatchProblem, UnitState, check_plan, plan_dispatch
from grid.faults import InputError
from grid.network import Branch, DcLink
from grid.problem.scenarios import Scenarios


@pytest.fixture
def problem(make_problem: Any) -> DispatchProblem:
    made: DispatchProblem = make_problem(
        {
            "load_mw": {"a": [10], "b": [10]},
            "branches": {"line": {"from": "a", "to": "b", "limit_mw": 5}},
            "units": {"u": {"bus": "a", "minimum_mw": 5, "capacity_mw": 50, "cost_per_mwh": 10}},
            "storages": {"s": {"bus": "b", "power_mw": 5, "energy_mwh": 5}},
        }
    )
    return made


def faults_of(problem: DispatchProblem) -> list[str]:
    with pytest.raises(InputError) as caught:
        plan_dispatch(problem)
    return [fault.place for fault in caught.value.faults]


def with_branches(problem: DispatchProblem, *branches: Branch) -> DispatchProblem:
    return replace(problem, network=replace(problem.network, branches=branches))


def test_zero_reactance_is_named(problem: DispatchProblem) -> None:
    assert faults_of(with_branches(problem, Branch("line", "a", "b", 0.0, 5.0))) == ["line"]


def test_bus_that_no_branch_reaches_is_named(problem: DispatchProblem) -> None:
    with pytest.raises(InputError, match="no branch joins bus b to the rest of the network"):
        plan_dispatch(with_branches(problem))


def test_unknown_bus_is_named(problem: DispatchProblem) -> None:
    line = Branch("line", "a", "b", 0.1, 5.0)
    assert faults_of(with_branches(problem, line, Branch("stray", "a", "nowhere", 0.1, 5.0))) == ["stray"]


def test_a_branch_and_a_link_from_a_bus_to_itself_are_named(problem: DispatchProblem) -> None:
    loop = with_branches(problem, *problem.network.branches, Branch("loop", "a", "a", 0.1, 5.0))
    linked = replace(loop, network=replace(loop.network, dc_links=(DcLink("link", "b", "b", 5.0),)))
    assert faults_of(linked) == ["loop", "link"]


def test_a_resistance_below_0_is_named_where_branches_lose_power(problem: DispatchProblem) -> None:
    gaining = with_branches(problem, Branch("line", "a", "b", 0.1, 20.0, resistance_pu=-0.01))
    assert faults_of(replace(gaining, losses=True)) == ["line"]
    assert plan_dispatch(gaining).violations == ()


def test_a_start_that_pays_is_named(problem: DispatchProblem) -> None:
    unit = replace(problem.thermal_units[0], start_costs=(StartCost(0.0, -5.0),))
    assert faults_of(replace(problem, thermal_units=(unit,))) == ["u"]


def test_every_fault_is_told_at_once(problem: DispatchProblem) -> None:
    unit = replace(problem.thermal_units[0], capacity_mw=4.0, ramp_up_mw_per_hour=0.0)
    broken = replace(
        problem,
        thermal_units=(unit,),
        load_mw=np.array([[np.nan], [1.0]]),
        reserve_up_mw=np.array([-1.0]),
        initial={"ghost": UnitState(True, 1.0, 5.0)},
        initial_mwh={"s": 99.0},
    )
    places = faults_of(broken)
    assert {"u", "load_mw", "reserve_up_mw", "initial state of ghost", "s"} <= set(places)
    assert places.count("u") >= 2


@pytest.mark.parametrize(
    "state",
    [
        UnitState(True, 1.0, 80.0),
        UnitState(True, 1.0, -9.0),
        UnitState(False, 1.0, 10.0),
        UnitState(True, -1.0, 10.0),
        UnitState(True, 1e30, 10.0),
    ],
)
def test_initial_state_that_cannot_be_is_named(state: UnitState, problem: DispatchProblem) -> None:
    assert faults_of(replace(problem, initial={"u": state})) == ["u"]


def test_reactances_that_cancel_are_named(problem: DispatchProblem) -> None:
    line, series = Branch("line", "a", "b", 0.1, 5.0), Branch("series", "a", "b", -0.1, 5.0)
    assert faults_of(with_branches(problem, line, series)) == ["reactances"]
    compensated = with_branches(problem, line, replace(series, reactance_pu=-0.3))
    assert check_plan(plan_dispatch(compensated)) == []


def test_scenarios_of_negative_power_are_named(make_problem: Any) -> None:
    windy: DispatchProblem = make_problem(
        {"load_mw": {"a": [10]}, "plants": {"w": {"bus": "a", "kind": "wind", "available_mw": [5]}}}
    )
    load, available = windy.load_mw[None], windy.available_mw[None]
    drawn = Scenarios(load.repeat(2, axis=0), np.concatenate([-available, available]), np.array([0.5, 0.5]))
    assert faults_of(replace(windy, scenarios=drawn)) == ["scenarios: available_mw"]


def test_powers_and_times_beyond_all_measure_and_efficiencies_of_nothing_are_named(problem: DispatchProblem) -> None:
    storage = replace(problem.storages[0], charge_efficiency=1e-320)
    unit = replace(problem.thermal_units[0], minimum_down_hours=1e30)
    far = replace(problem, load_mw=problem.load_mw * 1e30, thermal_units=(unit,), storages=(storage,))
    assert faults_of(far) == ["load_mw", "u", "s"]


def test_a_unit_named_twice_is_named(problem: DispatchProblem) -> None:
    assert faults_of(replace(problem, thermal_units=problem.thermal_units * 2)) == ["u"]


def test_assets_of_two_kinds_cannot_share_a_name(problem: DispatchProblem) -> None:
    assert faults_of(replace(problem, storages=(replace(problem.storages[0], storage_id="u"),))) == ["u"]


def test_an_emergency_rating_below_the_continuous_one_is_named(problem: DispatchProblem) -> None:
    line = Branch("line", "a", "b", 0.1, 5.0, emergency_mw=4.0)
    assert faults_of(with_branches(problem, line)) == ["line"]
