"""The plan as the document that is stored, served and written to files. JSON-safe: no NaN, no infinity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from grid.dispatch.costs import production_cost
from grid.dispatch.plan import DispatchPlan
from grid.time_axis import FloatArray, require_utc

_MW_DIGITS = 3
_PRICE_DIGITS = 4
_MONEY_DIGITS = 2


def plan_document(
    plan: DispatchPlan,
    *,
    plan_id: str,
    site_id: str,
    issued_at: datetime,
    inputs: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write ``plan`` as a document.

    Power is rounded to kW, prices to a hundredth of a cent; ``lmp`` is the sum of its rounded components. Violations
    and reasons name instants instead of periods; a reason's ``to`` is the end of its last interval.

    Args:
        issued_at: The site's present when the plan was made.
        inputs: What went in, as :func:`grid.dispatch.assemble.assemble_problem` tells it.
    """
    axis = plan.problem.axis
    stamps = [_stamp(instant) for instant in [*axis.interval_starts, axis.end]]
    return {
        "plan_id": plan_id,
        "site_id": site_id,
        "issued_at": _stamp(require_utc(issued_at, name="issued_at")),
        "status": plan.status.value,
        "objective": _finite(plan.objective, _MONEY_DIGITS),
        "best_bound": _finite(plan.best_bound, _MONEY_DIGITS),
        "gap": _finite(plan.gap, 6),
        "build_seconds": round(plan.build_seconds, 3),
        "solve_seconds": round(plan.solve_seconds, 3),
        "currency": plan.problem.currency,
        "message": plan.message,
        "axis": {
            "start": stamps[0],
            "step_minutes": round(axis.step_hours * 60),
            "periods": axis.periods,
            "interval_starts": stamps[:-1],
        },
        "assets": _assets(plan),
        "units": _units(plan),
        "renewables": _renewables(plan),
        "storages": _storages(plan),
        "buses": _buses(plan),
        **_flows(plan),
        "system": _system(plan),
        "violations": [
            {
                "what": violation.what,
                "interval_start": stamps[violation.period],
                "amount_mw": round(violation.amount_mw, _MW_DIGITS),
                "price_per_mwh": violation.price_per_mwh,
            }
            for violation in plan.violations
        ],
        "reasons": _reasons(plan, stamps),
        "inputs": dict(inputs or {}),
    }


