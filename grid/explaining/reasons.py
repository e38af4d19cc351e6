"""Why every asset and reserve is where it is: by run of periods what binds, its price, the alternative, a sentence.

Each number in a text is one of the plan's own or follows from the plan's prices by arithmetic that
``tests/grid/explaining`` repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from grid.assets import RenewablePlant, Storage
from grid.explaining.explained import (
    STEADY_MW,
    TOLERANCE_MW,
    TOLERANCE_PRICE,
    Explained,
    Finding,
    merged,
    spread,
)
from grid.explaining.reserve_reasons import reserve_reasons
from grid.explaining.thermal_reasons import thermal_reasons
from grid.explaining.trade_reasons import exchange_reasons
from grid.formulation.injections import load_shares
from grid.formulation.prices import FixedDispatch
from grid.formulation.unit_terms import UnitTerms
from grid.problem.plan import DispatchPlan, Reason
from grid.time_axis import FloatArray


def explain(
    plan: DispatchPlan,
    dispatch: FixedDispatch,
    terms: Sequence[UnitTerms],
    *,
    planned: FixedDispatch,
    seconds: float,
) -> tuple[Reason, ...]:
    """Reasons of every asset, then of every reserve, each in order of time.

    Args:
        dispatch: That which prices were read off; its model may grow.
        planned: The plan's own, likewise.
        seconds: Of wall time, for solving again what units could do instead.
    """
    explained = Explained(plan, dispatch, planned, terms)
    linear: list[Reason] = []
    for p, plant in enumerate(explained.problem.renewable_plants):
        linear += _plant_reasons(explained, p, plant)
    for s, storage in enumerate(explained.problem.storages):
        linear += _storage_reasons(explained, s, storage)
    for e, exchange in enumerate(explained.problem.exchanges):
        linear += exchange_reasons(explained, e, exchange)
    thermal = thermal_reasons(explained, seconds=seconds)  # last: models grow, and outgrow the duals that others read
    return (*thermal, *linear, *reserve_reasons(explained))


def _plant_reasons(explained: Explained, p: int, plant: RenewablePlant) -> list[Reason]:
    available = explained.problem.available_mw[p]
    taken = explained.plan.schedule.renewable_mw[p]
    lmp = explained.lmp_at(plant.bus_id)
    hours = explained.problem.axis.step_hours

    def finding(t: int) -> Finding:
        if available[t] <= TOLERANCE_MW:
            return Finding("nothing")
        if taken[t] >= available[t] - TOLERANCE_MW:
            return Finding("all", ("available power",), float(lmp[t]))
        if explained.plan.schedule.renewable_reserve_up_mw[p, t] > TOLERANCE_MW and lmp[t] > TOLERANCE_PRICE:
            return Finding("reserve", ("upward reserve",), float(lmp[t]))
        branch = _branch_in_the_way(explained, plant.bus_id, t)
        if branch is not None:
            name, price = branch
            return Finding("branch", (f"{name} limit",), price)
        return Finding("too much", ("load",), float(-lmp[t]))

    def describe(kind: str, run: slice, findings: Sequence[Finding]) -> str:
        price = f"bus price {spread(lmp[run])}"
        cut = f"curtailed by {spread(available[run] - taken[run])} MW"
        match kind:
            case "nothing":
                return "nothing available"
            case "all":
                free = "it costs nothing" if plant.curtailable else "it may not be curtailed"
                return f"all of its {spread(available[run])} MW is taken: {free}; {price}"
            case "reserve":
                return f"{cut}, held ready as upward reserve; {price}"
            case "branch":
                return f"{cut}: {findings[0].binding[0].removesuffix(' limit')} is full; {price}"
            case _:
                return f"{cut}: units that may not stop or go lower fill the load; {price}"

    findings = [finding(t) for t in range(explained.problem.axis.periods)]
    return [
        replace(reason, runner_up_cost=_alternative_cost(reason, lmp, taken, available - taken) * hours)
        if reason.binding and plant.curtailable
        else reason
        for reason in merged(plant.plant_id, findings, describe)
    ]


def _alternative_cost(reason: Reason, lmp: FloatArray, taken: FloatArray, curtailed: FloatArray) -> float:
    """The alternative to taking all is taking none; to curtailing it is taking the rest, at the plan's prices."""
    run = slice(reason.first_period, reason.last_period + 1)
    if reason.binding[0] != "available power":
        return float((-lmp * curtailed)[run].sum())
    return float((lmp * taken)[run].sum())


def _branch_in_the_way(explained: Explained, bus_id: str, period: int) -> tuple[str, float] | None:
    """The full branch that lowers the price at a bus the most against the load's, and its shadow price.

    It may be full after an outage only. None if no branch lowers it.
    """
    model, duals = explained.dispatch.model, explained.dispatch.solution.row_duals
    bus, shares = explained.bus(bus_id), load_shares(explained.problem)[:, period]
    worst, name, price = -TOLERANCE_PRICE, None, 0.0
    for line, row in model.lines.rows.items():
        if line.period != period:
            continue
        factors = model.lines.factors(line)
        effect = float(duals[row] * (factors[bus] - shares @ factors))
        if effect < worst:
            worst, name = effect, model.lines.name(line)
            price = abs(float(duals[row])) / explained.problem.axis.step_hours
    return None if name is None else (name, price)


