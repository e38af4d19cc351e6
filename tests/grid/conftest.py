"""Small dispatch problems from JSON: what a case folder's ``input.json`` holds, and what tests write as literals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from grid.assets import CostSegment, RenewableKind, RenewablePlant, StartCost, Storage, ThermalUnit
from grid.dispatch import DispatchProblem, UnitState
from grid.network import Branch, Bus, DcLink, Network
from grid.time_axis import TimeAxis

START = datetime(2026, 3, 1, tzinfo=UTC)
MakeProblem = Callable[[Mapping[str, Any]], DispatchProblem]


@pytest.fixture(scope="session")
def make_problem() -> MakeProblem:
    """Builds a problem from its JSON form; what a unit does not name does not limit it and costs nothing."""
    return problem_from


def problem_from(data: Mapping[str, Any]) -> DispatchProblem:
    buses = tuple(Bus(name) for name in data["load_mw"])
    load = np.array(list(data["load_mw"].values()), dtype=np.float64)
    periods = load.shape[1]
    plants = data.get("plants", {})
    none = [0.0] * periods
    return DispatchProblem(
        axis=TimeAxis(START, timedelta(hours=data.get("step_hours", 1.0)), periods),
        network=Network(
            buses=buses,
            branches=tuple(
                Branch(name, b["from"], b["to"], b.get("reactance_pu", 0.1), b.get("limit_mw"), b.get("tap_ratio", 1.0))
                for name, b in data.get("branches", {}).items()
            ),
            dc_links=tuple(
                DcLink(name, b["from"], b["to"], b["limit_mw"]) for name, b in data.get("links", {}).items()
            ),
        ),
        thermal_units=tuple(_unit(name, unit) for name, unit in data.get("units", {}).items()),
        renewable_plants=tuple(
            RenewablePlant(
                name, p["bus"], RenewableKind(p.get("kind", "wind")), 1e4, "s", 1.0, p.get("curtailable", True)
            )
            for name, p in plants.items()
        ),
        storages=tuple(_storage(name, storage) for name, storage in data.get("storages", {}).items()),
        load_mw=load,
        available_mw=np.array([p["available_mw"] for p in plants.values()], dtype=np.float64).reshape(-1, periods),
        reserve_up_mw=np.array(data.get("reserve_up_mw", none), dtype=np.float64),
        reserve_down_mw=np.array(data.get("reserve_down_mw", none), dtype=np.float64),
        initial={name: UnitState(**state) for name, state in data.get("initial", {}).items()},
        initial_mwh=dict(data.get("initial_mwh", {})),
    )


def _unit(name: str, data: Mapping[str, Any]) -> ThermalUnit:
    minimum, capacity = float(data.get("minimum_mw", 0.0)), float(data["capacity_mw"])
    segments = data.get("segments", [[capacity - minimum, data.get("cost_per_mwh", 0.0)]])
    return ThermalUnit(
        unit_id=name,
        bus_id=data["bus"],
        minimum_mw=minimum,
        capacity_mw=capacity,
        minimum_cost_per_hour=data.get("minimum_cost_per_hour", 0.0),
        segments=tuple(CostSegment(width, cost) for width, cost in segments),
        start_costs=tuple(StartCost(hours, cost) for hours, cost in data.get("start_costs", [[0.0, 0.0]])),
        minimum_up_hours=data.get("minimum_up_hours", 0.0),
        minimum_down_hours=data.get("minimum_down_hours", 0.0),
        ramp_up_mw_per_hour=data.get("ramp_mw_per_hour", capacity),
        ramp_down_mw_per_hour=data.get("ramp_mw_per_hour", capacity),
        start_ramp_mw=data.get("start_ramp_mw", capacity),
        stop_ramp_mw=data.get("stop_ramp_mw", capacity),
        must_run=data.get("must_run", False),
    )


def _storage(name: str, data: Mapping[str, Any]) -> Storage:
    return Storage(
        storage_id=name,
        bus_id=data["bus"],
        power_mw=data["power_mw"],
        energy_mwh=data["energy_mwh"],
        charge_efficiency=data.get("charge_efficiency", 1.0),
        discharge_efficiency=data.get("discharge_efficiency", 1.0),
        initial_mwh=data.get("initial_mwh", 0.0),
        end_minimum_mwh=data.get("end_minimum_mwh", 0.0),
        cycle_cost_per_mwh=data.get("cycle_cost_per_mwh", 0.0),
    )
