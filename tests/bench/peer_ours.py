"""A day of a case by :class:`grid.dispatch.Redispatch`, then ten other forecasts of its load from the kept basis."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from peer_day import SHED_PRICE, Day, tell

from grid.assets import CostSegment, StartCost, ThermalUnit
from grid.dispatch.redispatch import Redispatch
from grid.network import Branch, Bus, Network
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.soft_limits import Penalties
from grid.time_axis import TimeAxis

FORECASTS = 10
FORECAST_ERROR = 0.02


def problem_of(day: Day) -> DispatchProblem:
    """The day as a dispatch problem."""
    ends = zip(day["from"].tolist(), day["to"].tolist(), day["reactance"].tolist(), day["limit"].tolist(), strict=True)
    machines = zip(*(day[name].tolist() for name in ("bus", "minimum", "maximum", "cost", "ramp")), strict=True)
    periods = day["load"].shape[1]
    none = np.zeros(periods)
    return DispatchProblem(
        axis=TimeAxis(datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=1), periods),
        network=Network(
            tuple(Bus(str(i)) for i in range(len(day["load"]))),
            tuple(Branch(f"line {k}", str(i), str(j), x, mw) for k, (i, j, x, mw) in enumerate(ends)),
        ),
        thermal_units=tuple(
            ThermalUnit(
                f"unit {k}", str(bus), low, high, cost * low, (CostSegment(high - low, cost),), (StartCost(0.0, 0.0),),
                0.0, 0.0, ramp, ramp, high, high,
            )
            for k, (bus, low, high, cost, ramp) in enumerate(machines)
        ),
        renewable_plants=(),
        storages=(),
        load_mw=day["load"],
        available_mw=np.zeros((0, periods)),
        reserve_up_mw=none,
        reserve_down_mw=none,
        initial={},
        initial_mwh={},
        penalties=Penalties(shedding=SHED_PRICE, overload=np.inf),
    )  # fmt: skip


def dispatch(day: Day) -> dict[str, Any]:
    """Build, solve, and solve again for other forecasts."""
    clock = [time.process_time()]
    problem = problem_of(day)
    shape = (len(problem.thermal_units), problem.axis.periods)
    kept = Redispatch(problem, np.ones(shape, dtype=np.bool_), np.zeros((0, shape[1]), dtype=np.bool_))
    clock.append(time.process_time())
    found = kept.solve(problem.load_mw, problem.available_mw)
    clock.append(time.process_time())
    draw, again = np.random.default_rng(1), []
    for _ in range(FORECASTS):
        load = problem.load_mw * draw.normal(1.0, FORECAST_ERROR, (len(problem.load_mw), 1))
        began = time.process_time()
        kept.solve(load, problem.available_mw)
        again.append(time.process_time() - began)
    return {
        "objective": found.objective,
        "build_seconds": clock[1] - clock[0],
        "cpu_seconds": clock[2] - clock[0],
        "again_seconds": float(np.median(again)),
        "longest_again_seconds": max(again),
        "shed_mwh": float(found.shed_mw.sum()),
        "full_branches": int((np.abs(found.branch_flow_mw) > day["limit"][:, None] - 1e-3).sum()),
    }


if __name__ == "__main__":
    tell(dispatch)
