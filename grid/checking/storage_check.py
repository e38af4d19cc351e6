"""An independent check of storages: what goes in and out, what is in them, what is due, and what must be put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grid.assets import Storage
from grid.checking.reported import reported_faults
from grid.problem.plan import DispatchPlan
from grid.problem.soft_limits import Limit, SoftLimit
from grid.problem.storage_profiles import StorageProfile
from grid.time_axis import FloatArray

_MW = 1e-2
_MWH = 1e-2
_HOURS = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class _Course:
    """What a plan does with a storage, and what it can; arrays of shape (periods,).

    Attributes:
        before_mwh: State of charge at the start of each period; ``energy_mwh`` is that at its end.
    """

    storage: Storage
    can: StorageProfile
    step_hours: float
    charge_mw: FloatArray
    discharge_mw: FloatArray
    before_mwh: FloatArray
    energy_mwh: FloatArray
    reserve_up_mw: FloatArray
    reserve_down_mw: FloatArray

    def faults(self, wrong: npt.NDArray[np.bool_], describe: Callable[[int], str]) -> Iterator[str]:
        for t in np.flatnonzero(wrong).tolist():
            yield f"{self.storage.storage_id} period {t}: {describe(t)}"


def check_storages(plan: DispatchPlan) -> Iterator[str]:
    """Everything that does not hold of the storages."""
    missing: dict[SoftLimit, FloatArray] = {}
    for s, storage in enumerate(plan.problem.storages):
        course = _course(plan, s, storage)
        more = _unexplained_mwh(course)
        yield from _power(course)
        yield from _energy(course, more)
        yield from _rebound(course, plan.problem.owed_mwh.get(storage.storage_id, np.zeros(len(more))))
        yield from _reserve(course)
        at_end = np.zeros(len(more))
        at_end[-1] = max(storage.end_minimum_mwh - course.energy_mwh[-1], 0.0)
        missing[SoftLimit(Limit.STORAGE_END, storage.storage_id)] = at_end
        due = np.where(course.can.due_mwh > 0.0, np.maximum(more, 0.0), 0.0)
        missing[SoftLimit(Limit.STORAGE_DUE, storage.storage_id)] = due
    yield from reported_faults(plan, (Limit.STORAGE_DUE, Limit.STORAGE_END), missing)


def _course(plan: DispatchPlan, s: int, storage: Storage) -> _Course:
    schedule = plan.schedule
    initial = plan.problem.initial_mwh.get(storage.storage_id, storage.initial_mwh)
    energy = schedule.state_of_charge_mwh[s]
    return _Course(
        storage=storage,
        can=plan.problem.profile_of(storage),
        step_hours=plan.problem.axis.step_hours,
        charge_mw=schedule.charge_mw[s],
        discharge_mw=schedule.discharge_mw[s],
        before_mwh=np.concatenate([[initial], energy[:-1]]),
        energy_mwh=energy,
        reserve_up_mw=schedule.storage_reserve_up_mw[s],
        reserve_down_mw=schedule.storage_reserve_down_mw[s],
    )


def _unexplained_mwh(course: _Course) -> FloatArray:
    """What is in the storage at each period's end beyond what was left, came in, went out and was due."""
    left = course.before_mwh * (1.0 - course.storage.standing_loss_per_hour) ** course.step_hours
    into, out = course.charge_mw * course.storage.charge_efficiency, course.discharge_mw
    gained = course.step_hours * (into - out / course.storage.discharge_efficiency)
    return np.asarray(course.energy_mwh - left - gained - course.can.inflow_mwh + course.can.due_mwh)


def _power(course: _Course) -> Iterator[str]:
    charge, discharge, can = course.charge_mw, course.discharge_mw, course.can
    both = np.minimum(charge, discharge) > _MW
    yield from course.faults(both, lambda t: "charges and discharges at once")
    beyond = (charge > can.charge_mw + _MW) | (discharge > can.discharge_mw + _MW)
    yield from course.faults(beyond, lambda t: f"beyond {can.charge_mw[t]} MW in, {can.discharge_mw[t]} MW out")


def _energy(course: _Course, unexplained_mwh: FloatArray) -> Iterator[str]:
    """Only what is due may be missing; only what spills, or leaves with cars, may be gone."""
    can, energy, before = course.can, course.energy_mwh, course.before_mwh
    wrong = (unexplained_mwh > can.due_mwh + _MWH) | (unexplained_mwh < -_may_be_gone_mwh(can, before[0]) - _MWH)
    yield from course.faults(wrong, lambda t: f"{energy[t]} MWh does not follow from {before[t]} MWh")
    outside = (energy < -_MWH) | (energy > can.energy_mwh + _MWH)
    yield from course.faults(outside, lambda t: f"{energy[t]} MWh lies outside [0, {can.energy_mwh[t]}]")


def _may_be_gone_mwh(can: StorageProfile, initial_mwh: float) -> FloatArray:
    """Most that spills, or leaves with cars beyond what is due: what those that stay could not hold."""
    gone, room = np.zeros(len(can.energy_mwh)), initial_mwh
    for t, most in enumerate(can.energy_mwh.tolist()):
        marked = can.leaves is not None and can.leaves[t]
        if can.spills:
            gone[t] = np.inf
        elif marked or can.due_mwh[t] > 0.0 or most < room:
            gone[t] = max(room + can.inflow_mwh[t] - can.due_mwh[t] - most, 0.0)
        room = most
    return gone


def _rebound(course: _Course, owed_from_before_mwh: FloatArray) -> Iterator[str]:
    """What is taken out must be put back in time: no more is owed than was taken of late."""
    hours, periods = course.storage.rebound_hours, len(course.energy_mwh)
    if hours is None or np.isinf(hours):
        return
    window = int(min(hours / course.step_hours + _HOURS, periods))
    lately = np.array([course.discharge_mw[max(t + 1 - window, 0) : t + 1].sum() for t in range(periods)])
    taken = lately * course.step_hours / course.storage.discharge_efficiency
    owed = course.storage.energy_mwh - course.energy_mwh
    late = owed > owed_from_before_mwh + taken + _MWH
    yield from course.faults(late, lambda t: f"{owed[t]} MWh are owed for longer than {hours} h")


def _reserve(course: _Course) -> Iterator[str]:
    storage, can, step = course.storage, course.can, course.step_hours
    up, down, net = course.reserve_up_mw, course.reserve_down_mw, course.discharge_mw - course.charge_mw
    power = (up + net > can.discharge_mw + _MW) | (down - net > can.charge_mw + _MW)
    yield from course.faults(power, lambda t: "reserve beyond its power")
    empty = up * step / storage.discharge_efficiency > course.energy_mwh + _MWH
    yield from course.faults(empty, lambda t: "upward reserve beyond its energy")
    full = down * step * storage.charge_efficiency > can.energy_mwh - course.energy_mwh + _MWH
    yield from course.faults(full, lambda t: "downward reserve beyond its room")
