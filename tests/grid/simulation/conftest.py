"""A system of two buses whose costs can be worked out by hand: a slow cheap unit, a quick dear one, wind, a battery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from grid.assets import CostSegment, RenewableKind, RenewablePlant, StartCost, Storage, ThermalUnit
from grid.dispatch import DispatchProblem, UnitState
from grid.network import Branch, Bus, Network
from grid.time_axis import TimeAxis

START = datetime(2026, 3, 1, tzinfo=UTC)
MakeSystem = Callable[..., DispatchProblem]


@pytest.fixture(scope="session")
def make_system() -> MakeSystem:
    """Builds the system for loads and available wind, both one value per period."""
    return system


def system(
    load_mw: Sequence[float],
    wind_mw: Sequence[float] | None = None,
    *,
    step: timedelta = timedelta(hours=1),
    limit_mw: float | None = None,
    battery_mwh: float = 0.0,
    reserve_up_mw: float = 0.0,
) -> DispatchProblem:
    """``base`` (40 to 100 MW, 10 per MWh) runs; ``peak`` (10 to 50 MW, 50 per MWh, a start costs 100) is off."""
    periods = len(load_mw)
    storages = (Storage("battery", "b", 20.0, battery_mwh, 1.0, 1.0, battery_mwh / 2.0, 0.0),) if battery_mwh else ()
    return DispatchProblem(
        axis=TimeAxis(START, step, periods),
        network=Network((Bus("a"), Bus("b")), (Branch("ab", "a", "b", 0.1, limit_mw),)),
        thermal_units=(
            _unit("base", "a", 40.0, 100.0, 10.0, start=1000.0, minimum_hours=24.0),
            _unit("peak", "b", 10.0, 50.0, 50.0, start=100.0, minimum_hours=1.0),
        ),
        renewable_plants=(RenewablePlant("wind", "a", RenewableKind.WIND, 100.0, "s", 1.0),),
        storages=storages,
        load_mw=np.array([np.zeros(periods), load_mw]),
        available_mw=np.array([np.zeros(periods) if wind_mw is None else wind_mw], dtype=np.float64),
        reserve_up_mw=np.full(periods, reserve_up_mw),
        reserve_down_mw=np.zeros(periods),
        initial={"base": UnitState(True, 48.0, 80.0), "peak": UnitState(False, 48.0, 0.0)},
        initial_mwh={},
    )


def _unit(
    name: str, bus: str, least: float, most: float, price: float, *, start: float, minimum_hours: float
) -> ThermalUnit:
    return ThermalUnit(
        unit_id=name,
        bus_id=bus,
        minimum_mw=least,
        capacity_mw=most,
        minimum_cost_per_hour=least * price,
        segments=(CostSegment(most - least, price),),
        start_costs=(StartCost(0.0, start),),
        minimum_up_hours=minimum_hours,
        minimum_down_hours=minimum_hours,
        ramp_up_mw_per_hour=most,
        ramp_down_mw_per_hour=most,
        start_ramp_mw=most,
        stop_ramp_mw=most,
    )
