"""An independent check of a plan: every constraint again, from the units' own data, without the optimiser's model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grid.checking.network_check import check_network
from grid.checking.reported import reported_faults
from grid.checking.reserve_check import check_products, check_reserves
from grid.checking.start_check import cost_of_calls
from grid.checking.storage_check import check_storages
from grid.checking.unit_check import check_units
from grid.problem.costs import change_cost, production_cost
from grid.problem.plan import DispatchPlan
from grid.problem.soft_limits import Limit, SoftLimit
from grid.time_axis import FloatArray

_MW = 1e-2
_MONEY = 1e-4


def check_plan(plan: DispatchPlan) -> list[str]:
    """Everything that does not hold in ``plan``, one sentence each; empty if it is sound.

    Checked: commitment against minimum times and must-run, output and reserves against capacity, ramps, start and stop
    limits, plants against what they have, storages, balance, flows by B-theta (not by PTDF), limits or their reported
    violations, reserve requirements by product and area, the sum of prices, and the objective against the costs counted
    anew.
    """
    return [
        *check_units(plan),
        *_plants(plan),
        *check_storages(plan),
        *check_network(plan),
        *check_reserves(plan),
        *check_products(plan),
        *_money(plan),
    ]


def _plants(plan: DispatchPlan) -> Iterator[str]:
    taken, available = plan.schedule.renewable_mw, plan.problem.available_mw
    for p, t in np.argwhere((taken < -_MW) | (taken > available + _MW)):
        yield f"{plan.problem.renewable_plants[p].plant_id} period {t}: {taken[p, t]} of {available[p, t]} MW"
    spilled: dict[SoftLimit, FloatArray] = {}
    for plant, mw in zip(plan.problem.renewable_plants, available - taken, strict=True):
        if not plant.curtailable:
            limit = SoftLimit(Limit.SPILL, plant.bus_id)
            spilled[limit] = spilled.get(limit, np.zeros(plan.problem.axis.periods)) + mw
    yield from reported_faults(plan, (Limit.SPILL,), spilled)


def _money(plan: DispatchPlan) -> Iterator[str]:
    schedule = plan.schedule
    problem = plan.problem
    if not np.allclose(plan.prices.lmp, plan.prices.energy + plan.prices.congestion + plan.prices.loss, atol=1e-6):
        yield "prices are not the sum of energy, congestion and loss"
    cost = float(production_cost(problem, schedule.on, schedule.power_mw, schedule.discharge_mw).sum())
    for exchange, imported, exported in zip(problem.exchanges, schedule.import_mw, schedule.export_mw, strict=True):
        cost += float(exchange.import_price @ imported - exchange.export_price @ exported) * problem.axis.step_hours
    for violation in plan.violations:
        cost += violation.cost(problem.axis.step_hours)
    cost += cost_of_calls(plan) + change_cost(
        problem, schedule.on, schedule.power_mw, schedule.discharge_mw - schedule.charge_mw
    )
    for storage, energy in zip(problem.storages, schedule.state_of_charge_mwh, strict=True):
        cost -= storage.end_value_per_mwh * float(energy[-1])
    slack = max(1.0, abs(plan.schedule_cost)) * _MONEY
    if abs(cost - plan.schedule_cost) > slack:
        yield f"the schedule costs {cost}, the plan says {plan.schedule_cost}"
    if plan.best_bound > plan.objective + slack:
        yield f"the bound {plan.best_bound} lies above the objective {plan.objective}"
