"""What a simulated span cost, and how often it went beyond what was promised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grid.problem.costs import running_cost_per_hour, start_costs
from grid.problem.exchanges import exchange_cost
from grid.problem.plan import DispatchPlan
from grid.problem.soft_limits import OVERLOADS
from grid.simulation.engine import Simulated
from grid.time_axis import FloatArray

_NOTICED_MW = 1e-3


@dataclass(frozen=True, slots=True)
class Score:
    """Costs in the system's currency, energies in MWh.

    Attributes:
        no_load: Of units on at their lowest output; ``energy`` is of what they produce above it.
        starts, wear: Of thermal units, of storages.
        trade: Of what is imported, less what exports earn.
        drawn_down: What storages hold less at the end than at the beginning, at their end value.
        relaxed: Of relaxed limits, load that was not served among them, at the prices of the problem's ``penalties``.
        unserved_mwh: Load not served.
        curtailed_mwh: Available power not taken.
        overload_mwh: Flow beyond branches' ratings, emergency ratings after outages included.
        short_mwh: Upward reserve that the plans in force did not hold of what they were asked for: for net load, of
            each requirement of a product, and for the largest loss.
        promised, exceeded: How often net load was to lie above what was expected and the upward reserve asked for (NaN
            where nothing was promised), and how often it did.
        unserved_share: Share of the periods in which load was not served.
    """

    no_load: float
    energy: float
    starts: float
    wear: float
    trade: float
    drawn_down: float
    relaxed: float
    unserved_mwh: float
    curtailed_mwh: float
    overload_mwh: float
    short_mwh: float
    promised: float
    exceeded: float
    unserved_share: float

    @property
    def production(self) -> float:
        """Without relaxed limits and what was in store."""
        return self.no_load + self.energy + self.starts + self.wear + self.trade

    @property
    def total(self) -> float:
        """With relaxed limits at their prices, and what storages were drawn down by."""
        return self.production + self.drawn_down + self.relaxed


def score(simulated: Simulated, *, first: int = 0, periods: int | None = None) -> Score:
    """Score a stretch of a simulated span, the whole of it if nothing is said.

    Args:
        first, periods: The stretch, in periods of real time.
    """
    plan = simulated.realised
    problem, step = plan.problem, plan.problem.axis.step_hours
    span = slice(first, problem.axis.periods if periods is None else first + periods)
    no_load = energy = starts = 0.0
    for unit, on, power in zip(problem.thermal_units, plan.schedule.on, plan.schedule.power_mw, strict=True):
        running = np.where(on, running_cost_per_hour(unit, power), 0.0)[span].sum() * step
        least = unit.minimum_cost_per_hour * float(on[span].sum()) * step
        no_load, energy = no_load + least, energy + float(running) - least
        state = problem.initial.get(unit.unit_id)
        starts += float(start_costs(unit, on, state, step_hours=step, rule=problem.start_rule)[span].sum())
    trade = exchange_cost(problem.exchanges, plan.schedule.import_mw, plan.schedule.export_mw, step_hours=step)
    wear = np.array([storage.cycle_cost_per_mwh for storage in problem.storages])
    relaxed = [v for v in plan.violations if span.start <= v.period < span.stop]
    net_load = problem.load_mw.sum(axis=0) - problem.available_mw.sum(axis=0)
    beyond = net_load > simulated.expected_net_load_mw + simulated.reserve_up_mw + _NOTICED_MW
    promises = {made.expected.promised for made in simulated.made}
    return Score(
        no_load=no_load,
        energy=energy,
        starts=starts,
        wear=float((wear @ plan.schedule.discharge_mw)[span].sum()) * step,
        trade=float(trade[span].sum()),
        drawn_down=_drawn_down(simulated.realised, span),
        relaxed=sum(violation.cost(step) for violation in relaxed),
        unserved_mwh=_mwh(plan.schedule.shed_mw, span, step),
        curtailed_mwh=_mwh(problem.available_mw - plan.schedule.renewable_mw, span, step),
        overload_mwh=sum(v.mwh(step) for v in relaxed if v.limit.kind in OVERLOADS),
        short_mwh=float(simulated.reserve_short_mw[span].sum()) * step,
        promised=promises.pop() if len(promises) == 1 else float("nan"),
        exceeded=float(beyond[span].mean()),
        unserved_share=float((plan.schedule.shed_mw.sum(axis=0) > _NOTICED_MW)[span].mean()),
    )


def daily_totals(simulated: Simulated) -> FloatArray:
    """Total cost of every day of the span, counted from its beginning, shape (days,); the last may be a part of one."""
    axis = simulated.realised.problem.axis
    per_day = max(round(24.0 / axis.step_hours), 1)
    return np.array(
        [
            score(simulated, first=first, periods=min(per_day, axis.periods - first)).total
            for first in range(0, axis.periods, per_day)
        ]
    )


def _drawn_down(plan: DispatchPlan, span: slice) -> float:
    money = 0.0
    for storage, energy in zip(plan.problem.storages, plan.schedule.state_of_charge_mwh, strict=True):
        initial = plan.problem.initial_mwh.get(storage.storage_id, storage.initial_mwh)
        before = initial if span.start == 0 else float(energy[span.start - 1])
        money += storage.end_value_per_mwh * (before - float(energy[span.stop - 1]))
    return money


def _mwh(power_mw: FloatArray, span: slice, step_hours: float) -> float:
    return float(np.maximum(power_mw, 0.0)[:, span].sum()) * step_hours
