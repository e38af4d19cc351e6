"""A system of two buses whose costs can be worked out by hand: a slow cheap unit, a quick dear one, wind, a battery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from grid.dispatch import DispatchProblem

MakeSystem = Callable[..., DispatchProblem]


@pytest.fixture(scope="session")
def make_system(make_problem: Any) -> MakeSystem:
    """Builds the system for loads and available wind, both one value per period."""

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
        none = [0.0] * len(load_mw)
        battery = {"bus": "b", "power_mw": 20.0, "energy_mwh": battery_mwh, "initial_mwh": battery_mwh / 2.0}
        problem: DispatchProblem = make_problem({
            "step_hours": step / timedelta(hours=1),
            "load_mw": {"a": none, "b": load_mw},
            "branches": {"ab": {"from": "a", "to": "b", "limit_mw": limit_mw}},
            "units": {
                "base": _unit("a", 40.0, 100.0, 10.0, start=1000.0, minimum_hours=24.0),
                "peak": _unit("b", 10.0, 50.0, 50.0, start=100.0, minimum_hours=1.0),
            },
            "plants": {"wind": {"bus": "a", "available_mw": none if wind_mw is None else wind_mw}},
            "storages": {"battery": battery} if battery_mwh else {},
            "reserve_up_mw": [reserve_up_mw] * len(load_mw),
            "initial": {
                "base": {"on": True, "hours": 48.0, "power_mw": 80.0},
                "peak": {"on": False, "hours": 48.0, "power_mw": 0.0},
            },
        })  # fmt: skip
        return problem

    return system


def _unit(bus: str, least: float, most: float, price: float, *, start: float, minimum_hours: float) -> dict[str, Any]:
    return {
        "bus": bus,
        "minimum_mw": least,
        "capacity_mw": most,
        "minimum_cost_per_hour": least * price,
        "cost_per_mwh": price,
        "start_costs": [[0.0, start]],
        "minimum_up_hours": minimum_hours,
        "minimum_down_hours": minimum_hours,
    }
