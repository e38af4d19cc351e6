"""Re-dispatch kept warm against a cold solve of the same commitment by the model of a plan."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import highspy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.assets import Storage
from grid.dispatch import DispatchProblem, Limit, Penalties, Redispatch, plan_dispatch, redispatch
from grid.formulation.commitment import BoolArray
from grid.formulation.outages import Outages
from grid.formulation.prices import FixedDispatch, dispatch_fixed
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import UnsolvedError
from grid.formulation.unit_terms import unit_terms
from grid.network import Interface
from grid.problem.costs import production_cost
from grid.problem.exchanges import Exchange, exchange_cost
from grid.problem.storage_profiles import StorageProfile
from grid.time_axis import FloatArray

PERIODS = 5


def system(seed: int) -> dict[str, Any]:
    """Three buses in a loop with tight lines, units with ramps and states, a battery, an HVDC link, three plants."""
    draw = np.random.default_rng(seed)

    def powers(most: float) -> list[float]:
        return draw.uniform(0.0, most, PERIODS).round(1).tolist()

    def unit(bus: str, cost: float) -> dict[str, Any]:
        minimum = draw.uniform(0.0, 20.0)
        return {
            "bus": bus,
            "minimum_mw": minimum,
            "capacity_mw": minimum + 50.0,
            "minimum_cost_per_hour": cost * minimum,
            "segments": [[20.0, cost], [30.0, cost + draw.uniform(0.0, 20.0)]],
            "start_costs": [[0, 100.0], [3, 300.0]],
            "minimum_up_hours": 2,
            "ramp_mw_per_hour": draw.choice([8.0, 20.0, 500.0]),
            "start_ramp_mw": minimum + draw.uniform(0.0, 30.0),
            "stop_ramp_mw": minimum + draw.uniform(0.0, 30.0),
        }

    fleet = {"north": unit("a", 10.0), "east": unit("b", 25.0), "south": unit("c", 40.0)}
    limits = draw.choice([5.0, 15.0, 40.0], 3).tolist()
    ends = (("a", "b"), ("b", "c"), ("a", "c"))
    running = fleet["north"]["minimum_mw"] + draw.uniform(0.0, 10.0)
    return {
        "load_mw": {"a": powers(30), "b": powers(60), "c": powers(60)},
        "branches": {i + j: {"from": i, "to": j, "limit_mw": most} for (i, j), most in zip(ends, limits, strict=True)},
        "links": {"dc": {"from": "a", "to": "c", "limit_mw": 10.0}},
        "units": fleet,
        "initial": {
            "north": {"on": True, "hours": 1, "power_mw": running},
            "east": {"on": False, "hours": 2, "power_mw": 0.0},
        },
        "plants": {
            "wind": {"bus": "b", "available_mw": powers(40)},
            "sun": {"bus": "b", "available_mw": powers(20)},
            "roof": {"bus": "c", "available_mw": powers(30), "curtailable": False},
        },
        "storages": {
            "battery": {
                "bus": "c",
                "power_mw": 10.0,
                "energy_mwh": 25.0,
                "charge_efficiency": 0.9,
                "initial_mwh": 5.0,
                "end_minimum_mwh": draw.uniform(0.0, 25.0),
                "cycle_cost_per_mwh": 1.0,
            }
        },
    }


def trading(problem: DispatchProblem, seed: int) -> DispatchProblem:
    """The same with a market, an interface over two of the lines, cars, a lake and a demand response."""
    draw = np.random.default_rng(seed)

    def powers(most: float) -> FloatArray:
        return np.asarray(draw.uniform(0.0, most, PERIODS).round(1))

    bought = powers(60.0)
    market = Exchange("market", "c", powers(20.0), powers(20.0), bought, bought - powers(30.0))
    cars = StorageProfile(powers(10.0), powers(4.0), np.full(PERIODS, 30.0), powers(3.0), powers(8.0))
    lake = StorageProfile(0 * bought, powers(12.0), np.full(PERIODS, 20.0), powers(9.0), 0 * bought, spills=True)
    stores = (
        Storage("cars", "b", 10.0, 30.0, 0.9, 0.9, 6.0, 0.0),
        Storage("lake", "a", 12.0, 20.0, 1.0, 1.0, 4.0, 6.0),
        Storage("shift", "c", 6.0, 12.0, 1.25, 1.0, 12.0, 12.0, 30.0, rebound_hours=2.0),
    )
    return replace(
        problem,
        network=replace(problem.network, interfaces=(Interface("west", draw.uniform(5.0, 30.0), ("ab",), ("ac",)),)),
        storages=(*problem.storages, *stores),
        storage_profiles={"cars": cars, "lake": lake},
        exchanges=(market,),
    )


def hard_pressed(problem: DispatchProblem, *, secure: bool, losses: bool) -> DispatchProblem:
    """The same on lines with resistance, one of them twice, so that either of the two may fail."""
    network = problem.network
    again = replace(network.branches[0], branch_id="ab again", reactance_pu=0.2)
    lines = tuple(
        replace(line, resistance_pu=0.02, emergency_mw=1.2 * (line.limit_mw or 0.0), phase_shift_deg=2.0 * k)
        for k, line in enumerate((*network.branches, again))
    )
    return replace(problem, network=replace(network, branches=lines), secure=secure, losses=losses)


def planned(problem: DispatchProblem) -> tuple[BoolArray, BoolArray]:
    """A commitment that can be kept, and which storages charge."""
    plan = plan_dispatch(problem, time_limit_seconds=0.0)
    return plan.schedule.on, plan.schedule.charge_mw > plan.schedule.discharge_mw


def cold(problem: DispatchProblem, on: BoolArray, charging: BoolArray) -> FixedDispatch:
    terms = [unit_terms(unit, step_hours=problem.axis.step_hours) for unit in problem.thermal_units]
    ptdf = Ptdf(problem.network)
    outages = Outages(problem.network, ptdf) if problem.secure else None
    return dispatch_fixed(problem, terms, on, charging, ptdf=ptdf, outages=outages, lines=())


def objective_or_none(dispatched: Callable[[], float]) -> float | None:
    """What a dispatch costs; None if limits that are never relaxed leave none."""
    try:
        return dispatched()
    except UnsolvedError as error:
        if not error.infeasible:
            raise
        return None


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), scales=st.lists(st.sampled_from([0.0, 0.6, 1.4]), min_size=4, max_size=4))
def test_every_warm_dispatch_costs_what_a_cold_one_does(seed: int, scales: list[float], make_problem: Any) -> None:
    problem: DispatchProblem = make_problem(system(seed))
    problem = trading(problem, seed) if seed % 3 else problem
    on, charging = planned(problem)
    kept = Redispatch(problem, on, charging)
    for load, wind in ((1.0, 1.0), (scales[0], scales[1]), (scales[2], scales[3]), (1.0, 1.0)):
        told = replace(problem, load_mw=problem.load_mw * load, available_mw=problem.available_mw * wind)
        found = kept.solve(told.load_mw, told.available_mw)
        assert found.objective == pytest.approx(cold(told, on, charging).solution.objective, rel=1e-7, abs=1e-4)
        cost = production_cost(told, on, found.power_mw, found.discharge_mw)
        cost = cost + exchange_cost(told.exchanges, found.import_mw, found.export_mw, step_hours=1.0)
        assert found.objective == pytest.approx(cost.sum() + sum(v.cost(1.0) for v in found.violations), abs=20.0)
        assert found.state_of_charge_mwh.shape == found.charge_mw.shape
        fed = found.power_mw.sum(axis=0) + found.renewable_mw.sum(axis=0) + found.shed_mw.sum(axis=0)
        fed = fed + (found.discharge_mw - found.charge_mw).sum(axis=0)
        fed = fed + (found.import_mw - found.export_mw).sum(axis=0) - told.load_mw.sum(axis=0)
        surplus = np.zeros(PERIODS)
        for violation in found.violations:
            surplus[violation.period] += violation.amount_mw if violation.limit.kind is Limit.SURPLUS else 0.0
        np.testing.assert_allclose(fed, surplus, atol=1e-2)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_price_is_what_a_little_more_load_costs(seed: int, make_problem: Any) -> None:
    problem: DispatchProblem = make_problem(system(seed))
    problem = hard_pressed(problem, secure=True, losses=False) if seed % 2 else problem
    kept = Redispatch(problem, *planned(problem))
    lmp = kept.solve(problem.load_mw, problem.available_mw).lmp
    for bus, period in ((0, 1), (1, 0), (2, PERIODS - 1)):
        step = np.zeros_like(problem.load_mw)
        step[bus, period] = 1e-3
        more, same, less = (
            kept.solve(problem.load_mw + k * step, problem.available_mw).objective for k in (1.0, 0.0, -1.0)
        )
        assert (same - less) / 1e-3 - 1e-2 <= lmp[bus, period] <= (more - same) / 1e-3 + 1e-2


def test_limits_of_infinite_price_hold_or_there_is_no_dispatch(make_problem: Any) -> None:
    data = {
        "load_mw": {"a": [0.0, 0.0], "b": [30.0, 50.0]},
        "branches": {"ab": {"from": "a", "to": "b", "limit_mw": 40.0}},
        "units": {"far": {"bus": "a", "capacity_mw": 100.0, "cost_per_mwh": 10.0}},
    }
    hard = replace(make_problem(data), penalties=Penalties(overload=np.inf, shedding=np.inf))
    kept = Redispatch(hard, np.ones((1, 2), dtype=np.bool_), np.zeros((0, 2), dtype=np.bool_))
    available = np.zeros((0, 2))
    with pytest.raises(UnsolvedError) as caught:
        kept.solve(hard.load_mw, available)
    assert caught.value.infeasible
    found = kept.solve(np.array([[0.0, 0.0], [30.0, 39.0]]), available)
    np.testing.assert_allclose(found.power_mw, [[30.0, 39.0]])
    np.testing.assert_allclose(found.branch_flow_mw, [[30.0, 39.0]])
    assert found.objective == pytest.approx(690.0)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), hard=st.sampled_from(["overload", "shedding", "surplus", "spill"]))
def test_what_is_relaxed_at_a_bus_comes_in_where_it_pays_or_where_nothing_else_is_left(
    seed: int, hard: str, make_problem: Any
) -> None:
    """Load at a bus that had none is among it; limits of infinite price leave as little as in a cold solve."""
    problem: DispatchProblem = make_problem(system(seed))
    problem = replace(problem, penalties=replace(Penalties(), **{hard: np.inf}))
    problem = trading(problem, seed) if seed % 3 else problem
    on = np.ones((len(problem.thermal_units), PERIODS), dtype=np.bool_)
    problem = replace(problem, initial={})
    charging = np.zeros((len(problem.storages), PERIODS), dtype=np.bool_)
    load = np.vstack([0.0 * problem.load_mw[0], problem.load_mw[1:]])
    kept = Redispatch(replace(problem, load_mw=load), on, charging)
    for scale in (1.0, 0.0, 3.0):
        told = replace(problem, load_mw=scale * problem.load_mw)
        expected = objective_or_none(lambda told=told: cold(told, on, charging).solution.objective)
        found = objective_or_none(lambda told=told: kept.solve(told.load_mw, told.available_mw).objective)
        assert (found is None) == (expected is None)
        assert found == (None if expected is None else pytest.approx(expected, rel=1e-7, abs=1e-4))


@pytest.mark.parametrize(
    ("load", "available", "words"),
    [
        ([[1.0], [2.0]], [[1.0, 1.0]], "shapes"),
        ([[0.0, 0.0], [np.nan, 2.0]], [[1.0, 1.0]], "finite"),
        ([[0.0, 0.0], [1.0, 2.0]], [[1.0, -1.0]], "at least 0"),
    ],
)
def test_forecasts_that_cannot_be_are_refused(
    load: list[list[float]], available: list[list[float]], words: str, make_problem: Any
) -> None:
    problem = make_problem(
        {
            "load_mw": {"a": [0.0, 0.0], "b": [3.0, 5.0]},
            "branches": {"ab": {"from": "a", "to": "b"}},
            "plants": {"wind": {"bus": "a", "available_mw": [9.0, 9.0]}},
        }
    )
    kept = Redispatch(problem, np.zeros((0, 2), dtype=np.bool_), np.zeros((0, 2), dtype=np.bool_))
    with pytest.raises(ValueError, match=words):
        kept.solve(np.array(load), np.array(available))


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scales=st.lists(st.sampled_from([0.5, 0.8, 1.3]), min_size=6, max_size=6),
    kind=st.sampled_from([(True, False), (False, True), (True, True)]),
)
def test_outages_and_losses_stay_in_the_program(
    seed: int, scales: list[float], kind: tuple[bool, bool], make_problem: Any
) -> None:
    secure, losses = kind
    problem = hard_pressed(make_problem(system(seed)), secure=secure, losses=losses)
    problem = trading(problem, seed) if seed % 3 else problem
    on, charging = planned(problem)
    kept = Redispatch(problem, on, charging)
    for shares in (scales[:3], scales[3:], [1.0, 1.0, 1.0]):  # loads of buses change apart, and so do shares in losses
        told = replace(problem, load_mw=problem.load_mw * np.array(shares)[:, None])
        found = kept.solve(told.load_mw, told.available_mw)
        whole = cold(told, on, charging)
        lost = 1.0 if losses else 1e-4  # tangents end within 1e-5 MW, and a MW may cost 10,000
        assert found.objective == pytest.approx(whole.solution.objective, rel=1e-7, abs=lost)
        priced = sum(v.cost(1.0) for v in found.violations)
        cost = production_cost(told, on, found.power_mw, found.discharge_mw)
        cost = cost + exchange_cost(told.exchanges, found.import_mw, found.export_mw, step_hours=1.0)
        assert found.objective == pytest.approx(cost.sum() + priced, abs=40.0)
        fed = found.power_mw.sum(axis=0) + found.renewable_mw.sum(axis=0) + found.shed_mw.sum(axis=0)
        fed += (found.discharge_mw - found.charge_mw).sum(axis=0)
        fed += (found.import_mw - found.export_mw).sum(axis=0) - told.load_mw.sum(axis=0)
        resistance = np.array([line.resistance_pu for line in problem.network.branches]) / problem.network.base_mva
        needless = np.zeros(PERIODS)
        for violation in found.violations:
            if violation.limit.kind in (Limit.SURPLUS, Limit.LOSSES):
                needless[violation.period] += violation.amount_mw
        np.testing.assert_allclose(fed, losses * (resistance @ found.branch_flow_mw**2) + needless, atol=2e-2)


def test_what_is_not_settled_in_time_is_not_infeasible_and_goes_on_where_it_stopped(
    make_problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = hard_pressed(make_problem(system(1)), secure=True, losses=True)
    on, charging = planned(problem)
    kept = Redispatch(problem, on, charging)
    with pytest.raises(UnsolvedError, match=r"^not settled in 0 s$"):
        kept.solve(problem.load_mw, problem.available_mw, seconds=0.0)
    clock = iter([0.0, 0.0, 10.0])  # when it begins, and before the first and second round
    with monkeypatch.context() as patched:
        patched.setattr(redispatch, "time", SimpleNamespace(monotonic=lambda: next(clock)))
        with pytest.raises(UnsolvedError) as caught:
            kept.solve(problem.load_mw, problem.available_mw, seconds=10.0)
    assert re.fullmatch(r"not settled in 10 s: losses still [0-9.]+ MW short", str(caught.value))
    assert not caught.value.infeasible
    found = kept.solve(problem.load_mw, problem.available_mw)
    assert found.objective == pytest.approx(cold(problem, on, charging).solution.objective, rel=1e-7, abs=1.0)


def test_a_basis_that_leads_nowhere_is_left_once(make_problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Redispatch(problem := make_problem(system(1)), *planned(problem))
    expected = kept.solve(problem.load_mw, problem.available_mw).objective
    told, statuses = kept._highs.getModelStatus, [highspy.HighsModelStatus.kUnknown]
    monkeypatch.setattr(kept._highs, "getModelStatus", lambda: statuses.pop() if statuses else told())
    assert kept.solve(problem.load_mw, problem.available_mw).objective == pytest.approx(expected)
    statuses += 2 * [highspy.HighsModelStatus.kUnknown]
    with pytest.raises(UnsolvedError, match="Unknown"):
        kept.solve(problem.load_mw, problem.available_mw)


def test_losses_of_one_line_cost_what_they_take(make_problem: Any) -> None:
    """``lost = c F²`` with ``F = load + lost``; a MW more at the far end takes ``1 / (1 - 2 c F)`` from the unit."""
    data = {
        "load_mw": {"a": [0.0, 0.0], "b": [50.0, 80.0]},
        "branches": {"ab": {"from": "a", "to": "b"}},
        "units": {"far": {"bus": "a", "capacity_mw": 100.0, "cost_per_mwh": 10.0}},
    }
    problem = hard_pressed(make_problem(data), secure=False, losses=True)
    problem = replace(problem, network=replace(problem.network, branches=problem.network.branches[:1]))
    kept = Redispatch(problem, np.ones((1, 2), dtype=np.bool_), np.zeros((0, 2), dtype=np.bool_))
    for load in (problem.load_mw, 0.5 * problem.load_mw, problem.load_mw):
        found = kept.solve(load, problem.available_mw)
        per_mw2 = 0.02 / 100.0
        sent = (1.0 - np.sqrt(1.0 - 4.0 * per_mw2 * load[1])) / (2.0 * per_mw2)
        np.testing.assert_allclose(found.branch_flow_mw[0], sent, atol=1e-4)
        np.testing.assert_allclose(found.power_mw[0], sent, atol=1e-4)
        np.testing.assert_allclose(found.lmp, [[10.0, 10.0], 10.0 / (1.0 - 2.0 * per_mw2 * sent)], atol=0.02)


def test_reserve_for_the_loss_of_a_unit_is_refused(make_problem: Any) -> None:
    problem = replace(make_problem({"load_mw": {"a": [1.0]}}), secure_units=True)
    with pytest.raises(ValueError, match="loss of a unit"):
        Redispatch(problem, np.zeros((0, 1), dtype=np.bool_), np.zeros((0, 1), dtype=np.bool_))


def test_trade_at_one_price_goes_one_way(make_problem: Any) -> None:
    stairs = {"bus": "a", "minimum_mw": 20, "capacity_mw": 150, "segments": [[65, 30], [65, 70]]}
    problem = make_problem({"load_mw": {"a": [100.0] * 3}, "units": {"u": stairs}})
    ones = np.ones(3)
    problem = replace(problem, exchanges=(Exchange("m", "a", 100 * ones, 60 * ones, 50 * ones, 50 * ones),))
    kept = Redispatch(problem, np.ones((1, 3), dtype=np.bool_), np.zeros((0, 3), dtype=np.bool_))
    for scale in (1.0, 0.1, 2.2, 0.1, 1.2):
        found = kept.solve(problem.load_mw * scale, problem.available_mw)
        assert np.minimum(found.import_mw, found.export_mw).max() < 1e-6
        made = found.power_mw[0] + found.import_mw[0] - found.export_mw[0] + found.shed_mw[0]
        np.testing.assert_allclose(made, problem.load_mw[0] * scale)
