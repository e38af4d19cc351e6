"""What one dispatch leaves to the next: unit states and states of charge; and many first periods put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np

from grid.assets import Storage, ThermalUnit
from grid.dispatch import DispatchPlan, DispatchProblem, Limit, UnitState, Violation
from grid.formulation.relaxed import missing_at_end
from grid.problem.costs import end_value, production_cost
from grid.problem.exchanges import exchange_cost
from grid.problem.prices import Prices
from grid.problem.rebound import Taken, owed_mwh, taken_after
from grid.problem.schedule import Schedule
from grid.time_axis import FloatArray, TimeAxis

_Arrays = TypeVar("_Arrays", Schedule, Prices)

_LONG_HOURS = 10_000.0
"""For how long a unit without a known state has been as it is: long enough for every minimum time and a cold start."""


@dataclass(frozen=True, slots=True)
class Carried:
    """Where a system stands between two periods.

    Attributes:
        units: State of each thermal unit by id; one not named is free.
        stored_mwh: State of charge by storage id.
        taken: What each demand response that must put back what it takes out took of late, by storage id.
    """

    units: Mapping[str, UnitState]
    stored_mwh: Mapping[str, float]
    taken: Mapping[str, Taken] = field(default_factory=dict)

    def after(self, plan: DispatchPlan, periods: int) -> Carried:
        """Where it stands when the first ``periods`` of ``plan``, which began here, are done."""
        schedule = plan.schedule
        if periods == 0:
            return self
        problem, step = plan.problem, plan.problem.axis.step_hours
        units = {}
        for unit, on, power in zip(problem.thermal_units, schedule.on[:, :periods], schedule.power_mw, strict=True):
            before = self.units.get(unit.unit_id) or UnitState(bool(on[0]), _LONG_HOURS, float(power[0]))
            changes = np.flatnonzero(np.diff(np.concatenate([[before.on], on])))
            hours = (periods - changes[-1]) * step if len(changes) else before.hours + periods * step
            last = float(power[periods - 1]) if on[-1] else 0.0
            units[unit.unit_id] = UnitState(bool(on[-1]), float(hours), min(max(last, 0.0), unit.capacity_mw))
        stored = {
            storage.storage_id: min(max(float(energy[periods - 1]), 0.0), storage.energy_mwh)
            for storage, energy in zip(problem.storages, schedule.state_of_charge_mwh, strict=True)
        }
        discharges = zip(problem.storages, schedule.discharge_mw[:, :periods], strict=True)
        return Carried(units, stored, taken_after(self.taken, discharges, step_hours=step))

    def owed_mwh(self, storages: Sequence[Storage], axis: TimeAxis) -> dict[str, FloatArray]:
        """What may still be owed of what was taken out before, at the end of each period of an ``axis`` from here."""
        return owed_mwh(self.taken, storages, axis)

    def able_to_stop(self, units: Sequence[ThermalUnit]) -> Carried:
        """The same with no unit's output above what it may stop from: real time comes down for a stop it knows of."""
        limit = {unit.unit_id: unit.stop_ramp_mw for unit in units}
        lowered = {
            name: replace(state, power_mw=min(state.power_mw, limit[name])) for name, state in self.units.items()
        }
        return replace(self, units=lowered)


def put_together(actual: DispatchProblem, steps: Sequence[DispatchPlan]) -> DispatchPlan:
    """The first period of every one of ``steps`` as one plan of ``actual``, counted anew in money.

    Its reserve requirement is zero: in real time reserves are there to be used.
    """
    problem = without_reserves(actual)
    schedule = replace(_first_periods([step.schedule for step in steps]), products=())
    stored, step = schedule.state_of_charge_mwh, problem.axis.step_hours
    violations = (*_relaxed(steps), *_left_empty(problem, stored))
    cost = production_cost(problem, schedule.on, schedule.power_mw, schedule.discharge_mw)
    cost += exchange_cost(problem.exchanges, schedule.import_mw, schedule.export_mw, step_hours=step)
    objective = float(cost.sum()) + sum(violation.cost(step) for violation in violations) - end_value(problem, stored)
    return replace(
        steps[0],
        problem=problem,
        objective=objective,
        schedule=schedule,
        prices=_first_periods([step.prices for step in steps]),
        violations=violations,
        reasons=(),
    )


def _first_periods(parts: Sequence[_Arrays]) -> _Arrays:
    """The first period of every one of ``parts``, one after the other, in each of their arrays."""
    first = parts[0]
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(part, name)[..., :1] for part in parts], axis=-1)
        for name in (attribute.name for attribute in fields(first))
        if isinstance(getattr(first, name), np.ndarray)
    }
    return replace(first, **arrays)


def without_reserves(problem: DispatchProblem) -> DispatchProblem:
    """The same problem with nothing to be held in reserve, no earlier plan to keep to, and no doubt of what comes."""
    nothing = np.zeros(problem.axis.periods)
    return replace(
        problem,
        reserve_up_mw=nothing,
        reserve_down_mw=nothing,
        quick_starts=None,
        requirements=(),
        secure_units=False,
        deliverable=False,
        earlier=None,
        spread=None,
        scenarios=None,
    )


def _relaxed(steps: Sequence[DispatchPlan]) -> Iterator[Violation]:
    for period, step in enumerate(steps):
        for violation in step.violations:
            if violation.period == 0 and violation.limit.kind is not Limit.STORAGE_END:
                yield replace(violation, period=period)


def _left_empty(problem: DispatchProblem, stored_mwh: np.ndarray) -> Iterator[Violation]:
    """What is missing in the storages when all is over; on the way a dispatch only aims at what was planned."""
    for storage, energy in zip(problem.storages, stored_mwh, strict=True):
        yield from missing_at_end(storage, storage.end_minimum_mwh - float(energy[-1]), problem)
