"""Storages that lose what they hold while they stand, and whose energy counts when a plan ends."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.assets import Storage
from grid.cases import read_folder
from grid.dispatch import (
    DispatchPlan,
    DispatchProblem,
    Redispatch,
    Status,
    case_document,
    check_plan,
    plan_always,
    plan_dispatch,
    plan_document,
)
from grid.dispatch.held import dispatch_held, hold_plan, redispatch_document
from grid.dispatch.results import plan_of
from grid.faults import InputError
from grid.formulation.prices import dispatch_fixed
from grid.formulation.ptdf import Ptdf
from grid.formulation.unit_terms import unit_terms
from grid.problem.costs import end_value, most_end_value
from grid.problem.exchanges import Exchange
from grid.problem.scenarios import Scenarios
from grid.problem.storage_profiles import StorageProfile
from grid.simulation import perfect_foresight, score, simulate

STEP_MWH = 5.0


def priced(make_problem: Any, prices: list[float], storage: Storage, *, hours: float = 1.0) -> DispatchProblem:
    """A storage at a bus where energy is bought and sold at ``prices``, each period its own."""
    problem: DispatchProblem = make_problem({"step_hours": hours, "load_mw": {"a": [0.0] * len(prices)}})
    most, price = np.full(len(prices), 100.0), np.array(prices, dtype=np.float64)
    return replace(problem, storages=(storage,), exchanges=(Exchange("market", "a", most, most, price, price),))


def store(**told: Any) -> Storage:
    ratings = Storage("store", "a", 20.0, 20.0, 1.0, 1.0, 0.0, 0.0)
    return replace(ratings, **told)


def solved(problem: DispatchProblem) -> DispatchPlan:
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert check_plan(plan) == []
    return plan


def test_what_stands_in_store_is_lost_by_the_hour(make_problem: Any) -> None:
    """Bought at 10, sold two hours later at 50: of 20 MWh 0.9 times 0.9 are left; half hours lose as much."""
    lossy = store(standing_loss_per_hour=0.1)
    plan = solved(priced(make_problem, [10, 30, 50], lossy))
    assert plan.schedule.state_of_charge_mwh[0] == pytest.approx([20.0, 20.0, 0.0]), "it is kept full at 30"
    assert plan.schedule.charge_mw[0] == pytest.approx([20.0, 2.0, 0.0])
    assert plan.schedule.discharge_mw[0, 2] == pytest.approx(18.0)
    halves = solved(priced(make_problem, [10, 99, 99], replace(lossy, power_mw=100.0), hours=0.5))
    assert halves.schedule.discharge_mw[0, 1] == pytest.approx(20.0 * 0.9**0.5 / 0.5)
    idle = solved(priced(make_problem, [10] * 4, replace(lossy, power_mw=0.0, initial_mwh=20.0)))
    assert idle.schedule.state_of_charge_mwh[0] == pytest.approx(20.0 * 0.9 ** np.arange(1, 5))


def test_energy_is_left_where_its_end_value_is_more_than_it_earns(make_problem: Any) -> None:
    held = solved(priced(make_problem, [30, 40], store(initial_mwh=20.0, end_value_per_mwh=45.0)))
    assert held.schedule.state_of_charge_mwh[0, -1] == pytest.approx(20.0)
    assert held.objective == pytest.approx(-20.0 * 45.0)
    sold = solved(priced(make_problem, [30, 40], store(initial_mwh=20.0, end_value_per_mwh=39.0)))
    assert sold.schedule.state_of_charge_mwh[0, -1] == pytest.approx(0.0)
    assert sold.objective == pytest.approx(-20.0 * 40.0)
    floor = solved(priced(make_problem, [30, 40], store(initial_mwh=20.0, end_value_per_mwh=39.0, end_minimum_mwh=5.0)))
    assert floor.objective == pytest.approx(-15.0 * 40.0 - 5.0 * 39.0)


def test_water_that_is_left_has_its_value(make_problem: Any) -> None:
    """A reservoir gives what is worth more than its water value, and keeps the rest."""
    four = np.ones(4)
    water = StorageProfile(0 * four, 10.0 * four, 60.0 * four, 5.0 * four, 0 * four, spills=True)
    problem = priced(make_problem, [30, 60, 20, 50], store(initial_mwh=20.0, energy_mwh=60.0, end_value_per_mwh=45.0))
    plan = solved(replace(problem, storage_profiles={"store": water}))
    assert plan.schedule.discharge_mw[0] == pytest.approx([0.0, 10.0, 0.0, 10.0])
    assert plan.schedule.state_of_charge_mwh[0, -1] == pytest.approx(20.0)
    assert most_end_value(plan.problem) == pytest.approx(45.0 * 40.0), "what it begins with and what flows in"


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_no_course_of_a_storage_is_better(data: st.DataObject, make_problem: Any) -> None:
    """Beside every course on a grid of levels; what it would need beyond the grid's step only the plan can do."""
    prices = data.draw(st.lists(st.integers(0, 80), min_size=3, max_size=4))
    storage = store(
        charge_efficiency=data.draw(st.sampled_from([1.0, 0.9, 0.7])),
        discharge_efficiency=data.draw(st.sampled_from([1.0, 0.8])),
        initial_mwh=data.draw(st.sampled_from([0.0, 10.0, 20.0])),
        end_minimum_mwh=data.draw(st.sampled_from([0.0, 5.0])),
        cycle_cost_per_mwh=data.draw(st.sampled_from([0.0, 3.0])),
        standing_loss_per_hour=data.draw(st.sampled_from([0.0, 0.02, 0.2])),
        end_value_per_mwh=data.draw(st.sampled_from([0.0, 15.0, 45.0, 120.0])),
    )
    hours = data.draw(st.sampled_from([1.0, 0.5]))
    plan = solved(priced(make_problem, [float(price) for price in prices], storage, hours=hours))
    levels = np.arange(0.0, 20.0 + STEP_MWH, STEP_MWH)
    best = min(
        (_cost(storage, course, prices, hours) for course in product(levels, repeat=len(prices))), default=np.inf
    )
    assert plan.objective <= best + 1e-3
    assert end_value(plan.problem, plan.schedule.state_of_charge_mwh) <= most_end_value(plan.problem) + 1e-3
    course = plan.schedule.state_of_charge_mwh[0].tolist()
    assert plan.objective == pytest.approx(_cost(storage, course, prices, hours), abs=1e-3)


