"""Losses: what flows lose, who pays for it, and how near an AC power flow comes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.assets import RenewableKind, RenewablePlant
from grid.cases import read_folder, read_matpower
from grid.cases.ac_data import read_ac_data
from grid.checking.flows import injections_of
from grid.dispatch import DispatchProblem, check_plan, plan_dispatch
from grid.formulation import losses
from grid.formulation.prices import dispatch_fixed
from grid.formulation.ptdf import Ptdf
from grid.formulation.unit_terms import unit_terms
from grid.power_flow.ac_check import check_plan_ac

DAY = Path(__file__).parents[1] / "cases" / "three_bus_day"
LOOP: dict[str, Any] = {
    "load_mw": {"a": [0, 0], "b": [0, 20], "c": [60, 90]},
    "branches": {
        "ab": {"from": "a", "to": "b"},
        "bc": {"from": "b", "to": "c"},
        "ac": {"from": "a", "to": "c", "limit_mw": 50},
    },
    "units": {
        "cheap": {"bus": "a", "capacity_mw": 200, "cost_per_mwh": 10},
        "near": {"bus": "c", "capacity_mw": 50, "cost_per_mwh": 20},
    },
}


def lossy(problem: DispatchProblem, *, resistance_pu: float = 0.05) -> DispatchProblem:
    branches = tuple(replace(branch, resistance_pu=resistance_pu) for branch in problem.network.branches)
    return replace(problem, losses=True, network=replace(problem.network, branches=branches))


def test_a_line_loses_resistance_times_flow_squared_and_the_far_end_pays_for_the_last_mw(make_problem: Any) -> None:
    """0.05 pu on 100 MVA at a flow f = 80 + 0.0005 f²: f = 83.48 MW; 1 MW more at b needs 1 / (1 - 2 * 0.0005 f)."""
    data = {
        "load_mw": {"a": [0], "b": [80]},
        "branches": {"ab": {"from": "a", "to": "b"}},
        "units": {"u": {"bus": "a", "capacity_mw": 200, "cost_per_mwh": 10}},
    }
    plan = plan_dispatch(lossy(make_problem(data)), relative_gap=0.0)
    sent = (1.0 - np.sqrt(1.0 - 4.0 * 0.0005 * 80.0)) / (2.0 * 0.0005)
    assert plan.schedule.power_mw[0, 0] == pytest.approx(sent, abs=1e-3)
    assert plan.schedule.losses_mw[0] == pytest.approx(sent - 80.0, abs=1e-3)
    assert plan.prices.lmp[:, 0] == pytest.approx([10.0, 10.0 / (1.0 - 0.001 * sent)], abs=1e-3)
    assert check_plan(plan) == []


def test_prices_with_losses_are_what_a_little_more_load_costs(make_problem: Any, monkeypatch: Any) -> None:
    """All load stands at one bus in the first period, so that who draws the losses stays as it is."""
    monkeypatch.setattr(losses, "_TOLERANCE_MW", 1e-9)
    monkeypatch.setattr(losses, "_TOLERANCE", 0.0)
    problem = lossy(make_problem(LOOP))
    plan = plan_dispatch(problem, relative_gap=0.0)
    terms = [unit_terms(unit, step_hours=1.0) for unit in problem.thermal_units]

    def optimum(by: float) -> float:
        load = problem.load_mw.copy()
        load[2, 0] += by
        moved, charging = replace(problem, load_mw=load), np.zeros((0, 2), dtype=np.bool_)
        dispatch = dispatch_fixed(moved, terms, plan.schedule.on, charging, ptdf=Ptdf(problem.network), lines=())
        return dispatch.solution.objective

    assert plan.prices.lmp[2, 0] == pytest.approx((optimum(0.1) - optimum(-0.1)) / 0.2, abs=1e-4)


def test_prices_with_losses_are_what_a_little_more_feed_in_saves(make_problem: Any) -> None:
    """At every bus, loads at all of them, with the tolerances as they are; likewise the limit of the full branch."""
    problem = lossy(make_problem({**LOOP, "load_mw": {"a": [10, 15], "b": [5, 20], "c": [60, 90]}}))
    plan = plan_dispatch(problem, relative_gap=0.0)
    terms = [unit_terms(unit, step_hours=1.0) for unit in problem.thermal_units]

    def optimum(bus: str, mw: list[float], limit_mw: float = 50.0) -> float:
        fed = RenewablePlant("fed", bus, RenewableKind.WIND, 10.0, "s", 1.0, curtailable=False)
        *others, ac = problem.network.branches
        network = replace(problem.network, branches=(*others, replace(ac, limit_mw=limit_mw)))
        moved = replace(problem, network=network, renewable_plants=(fed,), available_mw=np.array([mw]))
        charging = np.zeros((0, 2), dtype=np.bool_)
        return dispatch_fixed(moved, terms, plan.schedule.on, charging, ptdf=Ptdf(network), lines=()).solution.objective

    for b, t in np.ndindex(3, 2):  # feeding in is told from 0 MW on, where the plan stands
        mw = [0.0, 0.0]
        mw[t] = 0.05
        saved = (optimum("abc"[b], [0.0, 0.0]) - optimum("abc"[b], mw)) / 0.05
        assert plan.prices.lmp[b, t] == pytest.approx(saved, abs=0.02)
    saved = (optimum("a", [0.0, 0.0], 49.9) - optimum("a", [0.0, 0.0], 50.1)) / 0.2
    assert plan.prices.branches[2].sum() == pytest.approx(saved, abs=0.02)
    assert plan.prices.branches[2].sum() > 1.0, "the branch must be full"


def test_price_is_the_sum_of_energy_congestion_and_loss(make_problem: Any) -> None:
    problem = lossy(make_problem(LOOP))
    plan = plan_dispatch(problem, relative_gap=0.0)
    np.testing.assert_allclose(
        plan.prices.lmp, plan.prices.energy + plan.prices.congestion + plan.prices.loss, atol=1e-12
    )
    np.testing.assert_allclose((plan.prices.congestion * problem.load_mw).sum(axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose((plan.prices.loss * problem.load_mw).sum(axis=0), 0.0, atol=1e-9)
    assert plan.prices.loss[0, 1] < -0.5
    assert plan.prices.congestion[0, 1] < -0.5
    assert plan.prices.congestion[0, 0] == pytest.approx(0.0, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_what_branches_lose_is_counted_whatever_is_asked_for(data: st.DataObject, make_problem: Any) -> None:
    loads = {bus: data.draw(st.lists(st.integers(5, 60), min_size=2, max_size=2)) for bus in "abc"}
    limit = data.draw(st.sampled_from([None, 20, 50]))
    branches = {**LOOP["branches"], "ac": {"from": "a", "to": "c", "limit_mw": limit}}
    units = {name: {**unit, "minimum_mw": 5, "minimum_cost_per_hour": 50} for name, unit in LOOP["units"].items()}
    problem = make_problem({**LOOP, "load_mw": loads, "branches": branches, "units": units})
    resistance = data.draw(st.floats(0.0, 0.1))
    asked = {"secure_units": data.draw(st.booleans()), "secure": data.draw(st.booleans())}
    plan = plan_dispatch(replace(lossy(problem, resistance_pu=resistance), **asked), relative_gap=0.001)
    assert check_plan(plan) == []


def test_losses_that_are_not_counted_are_noticed(make_problem: Any) -> None:
    plan = plan_dispatch(make_problem(LOOP), relative_gap=0.0)
    told = check_plan(replace(plan, problem=lossy(plan.problem)))
    assert any("branches lose" in sentence for sentence in told)


def test_power_that_nothing_can_take_is_told_although_losses_could_burn_it(make_problem: Any) -> None:
    data = {**LOOP, "units": {"must": {"bus": "a", "capacity_mw": 300, "minimum_mw": 250, "must_run": True}}}
    plan = plan_dispatch(lossy(make_problem(data)), relative_gap=0.0)
    assert "power lost that flows do not lose" in {violation.what for violation in plan.violations}
    assert check_plan(plan) == []


def test_an_ac_power_flow_loses_about_as_much() -> None:
    """Within a fifth on a mesh of three buses: voltages and reactive flows are what the DC network leaves out."""
    text, periods = (DAY / "network.m").read_text(), json.loads((DAY / "periods.json").read_text())
    plan = plan_dispatch(read_folder(text, json.dumps({**periods, "losses": True}), matpower=True), relative_gap=0.01)
    report = check_plan_ac(plan, read_matpower(text), read_ac_data(text), injections_of(plan))
    assert check_plan(plan) == []
    assert plan.schedule.losses_mw.min() > 0.1
    np.testing.assert_allclose(plan.schedule.losses_mw, report["losses_mw"], rtol=0.2)
