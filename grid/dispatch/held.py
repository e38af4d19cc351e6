"""The plan in force dispatched again for newer forecasts: its commitment and the storages' direction are held.

A storage that idles in the plan may go either way.

Reserves are there to be used now, so none is held back, and changing the plan costs nothing but what the system costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any

import numpy as np

from grid.dispatch.inherit import PreviousPlan
from grid.dispatch.redispatch import Redispatch
from grid.dispatch.redispatched import Redispatched
from grid.dispatch.schedules import MONEY_DIGITS, PRICE_DIGITS, records, tables
from grid.faults import Fault, InputError
from grid.formulation.commitment import BoolArray, assign_units
from grid.formulation.unit_terms import periods_in_state, single_units, unit_terms
from grid.problem.costs import end_value, production_cost
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.exchanges import exchange_cost
from grid.problem.in_scenarios import unreserved
from grid.problem.requirements import DOWNWARD_RESERVE, UPWARD_RESERVE

_MW_DIGITS = 3
_ROUNDED_MWH = 0.02
"""More may be owed than the plan knew by what its document rounds: its own course must stay a way out."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldPlan:
    """What is left to dispatch of a plan: ``problem`` without reserves, ``on`` and ``charging`` as it has them.

    Attributes:
        on: Shape (units, periods).
        charging: Whether each storage charges, or else discharges, shape (storages, periods).
        idle: Where a storage does neither and may do either, same shape. One that puts back less than it took is held.
        released: What the plan was to keep ready and is there to be used now: its reserves, and N-1 of units.
    """

    problem: DispatchProblem
    on: BoolArray
    charging: BoolArray
    idle: BoolArray
    released: tuple[str, ...]


def hold_plan(problem: DispatchProblem, plan: Mapping[str, Any]) -> HeldPlan:
    """Hold the commitment of a plan's document in the periods of ``problem``.

    Raises:
        InputError: If the document does not tell of every period, unit and storage, if its periods begin between those
            of ``problem``, or if a unit may not be on and off as it says.
    """
    earlier = PreviousPlan(plan, at=problem.axis.start)
    if not earlier.in_step:
        told = f"its periods begin between those to dispatch, the first of which is {_when(problem, 0)}"
        raise InputError([Fault("plan in force", told, "begin both at the same minute, or make a plan first")])
    periods, faults = problem.axis.periods, []

    def rows(kind: str, names: list[str], state: Callable[[Mapping[str, Any]], bool]) -> BoolArray:
        told = [[state(record) for record in earlier.ahead(kind, name)[:periods]] for name in names]
        for name, row in zip(names, told, strict=True):
            if len(row) < periods:
                faults.append(Fault(f"plan in force: {name}", "it does not tell of all periods", "make a plan first"))
        return np.array([row + [False] * (periods - len(row)) for row in told], dtype=np.bool_).reshape(-1, periods)

    on = rows("units", [unit.unit_id for unit in problem.thermal_units], lambda record: bool(record["on"]))
    names = [storage.storage_id for storage in problem.storages]
    charging = rows("storages", names, lambda record: record["charge_mw"] > record["discharge_mw"])
    idle = rows("storages", names, lambda record: max(record["charge_mw"], record["discharge_mw"]) == 0.0)
    if faults := list(dict.fromkeys(faults)) or list(_forbidden(_as_planned(problem, earlier), on)):
        raise InputError(faults)
    loses = [storage.charge_efficiency * storage.discharge_efficiency <= 1.0 for storage in problem.storages]
    free = replace(
        unreserved(problem), requirements=(), secure_units=False, deliverable=False, reserve_from_plants=False,
        earlier=None, scenarios=None,
        owed_mwh={name: owed + _ROUNDED_MWH for name, owed in problem.owed_mwh.items()},
    )  # fmt: skip
    return HeldPlan(free, on, charging, idle & np.array(loses, dtype=np.bool_)[:, None], tuple(_released(problem)))


def _released(problem: DispatchProblem) -> Iterator[str]:
    for title, required_mw in (
        (UPWARD_RESERVE, problem.reserve_up_mw),
        (DOWNWARD_RESERVE, problem.reserve_down_mw),
        *((need.title, need.required_mw) for need in problem.requirements),
    ):
        if required_mw.any():
            yield title
    if problem.secure_units:
        yield "N-1 of units"


def dispatch_held(held: HeldPlan, *, kept: Redispatch) -> Redispatched:
    """Dispatch a held plan by ``kept``, which has it in the solver already.

    Raises:
        UnsolvedError: If the commitment cannot be dispatched.
    """
    return kept.solve(held.problem.load_mw, held.problem.available_mw)