def _cost(storage: Storage, course: Any, prices: list[int], hours: float) -> float:
    """What a course of states of charge comes to; infinite where the storage cannot follow it."""
    cost, before = 0.0, storage.initial_mwh
    for level, price in zip(course, prices, strict=True):
        gained = level - before * (1.0 - storage.standing_loss_per_hour) ** hours
        taken, given = max(gained, 0.0) / storage.charge_efficiency, max(-gained, 0.0) * storage.discharge_efficiency
        if max(taken, given) > storage.power_mw * hours + 1e-6:
            return np.inf
        cost += price * (taken - given) + storage.cycle_cost_per_mwh * given
        before = level
    if before < storage.end_minimum_mwh - 1e-6:
        return np.inf
    return cost - storage.end_value_per_mwh * before


def test_prices_with_losses_and_an_end_value_are_what_a_little_more_costs(make_problem: Any) -> None:
    problem = make_problem(
        {
            "step_hours": 0.5,
            "load_mw": {"a": [60.3, 90.1, 118.7, 71.9]},
            "units": {
                "cheap": {"bus": "a", "capacity_mw": 80, "segments": [[50, 11], [30, 17]]},
                "dear": {"bus": "a", "capacity_mw": 80, "segments": [[30, 41], [50, 67]]},
            },
        }
    )
    battery = Storage(
        "store", "a", 13.0, 9.0, 0.9, 0.9, 4.0, 1.0, 2.0, standing_loss_per_hour=0.03, end_value_per_mwh=29.0
    )
    problem = replace(problem, storages=(battery,))
    plan = solved(problem)
    assert plan.schedule.state_of_charge_mwh[0, -1] > 1.5, "more than it must leave"
    terms = [unit_terms(unit, step_hours=0.5) for unit in problem.thermal_units]
    charging = plan.schedule.charge_mw > plan.schedule.discharge_mw

    def cost(period: int, more_mw: float) -> float:
        moved = replace(problem, load_mw=problem.load_mw.copy())
        moved.load_mw[0, period] += more_mw
        return dispatch_fixed(
            moved, terms, plan.schedule.on, charging, ptdf=Ptdf(problem.network), lines=()
        ).solution.objective

    for t in range(4):
        slope = (cost(t, 0.01) - cost(t, -0.01)) / (0.02 * 0.5)
        assert plan.prices.lmp[0, t] == pytest.approx(slope, abs=1e-4)


