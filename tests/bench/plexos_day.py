"""One day of the plan that PLEXOS published for RTS-GMLC, in the order of our units and buses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from grid.assets import ThermalUnit
from grid.cases.case import BoolArray
from grid.dispatch import DispatchProblem, UnitState
from grid.problem.costs import running_cost_per_hour
from grid.time_axis import FloatArray

HOURS = LOOK_AHEAD = 24
_LONG_HOURS = 10_000.0


@dataclass(frozen=True, slots=True, eq=False)
class PlexosDay:
    """A day of the published plan; units in our order.

    Attributes:
        initial: State of each thermal unit before the day, by the plan of the day before.
        on, started, power_mw, running: Shape (units, hours); ``running`` is our cost of being on at that output.
        cost: As published. [money]
        starts, start_money: What was published beyond ``running`` in the hours of starts.
        energy_by_fuel: Of all generators. [MWh]
        lmp: Shape (buses, hours).
    """

    initial: dict[str, UnitState]
    on: BoolArray
    started: BoolArray
    power_mw: FloatArray
    running: FloatArray
    cost: float
    starts: int
    start_money: float
    energy_by_fuel: dict[str, float]
    lmp: FloatArray


def read_plexos(folder: Path, start: datetime, units: Sequence[ThermalUnit]) -> PlexosDay:
    """The day that begins at ``start``, on the data's own clock."""
    generation, cost, commitment, price = (
        pd.read_csv(folder / f"PLEXOS_DA_solution_{part}.csv", parse_dates=["time"]).set_index("time")
        for part in ("generation", "cost", "commitment", "price")
    )
    first = pd.Timestamp(start.replace(tzinfo=None))
    day = slice(first, first + timedelta(hours=HOURS - 1))
    names = [unit.unit_id for unit in units]
    past_on = commitment.loc[: first - timedelta(hours=1)].reindex(columns=names, fill_value=0).to_numpy() > 0.5
    past_power = generation.loc[: first - timedelta(hours=1)].reindex(columns=names, fill_value=0.0).to_numpy()
    on = (commitment.loc[day].reindex(columns=names, fill_value=0).to_numpy() > 0.5).T
    power = generation.loc[day].reindex(columns=names, fill_value=0.0).to_numpy().T
    paid = cost.loc[day].reindex(columns=names, fill_value=0.0).to_numpy().T
    started = on & ~np.concatenate([past_on[-1:].T, on[:, :-1]], axis=1)
    running = np.array([running_cost_per_hour(unit, row) for unit, row in zip(units, power, strict=True)])
    fuels = {unit.unit_id: unit.fuel for unit in units}
    energy: dict[str, float] = {}
    for name, mwh in generation.loc[day].sum().items():
        fuel = fuels.get(str(name), str(name).split("_")[1])
        energy[fuel] = energy.get(fuel, 0.0) + float(mwh)
    return PlexosDay(
        initial={u.unit_id: _state(u, past_on[:, i], past_power[:, i]) for i, u in enumerate(units)},
        on=on,
        started=started,
        power_mw=power,
        running=np.where(on, running, 0.0),
        cost=float(cost.loc[day].to_numpy().sum()),
        starts=int(started.sum()),
        start_money=float((paid - running)[started].sum()),
        energy_by_fuel={fuel: mwh for fuel, mwh in energy.items() if fuel != "SYNC"},
        lmp=price.loc[day].to_numpy().T,
    )


def _state(unit: ThermalUnit, on: BoolArray, power_mw: FloatArray) -> UnitState:
    changes = np.flatnonzero(np.diff(on))
    hours = float(len(on) - 1 - changes[-1]) if len(changes) else _LONG_HOURS
    return UnitState(bool(on[-1]), hours, min(float(power_mw[-1]), unit.capacity_mw) if on[-1] else 0.0)


def without_stores(problem: DispatchProblem) -> DispatchProblem:
    """A problem without storages and solar thermal plants."""
    kept = [i for i, plant in enumerate(problem.renewable_plants) if "_CSP_" not in plant.plant_id]
    return replace(
        problem,
        storages=(),
        renewable_plants=tuple(problem.renewable_plants[i] for i in kept),
        available_mw=problem.available_mw[kept],
    )
