"""A storage's part of the model: charging or discharging, its state of charge, and the reserve that it could serve.

Standing losses are those of what was in it when a period began. Reserve counts only as far as the storage could serve
it for a whole period.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from grid.assets import Storage
from grid.formulation.linear import IntArray, LinearModel
from grid.problem.dispatch_problem import DispatchProblem
from grid.time_axis import FloatArray

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class StorageColumns:
    """One storage's columns, each of shape (periods,); ``charging`` is 1 where it may charge, 0 where discharge.

    ``energy_rows`` carry the state of charge on; the dual of one is the worth of a MWh more in store.
    ``due_shortfall`` is what is missing of the energy that must leave it.
    """

    charge: IntArray
    discharge: IntArray
    energy: IntArray
    charging: IntArray
    reserve_up: IntArray
    reserve_down: IntArray
    end_shortfall: IntArray
    energy_rows: IntArray
    due_shortfall: IntArray


class EnergyColumns(NamedTuple):
    """What is in a storage, and what is missing of it; as in :class:`StorageColumns`."""

    energy: IntArray
    end_shortfall: IntArray
    energy_rows: IntArray
    due_shortfall: IntArray


def add_energy(
    linear: LinearModel, problem: DispatchProblem, storage: Storage, charge: IntArray, discharge: IntArray
) -> EnergyColumns:
    """Add what is in one storage, whose columns ``charge`` and ``discharge`` are there, both of shape (periods,)."""
    periods, step = problem.axis.periods, problem.axis.step_hours
    profile, price = problem.profile_of(storage), problem.penalties.storage_end
    initial, kept = problem.initial_mwh.get(storage.storage_id, storage.initial_mwh), storage.kept_share(step)
    start = profile.inflow_mwh - profile.due_mwh
    start[:1] += kept * initial
    value = np.zeros(periods)
    value[-1:] = storage.end_value_per_mwh
    columns = EnergyColumns(
        energy=linear.columns(periods, upper=profile.energy_mwh, cost=-value),
        end_shortfall=linear.priced(1, upper=storage.end_minimum_mwh, price=price),
        energy_rows=linear.rows(periods, lower=start - profile.unused_mwh(initial), upper=start),
        due_shortfall=linear.priced(periods, upper=profile.due_mwh, price=price),
    )
    rows = columns.energy_rows
    linear.put(rows, columns.energy, 1.0)
    linear.put(rows[1:], columns.energy[:-1], -kept)
    linear.put(rows, charge, -storage.charge_efficiency * step)
    linear.put(rows, discharge, step / storage.discharge_efficiency)
    linear.put(rows, columns.due_shortfall, -1.0)
    end = linear.rows(1, lower=storage.end_minimum_mwh)
    linear.put(end, columns.energy[-1:], 1.0)
    linear.put(end, columns.end_shortfall, 1.0)
    if storage.rebound_hours is not None and np.isfinite(storage.rebound_hours):
        from_before = problem.owed_mwh.get(storage.storage_id, np.zeros(periods))
        _put_back(linear, columns.energy, discharge, storage, step, from_before)
    return columns


def add_storage(linear: LinearModel, problem: DispatchProblem, storage: Storage) -> StorageColumns:
    """Add one storage."""
    periods, step = problem.axis.periods, problem.axis.step_hours
    profile = problem.profile_of(storage)
    both = profile.charge_mw + profile.discharge_mw
    charge = linear.columns(periods, upper=profile.charge_mw)
    discharge = linear.columns(periods, upper=profile.discharge_mw, cost=storage.cycle_cost_per_mwh * step)
    columns = StorageColumns(
        charge=charge,
        discharge=discharge,
        charging=linear.columns(periods, upper=1.0, integer=True),
        reserve_up=linear.columns(periods, upper=both),
        reserve_down=linear.columns(periods, upper=both),
        **add_energy(linear, problem, storage, charge, discharge)._asdict(),
    )

    charges, discharges = linear.rows(periods, upper=0.0), linear.rows(periods, upper=profile.discharge_mw)
    linear.put(charges, columns.charge, 1.0)
    linear.put(charges, columns.charging, -profile.charge_mw)
    linear.put(discharges, columns.discharge, 1.0)
    linear.put(discharges, columns.charging, profile.discharge_mw)

    up, up_energy = linear.rows(periods, upper=profile.discharge_mw), linear.rows(periods, lower=0.0)
    linear.put(up, columns.reserve_up, 1.0)
    linear.put(up, columns.discharge, 1.0)
    linear.put(up, columns.charge, -1.0)
    linear.put(up_energy, columns.energy, 1.0)
    linear.put(up_energy, columns.reserve_up, -step / storage.discharge_efficiency)
    down, down_energy = linear.rows(periods, upper=profile.charge_mw), linear.rows(periods, upper=profile.energy_mwh)
    linear.put(down, columns.reserve_down, 1.0)
    linear.put(down, columns.charge, 1.0)
    linear.put(down, columns.discharge, -1.0)
    linear.put(down_energy, columns.energy, 1.0)
    linear.put(down_energy, columns.reserve_down, step * storage.charge_efficiency)
    return columns


def _put_back(
    linear: LinearModel, energy: IntArray, discharge: IntArray, storage: Storage, step: float, from_before: FloatArray
) -> None:
    """What is owed at a period's end was taken out within the last hours: ``full - energy <= taken out``.

    Args:
        from_before: Of that, what was taken out before the first period, shape (periods,). [MWh]
    """
    hours = storage.rebound_hours or 0.0
    periods, window = len(energy), max(math.floor(hours / step + _ROUNDING), 1)
    owed = linear.rows(periods, lower=storage.energy_mwh - from_before)
    linear.put(owed, energy, 1.0)
    for age in range(min(window, periods)):
        linear.put(owed[age:], discharge[: periods - age], step / storage.discharge_efficiency)
