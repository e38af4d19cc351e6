"""Why a storage does what it does: the bus price against the worth of a MWh in store, in the words of what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from grid.assets import Storage
from grid.explaining.explained import (
    STEADY_MW,
    TOLERANCE_MW,
    TOLERANCE_PRICE,
    Explained,
    Finding,
    merged,
    spread,
)
from grid.problem.plan import Reason

_BATTERY = {
    "charging": "charging {charge} MW{limit}: {price}, worth it up to {below} as it earns {above} later",
    "discharging": "discharging {discharge} MW{limit}: {price}, worth it from {above} as recharging costs {below}",
    "empty": "empty: {price}; recharging pays up to {below}",
    "full": "full, {energy} MWh: {price}; discharging pays from {above}",
    "idle": "idle: {price}; charging pays below {below}, discharging above {above}",
    "held": "feeding in {net} MW: {price}, discharging pays from {above}, but it is held for {held_for}",
}
_RESERVOIR = _BATTERY | {
    "discharging": "giving {discharge} MW{limit}: {price}, worth it from {above} by what its water is worth",
    "empty": "empty: {price}; giving would pay from {above}",
    "full": "full, {energy} MWh: {price}; giving pays from {above}",
    "idle": "idle: {price}; giving pays above {above}",
    "held": "giving {discharge} MW: {price}, more pays from {above}, but it is held for {held_for}",
}
_DEMAND_RESPONSE = _BATTERY | {
    "charging": "serving {charge} MW of what it owes{limit}: {price}, worth it up to {below}",
    "discharging": "reducing load by {discharge} MW{limit}: {price}, worth it from {above} as serving it later costs "
    "{below}",
    "empty": "owes all that it may: {price}; serving it pays up to {below}",
    "full": "not called, nothing is owed: {price}; reducing load pays from {above}",
    "idle": "not called: {price}; serving what it owes pays below {below}, reducing load above {above}",
    "held": "reducing load by {discharge} MW: {price}, more pays from {above}, but it is held for {held_for}",
}


def storage_reasons(explained: Explained, s: int, storage: Storage) -> list[Reason]:
    """Against the worth of a MWh in store: charging pays below it, discharging above it, each with its losses."""
    step = explained.problem.axis.step_hours
    plan, lmp = explained.plan, explained.lmp_at(storage.bus_id)
    charge, discharge = plan.schedule.charge_mw[s], plan.schedule.discharge_mw[s]
    energy, held = plan.schedule.state_of_charge_mwh[s], plan.schedule.storage_reserve_up_mw[s]
    columns, values = explained.dispatch.model.storages[s], explained.dispatch.solution.values
    profile, words = explained.problem.profile_of(storage), _words(explained, storage)
    is_fleet = storage.storage_id in explained.problem.storage_profiles and not profile.spills
    power = explained.power_words(np.maximum(profile.charge_mw, profile.discharge_mw))
    net, freely = discharge - charge, values[columns.discharge] - values[columns.charge]
    stored = -explained.dispatch.solution.row_duals[explained.dispatch.model.storages[s].energy_rows]
    valued = storage.end_value_per_mwh > 0.0 and energy[-1] > storage.end_minimum_mwh + TOLERANCE_MW
    gives_after = np.cumsum(discharge[::-1])[::-1] > TOLERANCE_MW
    for_end = valued & (energy > TOLERANCE_MW) & ~gives_after
    pays_to_charge = stored * storage.charge_efficiency
    pays_to_discharge = stored / storage.discharge_efficiency + storage.cycle_cost_per_mwh
    held_for = explained.of_holding(len(explained.problem.thermal_units) + s, upward=True)

    def finding(t: int) -> Finding:
        if is_fleet and max(profile.charge_mw[t], profile.discharge_mw[t]) <= 0.0:
            return Finding("away")
        if abs(net[t] - freely[t]) > STEADY_MW:
            return Finding("steady", ("price of changes",))
        rated = discharge[t] >= profile.discharge_mw[t] - TOLERANCE_MW
        if not rated and held[t] > TOLERANCE_MW and lmp[t] > pays_to_discharge[t] + TOLERANCE_PRICE:
            name, worth = max(held_for.items(), key=lambda item: float(item[1][t]))
            if worth[t] > TOLERANCE_PRICE:
                return Finding("held", (name,), float(worth[t]))
        if charge[t] > TOLERANCE_MW:
            gain = float(pays_to_charge[t] - lmp[t])
            full = energy[t] >= profile.energy_mwh[t] - TOLERANCE_MW
            limits = _limits(charge[t] >= profile.charge_mw[t] - TOLERANCE_MW, full)
            return Finding("charging", limits, max(gain, 0.0) if limits else None)
        if discharge[t] > TOLERANCE_MW:
            gain = float(lmp[t] - pays_to_discharge[t])
            limits = _limits(rated, energy[t] <= TOLERANCE_MW)
            return Finding("discharging", limits, max(gain, 0.0) if limits else None)
        if energy[t] <= TOLERANCE_MW:
            return Finding("empty", ("empty",), max(float(lmp[t] - pays_to_discharge[t]), 0.0))
        if energy[t] >= profile.energy_mwh[t] - TOLERANCE_MW:
            limits = ("full", "end value") if for_end[t] else ("full",)
            return Finding("full", limits, max(float(pays_to_charge[t] - lmp[t]), 0.0))
        return Finding("idle", ("end value",) if for_end[t] else ())

    def describe(kind: str, run: slice, findings: Sequence[Finding]) -> str:
        if kind == "away":
            return "no car is plugged in"
        price, binding = f"bus price {spread(lmp[run])}", findings[0].binding
        told = f"; holds {power.number(held[run].mean())} MW of upward reserve" if held[run].any() else ""
        if for_end[run].all():
            told += f"; kept to the end, where it counts {storage.end_value_per_mwh:.1f} per MWh"
        if kind == "steady":
            way = f"feeding in {power.number(net[run])} MW: if changing the plan before were free it would be"
            return f"{way} {power.number(freely[run])} MW; {price}{told}"
        if kind == "empty":
            told = ""
        return (
            words[kind].format(
                charge=power.number(charge[run]),
                discharge=power.number(discharge[run]),
                net=power.number(net[run]),
                energy=explained.power_words(profile.energy_mwh).number(energy[run]),
                limit=f" ({' and '.join(binding)} reached)" if binding else "",
                price=price,
                below=spread(pays_to_charge[run]),
                above=spread(pays_to_discharge[run]),
                held_for=explained.held_ready(findings) if kind == "held" else "",
            )
            + told
        )

    def worth(run: slice) -> float:
        gain = charge[run] * (pays_to_charge - lmp)[run] + discharge[run] * (lmp - pays_to_discharge)[run]
        return float(gain.sum()) * step

    findings = [finding(t) for t in range(explained.problem.axis.periods)]
    return [
        replace(reason, runner_up_cost=max(worth(slice(reason.first_period, reason.last_period + 1)), 0.0))
        for reason in merged(storage.storage_id, findings, describe)
    ]


def _words(explained: Explained, storage: Storage) -> Mapping[str, str]:
    if storage.rebound_hours is not None:
        return _DEMAND_RESPONSE
    return _RESERVOIR if explained.problem.profile_of(storage).spills else _BATTERY


def _limits(power: bool, energy: bool) -> tuple[str, ...]:
    return (*(("power rating",) if power else ()), *(("energy limit",) if energy else ()))
