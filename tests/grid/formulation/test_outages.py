"""N-1 security: distribution factors against networks built without the branch, and plans that survive every outage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.checking.flows import flows_by_angles
from grid.checking.outage_check import check_outages
from grid.dispatch import case_document, check_plan, plan_dispatch
from grid.formulation.outages import Outages
from grid.formulation.ptdf import Ptdf
from grid.network import Branch, Bus, Network


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A chain of buses with more branches thrown in, so that some are bridges and some are not."""
    count = draw(st.integers(3, 7))
    pairs = [(i, i + 1) for i in range(count - 1)]
    pairs += draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=6))
    branches = [
        Branch(f"l{k}", str(i), str(j), draw(st.floats(0.02, 0.5)), tap_ratio=draw(st.sampled_from([1.0, 0.97])))
        for k, (i, j) in enumerate(pairs)
        if i != j
    ]
    return Network(tuple(Bus(str(i)) for i in range(count)), tuple(branches))


@settings(max_examples=60, deadline=None)
@given(network=networks(), seed=st.integers(0, 1000))
def test_flows_after_an_outage_are_those_of_the_network_without_the_branch(network: Network, seed: int) -> None:
    ptdf = Ptdf(network)
    outages = Outages(network, ptdf)
    injection = np.random.default_rng(seed).normal(0.0, 50.0, (len(network.buses), 2))
    injection -= injection.mean(axis=0)
    before = ptdf.flows(injection)
    survived = {network.branches[out].branch_id for out in outages.branches.tolist()}
    assert sorted([*survived, *outages.bridges]) == sorted(branch.branch_id for branch in network.branches)
    for out in outages.branches.tolist():
        rest = replace(network, branches=tuple(b for k, b in enumerate(network.branches) if k != out))
        after = flows_by_angles(rest, injection)
        factors = np.array([outages.factor(k, out) for k in range(len(network.branches)) if k != out])
        np.testing.assert_allclose(np.delete(before, out, axis=0) + factors[:, None] * before[out], after, atol=1e-6)


RING: dict[str, Any] = {
    "load_mw": {"a": [0, 0], "b": [0, 0], "c": [60, 90]},
    "branches": {
        "ab": {"from": "a", "to": "b", "limit_mw": 100},
        "bc": {"from": "b", "to": "c", "limit_mw": 70},
        "ac": {"from": "a", "to": "c", "limit_mw": 80},
    },
    "units": {
        "cheap": {"bus": "a", "capacity_mw": 200, "cost_per_mwh": 10},
        "near": {"bus": "c", "capacity_mw": 50, "cost_per_mwh": 40},
    },
}


def test_a_secure_plan_costs_more_and_survives_what_the_other_does_not(make_problem: Any) -> None:
    """After the outage of ac all from a flows over ab and bc, so that a may give 70 MW: 20 MW of the 90 come from c."""
    problem = make_problem(RING)
    plain = plan_dispatch(problem, relative_gap=0.0)
    secure = plan_dispatch(replace(problem, secure=True), relative_gap=0.0)
    assert check_plan(plain) == check_plan(secure) == []
    assert check_outages(secure) == []
    assert any("branch bc after the outage of ac" in problem for problem in check_outages(plain))
    assert plain.objective == pytest.approx(1500.0)
    assert secure.objective == pytest.approx(1500.0 + 20.0 * 30.0)
    assert secure.prices.lmp[:, 1].tolist() == pytest.approx([10.0, 10.0, 40.0])


def test_what_no_dispatch_can_save_is_reported_by_outage(make_problem: Any) -> None:
    without = {**RING, "units": {"cheap": RING["units"]["cheap"]}}
    penalised = replace(make_problem(without), secure=True)
    plan = plan_dispatch(penalised, relative_gap=0.0)
    told = {violation.what: violation.amount_mw for violation in plan.violations if violation.period == 1}
    assert told["emergency overload of branch bc after the outage of ac"] == pytest.approx(20.0)
    assert check_plan(plan) == check_outages(plan) == []


def test_outages_that_would_split_the_network_are_named(make_problem: Any) -> None:
    far = {**RING, "load_mw": {**RING["load_mw"], "d": [5, 5]}}
    far["branches"] = {**RING["branches"], "cd": {"from": "c", "to": "d"}}
    problem = make_problem(far)
    secure = plan_dispatch(replace(problem, secure=True), relative_gap=0.0)
    assert case_document(secure, case="far")["unsecured"] == ["cd"]
    assert case_document(plan_dispatch(problem, relative_gap=0.0), case="far")["unsecured"] == []


def test_the_emergency_rating_holds_after_an_outage_only(make_problem: Any) -> None:
    problem = make_problem(RING)
    hot = tuple(
        replace(branch, limit_mw=min(branch.limit_mw or 95.0, 95.0), emergency_mw=95.0)
        for branch in problem.network.branches
    )
    plan = plan_dispatch(
        replace(problem, network=replace(problem.network, branches=hot), secure=True), relative_gap=0.0
    )
    assert plan.objective == pytest.approx(1500.0)
    assert check_outages(plan) == []
