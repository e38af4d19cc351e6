"""Reading pglib-uc instances: what becomes of a unit, and every fault at once, by name."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from grid.cases import read_pglib_uc
from grid.cases.must_take import joined_plan
from grid.dispatch import case_document, plan_dispatch
from grid.faults import InputError

UNIT: dict[str, Any] = {
    "must_run": 0,
    "power_output_minimum": 10.0,
    "power_output_maximum": 30.0,
    "ramp_up_limit": 4.0,
    "ramp_down_limit": 5.0,
    "ramp_startup_limit": 25.0,
    "ramp_shutdown_limit": 12.0,
    "time_up_minimum": 2,
    "time_down_minimum": 3,
    "power_output_t0": 12.0,
    "unit_on_t0": 1,
    "time_up_t0": 5,
    "time_down_t0": 0,
    "startup": [{"lag": 3, "cost": 50.0}, {"lag": 6, "cost": 90.0}],
    "piecewise_production": [{"mw": 10.0, "cost": 100.0}, {"mw": 20.0, "cost": 250.0}, {"mw": 30.0, "cost": 500.0}],
}
INSTANCE: dict[str, Any] = {
    "time_periods": 2,
    "demand": [20.0, 22.0],
    "reserves": [1.0, 1.0],
    "thermal_generators": {"u": UNIT},
    "renewable_generators": {"river": {"power_output_minimum": [1.0, 2.0], "power_output_maximum": [1.0, 5.0]}},
}


def faults_of(instance: object) -> list[str]:
    with pytest.raises(InputError) as raised:
        read_pglib_uc(json.dumps(instance))
    return [str(fault) for fault in raised.value.faults]


def test_a_unit_is_limited_in_its_first_period_by_its_ramp_as_well() -> None:
    problem = read_pglib_uc(json.dumps(INSTANCE))
    [unit] = problem.thermal_units
    assert (unit.start_ramp_mw, unit.stop_ramp_mw) == (14.0, 12.0)
    assert unit.minimum_cost_per_hour == 100.0
    assert [(s.width_mw, s.cost_per_mwh) for s in unit.segments] == [(10.0, 15.0), (10.0, 25.0)]
    assert (problem.initial["u"].on, problem.initial["u"].hours, problem.initial["u"].power_mw) == (True, 5.0, 12.0)


def test_a_minimum_of_renewables_must_be_taken_and_is_told_as_one() -> None:
    problem = read_pglib_uc(json.dumps({**INSTANCE, "demand": [14.0, 19.0]}))
    assert [plant.curtailable for plant in problem.renewable_plants] == [True, False]
    assert problem.available_mw.tolist() == [[0.0, 3.0], [1.0, 2.0]]
    plan = joined_plan(case_document(plan_dispatch(problem, relative_gap=0.0), case="one"))
    assert [record["available_mw"] for record in plan["renewables"]["river"]] == [1.0, 5.0]
    assert not {part: name for part in ("assets", "renewables", "reasons") for name in plan[part] if "(" in name}
    assert {reason["text"].split(":")[0] for reason in plan["reasons"]["river"]} == {
        "what it must give",
        "what it may give beyond that",
    }


def test_costs_bent_by_rounding_are_taken_as_their_hull() -> None:
    instance = deepcopy(INSTANCE)
    instance["thermal_generators"]["u"]["piecewise_production"][1]["cost"] = 300.0001
    [unit] = read_pglib_uc(json.dumps(instance)).thermal_units
    assert [(s.width_mw, pytest.approx(s.cost_per_mwh)) for s in unit.segments] == [(20.0, 20.0)]


def test_every_fault_comes_at_once_with_its_place() -> None:
    instance = deepcopy(INSTANCE)
    instance["demand"] = [20.0]
    instance["reserves"] = [1.0, None]
    bad = instance["thermal_generators"]["u"]
    bad["power_output_minimum"] = 40.0
    bad["piecewise_production"][1]["cost"] = 450.0
    bad["startup"][1]["lag"] = 2
    del bad["time_up_minimum"]
    bad["unit_on_t0"] = 2
    instance["thermal_generators"]["v"] = {**UNIT, "must_run": 1, "unit_on_t0": 0, "time_down_t0": 1}
    instance["thermal_generators"]["w"] = 7
    instance["renewable_generators"]["river"]["power_output_minimum"] = [9.0, 2.0]
    told = "\n".join(faults_of(instance))
    for words in (
        "demand: must have 2 values, one per period, got 1",
        "reserves[1]: must be a finite number, got None",
        "u: power_output_minimum: 40 is above the maximum 30",
        "u: piecewise_production: is not convex",
        "u: startup: lag must rise",
        "u: time_up_minimum: is missing",
        "u: unit_on_t0: must be 0 to 1, got 2",
        "v: must_run: it must run, but its minimum down time has not passed",
        "w: must be an object, got 7",
        "river: power_output_minimum[0]: 9 is above the maximum 1",
    ):
        assert words in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "document: must be an object"),
        ("{", "instance: is no JSON"),
        ("[" * 100_000, "instance: is no JSON: it is nested too deep"),
        ('{"time_periods": 0, "demand": []}', "time_periods: must be 1 to 100000, got 0"),
        ('{"time_periods": 1, "demand": [NaN]}', "demand[0]: must be a finite number, got nan"),
    ],
)
def test_what_is_no_instance_is_refused(text: str, words: str) -> None:
    with pytest.raises(InputError) as raised:
        read_pglib_uc(text)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"ramp_up_limit": 0.0}, "ramp limits: must be above 0"),
        ({"ramp_startup_limit": 5.0}, "ramp_startup_limit: 5 is below the minimum output 10"),
        ({"power_output_t0": 31.0}, "power_output_t0: 31 lies outside the unit's limits"),
        ({"piecewise_production": []}, "piecewise_production: must have a point"),
        ({"startup": []}, "startup: must have a category"),
        ({"power_output_maximum": 35.0}, "piecewise_production: must lead from 10 to 35 MW"),
        ({"time_down_minimum": "3"}, "time_down_minimum: must be a whole number, got '3'"),
    ],
)
def test_a_unit_that_cannot_be_is_named(changed: dict[str, Any], words: str) -> None:
    told = faults_of({**INSTANCE, "thermal_generators": {"u": {**UNIT, **changed}}})
    assert any(words in fault for fault in told), told
