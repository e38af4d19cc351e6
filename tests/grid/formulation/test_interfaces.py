"""Interfaces and phase shifts: flows against angles solved anew, limits of groups of branches, and their prices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.checking.flows import flows_by_angles
from grid.checking.outage_check import check_outages
from grid.dispatch import DispatchProblem, check_plan, plan_dispatch
from grid.dispatch.document import case_document
from grid.faults import InputError
from grid.formulation.prices import dispatch_fixed
from grid.formulation.ptdf import Ptdf
from grid.formulation.unit_terms import unit_terms
from grid.network import Interface
from grid.problem.what_if import Changes, change_problem

LOOP: dict[str, Any] = {
    "load_mw": {"a": [0], "b": [0], "c": [90]},
    "branches": {
        "ab": {"from": "a", "to": "b"},
        "bc": {"from": "b", "to": "c", "limit_mw": 100},
        "ca": {"from": "c", "to": "a", "limit_mw": 100},
    },
    "units": {
        "cheap": {"bus": "a", "capacity_mw": 200, "cost_per_mwh": 10},
        "near": {"bus": "c", "capacity_mw": 80, "cost_per_mwh": 40},
    },
}
INTO_C = Interface("into c", 60.0, ("bc",), ("ca",))


def across(problem: DispatchProblem, *interfaces: Interface) -> DispatchProblem:
    return replace(problem, network=replace(problem.network, interfaces=interfaces))


def shifted(problem: DispatchProblem, *degrees: float) -> DispatchProblem:
    pairs = zip(problem.network.branches, degrees, strict=True)
    branches = tuple(replace(branch, phase_shift_deg=shift) for branch, shift in pairs)
    return replace(problem, network=replace(problem.network, branches=branches))


def test_an_interface_limits_the_flows_of_its_branches_together(make_problem: Any) -> None:
    """60 of the 90 MW may flow into c, whatever way; 30 MW come from its own unit."""
    plan = plan_dispatch(across(make_problem(LOOP), INTO_C), relative_gap=0.0)
    assert check_plan(plan) == []
    assert plan.schedule.power_mw[:, 0] == pytest.approx([60.0, 30.0])
    assert plan.schedule.interface_flow_mw[0, 0] == pytest.approx(60.0)
    assert plan.prices.interfaces[0, 0] == pytest.approx(30.0)
    assert plan.prices.lmp[:, 0] == pytest.approx([10.0, 10.0, 40.0])
    table = case_document(plan, case="loop")["interfaces"]["into c"]
    assert table == [{"flow_mw": 60.0, "limit_mw": 60.0, "shadow_price": 30.0}]


def test_an_interface_of_0_is_closed(make_problem: Any) -> None:
    """The 80 MW of c's unit serve c; 10 MW are missing, dearer than the unit, cheaper than opening it."""
    plan = plan_dispatch(across(make_problem(LOOP), replace(INTO_C, limit_mw=0.0)), relative_gap=0.0)
    assert check_plan(plan) == []
    assert plan.schedule.power_mw[:, 0] == pytest.approx([10.0, 80.0])
    assert [(v.what, round(v.amount_mw)) for v in plan.violations] == [("overload of interface into c", 10)]
    small = {**LOOP, "load_mw": {**LOOP["load_mw"], "c": [70]}}
    closed = plan_dispatch(across(make_problem(small), replace(INTO_C, limit_mw=0.0)), relative_gap=0.0)
    assert check_plan(closed) == []
    assert (closed.violations, closed.schedule.power_mw[:, 0].tolist()) == ((), pytest.approx([0.0, 70.0]))


def test_what_an_interface_cannot_carry_is_reported(make_problem: Any) -> None:
    alone = {**LOOP, "units": {"cheap": LOOP["units"]["cheap"]}}
    plan = plan_dispatch(across(make_problem(alone), INTO_C), relative_gap=0.0)
    assert check_plan(plan) == []
    assert [(v.what, round(v.amount_mw)) for v in plan.violations] == [("overload of interface into c", 30)]
    assert any("interface into c" in told for told in check_plan(replace(plan, violations=())))


def test_the_shadow_price_of_an_interface_is_what_a_little_more_of_it_saves(make_problem: Any) -> None:
    problem = across(make_problem(LOOP), INTO_C)
    plan = plan_dispatch(problem, relative_gap=0.0)
    terms = [unit_terms(unit, step_hours=1.0) for unit in problem.thermal_units]

    def optimum(limit_mw: float) -> float:
        moved, charging = across(problem, replace(INTO_C, limit_mw=limit_mw)), np.zeros((0, 1), dtype=np.bool_)
        dispatch = dispatch_fixed(moved, terms, plan.schedule.on, charging, ptdf=Ptdf(problem.network), lines=())
        return dispatch.solution.objective

    numeric = (optimum(59.9) - optimum(60.1)) / 0.2
    assert plan.prices.interfaces[0, 0] == pytest.approx(numeric, abs=1e-4)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_plans_with_shifts_and_interfaces_are_sound(data: st.DataObject, make_problem: Any) -> None:
    degrees = data.draw(st.lists(st.floats(-5.0, 5.0), min_size=3, max_size=3))
    limits = data.draw(st.lists(st.sampled_from([None, 30, 70]), min_size=3, max_size=3))
    branches = {
        name: {**branch, "limit_mw": limit}
        for (name, branch), limit in zip(LOOP["branches"].items(), limits, strict=True)
    }
    loads = {bus: [data.draw(st.integers(0, 60))] for bus in "abc"}
    problem = shifted(make_problem({**LOOP, "branches": branches, "load_mw": loads}), *degrees)
    problem = across(problem, INTO_C, Interface("out of a", data.draw(st.sampled_from([20.0, 200.0])), ("ab",)))
    plan = plan_dispatch(replace(problem, secure=data.draw(st.booleans())), relative_gap=0.0)
    assert check_plan(plan) == []
    assert not plan.problem.secure or check_outages(plan) == []


def test_a_phase_shift_drives_power_around_a_loop(make_problem: Any) -> None:
    """3 degrees across three reactances of 0.1 pu in a row: 100 MVA * 0.0524 / 0.3 = 17.5 MW."""
    network = shifted(make_problem(LOOP), 3.0, 0.0, 0.0).network
    flows = Ptdf(network).flows(np.zeros((3, 1)))
    np.testing.assert_allclose(flows[:, 0], -100.0 * np.radians(3.0) / 0.3)
    np.testing.assert_allclose(flows, flows_by_angles(network, np.zeros((3, 1))))


def test_a_branch_that_is_out_no_longer_counts_in_an_interface(make_problem: Any) -> None:
    problem = across(make_problem(LOOP), INTO_C, Interface("bc alone", 50.0, ("bc",)))
    changed = change_problem(problem, Changes(unavailable_branches=frozenset({"bc"})))
    assert changed.network.interfaces == (replace(INTO_C, branches=()),)


def test_every_fault_of_interfaces_is_told(make_problem: Any) -> None:
    wrong = (
        Interface("empty", -1.0, ()),
        Interface("twice", 5.0, ("ab", "xy"), ("ab",)),
        Interface("twice", 5.0, ("ab",)),
    )
    with pytest.raises(InputError) as raised:
        plan_dispatch(across(make_problem(LOOP), *wrong))
    for fault in (
        "there must be at least one branch",
        "limit_mw must not be negative",
        "no such branch: 'xy'",
        "branch 'ab' stands in it 2 times",
        "the id 'twice' is used 2 times",
    ):
        assert fault in str(raised.value)
