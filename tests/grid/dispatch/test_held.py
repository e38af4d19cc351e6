"""A plan's document is enough to go on from it: each later hour can be planned anew, and dispatched again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from grid.assets import CostSegment, StartCost, Storage, ThermalUnit
from grid.dispatch import (
    DispatchProblem,
    HeldPlan,
    Redispatch,
    Status,
    assemble_problem,
    dispatch_held,
    hold_plan,
    plan_dispatch,
    plan_document,
    redispatch_document,
)
from grid.dispatch.inherit import PreviousPlan
from grid.dispatch.redispatched import Redispatched
from grid.dispatch.results import plan_of
from grid.faults import InputError
from grid.forecasts import Forecast
from grid.formulation.commitment import BoolArray
from grid.formulation.prices import FixedDispatch, dispatch_fixed
from grid.formulation.ptdf import Ptdf
from grid.formulation.unit_terms import unit_terms
from grid.network import Bus, Network
from grid.site import BusLoad, ReservePolicy, Site
from grid.time_axis import TimeAxis

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 1, 6, tzinfo=UTC)


def written(problem: DispatchProblem, inputs: dict[str, Any] | None = None) -> tuple[Status, dict[str, Any]]:
    plan = plan_dispatch(problem, time_limit_seconds=5.0, relative_gap=0.0)
    start = problem.axis.start
    document = plan_document(plan, plan_id="p", site_id="s", issued_at=start, inputs=inputs)
    told: dict[str, Any] = json.loads(json.dumps(document))
    return plan.status, told


def both_ways(problem: DispatchProblem, plan: dict[str, Any]) -> tuple[Redispatched, Redispatched]:
    """Dispatched again by what is kept in the solver, and by the whole model."""
    held = hold_plan(problem, plan)
    kept = Redispatch(held.problem, held.on, held.charging, idle=held.idle)
    return dispatch_held(held, kept=kept), by_the_whole_model(held)


def by_the_whole_model(held: HeldPlan) -> Redispatched:
    """A cold solve; which way idle storages go is read off a dispatch that leaves it open."""
    terms = [unit_terms(unit, step_hours=held.problem.axis.step_hours) for unit in held.problem.thermal_units]
    ptdf = Ptdf(held.problem.network)

    def dispatched(charging: BoolArray | None) -> FixedDispatch:
        return dispatch_fixed(held.problem, terms, held.on, charging, ptdf=ptdf, lines=())

    charging = np.where(held.idle, dispatched(None).charging, held.charging) if held.idle.any() else held.charging
    plan = plan_of(dispatched(charging), terms, held.on, status=Status.FEASIBLE, bound=-np.inf, message="")
    told = {field.name for field in fields(Redispatched)} - {"objective", "lmp", "violations"}
    set_points = {name: getattr(plan.schedule, name) for name in told}
    return Redispatched(plan.objective, **set_points, lmp=plan.prices.lmp, violations=plan.violations)


def unit(name: str, cost: float) -> ThermalUnit:
    cheap = (CostSegment(60.0, cost),)
    return ThermalUnit(name, "b", 0.0, 60.0, 0.0, cheap, (StartCost(0.0, 0.0),), 1.0, 1.0, 60.0, 60.0, 60.0, 60.0)


def assembler() -> Callable[[int, dict[str, Any] | None], tuple[DispatchProblem, dict[str, Any]]]:
    """A site whose load may be shifted by three hours, and what is left of ten hours from each on."""
    load = 1000.0 * np.array([40.0, 40.0, 70.0, 70.0, 70.0, 40.0, 40.0, 40.0, 40.0, 40.0])
    shift = Storage("shift", "b", 6.0, 18.0, 0.9, 1.0, 18.0, 18.0, 5.0, rebound_hours=3.0)
    site = Site(
        site_id="s", name="", timezone="UTC", holidays="", currency="EUR", meters=(),
        loads=(BusLoad("b", "site:load", 0.001),), network=Network((Bus("b"),), ()),
        thermal_units=(unit("cheap", 20.0), unit("dear", 200.0)), renewable_plants=(), storages=(shift,),
        reserve=ReservePolicy(0.9, 0.1),
    )  # fmt: skip
    axis = TimeAxis(START, HOUR, len(load))
    forecast = Forecast("site:load", axis, START, (0.1, 0.5, 0.9), np.tile(load[:, None], 3), "m", "test")

    def assembled(hour: int, previous: dict[str, Any] | None) -> tuple[DispatchProblem, dict[str, Any]]:
        at = START + hour * HOUR
        return assemble_problem(
            site, {"site:load": forecast}, issued_at=at, periods=len(load) - hour, previous=previous
        )

    return assembled


def test_a_demand_response_that_owes_energy_is_planned_on_and_dispatched_again() -> None:
    """Hour by hour: each plan knows what those before it took out, as far back as it may be owed."""
    assembled = assembler()
    problem, inputs = assembled(0, None)
    status, plan = written(problem, inputs)
    owed = 0.0
    for hour in range(1, 9):
        problem, inputs = assembled(hour, plan)
        owed = max(owed, 18.0 - problem.initial_mwh["shift"])
        for found in both_ways(problem, plan):
            assert found.violations == ()
        status, plan = written(problem, inputs)
        assert status is Status.OPTIMAL
        assert plan["violations"] == []
    assert owed > 10.0
    assert sum(mwh for _, mwh in inputs["taken"]["shift"]) == pytest.approx(0.0)


def test_what_is_missing_and_no_plan_tells_of_counts_as_taken_just_now() -> None:
    assembled = assembler()
    problem, inputs = assembled(0, None)
    _, plan = written(problem, inputs)
    plan["storages"]["shift"][0]["state_of_charge_mwh"] = 10.0  # as if it had been let go by hand
    problem, inputs = assembled(1, plan)
    assert inputs["taken"] == {"shift": [[0.0, 8.0]]}
    assert problem.owed_mwh["shift"][:4] == pytest.approx([8.0, 8.0, 8.0, 0.0], abs=0.02)
    assert written(problem, inputs)[0] is Status.OPTIMAL


def test_a_unit_on_its_ramp_is_dispatched_again_although_documents_round(make_problem: Any) -> None:
    fleet = {
        "big": {
            "bus": "a", "minimum_mw": 13.3333333, "capacity_mw": 90, "minimum_cost_per_hour": 133, "cost_per_mwh": 10,
            "ramp_mw_per_hour": 11.1116666, "start_ramp_mw": 13.3333333, "stop_ramp_mw": 13.3333333,
        },
        "small": {"bus": "a", "minimum_mw": 5, "capacity_mw": 90, "cost_per_mwh": 40},
    }  # fmt: skip
    whole: DispatchProblem = make_problem({"load_mw": {"a": [90, 90, 90, 90, 40, 12, 12, 12]}, "units": fleet})
    _, plan = written(whole)
    for hour in range(1, 7):
        axis = TimeAxis(whole.axis.start + hour * HOUR, HOUR, 8 - hour)
        states = PreviousPlan(plan, at=axis.start).unit_states(whole.thermal_units)
        left = replace(
            whole, axis=axis, load_mw=whole.load_mw[:, hour:], available_mw=whole.available_mw[:, hour:],
            reserve_up_mw=whole.reserve_up_mw[hour:], reserve_down_mw=whole.reserve_down_mw[hour:], initial=states,
        )  # fmt: skip
        for found in both_ways(left, plan):
            assert found.violations == ()


def test_a_storage_that_idles_in_the_plan_takes_in_what_nobody_expected(make_problem: Any) -> None:
    system = {
        "load_mw": {"a": [50.0] * 3},
        "plants": {"roof": {"bus": "a", "available_mw": [10.0] * 3, "curtailable": False}},
        "units": {"gas": {"bus": "a", "capacity_mw": 90, "cost_per_mwh": 50}},
        "storages": {"battery": {"bus": "a", "power_mw": 50, "energy_mwh": 200, "charge_efficiency": 0.9}},
    }
    problem: DispatchProblem = make_problem(system)
    _, plan = written(problem)
    assert not any(record["charge_mw"] or record["discharge_mw"] for record in plan["storages"]["battery"])
    sunny = replace(problem, available_mw=np.array([[80.0, 80.0, 10.0]]))
    for found in both_ways(sunny, plan):
        assert found.violations == ()
        assert found.charge_mw.sum() == pytest.approx(60.0)
        assert np.minimum(found.charge_mw, found.discharge_mw).max() < 1e-6
        assert found.objective == pytest.approx(0.0)


def test_a_storage_that_idles_never_burns_what_is_too_much(make_problem: Any) -> None:
    """Charging and discharging at once would lose the surplus: what is set is one of the two."""
    system = {
        "load_mw": {"a": [50.0] * 2},
        "plants": {"roof": {"bus": "a", "available_mw": [50.0] * 2, "curtailable": False}},
        "storages": {"battery": {"bus": "a", "power_mw": 20, "energy_mwh": 10, "charge_efficiency": 0.5}},
    }
    problem: DispatchProblem = make_problem(system)
    _, plan = written(problem)
    sunny = replace(problem, available_mw=np.array([[80.0, 80.0]]))
    kept, whole = both_ways(sunny, plan)
    for found in (kept, whole):
        assert np.minimum(found.charge_mw, found.discharge_mw).max() < 1e-6
        assert sum(violation.amount_mw for violation in found.violations) == pytest.approx(40.0)
    assert kept.objective == pytest.approx(whole.objective)


SLOW = {
    "bus": "a", "minimum_mw": 20, "capacity_mw": 100, "cost_per_mwh": 10, "ramp_mw_per_hour": 30, "stop_ramp_mw": 30,
    "minimum_up_hours": 1.5, "minimum_down_hours": 3,
}  # fmt: skip


@pytest.mark.parametrize(
    ("state", "on", "told"),
    [
        (
            {"on": False, "hours": 1, "power_mw": 0},
            [1, 1, 1, 1],
            "starts at 2026-03-01T00:00:00Z after 1 h off, at least 3",
        ),
        (
            {"on": True, "hours": 1, "power_mw": 25},
            [0, 0, 0, 1],
            "stops at 2026-03-01T00:00:00Z after 1 h on, at least 1.5",
        ),
        (
            {"on": True, "hours": 9, "power_mw": 25},
            [0, 0, 1, 1],
            "starts at 2026-03-01T02:00:00Z after 2 h off, at least 3",
        ),
        (
            {"on": True, "hours": 9, "power_mw": 70},
            [1, 0, 0, 0],
            "stops at 2026-03-01T01:00:00Z from 70 MW before the first",
        ),
        (None, [0, 1, 0, 0], "stops at 2026-03-01T02:00:00Z after 1 h on, at least 1.5"),
    ],
)
def test_a_commitment_that_a_unit_cannot_follow_is_a_fault(
    make_problem: Any, state: dict[str, Any] | None, on: list[int], told: str
) -> None:
    initial = {} if state is None else {"slow": state}
    rest = {"bus": "a", "capacity_mw": 90, "cost_per_mwh": 50}
    problem: DispatchProblem = make_problem(
        {"load_mw": {"a": [60.0] * 4}, "units": {"slow": SLOW, "rest": rest}, "initial": initial}
    )
    _, plan = written(problem)
    hold_plan(problem, plan)
    for record, is_on in zip(plan["units"]["slow"], on, strict=True):
        record["on"] = bool(is_on)
    with pytest.raises(InputError) as refused:
        hold_plan(problem, plan)
    (fault,) = refused.value.faults
    assert fault.place == "plan in force: slow"
    assert told in fault.problem


def test_what_is_no_longer_kept_ready_is_told(make_problem: Any) -> None:
    fleet = {name: {"bus": "a", "capacity_mw": 90, "cost_per_mwh": 10} for name in ("one", "other")}
    problem = make_problem({"load_mw": {"a": [60.0] * 2}, "units": fleet, "reserve_up_mw": [0.0, 5.0]})
    problem = replace(problem, secure_units=True)
    held = hold_plan(problem, written(problem)[1])
    document = redispatch_document(held, dispatch_held(held, kept=Redispatch(held.problem, held.on, held.charging)))
    assert document["released"] == ["upward reserve", "N-1 of units"]
    plain = replace(problem, reserve_up_mw=np.zeros(2), secure_units=False)
    assert hold_plan(plain, written(plain)[1]).released == ()


def test_a_unit_that_must_run_is_not_held_off(make_problem: Any) -> None:
    fleet = {name: {"bus": "a", "capacity_mw": 90, "must_run": name == "must"} for name in ("must", "may")}
    problem: DispatchProblem = make_problem({"load_mw": {"a": [60.0] * 2}, "units": fleet})
    _, plan = written(problem)
    for name in fleet:
        plan["units"][name][1]["on"] = False
    with pytest.raises(InputError, match=r"must: it is off at 2026-03-01T01:00:00Z and must run") as refused:
        hold_plan(problem, plan)
    assert len(refused.value.faults) == 1


def test_a_plan_that_begins_between_the_periods_is_a_fault(make_problem: Any) -> None:
    problem: DispatchProblem = make_problem(
        {"load_mw": {"a": [60.0] * 4}, "units": {"one": {"bus": "a", "capacity_mw": 90}}}
    )
    _, plan = written(problem)
    later = replace(
        problem, axis=TimeAxis(problem.axis.start + HOUR / 2, HOUR, 2), load_mw=problem.load_mw[:, :2],
        available_mw=problem.available_mw[:, :2], reserve_up_mw=np.zeros(2), reserve_down_mw=np.zeros(2),
    )  # fmt: skip
    with pytest.raises(InputError, match="its periods begin between those to dispatch"):
        hold_plan(later, plan)


def test_a_unit_of_unknown_past_is_held_where_its_plan_stops_it_at_once(make_problem: Any) -> None:
    """The first plan of a site takes units as long on or off; an hour later its document tells of that hour only."""
    rest = {"bus": "a", "capacity_mw": 90, "cost_per_mwh": 50}
    whole: DispatchProblem = make_problem({"load_mw": {"a": [60.0] * 4}, "units": {"slow": SLOW, "rest": rest}})
    _, plan = written(whole, {"initial": {}})
    for record, is_on in zip(plan["units"]["slow"], [True, False, False, False], strict=True):
        record |= {"on": is_on, "power_mw": 25.0 * is_on}
    axis = TimeAxis(whole.axis.start + HOUR, HOUR, 3)
    left = replace(
        whole, axis=axis, load_mw=whole.load_mw[:, 1:], available_mw=whole.available_mw[:, 1:],
        reserve_up_mw=np.zeros(3), reserve_down_mw=np.zeros(3),
        initial=PreviousPlan(plan, at=axis.start).unit_states(whole.thermal_units),
    )  # fmt: skip
    assert hold_plan(left, plan).on.tolist()[0] == [False] * 3
    plan["inputs"]["initial"] = {"slow": {"on": False, "hours": 9, "power_mw": 0.0}}
    with pytest.raises(InputError, match=r"slow: it stops at .* after 1 h on"):
        hold_plan(left, plan)