def redispatch_document(held: HeldPlan, found: Redispatched) -> dict[str, Any]:
    """Write a re-dispatch as a document, in the words of a plan's. Periods without dates are counted from 0."""
    problem, axis, network = held.problem, held.problem.axis, held.problem.network
    starts = [start.astimezone(UTC).isoformat().replace("+00:00", "Z") for start in axis.interval_starts]
    limits = np.array([[branch.limit_mw] * axis.periods for branch in network.branches], dtype=object)
    prices = {
        field: (np.array([getattr(e, field) for e in problem.exchanges]).reshape(-1, axis.periods), PRICE_DIGITS)
        for field in ("import_price", "export_price")
    }
    step = axis.step_hours
    return {
        "objective": round(found.objective, MONEY_DIGITS),
        "currency": problem.currency,
        "released": list(held.released),
        "end_value": round(end_value(problem, found.state_of_charge_mwh), MONEY_DIGITS),
        "axis": {
            "step_minutes": round(step * 60),
            "periods": axis.periods,
            **({"start": starts[0], "interval_starts": starts} if problem.timezone else {}),
        },
        "units": tables(
            [unit.unit_id for unit in problem.thermal_units],
            {"on": (held.on, None), "power_mw": (found.power_mw, _MW_DIGITS)},
        ),
        "renewables": tables(
            [plant.plant_id for plant in problem.renewable_plants],
            {"power_mw": (found.renewable_mw, _MW_DIGITS), "available_mw": (problem.available_mw, _MW_DIGITS)},
        ),
        "storages": tables(
            [storage.storage_id for storage in problem.storages],
            {
                "charge_mw": (found.charge_mw, _MW_DIGITS),
                "discharge_mw": (found.discharge_mw, _MW_DIGITS),
                "state_of_charge_mwh": (found.state_of_charge_mwh, _MW_DIGITS),
            },
        ),
        "exchanges": tables(
            [exchange.exchange_id for exchange in problem.exchanges],
            {"import_mw": (found.import_mw, _MW_DIGITS), "export_mw": (found.export_mw, _MW_DIGITS), **prices},
        ),
        "buses": tables(
            [bus.bus_id for bus in network.buses],
            {"lmp": (found.lmp, PRICE_DIGITS), "load_mw": (problem.load_mw, _MW_DIGITS)},
        ),
        "branches": tables(
            [branch.branch_id for branch in network.branches],
            {"flow_mw": (found.branch_flow_mw, _MW_DIGITS), "limit_mw": (limits, None)},
        ),
        "system": records(
            {
                "load_mw": problem.load_mw.sum(axis=0).round(_MW_DIGITS).tolist(),
                "curtailed_mw": (problem.available_mw - found.renewable_mw).sum(axis=0).round(_MW_DIGITS).tolist(),
                "production_cost": production_cost(problem, held.on, found.power_mw, found.discharge_mw)
                .round(MONEY_DIGITS)
                .tolist(),
                "exchange_cost": exchange_cost(problem.exchanges, found.import_mw, found.export_mw, step_hours=step)
                .round(MONEY_DIGITS)
                .tolist(),
            }
        ),
        "violations": [
            {
                **v.told(step, digits=_MW_DIGITS),
                **({"interval_start": starts[v.period]} if problem.timezone else {"period": v.period}),
            }
            for v in found.violations
        ],
    }


def _as_planned(problem: DispatchProblem, earlier: PreviousPlan) -> DispatchProblem:
    """With those units free to start and stop that the plan in force took for free, their past being unknown."""
    free = {
        unit.unit_id: replace(state, hours=state.hours + max(unit.minimum_up_hours, unit.minimum_down_hours))
        for unit in problem.thermal_units
        if (state := problem.initial.get(unit.unit_id)) is not None and earlier.of_unknown_past(unit.unit_id)
    }
    return replace(problem, initial={**problem.initial, **free})


def _forbidden(problem: DispatchProblem, on: BoolArray) -> Iterator[Fault]:
    """Where each unit that may not be on and off as ``on`` says first goes beyond its limits, and which it breaks."""
    step = problem.axis.step_hours
    terms = [unit_terms(unit, step_hours=step) for unit in problem.thermal_units]
    allowed = assign_units(problem, terms, single_units(problem), on.astype(np.int64))
    for i in np.flatnonzero((on != allowed).any(axis=1)):
        unit, t = problem.thermal_units[i], int((on[i] != allowed[i]).argmax())
        state, was_on = problem.initial.get(unit.unit_id), not on[i, t]
        age = next((k for k in range(t) if on[i, t - 1 - k] != was_on), t)
        if age == t and state is not None and state.on == was_on:
            age += periods_in_state(state, step_hours=step)
        told, since = f"it {'stops' if was_on else 'starts'} at {_when(problem, t)}", "on" if was_on else "off"
        if was_on and unit.must_run:
            told = f"it is off at {_when(problem, t)} and must run"
        elif age < (terms[i].minimum_up if was_on else terms[i].minimum_down):
            least = unit.minimum_up_hours if was_on else unit.minimum_down_hours
            told += f" after {age * step:g} h {since}, at least {least:g} h are needed"
        elif state is not None:
            told += f" from {state.power_mw:g} MW before the first period, too soon to ramp down to where it may stop"
        yield Fault(f"plan in force: {unit.unit_id}", told, "make a plan from its present state first, or correct that")


def _when(problem: DispatchProblem, period: int) -> str:
    """A period in words: when it begins, or its number where nothing is dated."""
    start = problem.axis.interval_starts[period].astimezone(UTC)
    return start.isoformat().replace("+00:00", "Z") if problem.timezone else f"period {period}"