def test_the_end_value_is_told_apart_from_what_production_costs(make_problem: Any) -> None:
    problem = priced(make_problem, [30, 40], store(initial_mwh=10.0, end_value_per_mwh=45.0))
    plan = solved(problem)
    document = case_document(plan, case="c")
    assert document["end_value"] == pytest.approx(20.0 * 45.0)
    assert sum(s["exchange_cost"] + s["production_cost"] for s in document["system"]) == pytest.approx(300.0)
    assert document["objective"] == pytest.approx(300.0 - 900.0)
    wrong = replace(plan, problem=replace(problem, storages=(store(initial_mwh=10.0, end_value_per_mwh=44.0),)))
    assert any("the schedule costs" in told for told in check_plan(wrong))
    leaky = replace(
        plan, problem=replace(problem, storages=(replace(problem.storages[0], standing_loss_per_hour=0.1),))
    )
    assert any("does not follow from" in told for told in check_plan(leaky))


def test_a_gap_is_the_same_whatever_what_stays_in_store_counts(make_problem: Any) -> None:
    """50 MW for an hour at 20; a store that cannot be used holds 20 MWh, which at 50 are worth as much."""
    problem = make_problem(
        {"load_mw": {"a": [50.0]}, "units": {"unit": {"bus": "a", "capacity_mw": 60, "cost_per_mwh": 20}}}
    )
    terms, on = [unit_terms(problem.thermal_units[0], step_hours=1.0)], np.ones((1, 1), dtype=np.bool_)
    for worth in (0.0, 49.0, 50.0, 80.0):
        full = store(power_mw=0.0, initial_mwh=20.0, end_value_per_mwh=worth)
        valued = replace(problem, storages=(full,))
        dispatch = dispatch_fixed(valued, terms, on, ~on, ptdf=Ptdf(problem.network), lines=())
        bound = dispatch.solution.objective - 10.0
        plan = plan_of(dispatch, terms, on, status=Status.FEASIBLE, bound=bound, message="")
        assert plan.gap == pytest.approx(0.01)
        assert plan.objective == pytest.approx(1000.0 - 20.0 * worth)
        assert plan.best_bound == pytest.approx(plan.objective - 10.0)


def test_a_storage_that_is_kept_full_by_its_end_value_says_so(make_problem: Any) -> None:
    plan = solved(priced(make_problem, [30, 40], store(initial_mwh=20.0, end_value_per_mwh=45.0)))
    (reason,) = [reason for reason in plan.reasons if reason.asset_id == "store"]
    assert reason.binding == ("full", "end value")
    assert reason.text.startswith("full, 20.0 MWh: bus price 30.0 to 40.0; discharging pays from ")
    assert reason.text.endswith("; kept to the end, where it counts 45.0 per MWh")
    sold = solved(priced(make_problem, [30, 40], store(initial_mwh=20.0, end_value_per_mwh=35.0)))
    assert not any("kept to the end" in reason.text for reason in sold.reasons)


def test_fallbacks_and_a_re_dispatch_count_the_same(make_problem: Any) -> None:
    battery = store(initial_mwh=10.0, standing_loss_per_hour=0.05, end_value_per_mwh=45.0)
    problem = priced(make_problem, [30, 60, 40], battery)
    plan = solved(problem)
    ruled = plan_always(problem, time_limit_seconds=0.0)
    assert ruled.status is Status.RULE_BASED
    assert check_plan(ruled) == []
    assert ruled.objective == pytest.approx(plan.objective)
    document = json.loads(json.dumps(plan_document(plan, plan_id="p", site_id="s", issued_at=problem.axis.start)))
    held = hold_plan(problem, document)
    found = dispatch_held(held, kept=Redispatch(held.problem, held.on, held.charging, idle=held.idle))
    assert found.objective == pytest.approx(plan.objective)
    assert redispatch_document(held, found)["end_value"] == document["end_value"] == pytest.approx(900.0)


