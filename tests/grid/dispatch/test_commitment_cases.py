"""Unit commitment as pglib-uc states it: the optimum of its model word for word, plans checked apart, and no plan."""

from __future__ import annotations

import importlib.util
import json
import math
import tarfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grid.cases import read_pglib_uc
from grid.cases.must_take import joined_plan
from grid.checking.uc_check import check_commitment
from grid.dispatch import Status, case_document, plan_dispatch

PERIODS = 10
BENCH = Path(__file__).resolve().parents[2] / "bench" / "model_tex.py"


@pytest.fixture(scope="module")
def model_tex() -> ModuleType:
    spec = importlib.util.spec_from_file_location("model_tex", BENCH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def planned(instance: dict[str, Any], *, gap: float = 1e-7, seconds: float = 20.0) -> dict[str, Any]:
    plan = plan_dispatch(read_pglib_uc(json.dumps(instance)), time_limit_seconds=seconds, relative_gap=gap)
    return joined_plan(case_document(plan, case="test"))


@st.composite
def units(draw: st.DrawFn) -> dict[str, Any]:
    """A unit with every trait that the model knows; states and limits agree with one another."""
    minimum = draw(st.integers(5, 20))
    span = draw(st.integers(1, 30))
    up, down = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    on = draw(st.booleans())
    hours = draw(st.integers(1, 12))
    slope = draw(st.integers(5, 30))
    middle = minimum + span / 2
    points = [(minimum, slope * minimum + draw(st.integers(0, 100)))]
    points.append((middle, points[0][1] + slope * span / 2))
    points.append((minimum + span, points[1][1] + (slope + draw(st.integers(0, 10))) * span / 2))
    lags = [down, down + draw(st.integers(1, 3)), down + draw(st.integers(4, 7))]
    costs = sorted(draw(st.lists(st.integers(0, 300), min_size=3, max_size=3)))
    tiers = draw(st.integers(1, 3))
    ramps = [draw(st.integers(2, 40)) for _ in range(2)]
    return {
        "must_run": int(on and draw(st.integers(0, 5)) == 0),
        "power_output_minimum": minimum,
        "power_output_maximum": minimum + span,
        "ramp_up_limit": ramps[0],
        "ramp_down_limit": ramps[1],
        "ramp_startup_limit": minimum + draw(st.integers(0, span)),
        "ramp_shutdown_limit": minimum + draw(st.integers(0, span)),
        "time_up_minimum": up,
        "time_down_minimum": down,
        "power_output_t0": minimum + draw(st.integers(0, span)) if on else 0.0,
        "unit_on_t0": int(on),
        "time_up_t0": hours if on else 0,
        "time_down_t0": 0 if on else hours,
        "startup": [{"lag": lag, "cost": cost} for lag, cost in zip(lags[:tiers], costs, strict=False)],
        "piecewise_production": [{"mw": mw, "cost": cost} for mw, cost in points],
    }


@st.composite
def instances(draw: st.DrawFn) -> dict[str, Any]:
    fleet = {f"u{i}": draw(units()) for i in range(draw(st.integers(1, 3)))}
    if draw(st.booleans()):
        fleet["twin"] = deepcopy(fleet["u0"])
    capacity = sum(unit["power_output_maximum"] for unit in fleet.values())
    share = st.floats(0.0, 0.8).map(lambda x: round(x, 2))
    low = draw(st.sampled_from([0.0, 3.0]))
    return {
        "time_periods": PERIODS,
        "demand": [round(low + capacity * draw(share), 1) for _ in range(PERIODS)],
        "reserves": [round(0.05 * capacity * draw(share), 1) for _ in range(PERIODS)],
        "thermal_generators": fleet,
        "renewable_generators": {
            "wind": {
                "power_output_minimum": [low] * PERIODS,
                "power_output_maximum": [low + draw(st.integers(0, 40)) for _ in range(PERIODS)],
            }
        },
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(instance=instances())
def test_the_optimum_is_that_of_the_model_word_for_word(model_tex: ModuleType, instance: dict[str, Any]) -> None:
    """Or both find that there is none."""
    expected, _, status = model_tex.solve_reference(instance, gap=0.0, seconds=20.0)
    plan = planned(instance)
    if status == "Infeasible":
        assert plan["status"] == "infeasible"
        assert plan["message"]
        return
    assert plan["status"] == "optimal"
    assert plan["objective"] == pytest.approx(expected, rel=1e-6, abs=1e-2)
    assert check_commitment(instance, plan) == []


BASE = {
    "must_run": 0,
    "power_output_minimum": 10.0,
    "power_output_maximum": 30.0,
    "ramp_up_limit": 10.0,
    "ramp_down_limit": 10.0,
    "ramp_startup_limit": 15.0,
    "ramp_shutdown_limit": 15.0,
    "time_up_minimum": 2,
    "time_down_minimum": 2,
    "power_output_t0": 12.0,
    "unit_on_t0": 1,
    "time_up_t0": 5,
    "time_down_t0": 0,
    "startup": [{"lag": 2, "cost": 50.0}, {"lag": 4, "cost": 90.0}],
    "piecewise_production": [{"mw": 10.0, "cost": 100.0}, {"mw": 30.0, "cost": 500.0}],
}
SMALL: dict[str, Any] = {
    "time_periods": 6,
    "demand": [15.0, 25.0, 38.0, 25.0, 15.0, 14.0],
    "reserves": [1.0] * 6,
    "thermal_generators": {"base": BASE, "peak": {**BASE, "unit_on_t0": 0, "time_up_t0": 0, "time_down_t0": 9}},
    "renewable_generators": {"wind": {"power_output_minimum": [0.0] * 6, "power_output_maximum": [2.0] * 6}},
}


def _one(name: str, period: int, **changed: object) -> Callable[[dict[str, Any]], None]:
    def spoil(plan: dict[str, Any]) -> None:
        plan["units"][name][period].update(changed)

    return spoil


@pytest.mark.parametrize(
    ("label", "spoil"),
    [
        ("UCDemand", _one("base", 1, power_mw=11.0)),
        ("UCReserves", lambda plan: [u[2].update(reserve_mw=0.0) for u in plan["units"].values()]),
        ("RampUp", _one("base", 2, power_mw=40.0)),
        ("MaxOutput1", _one("base", 2, power_mw=40.0)),
        ("RampDown", _one("base", 3, power_mw=-10.0)),
        ("bounds", _one("base", 3, reserve_mw=-1.0)),
        ("Startup", _one("base", 1, on=False, power_mw=0.0, reserve_mw=0.0)),
        ("Shutdown", _one("base", 1, on=False, power_mw=0.0, reserve_mw=0.0)),
        ("WindLimit", lambda plan: plan["renewables"]["wind"][0].update(power_mw=7.0)),
        ("objective", lambda plan: plan.update(objective=plan["objective"] - 1.0)),
    ],
)
def test_the_checker_names_what_was_spoilt(label: str, spoil: Callable[[dict[str, Any]], None]) -> None:
    plan = planned(SMALL)
    assert check_commitment(SMALL, plan) == []
    if label in ("Startup", "Shutdown"):  # a gap of one period in a run, where two are needed on either side
        for record in plan["units"]["base"]:
            record.update(on=True)
        plan["units"]["base"][3].update(on=False)
        plan["units"]["base"][5].update(on=False)
    spoil(plan)
    assert any(problem.startswith(label) for problem in check_commitment(SMALL, plan))


def test_a_restart_counts_as_cold_where_the_library_bars_the_warm_category() -> None:
    """Off for nine hours before, on, off for two, on again: warm in truth, cold in MODEL.tex (STIInit)."""
    unit = {**BASE, "time_up_minimum": 1, "time_down_minimum": 1, "unit_on_t0": 0, "time_down_t0": 9, "time_up_t0": 0}
    unit["startup"] = [{"lag": 1, "cost": 10.0}, {"lag": 8, "cost": 90.0}]
    instance = {**SMALL, "demand": [12.0, 12.0, 0.0, 0.0, 12.0, 12.0], "reserves": [0.0] * 6}
    instance |= {"thermal_generators": {"u": unit}, "renewable_generators": {}}
    plan = planned(instance)
    assert plan["objective"] == pytest.approx(4 * 140.0 + 90.0 + 90.0)
    assert check_commitment(instance, plan) == []


def test_demand_beyond_capacity_is_infeasible_with_the_shortage_and_its_way_out() -> None:
    plan = planned({**SMALL, "demand": [15.0, 25.0, 99.0, 25.0, 15.0, 14.0]})
    assert plan["status"] == "infeasible"
    assert plan["units"] == {}
    assert "load served in full" in plan["message"]
    [reason] = plan["reasons"]["load served in full"]
    assert (reason["from"], reason["to"]) == (2, 3)
    assert "period 2" in reason["text"]


def test_a_deadline_of_nothing_still_gives_a_plan_and_its_gap() -> None:
    plan = planned(SMALL, seconds=0.0)
    assert plan["status"] in ("timeout", "feasible")
    assert math.isfinite(plan["objective"])
    assert plan["best_bound"] <= plan["objective"]


def test_a_published_instance_is_solved_to_half_a_percent(shared_data: Path) -> None:
    with tarfile.open(shared_data / "pglib" / "uc_instances.tar.xz") as archive:
        file = archive.extractfile("rts_gmlc/2020-08-12.json")
        assert file is not None
        instance = json.load(file)
    plan = planned(instance, gap=0.005, seconds=60.0)
    assert plan["status"] == Status.OPTIMAL
    assert check_commitment(instance, plan) == []
    assert plan["best_bound"] <= 5_063_023.0  # a plan of HiGHS's own on MODEL.tex
