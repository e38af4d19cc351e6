"""An independent check of storages: what goes in and out, what is in them, what is due, and what must be put back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grid.assets import Storage
from grid.checking.reported import reported_faults
from grid.problem.plan import DispatchPlan
from grid.problem.soft_limits import Limit, SoftLimit
from grid.time_axis import FloatArray

_MW = 1e-2
_MWH = 1e-2
_HOURS = 1e-6


def check_storages(plan: DispatchPlan) -> Iterator[str]:
    """Everything that does not hold of the storages."""
    step = plan.problem.axis.step_hours
    missing: dict[tuple[SoftLimit, int], float] = {}
    for s, storage in enumerate(plan.problem.storages):
        charge, discharge, energy = plan.charge_mw[s], plan.discharge_mw[s], plan.state_of_charge_mwh[s]
        before = plan.problem.initial_mwh.get(storage.storage_id, storage.initial_mwh)
        told, spills, leaves = _limits_of(plan, storage)
        owed = storage.energy_mwh - energy
        allowed = plan.problem.owed_mwh.get(storage.storage_id, np.zeros(len(energy)))
        window = len(energy) if storage.rebound_hours is None else storage.rebound_hours / step
        for t in range(len(energy)):
            place = f"{storage.storage_id} period {t}"
            lately = discharge[max(t + 1 - int(min(window + _HOURS, len(energy))), 0) : t + 1].sum() * step
            lately = allowed[t] + lately / storage.discharge_efficiency
            if storage.rebound_hours is not None and owed[t] > lately + _MWH:
                yield f"{place}: {owed[t]} MWh are owed for longer than {storage.rebound_hours} h"
            if min(charge[t], discharge[t]) > _MW:
                yield f"{place}: charges and discharges at once"
            into, out, most, inflow, due = (float(limits[t]) for limits in told)
            room = before if t == 0 else float(told[2][t - 1])
            leave = leaves[t] or due > 0.0 or most < room
            gone = max(room + inflow - due - most, 0.0) if leave else 0.0  # with cars that leave
            if charge[t] > into + _MW or discharge[t] > out + _MW:
                yield f"{place}: beyond {into} MW in, {out} MW out"
            gained = step * (charge[t] * storage.charge_efficiency - discharge[t] / storage.discharge_efficiency)
            more = float(energy[t] - before - gained - inflow + due)
            if more > due + _MWH or (more < -gone - _MWH and not spills):
                yield f"{place}: {energy[t]} MWh does not follow from {before} MWh"
            missing[SoftLimit(Limit.STORAGE_DUE, storage.storage_id), t] = max(more, 0.0) if due else 0.0
            if not -_MWH <= energy[t] <= most + _MWH:
                yield f"{place}: {energy[t]} MWh lies outside [0, {most}]"
            up, down = plan.storage_reserve_up_mw[s, t], plan.storage_reserve_down_mw[s, t]
            net = discharge[t] - charge[t]
            if up + net > out + _MW or down - net > into + _MW:
                yield f"{place}: reserve beyond its power"
            if up * step / storage.discharge_efficiency > energy[t] + _MWH:
                yield f"{place}: upward reserve beyond its energy"
            if down * step * storage.charge_efficiency > most - energy[t] + _MWH:
                yield f"{place}: downward reserve beyond its room"
            before = energy[t]
        short = max(storage.end_minimum_mwh - float(before), 0.0)
        missing[SoftLimit(Limit.STORAGE_END, storage.storage_id), len(energy) - 1] = short
    yield from reported_faults(plan, (Limit.STORAGE_DUE, Limit.STORAGE_END), missing)


def _limits_of(plan: DispatchPlan, storage: Storage) -> tuple[tuple[FloatArray, ...], bool, list[bool]]:
    """Most in and out, most energy, inflow and what is due; whether it may spill; when cars leave. By period."""
    told, periods = plan.problem.storage_profiles.get(storage.storage_id), plan.problem.axis.periods
    never, one = [False] * periods, np.ones(periods)
    if told is not None:
        limits = (told.charge_mw, told.discharge_mw, told.energy_mwh, told.inflow_mwh, told.due_mwh)
        return limits, told.spills, never if told.leaves is None else told.leaves.tolist()
    power = storage.power_mw * one
    return (power, power, storage.energy_mwh * one, 0.0 * one, 0.0 * one), False, never
