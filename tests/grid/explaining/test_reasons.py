"""Reasons: which limit binds, and that every number in them follows from the plan's prices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from grid.assets import CostSegment
from grid.dispatch import DispatchPlan, Reason, plan_dispatch


def solve(make_problem: Any, data: dict[str, Any]) -> DispatchPlan:
    return plan_dispatch(make_problem(data), time_limit_seconds=10.0, relative_gap=0.0)


def of(plan: DispatchPlan, asset_id: str) -> list[Reason]:
    return [reason for reason in plan.reasons if reason.asset_id == asset_id]


TWO_UNITS = {
    "load_mw": {"b": [80, 150, 160]},
    "units": {
        "cheap": {
            "bus": "b",
            "minimum_mw": 50,
            "capacity_mw": 100,
            "minimum_cost_per_hour": 500,
            "cost_per_mwh": 10,
        },
        "dear": {
            "bus": "b",
            "minimum_mw": 20,
            "capacity_mw": 100,
            "minimum_cost_per_hour": 600,
            "cost_per_mwh": 30,
            "start_costs": [[0, 200]],
        },
        "unused": {
            "bus": "b",
            "minimum_mw": 10,
            "capacity_mw": 50,
            "minimum_cost_per_hour": 900,
            "cost_per_mwh": 90,
            "minimum_up_hours": 2,
            "start_costs": [[0, 70]],
        },
    },
    "initial": {
        "cheap": {"on": True, "hours": 9, "power_mw": 80},
        "dear": {"on": False, "hours": 9, "power_mw": 0},
        "unused": {"on": False, "hours": 9, "power_mw": 0},
    },
}


def test_periods_of_one_explanation_are_one_reason(make_problem: Any) -> None:
    part, full = of(solve(make_problem, TWO_UNITS), "cheap")
    assert (part.first_period, part.last_period, part.binding) == (0, 0, ())
    assert part.shadow_price_per_mwh is None
    assert "part load, 80 MW" in part.text
    assert (full.first_period, full.last_period, full.binding) == (1, 2, ("capacity",))
    assert "bus price 30.0 beats its marginal cost 10.0" in full.text
    assert "would save 20.0 USD/h" in full.text


def test_shadow_price_of_capacity_is_what_a_megawatt_more_saves(make_problem: Any) -> None:
    plan = solve(make_problem, TWO_UNITS)
    cheap = plan.problem.thermal_units[0]
    larger = replace(cheap, capacity_mw=101.0, segments=(CostSegment(51.0, 10.0),))
    more = plan_dispatch(
        replace(plan.problem, thermal_units=(larger, *plan.problem.thermal_units[1:])),
        time_limit_seconds=10.0,
        relative_gap=0.0,
    )
    saved = plan.objective - more.objective
    told = sum(
        (reason.shadow_price_per_mwh or 0.0) * (reason.last_period - reason.first_period + 1)
        for reason in of(plan, "cheap")
    )
    assert told == pytest.approx(saved)


def test_a_unit_off_tells_the_cost_of_its_best_run(make_problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hours at its minimum in hours 2 and 3: 2 (900 - 10 * 30) + 70; an hour less is not allowed."""
    monkeypatch.setattr("grid.dispatch.planning._AGAIN_SHARE", 100.0)  # however slow the machine is
    monkeypatch.setattr("grid.dispatch.planning._AGAIN_SECONDS", 600.0)
    (off,) = of(solve(make_problem, TWO_UNITS), "unused")
    assert (off.first_period, off.last_period, off.binding) == (0, 2, ())
    assert off.runner_up_cost == pytest.approx(600 + 70)
    assert "off: average cost 90.0 at full output is above the bus price 10.0 to 30.0" in off.text
    assert "Sun 02:00 UTC to Sun 03:00 UTC, would cost 670 USD more, solved again" in off.text


