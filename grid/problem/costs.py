"""What a schedule costs, counted from the units' own data and not from a solver's objective."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from grid.assets import ThermalUnit
from grid.problem.dispatch_problem import DispatchProblem, StartRule, UnitState
from grid.time_axis import FloatArray

_ROUNDING = 1e-9


def running_cost_per_hour(unit: ThermalUnit, power_mw: FloatArray) -> FloatArray:
    """Cost of an hour on at ``power_mw`` (any shape), start not included. [money/h]"""
    cost = np.full_like(power_mw, unit.minimum_cost_per_hour)
    above = power_mw - unit.minimum_mw
    for segment in unit.segments:
        cost = cost + segment.cost_per_mwh * np.clip(above, 0.0, segment.width_mw)
        above = above - segment.width_mw
    return cost


def whole_periods(hours: float, *, step_hours: float) -> int:
    """For how many whole periods, one at least, a unit has been on or off that was so for ``hours`` before the plan."""
    return max(math.floor(hours / step_hours + _ROUNDING), 1)


def start_costs(
    unit: ThermalUnit,
    on: npt.NDArray[np.bool_],
    state: UnitState | None,
    *,
    step_hours: float,
    rule: StartRule = StartRule.TIME_OFF,
) -> FloatArray:
    """Cost of the start in each period, 0 where there is none, shape (periods,).

    Times off count in whole periods. Without a known ``state`` the unit is as it is in the first period, and its first
    start later on is a cold one.
    """
    cost = np.zeros(len(on))
    was_on = bool(on[:1].any()) if state is None else state.on
    off = np.inf if state is None else 0 if state.on else whole_periods(state.hours, step_hours=step_hours)
    off_before = 0 if rule is StartRule.TIME_OFF or state is None else off
    after = [math.ceil(start.offline_hours / step_hours - _ROUNDING) for start in unit.start_costs]
    for t, is_on in enumerate(on):
        if is_on and not was_on:
            reached = max(sum(first <= off for first in after) - 1, 0)
            barred = [first - off_before <= t <= first - 2 for first in after[1:]]
            while off_before > 0 and reached < len(barred) and barred[reached]:
                reached += 1
            cost[t] = unit.start_costs[reached].cost
        off = 0 if is_on else off + 1
        was_on = bool(is_on)
    return cost


def production_cost(
    problem: DispatchProblem, on: npt.NDArray[np.bool_], power_mw: FloatArray, discharge_mw: FloatArray
) -> FloatArray:
    """Running, start and storage wear costs of each period, shape (periods,). [money]

    Args:
        on, power_mw: Thermal units, shape (units, periods).
        discharge_mw: Storages, shape (storages, periods).
    """
    step = problem.axis.step_hours
    total = np.zeros(problem.axis.periods)
    for unit, committed, power in zip(problem.thermal_units, on, power_mw, strict=True):
        total += np.where(committed, running_cost_per_hour(unit, power), 0.0) * step
        state = problem.initial.get(unit.unit_id)
        total += start_costs(unit, committed, state, step_hours=step, rule=problem.start_rule)
    for storage, discharge in zip(problem.storages, discharge_mw, strict=True):
        total += storage.cycle_cost_per_mwh * discharge * step
    return total


def change_cost(problem: DispatchProblem, on: np.ndarray, power_mw: FloatArray, net_mw: FloatArray) -> float:
    """What a schedule's changes of the earlier plan are priced at, counted from the set-points; 0 without one. [money]

    Args:
        on, power_mw: Thermal units, shape (units, periods).
        net_mw: Storages' discharge less charge, shape (storages, periods).
    """
    earlier = problem.earlier
    if earlier is None:
        return 0.0
    assets = [unit.unit_id for unit in problem.thermal_units] + [storage.storage_id for storage in problem.storages]
    moved = sum(
        float(np.nansum(np.abs(power - earlier.power_mw[name])))
        for name, power in zip(assets, [*power_mw, *net_mw], strict=True)
        if name in earlier.power_mw
    )
    switched = sum(
        float(np.nansum(np.abs(committed - earlier.on[unit.unit_id])))
        for unit, committed in zip(problem.thermal_units, on, strict=True)
        if unit.unit_id in earlier.on
    )
    return (moved * earlier.prices.per_mwh + switched * earlier.prices.per_commitment_hour) * problem.axis.step_hours


def end_value(problem: DispatchProblem, state_of_charge_mwh: FloatArray) -> float:
    """What is left in the storages at the end, at ``end_value_per_mwh``; no cost of production is less by it. [money]

    Args:
        state_of_charge_mwh: At each period's end, shape (storages, periods).
    """
    value = np.array([storage.end_value_per_mwh for storage in problem.storages])
    return float(value @ state_of_charge_mwh[:, -1])


def most_end_value(problem: DispatchProblem) -> float:
    """What storages would hold at the end if they only took in, at ``end_value_per_mwh``: no plan leaves more. [money]

    A solver's objective has it added, so that it counts what is missing of it and gaps are relative to a cost.
    """
    total, step = 0.0, problem.axis.step_hours
    for storage in problem.storages:
        if storage.end_value_per_mwh == 0.0:
            continue
        profile, kept = problem.profile_of(storage), storage.kept_share(step)
        coming = profile.inflow_mwh + storage.charge_efficiency * step * profile.charge_mw
        energy = problem.initial_mwh.get(storage.storage_id, storage.initial_mwh)
        for come, room in zip(coming.tolist(), profile.energy_mwh.tolist(), strict=True):
            energy = min(kept * energy + come, room)
        total += storage.end_value_per_mwh * energy
    return total