def test_scenarios_count_what_each_of_them_leaves(make_problem: Any) -> None:
    """Load of 0 or 20 MW, and 5 MW into the store, from a unit at 50: what is left counts 60."""
    problem = make_problem(
        {"load_mw": {"a": [10.0]}, "units": {"dear": {"bus": "a", "capacity_mw": 30, "cost_per_mwh": 50}}}
    )
    problem = replace(problem, storages=(store(initial_mwh=10.0, end_value_per_mwh=60.0, power_mw=5.0),))
    loads = np.array([0.0, 20.0]).reshape(2, 1, 1)
    scenarios = Scenarios(loads, np.zeros((2, 0, 1)), np.array([0.5, 0.5]))
    plan = solved(replace(problem, scenarios=scenarios))
    assert plan.outlook is not None
    assert plan.outlook.costs == pytest.approx([250.0 - 15.0 * 60.0, 1250.0 - 15.0 * 60.0])
    assert plan.objective == pytest.approx(-150.0)
    assert plan.best_bound == pytest.approx(-150.0)
    assert plan.outlook.central_objective == pytest.approx(-150.0)
    assert plan.status is Status.OPTIMAL


def test_folders_tell_both_and_refuse_what_cannot_be() -> None:
    network = json.dumps({"buses": {"a": {}}})
    told: dict[str, Any] = {
        "step_minutes": 60,
        "periods": 2,
        "loads": {"a": [0, 0]},
        "exchanges": {"market": {"bus": "a", "import_mw": 50, "export_mw": 50, "import_price": [30, 40],
                                 "export_price": [30, 40]}},
        "storages": {"store": {"bus": "a", "power_mw": 20, "energy_mwh": 20, "initial_mwh": 20,
                               "standing_loss_per_hour": 0.1, "end_value_per_mwh": 60}},
        "reservoirs": {"lake": {"bus": "a", "power_mw": 5, "initial_mwh": 8, "end_value_per_mwh": 35}},
    }  # fmt: skip
    plan = solved(read_folder(network, json.dumps(told), matpower=False))
    assert plan.schedule.state_of_charge_mwh[:, -1] == pytest.approx([20.0, 3.0])
    told["storages"]["store"] |= {"standing_loss_per_hour": 1.0, "end_value_per_mwh": -1}
    with pytest.raises(InputError) as raised:
        plan_dispatch(read_folder(network, json.dumps(told), matpower=False))
    assert "standing_loss_per_hour must lie in [0, 1), got 1.0" in str(raised.value)
    assert "end_value_per_mwh must lie in" in str(raised.value)


def test_a_demand_response_loses_nothing(make_problem: Any) -> None:
    shift = store(initial_mwh=20.0, rebound_hours=2.0, standing_loss_per_hour=0.1)
    with pytest.raises(InputError, match="a demand response has no standing_loss_per_hour"):
        plan_dispatch(priced(make_problem, [30, 40], shift))


def test_a_simulation_counts_what_is_left_and_real_time_aims_at_the_plan(make_problem: Any) -> None:
    """Hours of one price, above and below what a MWh counts that is left: all is sold, or the store is filled."""
    problem = priced(make_problem, [30.0] * 12, store(initial_mwh=10.0, end_value_per_mwh=25.0))
    simulated = simulate(problem, perfect_foresight(problem))
    assert check_plan(simulated.realised) == []
    halves = [score(simulated, first=first, periods=6).drawn_down for first in (0, 6)]
    assert sum(halves) == pytest.approx(score(simulated).drawn_down) == pytest.approx(10.0 * 25.0)
    whole = score(simulated)
    assert whole.total == pytest.approx(whole.trade + 250.0) == pytest.approx(-50.0), "sold at 30, given up at 25"
    assert simulated.realised.objective == pytest.approx(whole.total - 250.0)
    kept = priced(make_problem, [30.0] * 12, store(initial_mwh=10.0, end_value_per_mwh=35.0))
    filled = simulate(kept, perfect_foresight(kept)).realised
    assert filled.schedule.state_of_charge_mwh[0, -1] == pytest.approx(20.0)
    assert filled.objective == pytest.approx(300.0 - 20.0 * 35.0)
