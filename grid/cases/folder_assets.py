"""What stands on the buses of a folder case, as ``periods.json`` tells it: plants, units, storages, demand response.

A demand response with rebound is a storage that is full at the beginning and must be full at the end: what is reduced
now is served later, ``rebound`` times as much of it, perhaps within some hours. One without rebound is a unit that is
dispatched at its price.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from grid.assets import DEMAND_RESPONSE, CostSegment, RenewableKind, RenewablePlant, StartCost, Storage, ThermalUnit
from grid.cases.fields import Fields
from grid.cases.network_files import Grid
from grid.cases.uncertain import Profile, read_profile
from grid.problem.dispatch_problem import UnitState
from grid.problem.exchanges import Exchange
from grid.problem.storage_profiles import StorageProfile
from grid.time_axis import FloatArray

_UNIT = (
    "minimum_up_hours", "minimum_down_hours", "ramp_mw_per_hour", "start_ramp_mw", "stop_ramp_mw", "start_costs",
    "must_run", "fuel", "initial", "out_of_service",
)  # fmt: skip
_STORAGE = (
    "bus", "power_mw", "energy_mwh", "charge_efficiency", "discharge_efficiency", "initial_mwh", "end_minimum_mwh",
    "cycle_cost_per_mwh", "standing_loss_per_hour", "end_value_per_mwh",
)  # fmt: skip
_FLEET = (
    "bus", "charge_mw", "discharge_mw", "energy_mwh", "arrivals_mwh", "departures_mwh", "initial_mwh",
    "end_minimum_mwh", "charge_efficiency", "discharge_efficiency", "cost_per_mwh",
)  # fmt: skip
_REBOUNDS = (1e-3, 1e3)
_RESERVOIR = (
    "bus", "power_mw", "energy_mwh", "inflow_mwh", "initial_mwh", "end_minimum_mwh", "cost_per_mwh",
    "end_value_per_mwh",
)  # fmt: skip


def read_plants(
    top: Fields, periods: int, profiles: dict[str, Profile]
) -> tuple[tuple[RenewablePlant, ...], FloatArray]:
    """The plants and what is available of each; their profiles join ``profiles``."""
    plants, rows = [], []
    for name, plant in top.items("renewables"):
        plant.unknown("bus", "kind", "available_mw", "curtailable")
        profile = read_profile(plant, "available_mw", periods, sign=-1.0)
        if (profile.central < 0.0).any() or (profile.scenarios < 0.0).any():
            plant.fault("available_mw", "no value may be negative", "count what is consumed as load")
        kind = plant.text("kind", default="wind")
        if kind not in list(RenewableKind):
            plant.fault("kind", f"must be one of {', '.join(RenewableKind)}, got {kind!r}", "correct it")
            kind = RenewableKind.WIND
        most = float(max(profile.central.max(initial=0.0), profile.scenarios.max(initial=0.0)))
        curtailable = plant.flag("curtailable", default=True)
        plants.append(RenewablePlant(name, plant.text("bus"), RenewableKind(kind), most, name, 1.0, curtailable))
        rows.append(profile.central)
        profiles[f"renewables: {name}"] = profile
    return tuple(plants), np.array(rows).reshape(-1, periods)


def read_units(top: Fields, grid: Grid, replaced: set[str]) -> tuple[list[ThermalUnit], dict[str, UnitState]]:
    """The network's units with what ``periods.json`` tells of them; a plant of the same name takes a unit's place."""
    told = dict(top.items("units"))
    for name in sorted(set(told) - {unit.unit_id for unit in grid.units}) if grid.network.buses else ():
        told[name].fault("name", "is no unit of the network", "correct the name, or add the unit to the network")
    units, initial = [], {}
    for unit in grid.units:
        if unit.unit_id in replaced:
            continue
        detailed = _detailed(unit, told[unit.unit_id]) if unit.unit_id in told else unit
        if detailed is None:
            continue
        units.append(detailed)
        if unit.unit_id in told and told[unit.unit_id].has("initial"):
            state = told[unit.unit_id].object("initial")
            state.unknown("on", "hours", "power_mw")
            on = state.flag("on", default=True)
            power = state.number("power_mw", default=unit.minimum_mw if on else 0.0)
            initial[unit.unit_id] = UnitState(on, state.number("hours", default=1e4, least=0.0), power)
    return units, initial


def _detailed(unit: ThermalUnit, told: Fields) -> ThermalUnit | None:
    told.unknown(*_UNIT)
    if told.flag("out_of_service", default=False):
        return None
    ramp = told.number("ramp_mw_per_hour", default=unit.ramp_up_mw_per_hour, least=0.0)
    start_costs = unit.start_costs
    if told.has("start_costs"):
        start_costs = tuple(
            StartCost(tier.number("offline_hours", least=0.0), tier.number("cost")) for tier in told.rows("start_costs")
        )
    return replace(
        unit,
        minimum_up_hours=told.number("minimum_up_hours", default=0.0, least=0.0),
        minimum_down_hours=told.number("minimum_down_hours", default=0.0, least=0.0),
        ramp_up_mw_per_hour=ramp,
        ramp_down_mw_per_hour=ramp,
        start_ramp_mw=told.number("start_ramp_mw", default=unit.capacity_mw),
        stop_ramp_mw=told.number("stop_ramp_mw", default=unit.capacity_mw),
        start_costs=start_costs,
        must_run=told.flag("must_run", default=False),
        fuel=told.text("fuel", default=""),
    )


def read_storages(top: Fields) -> Iterator[Storage]:
    """The storages."""
    for name, storage in top.items("storages"):
        storage.unknown(*_STORAGE)
        yield Storage(
            storage_id=name,
            bus_id=storage.text("bus"),
            power_mw=storage.number("power_mw", least=0.0),
            energy_mwh=storage.number("energy_mwh", least=0.0),
            charge_efficiency=storage.number("charge_efficiency", default=1.0),
            discharge_efficiency=storage.number("discharge_efficiency", default=1.0),
            initial_mwh=storage.number("initial_mwh", default=0.0),
            end_minimum_mwh=storage.number("end_minimum_mwh", default=0.0),
            cycle_cost_per_mwh=storage.number("cycle_cost_per_mwh", default=0.0),
            standing_loss_per_hour=storage.number("standing_loss_per_hour", default=0.0),
            end_value_per_mwh=storage.number("end_value_per_mwh", default=0.0),
        )


def read_demand_response(top: Fields) -> Iterator[Storage | ThermalUnit]:
    """Each demand response as the storage or the unit that stands for it."""
    for name, shift in top.items("demand_response"):
        shift.unknown("bus", "power_mw", "energy_mwh", "cost_per_mwh", "rebound", "within_hours")
        bus, power = shift.text("bus"), shift.number("power_mw", least=0.0)
        cost, rebound = shift.number("cost_per_mwh", default=0.0), shift.number("rebound", default=1.0, least=0.0)
        if rebound and not _REBOUNDS[0] <= rebound <= _REBOUNDS[1]:
            told = f"must be 0, or lie between {_REBOUNDS[0]:g} and {_REBOUNDS[1]:g}, got {rebound:g}"
            shift.fault("rebound", told, "correct it")
            continue
        if rebound == 0.0:
            segments = (CostSegment(power, cost),) if power else ()
            free = max(power, 1.0)
            yield ThermalUnit(
                name, bus, 0.0, power, 0.0, segments, (StartCost(0.0, 0.0),), 0.0, 0.0, free, free, power, power,
                must_run=True, fuel=DEMAND_RESPONSE,
            )  # fmt: skip
            continue
        energy = shift.number("energy_mwh", least=0.0)
        within = shift.number("within_hours", least=0.0) if shift.has("within_hours") else math.inf
        if within <= 0.0:
            shift.fault("within_hours", "must be above 0", "leave it out where the rebound may come at any time")
        yield Storage(
            name, bus, power, energy, 1.0 / rebound, 1.0, energy, energy, cost,
            rebound_hours=within,
        )  # fmt: skip


def read_profiled(top: Fields, periods: int) -> Iterator[tuple[Storage, StorageProfile]]:
    """Fleets of cars and reservoirs: storages whose limits change from period to period."""
    nothing = np.zeros(periods)

    def profile(fields: Fields, key: str, default: float | None = 0.0) -> FloatArray:
        values = fields.series(key, periods, default=default)
        if (values < 0.0).any():
            fields.fault(key, "no value may be negative", "correct it")
        return values

    for name, fleet in top.items("ev_fleets"):
        fleet.unknown(*_FLEET)
        told = StorageProfile(
            profile(fleet, "charge_mw", None), profile(fleet, "discharge_mw"), profile(fleet, "energy_mwh", None),
            profile(fleet, "arrivals_mwh"), profile(fleet, "departures_mwh"),
        )  # fmt: skip
        yield _stored(name, fleet, told), told
    for name, water in top.items("reservoirs"):
        water.unknown(*_RESERVOIR)
        inflow = profile(water, "inflow_mwh")
        most = water.number("initial_mwh", default=0.0) + float(inflow.sum())
        held = profile(water, "energy_mwh", most)
        told = StorageProfile(nothing, profile(water, "power_mw", None), held, inflow, nothing, spills=True)
        yield _stored(name, water, told), told


def read_exchanges(top: Fields, periods: int) -> Iterator[Exchange]:
    """Trade with the outside at a tariff."""
    for name, trade in top.items("exchanges"):
        trade.unknown("bus", "import_mw", "export_mw", "import_price", "export_price")
        yield Exchange(
            exchange_id=name,
            bus_id=trade.text("bus"),
            import_mw=trade.series("import_mw", periods, default=0.0),
            export_mw=trade.series("export_mw", periods, default=0.0),
            import_price=trade.series("import_price", periods),
            export_price=trade.series("export_price", periods, default=0.0),
        )


def _stored(name: str, fields: Fields, profile: StorageProfile) -> Storage:
    return Storage(
        storage_id=name,
        bus_id=fields.text("bus"),
        power_mw=float(np.maximum(profile.charge_mw, profile.discharge_mw).max(initial=0.0)),
        energy_mwh=float(profile.energy_mwh.max(initial=0.0)),
        charge_efficiency=fields.number("charge_efficiency", default=1.0),
        discharge_efficiency=fields.number("discharge_efficiency", default=1.0),
        initial_mwh=fields.number("initial_mwh", default=0.0),
        end_minimum_mwh=fields.number("end_minimum_mwh", default=0.0),
        cycle_cost_per_mwh=fields.number("cost_per_mwh", default=0.0),
        end_value_per_mwh=fields.number("end_value_per_mwh", default=0.0),
    )
