"""The closed loop: plans made from forecasts, carried out against what really happened, period by period.

Every day at one hour the next day is planned from what was known then and from the state that the system is expected
to be in; in real time the commitment is held, and dispatched with the actual load and available power of the present
period. For the periods ahead the plan's forecasts hold, with the error that they have at present. What was done in one
period is where the next one begins: units on and off, their hours and output, the storages' energy.

References:
    Knueven et al., "Prescient", Sandia National Laboratories, 2020 (https://github.com/grid-parity-exchange/Prescient):
    the cycle of day-ahead commitment and hourly dispatch, with forecast errors that persist.
"""

from __future__ import annotations

import logging
from dataclasses import astuple, dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from grid.dispatch import DispatchPlan, DispatchProblem, plan_dispatch
from grid.faults import Fault, InputError
from grid.problem.quick_starts import QuickStarts
from grid.problem.soft_limits import UPWARD_RESERVES
from grid.problem.validate import require_valid
from grid.problem.window import window
from grid.simulation.carried import Carried, put_together, without_reserves
from grid.simulation.expected import Expected, Forecaster
from grid.simulation.real_time import RealTime
from grid.time_axis import FloatArray, TimeAxis

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Operation:
    """How a system is run.

    Attributes:
        plan_every: A plan is made for every such stretch; ``lead`` before it begins, the first one at its beginning.
        plan_step: Length of a plan's periods, a multiple of real time's.
        horizon: How far a plan looks; the part beyond the next plan's beginning keeps its end from distorting it.
        look_ahead: How far real time looks.
        quick_start_hours: Units whose minimum times are at most this long are started and stopped in real time.
        relative_gap, time_limit_seconds: Of a plan.
    """

    plan_every: timedelta = timedelta(hours=24)
    lead: timedelta = timedelta(hours=8)
    plan_step: timedelta = timedelta(hours=1)
    horizon: timedelta = timedelta(hours=48)
    look_ahead: timedelta = timedelta(hours=4)
    quick_start_hours: float = 0.0
    relative_gap: float = 0.001
    time_limit_seconds: float = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class MadePlan:
    """A plan that was made on the way, and what was expected when it was made."""

    issued_at: datetime
    expected: Expected
    plan: DispatchPlan


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """What came of it.

    Attributes:
        realised: What was done over the whole span, as one plan: the first period of every dispatch. Its problem is
            what really happened; :func:`grid.dispatch.check_plan` holds for it. Its objective is the realised cost,
            relaxed limits at their prices included.
        expected_net_load_mw, reserve_up_mw, reserve_short_mw: Of the plan that was in force: what it expected, the
            upward reserve for net load that it was asked for, and what it did not hold of that, of each requirement of
            an upward product and of the largest loss, shape (periods,).
        made: The plans, in order.
    """

    realised: DispatchPlan
    expected_net_load_mw: FloatArray
    reserve_up_mw: FloatArray
    reserve_short_mw: FloatArray
    made: tuple[MadePlan, ...]


def simulate(actual: DispatchProblem, forecaster: Forecaster, *, operation: Operation | None = None) -> Simulated:
    """Run a system through ``actual``, planning with ``forecaster``.

    Args:
        actual: Network, assets, their state at the beginning, and what really happened in every period. Its reserve
            requirements are not held in real time.
        operation: How it is run; the usual way if None.

    Raises:
        InputError: If the problem is malformed, has limits that are never relaxed, or a duration of ``operation`` does
            not fit the others or the problem's periods.
        UnsolvedError: If demand responses or reservoirs leave real time no dispatch at all.
    """
    require_valid(actual)
    if not np.isfinite(astuple(actual.penalties)).all():
        told = "a limit that is never relaxed may leave real time no dispatch"
        raise InputError([Fault("penalties", told, "give every penalty a price")])
    loop = _Loop(actual, forecaster, operation or Operation())
    for period in range(actual.axis.periods):
        loop.step(period)
    return loop.result()


