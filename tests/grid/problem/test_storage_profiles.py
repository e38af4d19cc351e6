"""Fleets of cars, reservoirs, demand response: storages whose limits change, or that must put back what they took."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.assets import Storage
from grid.dispatch import DispatchPlan, DispatchProblem, check_plan, plan_dispatch
from grid.faults import InputError
from grid.problem.storage_profiles import StorageProfile

PRICES: dict[str, Any] = {
    "load_mw": {"a": [50, 150, 50, 150]},
    "units": {
        "cheap": {"bus": "a", "capacity_mw": 100, "cost_per_mwh": 10},
        "dear": {"bus": "a", "capacity_mw": 100, "cost_per_mwh": 50},
    },
}


def profile(**told: Any) -> StorageProfile:
    """Four periods; what is not told is 0."""
    fields = ("charge_mw", "discharge_mw", "energy_mwh", "inflow_mwh", "due_mwh")
    arrays = {name: np.array(told.get(name, [0.0] * 4), dtype=np.float64) for name in fields}
    return StorageProfile(**arrays, spills=told.get("spills", False))


def with_storage(problem: DispatchProblem, told: StorageProfile, **changes: Any) -> DispatchProblem:
    power = float(np.maximum(told.charge_mw, told.discharge_mw).max())
    ratings = Storage("store", "a", power, float(told.energy_mwh.max()), 1.0, 1.0, 0.0, 0.0)
    return replace(problem, storages=(replace(ratings, **changes),), storage_profiles={"store": told})


def solved(problem: DispatchProblem) -> DispatchPlan:
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert check_plan(plan) == []
    return plan


def test_cars_are_charged_while_they_are_there_and_energy_is_cheap(make_problem: Any) -> None:
    """30 MWh arrive with cars in the first period, 70 are due in the fourth; plugged in are they in periods 0 to 2."""
    cars = profile(
        charge_mw=[25, 25, 25, 0], energy_mwh=[90, 90, 90, 90], inflow_mwh=[30, 0, 0, 0], due_mwh=[0, 0, 0, 70]
    )
    plan = solved(with_storage(make_problem(PRICES), cars))
    assert plan.schedule.charge_mw[0, 1] == pytest.approx(0.0)
    assert plan.schedule.charge_mw[0].sum() == pytest.approx(40.0)
    assert plan.schedule.state_of_charge_mwh[0, 3] == pytest.approx(0.0)
    assert plan.violations == ()


def test_what_cars_leave_without_is_told(make_problem: Any) -> None:
    cars = profile(charge_mw=[25, 25, 25, 0], energy_mwh=[90] * 4, due_mwh=[0, 0, 0, 85])
    plan = solved(with_storage(make_problem(PRICES), cars))
    (violation,) = plan.violations
    assert (violation.what, violation.period) == ("energy missing in store when it is due", 3)
    assert violation.amount_mw == pytest.approx(10.0)


def test_cars_take_surplus_charge_with_them(make_problem: Any) -> None:
    """Of 60 MWh at the start 10 are due in period 1; those that stay can hold 20, and 15 are due of them at last."""
    cars = profile(energy_mwh=[90, 20, 20, 0], due_mwh=[0, 10, 0, 15])
    plan = solved(with_storage(make_problem(PRICES), cars, initial_mwh=60.0))
    assert plan.violations == ()
    assert plan.schedule.state_of_charge_mwh[0, 0] == pytest.approx(60.0), "nobody leaves in period 0"
    assert 15.0 - 1e-6 <= plan.schedule.state_of_charge_mwh[0, 1] <= 20.0 + 1e-6
    full = replace(cars, energy_mwh=np.array([50.0, 90.0, 90.0, 90.0]), due_mwh=np.zeros(4))
    plan = solved(with_storage(make_problem(PRICES), full, initial_mwh=60.0))
    assert plan.schedule.state_of_charge_mwh[0] == pytest.approx([50.0] * 4), "what does not fit left in period 0"


def test_cars_that_leave_empty_handed_make_room_where_they_are_said_to_leave(make_problem: Any) -> None:
    """A full fleet hands over to cars that bring 15 MWh, in period 2; nothing is due, and as much room as before."""
    cars = profile(energy_mwh=[40] * 4, inflow_mwh=[0, 0, 15, 0])
    with pytest.raises(InputError, match="in period 2 at least 55 MWh would be in it"):
        plan_dispatch(with_storage(make_problem(PRICES), cars, initial_mwh=40.0))
    told = replace(cars, leaves=np.array([False, False, True, False]))
    plan = solved(with_storage(make_problem(PRICES), told, initial_mwh=40.0))
    assert plan.schedule.state_of_charge_mwh[0, :2] == pytest.approx([40.0, 40.0])
    assert 25.0 - 1e-6 <= plan.schedule.state_of_charge_mwh[0, 2] <= 40.0 + 1e-6


def test_charge_that_vanishes_from_cars_that_stay_is_noticed(make_problem: Any) -> None:
    cars = profile(energy_mwh=[90, 70, 70, 70], due_mwh=[0, 10, 0, 0])
    plan = solved(with_storage(make_problem(PRICES), cars, initial_mwh=60.0, end_minimum_mwh=50.0))
    for t, noticed in ((1, False), (2, True)):
        less = np.where(np.arange(4) >= t, 5.0, 0.0)
        drained = replace(plan.schedule, state_of_charge_mwh=plan.schedule.state_of_charge_mwh - less)
        told = check_plan(replace(plan, schedule=drained))
        assert any("does not follow" in sentence for sentence in told) == noticed


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"inflow_mwh": [0, 30, 0, 0]}, "in period 1 at least 30 MWh would be in it, energy_mwh allows 20"),
        ({"inflow_mwh": [15, 15, 0, 0], "discharge_mw": [4] * 4}, "in period 1 at least 22 MWh"),
    ],
)
def test_charge_that_arrives_beyond_what_cars_can_hold_is_a_fault(
    told: dict[str, Any], words: str, make_problem: Any
) -> None:
    problem = with_storage(make_problem(PRICES), profile(energy_mwh=[20] * 4, **told))
    with pytest.raises(InputError, match=words):
        plan_dispatch(problem)
    spilling = {"store": replace(problem.storage_profiles["store"], spills=True)}
    solved(replace(problem, storage_profiles=spilling))


def test_a_reservoir_gives_its_water_where_it_is_worth_most_and_spills_what_it_cannot_hold(make_problem: Any) -> None:
    water = profile(discharge_mw=[30] * 4, energy_mwh=[40] * 4, inflow_mwh=[0, 0, 60, 0], spills=True)
    plan = solved(with_storage(make_problem(PRICES), water, initial_mwh=25.0))
    assert plan.schedule.discharge_mw[0, [1, 3]] == pytest.approx([25.0, 30.0])
    assert plan.schedule.charge_mw.max() == 0.0
    assert plan.schedule.state_of_charge_mwh[0].max() <= 40.0 + 1e-6


@pytest.mark.parametrize(("within", "cost"), [(np.inf, 17_800.0), (3.0, 17_800.0), (2.0, 18_200.0)])
def test_half_of_what_a_demand_response_took_out_comes_back_in_time(
    within: float, cost: float, make_problem: Any
) -> None:
    """Of 18,500: 20 MWh taken out at 100 less 60 each save 800; 10 come back at 10 in period 3, sooner at 50."""
    units = {**PRICES["units"], "dearest": {"bus": "a", "capacity_mw": 100, "cost_per_mwh": 100}}
    problem = make_problem({"load_mw": {"a": [250, 150, 150, 50]}, "units": units})
    response = Storage("shift", "a", 20.0, 20.0, 2.0, 1.0, 20.0, 20.0, 60.0, rebound_hours=within)
    plan = solved(replace(problem, storages=(response,)))
    assert plan.objective == pytest.approx(cost)
    assert plan.schedule.charge_mw[0].sum() == pytest.approx(plan.schedule.discharge_mw[0].sum() / 2.0)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_plans_with_profiles_are_sound(data: st.DataObject, make_problem: Any) -> None:
    def four(most: int) -> list[int]:
        return data.draw(st.lists(st.integers(0, most), min_size=4, max_size=4))

    told = profile(
        charge_mw=four(20), discharge_mw=four(20), energy_mwh=data.draw(st.sampled_from([[60] * 4, [60, 50, 70, 9]])),
        inflow_mwh=four(10), due_mwh=four(20), spills=data.draw(st.booleans()),
    )  # fmt: skip
    system = {**PRICES, "load_mw": {"a": four(180)}, "reserve_up_mw": four(20), "reserve_down_mw": four(10)}
    problem = with_storage(make_problem(system), told, initial_mwh=10.0, charge_efficiency=0.9)
    hours = data.draw(st.sampled_from([1.0, 2.0, np.inf]))
    rebound = data.draw(st.sampled_from([0.5, 0.8, 1.0]))
    response = Storage("shift", "a", 20.0, 30.0, 1.0 / rebound, 1.0, 30.0, 30.0, 2.0, rebound_hours=hours)
    solved(replace(problem, storages=(*problem.storages, response), secure_units=data.draw(st.booleans())))


def test_energy_that_comes_from_nowhere_is_noticed(make_problem: Any) -> None:
    cars = profile(charge_mw=[25] * 4, energy_mwh=[90] * 4, inflow_mwh=[30, 0, 0, 0], due_mwh=[0, 0, 0, 70])
    plan = solved(with_storage(make_problem(PRICES), cars))
    dry = replace(
        plan, problem=replace(plan.problem, storage_profiles={"store": replace(cars, inflow_mwh=np.zeros(4))})
    )
    assert any("does not follow" in told for told in check_plan(dry))
    response = Storage("shift", "a", 20.0, 20.0, 2.0, 1.0, 20.0, 20.0, rebound_hours=np.inf)
    late = solved(replace(make_problem(PRICES), storages=(response,)))
    hurried = replace(late, problem=replace(late.problem, storages=(replace(response, rebound_hours=0.5),)))
    assert any("owed for longer" in told for told in check_plan(hurried))


def test_every_fault_of_profiles_is_told(make_problem: Any) -> None:
    short = replace(profile(charge_mw=[5] * 4, energy_mwh=[9] * 4, due_mwh=[-1] * 4), inflow_mwh=np.zeros(3))
    problem = with_storage(make_problem(PRICES), short, charge_efficiency=1.5)
    with pytest.raises(InputError) as raised:
        plan_dispatch(replace(problem, storage_profiles={**problem.storage_profiles, "ghost": short}))
    for fault in (
        "profile of store: inflow_mwh must have shape (4,), got (3,)",
        "due_mwh must be finite and not negative",
        "profile of ghost: there is no storage of this name",
        "charge_efficiency and discharge_efficiency must lie in [0.001, 1]",
    ):
        assert fault in str(raised.value)
