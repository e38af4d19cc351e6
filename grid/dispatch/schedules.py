"""A plan's schedules as tables: for every asset, bus and line a list of records, one per period. JSON-safe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from grid.explaining.headroom import plan_headroom_mw
from grid.problem.costs import production_cost
from grid.problem.exchanges import exchange_cost
from grid.problem.plan import DispatchPlan
from grid.problem.storage_profiles import StorageProfile
from grid.time_axis import FloatArray

PRICE_DIGITS = 4
MONEY_DIGITS = 2


def schedules(plan: DispatchPlan, mw: int) -> dict[str, Any]:
    """Everything that is told per asset and period, power rounded to ``mw`` digits."""
    return {
        "assets": assets_of(plan),
        "units": _units(plan, mw),
        "renewables": _renewables(plan, mw),
        "storages": _storages(plan, mw),
        "buses": _buses(plan, mw),
        "exchanges": _exchanges(plan, mw),
        **_flows(plan, mw),
        "reserves": _reserves(plan, mw),
        "system": _system(plan, mw),
    }


def assets_of(plan: DispatchPlan) -> dict[str, dict[str, Any]]:
    """What each asset is, by id."""
    problem = plan.problem
    thermal = {
        u.unit_id: {
            "kind": "thermal",
            "bus_id": u.bus_id,
            "fuel": u.fuel,
            "capacity_mw": u.capacity_mw,
            "minimum_mw": u.minimum_mw,
        }
        for u in problem.thermal_units
    }
    plants = {
        p.plant_id: {
            "kind": p.kind.value,
            "bus_id": p.bus_id,
            "fuel": "",
            "capacity_mw": p.capacity_mw,
            "minimum_mw": 0.0,
        }
        for p in problem.renewable_plants
    }
    storages = {
        s.storage_id: {
            "kind": _kind_of(problem.storage_profiles.get(s.storage_id)),
            "bus_id": s.bus_id,
            "fuel": "",
            "capacity_mw": s.power_mw,
            "minimum_mw": 0.0,
            "energy_mwh": s.energy_mwh,
        }
        for s in problem.storages
    }
    exchanges = {
        e.exchange_id: {
            "kind": "exchange",
            "bus_id": e.bus_id,
            "fuel": "",
            "capacity_mw": float(e.import_mw.max(initial=0.0)),
            "minimum_mw": 0.0 - float(e.export_mw.max(initial=0.0)),
        }
        for e in problem.exchanges
    }
    return {**thermal, **plants, **storages, **exchanges}


def _kind_of(profile: StorageProfile | None) -> str:
    """What a storage is: one whose limits change is a fleet of cars, or a reservoir if it can spill."""
    if profile is None:
        return "storage"
    return "reservoir" if profile.spills else "ev_fleet"


def _units(plan: DispatchPlan, mw: int) -> dict[str, list[dict[str, Any]]]:
    schedule = plan.schedule
    up, down = plan_headroom_mw(plan)
    return tables(
        [unit.unit_id for unit in plan.problem.thermal_units],
        {
            "on": (schedule.on, None),
            "power_mw": (schedule.power_mw, mw),
            "reserve_mw": (schedule.reserve_up_mw, mw),
            "reserve_down_mw": (schedule.reserve_down_mw, mw),
            "headroom_up_mw": (up, mw),
            "headroom_down_mw": (down, mw),
        },
    )


def _renewables(plan: DispatchPlan, mw: int) -> dict[str, list[dict[str, Any]]]:
    schedule = plan.schedule
    return tables(
        [plant.plant_id for plant in plan.problem.renewable_plants],
        {
            "power_mw": (schedule.renewable_mw, mw),
            "available_mw": (plan.problem.available_mw, mw),
            "reserve_mw": (schedule.renewable_reserve_up_mw, mw),
            "reserve_down_mw": (schedule.renewable_reserve_down_mw, mw),
        },
    )


def _storages(plan: DispatchPlan, mw: int) -> dict[str, list[dict[str, Any]]]:
    schedule = plan.schedule
    return tables(
        [storage.storage_id for storage in plan.problem.storages],
        {
            "charge_mw": (schedule.charge_mw, mw),
            "discharge_mw": (schedule.discharge_mw, mw),
            "state_of_charge_mwh": (schedule.state_of_charge_mwh, mw),
            "reserve_mw": (schedule.storage_reserve_up_mw, mw),
            "reserve_down_mw": (schedule.storage_reserve_down_mw, mw),
        },
    )


def _exchanges(plan: DispatchPlan, mw: int) -> dict[str, list[dict[str, Any]]]:
    schedule = plan.schedule
    exchanges, shape = plan.problem.exchanges, schedule.import_mw.shape
    columns = {
        "import_mw": (schedule.import_mw, mw),
        "export_mw": (schedule.export_mw, mw),
        "import_price": (np.array([exchange.import_price for exchange in exchanges]).reshape(shape), PRICE_DIGITS),
        "export_price": (np.array([exchange.export_price for exchange in exchanges]).reshape(shape), PRICE_DIGITS),
    }
    return tables([exchange.exchange_id for exchange in exchanges], columns)


def _buses(plan: DispatchPlan, mw: int) -> dict[str, list[dict[str, Any]]]:
    parts = (plan.prices.energy, plan.prices.congestion, plan.prices.loss)
    energy, congestion, loss = (np.round(part, PRICE_DIGITS) for part in parts)
    columns = {
        "lmp": (energy + congestion + loss, PRICE_DIGITS),
        "energy": (energy, PRICE_DIGITS),
        "congestion": (congestion, PRICE_DIGITS),
        "loss": (loss, PRICE_DIGITS),
        "load_mw": (plan.problem.load_mw, mw),
    }
    return tables([bus.bus_id for bus in plan.problem.network.buses], columns)


def _flows(plan: DispatchPlan, mw: int) -> dict[str, dict[str, list[dict[str, Any]]]]:
    schedule = plan.schedule
    network, periods = plan.problem.network, plan.problem.axis.periods
    limits = np.array([[b.limit_mw] * periods for b in network.branches], dtype=object).reshape(-1, periods)
    interface_limits = np.array([[i.limit_mw] * periods for i in network.interfaces]).reshape(-1, periods)
    link_limits = np.array([[link.limit_mw] * periods for link in network.dc_links]).reshape(-1, periods)
    return {
        "branches": tables(
            [branch.branch_id for branch in network.branches],
            {
                "flow_mw": (schedule.branch_flow_mw, mw),
                "limit_mw": (limits, None),
                "shadow_price": (plan.prices.branches, PRICE_DIGITS),
            },
        ),
        "interfaces": tables(
            [interface.interface_id for interface in network.interfaces],
            {
                "flow_mw": (schedule.interface_flow_mw, mw),
                "limit_mw": (interface_limits, None),
                "shadow_price": (plan.prices.interfaces, PRICE_DIGITS),
            },
        ),
        "links": tables(
            [link.link_id for link in network.dc_links],
            {"flow_mw": (schedule.link_flow_mw, mw), "limit_mw": (link_limits, None)},
        ),
    }


def _reserves(plan: DispatchPlan, mw: int) -> dict[str, list[dict[str, Any]]]:
    """By requirement of a reserve product: what is held of it, by whom, and its price."""
    problem, held = plan.problem, {reserve.product: reserve for reserve in plan.schedule.products}
    buses = [u.bus_id for u in problem.thermal_units] + [s.bus_id for s in problem.storages]
    buses += [plant.bus_id for plant in problem.renewable_plants]
    names = [u.unit_id for u in problem.thermal_units] + [s.storage_id for s in problem.storages]
    names += [plant.plant_id for plant in problem.renewable_plants]
    tables = {}
    for need, price in zip(problem.requirements, plan.prices.requirements, strict=True):
        inside = {bus.bus_id for bus in problem.network.buses if not need.areas or bus.area in need.areas}
        rows = held[need.product].all_mw
        holders = [i for i, bus_id in enumerate(buses) if bus_id in inside]
        columns: dict[str, Iterable[Any]] = {
            "required_mw": _rounded(need.required_mw, mw),
            "held_mw": _rounded(rows[holders].sum(axis=0), mw),
            "price": _rounded(price, PRICE_DIGITS),
            "held_by": [{names[i]: round(float(rows[i, t]), mw) for i in holders if rows[i, t] >= 0.5 * 10.0**-mw}
                        for t in range(problem.axis.periods)],
        }  # fmt: skip
        tables[need.title] = records(columns)
    return tables


def _system(plan: DispatchPlan, mw: int) -> list[dict[str, Any]]:
    """One record per period; costs, priced violations and ``change_price`` less ``end_value`` are the objective."""
    schedule = plan.schedule
    problem = plan.problem
    up = sum(
        mw.sum(axis=0)
        for mw in (
            schedule.reserve_up_mw,
            schedule.storage_reserve_up_mw,
            schedule.renewable_reserve_up_mw,
        )
    )
    down = sum(
        mw.sum(axis=0)
        for mw in (
            schedule.reserve_down_mw,
            schedule.storage_reserve_down_mw,
            schedule.renewable_reserve_down_mw,
        )
    )
    columns: dict[str, tuple[FloatArray, int]] = {
        "load_mw": (problem.load_mw.sum(axis=0), mw),
        "reserve_up_mw": (np.asarray(up), mw),
        "reserve_up_required_mw": (problem.reserve_up_mw, mw),
        "reserve_up_price": (plan.prices.reserve_up, PRICE_DIGITS),
        "reserve_down_mw": (np.asarray(down), mw),
        "reserve_down_required_mw": (problem.reserve_down_mw, mw),
        "reserve_down_price": (plan.prices.reserve_down, PRICE_DIGITS),
        "losses_mw": (schedule.losses_mw, mw),
        "curtailed_mw": ((problem.available_mw - schedule.renewable_mw).sum(axis=0), mw),
        "production_cost": (
            production_cost(problem, schedule.on, schedule.power_mw, schedule.discharge_mw),
            MONEY_DIGITS,
        ),
        "exchange_cost": (
            exchange_cost(
                problem.exchanges, schedule.import_mw, schedule.export_mw, step_hours=problem.axis.step_hours
            ),
            MONEY_DIGITS,
        ),
    }
    return records({field: _rounded(values, digits) for field, (values, digits) in columns.items()})


def tables(names: Iterable[str], columns: Mapping[str, tuple[Any, int | None]]) -> dict[str, list[dict[str, Any]]]:
    """Per name a list of records; ``columns`` are arrays of shape (names, periods) with their digits."""
    lists = {
        field: np.asarray(values).tolist() if digits is None else _rounded(values, digits)
        for field, (values, digits) in columns.items()
    }
    return {name: records({field: rows[i] for field, rows in lists.items()}) for i, name in enumerate(names)}


def records(columns: Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
    """One record per period out of one list per field."""
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _rounded(values: FloatArray, digits: int) -> list[Any]:
    """Nested lists of the values; adding zero turns -0.0 into 0.0."""
    rounded: list[Any] = (np.round(values, digits) + 0.0).tolist()
    return rounded