def _storage_reasons(explained: Explained, s: int, storage: Storage) -> list[Reason]:
    """Against the worth of a MWh in store: charging pays below it, discharging above it, each with its losses."""
    step = explained.problem.axis.step_hours
    plan, lmp = explained.plan, explained.lmp_at(storage.bus_id)
    charge, discharge = plan.schedule.charge_mw[s], plan.schedule.discharge_mw[s]
    energy = plan.schedule.state_of_charge_mwh[s]
    columns, values = explained.dispatch.model.storages[s], explained.dispatch.solution.values
    profile = explained.problem.profile_of(storage)
    net, freely = discharge - charge, values[columns.discharge] - values[columns.charge]
    stored = -explained.dispatch.solution.row_duals[explained.dispatch.model.storages[s].energy_rows]
    valued = storage.end_value_per_mwh > 0.0 and energy[-1] > storage.end_minimum_mwh + TOLERANCE_MW
    gives_after = np.cumsum(discharge[::-1])[::-1] > TOLERANCE_MW
    for_end = valued & (energy > TOLERANCE_MW) & ~gives_after
    pays_to_charge = stored * storage.charge_efficiency
    pays_to_discharge = stored / storage.discharge_efficiency + storage.cycle_cost_per_mwh

    def finding(t: int) -> Finding:
        if abs(net[t] - freely[t]) > STEADY_MW:
            return Finding("steady", ("price of changes",))
        if charge[t] > TOLERANCE_MW:
            gain = float(pays_to_charge[t] - lmp[t])
            full = energy[t] >= profile.energy_mwh[t] - TOLERANCE_MW
            limits = _limits(charge[t] >= profile.charge_mw[t] - TOLERANCE_MW, full)
            return Finding("charging", limits, max(gain, 0.0) if limits else None)
        if discharge[t] > TOLERANCE_MW:
            gain = float(lmp[t] - pays_to_discharge[t])
            limits = _limits(discharge[t] >= profile.discharge_mw[t] - TOLERANCE_MW, energy[t] <= TOLERANCE_MW)
            return Finding("discharging", limits, max(gain, 0.0) if limits else None)
        if energy[t] <= TOLERANCE_MW:
            return Finding("empty", ("empty",), max(float(lmp[t] - pays_to_discharge[t]), 0.0))
        if energy[t] >= profile.energy_mwh[t] - TOLERANCE_MW:
            limits = ("full", "end value") if for_end[t] else ("full",)
            return Finding("full", limits, max(float(pays_to_charge[t] - lmp[t]), 0.0))
        return Finding("idle", ("end value",) if for_end[t] else ())

    def describe(kind: str, run: slice, findings: Sequence[Finding]) -> str:
        price = f"bus price {spread(lmp[run])}"
        below, above = spread(pays_to_charge[run]), spread(pays_to_discharge[run])
        limit = f" ({' and '.join(findings[0].binding)} reached)" if findings[0].binding else ""
        held = plan.schedule.storage_reserve_up_mw[s][run].mean()
        reserve = f"; holds {held:.0f} MW of upward reserve" if held > TOLERANCE_MW else ""
        if for_end[run].all():
            reserve += f"; kept to the end, where it counts {storage.end_value_per_mwh:.1f} per MWh"
        match kind:
            case "steady":
                way = f"feeding in {spread(net[run])} MW: if changing the plan before were free it would be"
                return f"{way} {spread(freely[run])} MW; {price}{reserve}"
            case "charging":
                amount = f"charging {spread(charge[run])} MW{limit}"
                return f"{amount}: {price}, worth it up to {below} as it earns {above} later{reserve}"
            case "discharging":
                amount = f"discharging {spread(discharge[run])} MW{limit}"
                return f"{amount}: {price}, worth it from {above} as recharging costs {below}{reserve}"
            case "empty":
                return f"empty: {price}; recharging pays up to {below}"
            case "full":
                return f"full, {spread(energy[run], digits=0)} MWh: {price}; discharging pays from {above}{reserve}"
            case _:
                return f"idle: {price}; charging pays below {below}, discharging above {above}{reserve}"

    def worth(run: slice) -> float:
        gain = charge[run] * (pays_to_charge - lmp)[run] + discharge[run] * (lmp - pays_to_discharge)[run]
        return float(gain.sum()) * step

    findings = [finding(t) for t in range(explained.problem.axis.periods)]
    return [
        replace(reason, runner_up_cost=max(worth(slice(reason.first_period, reason.last_period + 1)), 0.0))
        for reason in merged(storage.storage_id, findings, describe)
    ]


def _limits(power: bool, energy: bool) -> tuple[str, ...]:
    return (*(("power rating",) if power else ()), *(("energy limit",) if energy else ()))