def _stamp(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _finite(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None


def _rounded(values: FloatArray, digits: int) -> list[Any]:
    """Nested lists of the values; adding zero turns -0.0 into 0.0."""
    rounded: list[Any] = (np.round(values, digits) + 0.0).tolist()
    return rounded


def _records(columns: Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
    """One record per period out of one list per field."""
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _tables(names: Iterable[str], columns: Mapping[str, tuple[Any, int | None]]) -> dict[str, list[dict[str, Any]]]:
    """Per name a list of records; ``columns`` are arrays of shape (names, periods) with their digits."""
    lists = {
        field: np.asarray(values).tolist() if digits is None else _rounded(values, digits)
        for field, (values, digits) in columns.items()
    }
    return {name: _records({field: rows[i] for field, rows in lists.items()}) for i, name in enumerate(names)}


def _assets(plan: DispatchPlan) -> dict[str, dict[str, Any]]:
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
            "kind": "storage",
            "bus_id": s.bus_id,
            "fuel": "",
            "capacity_mw": s.power_mw,
            "minimum_mw": 0.0,
            "energy_mwh": s.energy_mwh,
        }
        for s in problem.storages
    }
    return {**thermal, **plants, **storages}


def _units(plan: DispatchPlan) -> dict[str, list[dict[str, Any]]]:
    return _tables(
        [unit.unit_id for unit in plan.problem.thermal_units],
        {
            "on": (plan.on, None),
            "power_mw": (plan.power_mw, _MW_DIGITS),
            "reserve_mw": (plan.reserve_up_mw, _MW_DIGITS),
            "reserve_down_mw": (plan.reserve_down_mw, _MW_DIGITS),
        },
    )


def _renewables(plan: DispatchPlan) -> dict[str, list[dict[str, Any]]]:
    return _tables(
        [plant.plant_id for plant in plan.problem.renewable_plants],
        {"power_mw": (plan.renewable_mw, _MW_DIGITS), "available_mw": (plan.problem.available_mw, _MW_DIGITS)},
    )


def _storages(plan: DispatchPlan) -> dict[str, list[dict[str, Any]]]:
    return _tables(
        [storage.storage_id for storage in plan.problem.storages],
        {
            "charge_mw": (plan.charge_mw, _MW_DIGITS),
            "discharge_mw": (plan.discharge_mw, _MW_DIGITS),
            "state_of_charge_mwh": (plan.state_of_charge_mwh, _MW_DIGITS),
            "reserve_mw": (plan.storage_reserve_up_mw, _MW_DIGITS),
            "reserve_down_mw": (plan.storage_reserve_down_mw, _MW_DIGITS),
        },
    )


def _buses(plan: DispatchPlan) -> dict[str, list[dict[str, Any]]]:
    energy, congestion = np.round(plan.energy_price, _PRICE_DIGITS), np.round(plan.congestion_price, _PRICE_DIGITS)
    columns = {
        "lmp": (energy + congestion, _PRICE_DIGITS),
        "energy": (energy, _PRICE_DIGITS),
        "congestion": (congestion, _PRICE_DIGITS),
        "loss": (np.zeros_like(energy), _PRICE_DIGITS),
        "load_mw": (plan.problem.load_mw, _MW_DIGITS),
    }
    return _tables([bus.bus_id for bus in plan.problem.network.buses], columns)


def _flows(plan: DispatchPlan) -> dict[str, dict[str, list[dict[str, Any]]]]:
    network, periods = plan.problem.network, plan.problem.axis.periods
    limits = np.array([[b.limit_mw] * periods for b in network.branches], dtype=object).reshape(-1, periods)
    link_limits = np.array([[link.limit_mw] * periods for link in network.dc_links]).reshape(-1, periods)
    return {
        "branches": _tables(
            [branch.branch_id for branch in network.branches],
            {
                "flow_mw": (plan.branch_flow_mw, _MW_DIGITS),
                "limit_mw": (limits, None),
                "shadow_price": (plan.branch_shadow_price, _PRICE_DIGITS),
            },
        ),
        "links": _tables(
            [link.link_id for link in network.dc_links],
            {"flow_mw": (plan.link_flow_mw, _MW_DIGITS), "limit_mw": (link_limits, None)},
        ),
    }


def _system(plan: DispatchPlan) -> list[dict[str, Any]]:
    """One record per period; the sum of ``production_cost`` and of the priced violations is the objective."""
    problem = plan.problem
    down = plan.reserve_down_mw.sum(axis=0) + plan.storage_reserve_down_mw.sum(axis=0) + plan.renewable_reserve_down_mw
    columns: dict[str, tuple[FloatArray, int]] = {
        "load_mw": (problem.load_mw.sum(axis=0), _MW_DIGITS),
        "reserve_up_mw": (plan.reserve_up_mw.sum(axis=0) + plan.storage_reserve_up_mw.sum(axis=0), _MW_DIGITS),
        "reserve_up_required_mw": (problem.reserve_up_mw, _MW_DIGITS),
        "reserve_up_price": (plan.reserve_up_price, _PRICE_DIGITS),
        "reserve_down_mw": (down, _MW_DIGITS),
        "reserve_down_required_mw": (problem.reserve_down_mw, _MW_DIGITS),
        "reserve_down_price": (plan.reserve_down_price, _PRICE_DIGITS),
        "curtailed_mw": ((problem.available_mw - plan.renewable_mw).sum(axis=0), _MW_DIGITS),
        "production_cost": (production_cost(problem, plan.on, plan.power_mw, plan.discharge_mw), _MONEY_DIGITS),
    }
    return _records({field: _rounded(values, digits) for field, (values, digits) in columns.items()})


def _reasons(plan: DispatchPlan, stamps: list[str]) -> dict[str, list[dict[str, Any]]]:
    reasons: dict[str, list[dict[str, Any]]] = {}
    for reason in plan.reasons:
        price, cost = reason.shadow_price_per_mwh, reason.runner_up_cost
        reasons.setdefault(reason.asset_id, []).append(
            {
                "from": stamps[reason.first_period],
                "to": stamps[reason.last_period + 1],
                "binding": list(reason.binding),
                "shadow_price_per_mwh": None if price is None else _finite(price, _PRICE_DIGITS),
                "runner_up_cost": None if cost is None else _finite(cost, _MONEY_DIGITS),
                "text": reason.text,
            }
        )
    return reasons