def test_minimum_up_time_says_until_when(make_problem: Any) -> None:
    plan = solve(
        make_problem,
        {
            "load_mw": {"b": [50, 50, 50, 50]},
            "units": {
                "held": {
                    "bus": "b",
                    "minimum_mw": 10,
                    "capacity_mw": 50,
                    "minimum_cost_per_hour": 1000,
                    "cost_per_mwh": 100,
                    "minimum_up_hours": 4,
                    "minimum_down_hours": 2,
                },
                "cheap": {"bus": "b", "capacity_mw": 100, "cost_per_mwh": 10},
            },
            "initial": {"held": {"on": True, "hours": 2, "power_mw": 10}},
        },
    )
    held, down = of(plan, "held")
    assert held.binding == ("minimum up time", "minimum output")
    assert held.shadow_price_per_mwh == pytest.approx(90.0)
    assert "minimum up time until Sun 02:00 UTC" in held.text
    assert down.binding == ("minimum down time",)
    assert "until Sun 04:00 UTC" in down.text


def test_curtailment_names_the_full_branch(make_problem: Any) -> None:
    plan = solve(
        make_problem,
        {
            "load_mw": {"windy": [10, 10], "town": [100, 100]},
            "branches": {"A27": {"from": "windy", "to": "town", "limit_mw": 40}},
            "units": {"u": {"bus": "town", "capacity_mw": 200, "cost_per_mwh": 25}},
            "plants": {"wind": {"bus": "windy", "available_mw": [80, 30]}},
        },
    )
    curtailed, taken = of(plan, "wind")
    assert curtailed.binding == ("branch A27 limit",)
    assert curtailed.shadow_price_per_mwh == pytest.approx(25.0)
    assert "curtailed by 30.0 MW: branch A27 is full" in curtailed.text
    assert taken.binding == ("available power",)
    assert taken.runner_up_cost == pytest.approx(30 * 25.0)


def test_battery_compares_the_price_with_the_worth_of_its_store(make_problem: Any) -> None:
    plan = solve(
        make_problem,
        {
            "load_mw": {"b": [60, 90, 140]},
            "units": {
                "cheap": {"bus": "b", "capacity_mw": 85, "cost_per_mwh": 10},
                "middle": {"bus": "b", "capacity_mw": 30, "cost_per_mwh": 41},
                "dear": {"bus": "b", "capacity_mw": 100, "cost_per_mwh": 50},
            },
            "storages": {"battery": {"bus": "b", "power_mw": 20, "energy_mwh": 40, "discharge_efficiency": 0.8}},
        },
    )
    charging, between, discharging = of(plan, "battery")
    assert charging.binding == ("power rating",)
    assert charging.shadow_price_per_mwh == pytest.approx(50 * 0.8 - 10)
    assert charging.text.startswith("charging 20.0 MW (power rating reached): bus price 10.0, worth it up to 40.0")
    assert between.text == "idle: bus price 41.0; charging pays below 40.0, discharging above 50.0"
    assert discharging.text.startswith("discharging 16.0 MW (energy limit reached): bus price 50.0")


def test_headroom_kept_for_reserve_is_said(make_problem: Any) -> None:
    """15 of 25 MW of reserve are there: each MW of headroom is worth the price of being short."""
    plan = solve(
        make_problem,
        {
            "load_mw": {"b": [95]},
            "reserve_up_mw": [25],
            "units": {
                "cheap": {"bus": "b", "capacity_mw": 100, "cost_per_mwh": 10},
                "slow": {"bus": "b", "capacity_mw": 50, "cost_per_mwh": 30, "ramp_mw_per_hour": 10},
            },
            "initial": {"slow": {"on": True, "hours": 9, "power_mw": 0}},
        },
    )
    (cheap,) = of(plan, "cheap")
    assert cheap.binding == ("upward reserve",)
    assert cheap.shadow_price_per_mwh == pytest.approx(1000.0)
    assert cheap.text == (
        "held at 95 MW for upward reserve, worth 1000.0 USD/MW and hour; bus price 1010.0, marginal cost 10.0"
    )