class _Loop:
    """The present state, and what is planned for every period from the first to beyond the last.

    Everything is counted in periods of real time; a plan's period is several of them where it is longer.
    """

    def __init__(self, actual: DispatchProblem, forecaster: Forecaster, operation: Operation) -> None:
        self._actual, self._forecaster, self._operation = actual, forecaster, operation
        self._system = without_reserves(actual)
        self._every = self._count(operation.plan_every, "plan_every")
        self._lead = self._count(operation.lead, "lead")
        self._per_plan_period = self._count(operation.plan_step, "plan_step")
        self._horizon = self._count(operation.horizon, "horizon", of=operation.plan_step) * self._per_plan_period
        self._look_ahead = max(self._count(operation.look_ahead, "look_ahead"), 1)
        if not 0 <= self._lead <= self._every <= self._horizon or self._every == 0:
            told = f"0 <= lead <= plan_every <= horizon must hold, got {operation}"
            raise InputError([Fault("operation", told, "choose other durations")])
        length = actual.axis.periods + self._horizon
        units, storages = len(actual.thermal_units), len(actual.storages)
        self._wanted = np.zeros((units, length), dtype=np.bool_)
        self._charging = np.zeros((storages, length), dtype=np.bool_)
        self._stored_mwh = np.zeros((storages, length))
        self._load_mw = np.zeros((len(actual.network.buses), length))
        self._available_mw = np.zeros((len(actual.renewable_plants), length))
        self._reserve_up_mw, self._reserve_short_mw = np.zeros(length), np.zeros(length)
        self._planned_until = 0
        self._capacity_mw = np.array([plant.capacity_mw for plant in actual.renewable_plants]).reshape(-1, 1)
        self._real_time = RealTime(actual, quick_start_hours=operation.quick_start_hours)
        self._carried = Carried(actual.initial, actual.initial_mwh)
        self._steps: list[DispatchPlan] = []
        self._made: list[MadePlan] = []

    def step(self, period: int) -> None:
        """Make the plan that is due, then carry out one period."""
        if period == 0:
            self._plan(issued=0, start=0)
        begins = period + self._lead
        if begins > 0 and begins % self._every == 0 and begins < self._actual.axis.periods:
            self._plan(issued=period, start=begins)
        done = self._dispatch(period, self._look_ahead)
        self._carried = self._carried.after(done, 1)
        self._steps.append(done)

    def result(self) -> Simulated:
        """What came of it, when every period is done."""
        periods = self._actual.axis.periods
        expected = self._load_mw.sum(axis=0) - self._available_mw.sum(axis=0)
        realised = put_together(self._actual, self._steps)
        reserve = (self._reserve_up_mw[:periods], self._reserve_short_mw[:periods])
        return Simulated(realised, expected[:periods], *reserve, tuple(self._made))

    def _plan(self, *, issued: int, start: int) -> None:
        step = self._operation.plan_step
        asked = TimeAxis(self._instant(start), step, self._horizon // self._per_plan_period)
        expected = self._forecaster.expect(asked, issued_at=self._instant(issued))
        axis = expected.axis
        planned_until = start + axis.periods * self._per_plan_period
        if (axis.start, axis.step) != (asked.start, asked.step) or not self._reaches(start, planned_until):
            raise ValueError(f"a forecaster must tell of {asked} until the next plan begins, got {axis}")
        carried = self._carried
        if start > issued:  # where the present plan is expected to have led by then
            until_then = self._dispatch(issued, start - issued + self._look_ahead)
            carried = carried.after(until_then, start - issued).able_to_stop(self._actual.thermal_units)
        problem = replace(
            window(self._system, axis),
            load_mw=expected.load_mw,
            available_mw=expected.available_mw,
            reserve_up_mw=expected.reserve_up_mw,
            reserve_down_mw=expected.reserve_down_mw,
            quick_starts=self._quick_starts(expected),
            requirements=expected.requirements,
            secure_units=expected.secure_units,
            deliverable=self._actual.deliverable,
            scenarios=expected.scenarios,
            initial=dict(carried.units),
            initial_mwh=dict(carried.stored_mwh),
            owed_mwh=carried.owed_mwh(self._actual.storages, axis),
        )
        operation = self._operation
        plan = plan_dispatch(
            problem,
            time_limit_seconds=operation.time_limit_seconds,
            relative_gap=operation.relative_gap,
            runner_ups=False,
        )
        log.info("plan for %s: %.0f, gap %.2f %%", axis.start.isoformat(), plan.objective, 100.0 * plan.gap)
        self._made.append(MadePlan(self._instant(issued), expected, plan))
        span, repeat = slice(start, planned_until), self._per_plan_period
        for course, told in (
            (self._wanted, plan.schedule.on),
            (self._charging, plan.schedule.charge_mw > plan.schedule.discharge_mw),
            (self._stored_mwh, plan.schedule.state_of_charge_mwh),
            (self._load_mw, expected.load_mw),
            (self._available_mw, expected.available_mw),
            (self._reserve_up_mw, expected.reserve_up_mw if expected.scenarios is None else np.zeros(axis.periods)),
            (self._reserve_short_mw, _reserve_short(plan)),
        ):
            course[..., span] = np.repeat(told, repeat, axis=-1)
        self._planned_until = planned_until

    def _quick_starts(self, expected: Expected) -> QuickStarts | None:
        """Units that real time may start hold reserve while off, where it is told how often that is called."""
        hours = self._operation.quick_start_hours
        return QuickStarts(hours, expected.promised) if hours > 0.0 and 0.0 < expected.promised < 0.5 else None

    def _reaches(self, start: int, until: int) -> bool:
        return min(start + self._every, self._actual.axis.periods) <= until <= start + self._horizon

    def _dispatch(self, first: int, periods: int) -> DispatchPlan:
        """Dispatch ``periods`` from ``first`` on, as far as a plan reaches: the first is known, the others expected."""
        actual = self._actual
        span = slice(first, min(first + periods, self._planned_until))
        available = np.minimum(_persisting(actual.available_mw, self._available_mw, span), self._capacity_mw)
        available[:, 0] = actual.available_mw[:, first]
        ends = self._stored_mwh[:, span.stop - 1]
        axis = TimeAxis(self._instant(first), actual.axis.step, span.stop - first)
        problem = replace(
            window(self._system, axis),
            load_mw=_persisting(actual.load_mw, self._load_mw, span),
            available_mw=available,
            storages=tuple(
                replace(
                    storage, end_minimum_mwh=min(max(float(mwh), 0.0), storage.energy_mwh), end_value_per_mwh=0.0
                )  # the plan knows what is worth keeping
                for storage, mwh in zip(actual.storages, ends, strict=True)
            ),
            initial=dict(self._carried.units),
            initial_mwh=dict(self._carried.stored_mwh),
            owed_mwh=self._carried.owed_mwh(actual.storages, axis),
        )
        return self._real_time.dispatch(problem, self._wanted[:, span], self._charging[:, span])

    def _instant(self, period: int) -> datetime:
        return self._actual.axis.start + period * self._actual.axis.step

    def _count(self, duration: timedelta, name: str, *, of: timedelta | None = None) -> int:
        """How many periods of real time a duration is, or of another length."""
        step = of or self._actual.axis.step
        if duration % step:
            minute = timedelta(minutes=1)
            told = f"must be a whole number of periods of {step / minute:g} minutes, got {duration / minute:g} minutes"
            raise InputError([Fault(name, told, "choose another, or periods of another length")])
        return duration // step


def _reserve_short(plan: DispatchPlan) -> FloatArray:
    """Upward reserve of any kind that a plan says it does not hold, shape (periods,). [MW]"""
    short = np.zeros(plan.problem.axis.periods)
    for violation in plan.violations:
        if violation.limit.kind in UPWARD_RESERVES:
            short[violation.period] += violation.amount_mw
    return short


def _persisting(actual: FloatArray, expected: FloatArray, span: slice) -> FloatArray:
    """What is known of the first period of ``span``, and what was expected of the others with the error of the first.

    What is not expected at all (the sun at night) stays so, and nothing falls below zero.
    """
    now, course = actual[:, span.start], expected[:, span]
    error = now - course[:, 0]
    course = np.where(course > 0.0, np.maximum(course + error[:, None], 0.0), course)
    course[:, 0] = now
    return course
