"""Prices against what re-solving with a little more of everything costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grid.dispatch import DispatchProblem, plan_dispatch
from grid.formulation.commitment import BoolArray
from grid.formulation.prices import dispatch_fixed
from grid.formulation.ptdf import Ptdf
from grid.formulation.unit_terms import unit_terms
from grid.problem.soft_limits import Limit

STEP_MW = 0.01


@pytest.fixture
def problem(make_problem: Any) -> DispatchProblem:
    """Three buses in a loop with a full line, a reserve that binds, a battery, two hours of half an hour each."""
    made: DispatchProblem = make_problem(
        {
            "step_hours": 0.5,
            "load_mw": {"one": [20.3, 31.1], "two": [0, 12.7], "three": [150.2, 171.9]},
            "branches": {
                "12": {"from": "one", "to": "two", "reactance_pu": 0.07},
                "13": {"from": "one", "to": "three", "reactance_pu": 0.11, "limit_mw": 80},
                "23": {"from": "two", "to": "three", "reactance_pu": 0.13, "limit_mw": 95},
            },
            "units": {
                "cheap": {"bus": "one", "capacity_mw": 160, "segments": [[70, 10], [90, 14]]},
                "dear": {"bus": "two", "capacity_mw": 160, "segments": [[60, 30], [100, 44]]},
                "local": {"bus": "three", "capacity_mw": 40, "segments": [[10, 58], [30, 91]], "ramp_mw_per_hour": 30},
            },
            "initial": {"local": {"on": True, "hours": 10, "power_mw": 11}},
            "plants": {"wind": {"bus": "two", "available_mw": [13.3, 9.9]}},
            "storages": {
                "battery": {
                    "bus": "three",
                    "power_mw": 6,
                    "energy_mwh": 8,
                    "charge_efficiency": 0.9,
                    "discharge_efficiency": 0.9,
                    "initial_mwh": 3,
                    "end_minimum_mwh": 1.5,
                }
            },
            "reserve_up_mw": [150.5, 120.4],
            "reserve_down_mw": [20, 20],
        }
    )
    return made


def optimum(problem: DispatchProblem, on: BoolArray, charging: BoolArray) -> float:
    terms = [unit_terms(unit, step_hours=problem.axis.step_hours) for unit in problem.thermal_units]
    return dispatch_fixed(problem, terms, on, charging, ptdf=Ptdf(problem.network), lines=()).solution.objective


def test_prices_are_what_a_little_more_costs(problem: DispatchProblem) -> None:
    plan = plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=0.0)
    charging = plan.schedule.charge_mw > plan.schedule.discharge_mw
    hours = problem.axis.step_hours

    def slope(more: DispatchProblem, less: DispatchProblem) -> float:
        return (optimum(more, plan.schedule.on, charging) - optimum(less, plan.schedule.on, charging)) / (
            2 * STEP_MW * hours
        )

    def moved(field: str, index: tuple[int, ...], by: float) -> DispatchProblem:
        values = getattr(problem, field).copy()
        values[index] += by
        return replace(problem, **{field: values})

    for bus, t in np.ndindex(plan.prices.lmp.shape):
        numeric = slope(moved("load_mw", (bus, t), STEP_MW), moved("load_mw", (bus, t), -STEP_MW))
        assert plan.prices.lmp[bus, t] == pytest.approx(numeric, abs=1e-4)
    for field, price in (("reserve_up_mw", plan.prices.reserve_up), ("reserve_down_mw", plan.prices.reserve_down)):
        for t in range(2):
            numeric = slope(moved(field, (t,), STEP_MW), moved(field, (t,), -STEP_MW))
            assert price[t] == pytest.approx(numeric, abs=1e-4)

    def rated(branch: int, by: float) -> DispatchProblem:
        branches = list(problem.network.branches)
        limit = branches[branch].limit_mw
        assert limit is not None
        branches[branch] = replace(branches[branch], limit_mw=limit + by)
        return replace(problem, network=replace(problem.network, branches=tuple(branches)))

    for branch in (1, 2):
        numeric = -slope(rated(branch, STEP_MW), rated(branch, -STEP_MW))
        assert plan.prices.branches[branch].sum() == pytest.approx(numeric, abs=1e-4)
    assert plan.prices.branches.max() > 1.0, "the case must have a full line"
    assert plan.prices.reserve_up.max() > 1.0, "the case must have a reserve that binds"


def test_price_is_energy_plus_congestion_and_energy_is_the_loads_mean(problem: DispatchProblem) -> None:
    plan = plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=0.0)
    np.testing.assert_array_equal(plan.prices.lmp, plan.prices.energy + plan.prices.congestion)
    weighted = (plan.prices.lmp * problem.load_mw).sum(axis=0) / problem.load_mw.sum(axis=0)
    np.testing.assert_allclose(plan.prices.energy, np.tile(weighted, (3, 1)))


def test_flows_do_not_depend_on_the_reference_bus(problem: DispatchProblem) -> None:
    network = problem.network
    injection = np.array([[30.0], [-10.0], [-20.0]])
    turned = replace(network, buses=network.buses[::-1])
    np.testing.assert_allclose(Ptdf(network).flows(injection), Ptdf(turned).flows(injection[::-1]))
    by_rows = np.stack([Ptdf(network).row(i) for i in range(3)]) @ injection
    np.testing.assert_allclose(by_rows, Ptdf(network).flows(injection))


def test_prices_hold_beside_the_loads_where_reserve_is_short_of_a_loss(make_problem: Any) -> None:
    """What nobody makes up for is not served where the load is; a load that grows draws more of that to its bus."""
    made = make_problem(
        {
            "load_mw": {"one": [7.3], "two": [56.1], "three": [42]},
            "branches": {
                "12": {"from": "one", "to": "two", "limit_mw": 45},
                "23": {"from": "two", "to": "three", "limit_mw": 100},
                "13": {"from": "one", "to": "three", "reactance_pu": 0.15, "limit_mw": 100},
            },
            "units": {
                "cheap": {"bus": "one", "minimum_mw": 20, "capacity_mw": 150, "segments": [[60, 10], [70, 14]]},
                "middle": {"bus": "three", "minimum_mw": 10, "capacity_mw": 25, "cost_per_mwh": 35},
                "dear": {"bus": "two", "capacity_mw": 35, "cost_per_mwh": 60},
            },
            "plants": {
                f"at {bus}": {"bus": bus, "available_mw": [1], "curtailable": False} for bus in ("one", "two", "three")
            },
        }
    )
    problem = replace(made, secure_units=True)
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert {violation.limit.kind for violation in plan.violations} == {Limit.LARGEST_LOSS}

    def optimum_fed(bus: int, more_mw: float) -> float:
        available = problem.available_mw.copy()
        available[bus] += more_mw
        return optimum(replace(problem, available_mw=available), plan.schedule.on, np.zeros((0, 1), dtype=np.bool_))

    for bus in range(3):
        saved = (optimum_fed(bus, -STEP_MW) - optimum_fed(bus, STEP_MW)) / (2 * STEP_MW)
        assert plan.prices.lmp[bus, 0] == pytest.approx(saved, abs=1e-4)


def test_whoever_is_short_of_capacity_pays_for_it(make_problem: Any) -> None:
    """50 of 80 MW of reserve are there at first, and then not even the load can be served."""
    problem = make_problem(
        {
            "load_mw": {"b": [100, 170]},
            "reserve_up_mw": [80, 10],
            "units": {"u": {"bus": "b", "minimum_mw": 20, "capacity_mw": 150, "cost_per_mwh": 20, "must_run": True}},
        }
    )
    plan = plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=0.0)
    assert plan.prices.reserve_up.tolist() == pytest.approx([1000.0, 1000.0])
    assert plan.prices.lmp[0].tolist() == pytest.approx([1020.0, 10_000.0])
