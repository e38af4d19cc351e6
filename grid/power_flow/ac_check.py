"""What an AC power flow says of a dispatch: voltages and loadings beside the DC ones, remedies in words. JSON-safe."""

from __future__ import annotations

from typing import Any

import numpy as np

from grid.cases.ac_data import AcData
from grid.cases.case import BoolArray, Case
from grid.cases.must_take import whole_plant
from grid.power_flow.ac_flow import AcFlow, reactive_sensitivities, solve_ac
from grid.power_flow.opf import OpfResult
from grid.problem.plan import DispatchPlan
from grid.time_axis import FloatArray

_PU = 1e-4
_PERCENT = 0.1
_FEEDS_MW = 1e-3


def check_opf(result: OpfResult, ac: AcData) -> dict[str, Any]:
    """The AC check of an optimal power flow: one period, lists of one item as everywhere in its document."""
    case, links = result.case, result.case.links
    injection = _at(case, case.generators.bus, np.where(case.generators.in_service, result.power_mw, 0.0))
    injection -= case.demand_mw - ac.shunt_mw
    sent = np.where(links.in_service, result.link_mw, 0.0)
    received = np.where(links.in_service, (1.0 - links.loss_share) * sent - links.loss_mw, 0.0)
    injection += _at(case, links.to_bus, received) - _at(case, links.from_bus, sent)
    return _document(
        case,
        ac,
        power_mw=result.power_mw[:, None],
        injection_mw=injection[:, None],
        on=case.generators.in_service[:, None],
        dc_flow_mw=result.flow_mw[:, None],
        reactive_scale=np.ones(1),
    )


def check_plan_ac(plan: DispatchPlan, case: Case, ac: AcData, injection_mw: FloatArray) -> dict[str, Any]:
    """The AC check of a plan on its network, period by period.

    Reactive loads follow the active load of all buses together. Plants and storages are on while they give or take
    power, and have nothing left to share losses with.

    Args:
        case: What the plan's network came from; its generators have the names of the plan's assets.
        injection_mw: The plan's, shape (buses of the plan, periods).
    """
    periods, schedule = plan.problem.axis.periods, plan.schedule
    rows = {bus.bus_id: injection_mw[i] for i, bus in enumerate(plan.problem.network.buses)}
    nothing = np.zeros(periods)
    others = _others_on(plan)
    unit = {u.unit_id: i for i, u in enumerate(plan.problem.thermal_units)}
    branch = {b.branch_id: i for i, b in enumerate(plan.problem.network.branches)}
    generators = list(zip(case.generators.names, case.generators.maximum_mw, ac.condenser, strict=True))
    total = float(case.demand_mw.sum())
    return _document(
        case,
        ac,
        power_mw=np.array([
            schedule.power_mw[unit[name]] if name in unit else np.full(periods, most) for name, most, _ in generators
        ]).reshape(-1, periods),
        injection_mw=np.array([rows.get(name, nothing) for name in case.bus_ids])
        + np.where(case.isolated, 0.0, ac.shunt_mw)[:, None],
        on=np.array([
            schedule.on[unit[name]] if name in unit else others.get(name, np.full(periods, always))
            for name, _, always in generators
        ], dtype=np.bool_).reshape(-1, periods),
        dc_flow_mw=np.array([
            schedule.branch_flow_mw[branch[name]] if name in branch else nothing for name in case.branches.names
        ]).reshape(-1, periods),
        reactive_scale=plan.problem.load_mw.sum(axis=0) / total if total else np.ones(periods),
    )  # fmt: skip


def _others_on(plan: DispatchPlan) -> dict[str, BoolArray]:
    """When each plant and storage gives or takes power, shape (periods,); a plant may have two parts."""
    schedule = plan.schedule
    on: dict[str, BoolArray] = {}
    for plant, mw in zip(plan.problem.renewable_plants, schedule.renewable_mw, strict=True):
        name = whole_plant(plant.plant_id)
        on[name] = (mw > _FEEDS_MW) | on.get(name, np.zeros(len(mw), dtype=np.bool_))
    for storage, mw in zip(plan.problem.storages, schedule.discharge_mw + schedule.charge_mw, strict=True):
        on[storage.storage_id] = mw > _FEEDS_MW
    return on


def _document(
    case: Case,
    ac: AcData,
    *,
    power_mw: FloatArray,
    injection_mw: FloatArray,
    on: BoolArray,
    dc_flow_mw: FloatArray,
    reactive_scale: FloatArray,
) -> dict[str, Any]:
    """All arrays have the periods last."""
    flows = [
        solve_ac(case, ac, power_mw[:, t], injection_mw[:, t], on[:, t], float(reactive_scale[t]))
        for t in range(power_mw.shape[1])
    ]
    violations = [
        {"period": t, **violation}
        for t, flow in enumerate(flows)
        for violation in (_violations(case, ac, flow, dc_flow_mw[:, t]) if flow.converged else [])
    ]
    failed = [t for t, flow in enumerate(flows) if not flow.converged]
    return {
        "converged": not failed,
        "message": _message(failed, violations),
        "losses_mw": [round(flow.losses_mw, 3) if flow.converged else None for flow in flows],
        "buses": {
            name: [
                {"vm_pu": _told(abs(f.voltage[i]), f, i), "va_degrees": _told(np.degrees(np.angle(f.voltage[i])), f, i)}
                for f in flows
            ]
            for i, name in enumerate(case.bus_ids)
        },
        "branches": {
            name: [
                {
                    "mva": round(float(_mva(f)[k]), 3) if f.converged else None,
                    "loading_percent": _percent(_mva(f)[k], case.branches.limit_mw[k]) if f.converged else None,
                    "dc_loading_percent": _percent(abs(dc_flow_mw[k, t]), case.branches.limit_mw[k]),
                }
                for t, f in enumerate(flows)
            ]
            for k, name in enumerate(case.branches.names)
        },
        "violations": violations,
    }


def _violations(case: Case, ac: AcData, flow: AcFlow, dc_flow_mw: FloatArray) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    magnitude = np.abs(flow.voltage)
    beyond = np.maximum(ac.minimum_pu - magnitude, magnitude - ac.maximum_pu)
    outside = np.flatnonzero(~flow.dark & (beyond > _PU))
    for i, lift in zip(outside.tolist(), reactive_sensitivities(case, ac, flow, outside).tolist(), strict=True):
        low = bool(magnitude[i] < ac.minimum_pu[i])
        remedy = f"{'higher' if low else 'lower'} set-points of the generators around it"
        if lift > 0.0:
            remedy = f"about {beyond[i] / lift:,.1f} MVAr {'fed in' if low else 'taken up'} there, or {remedy}"
        limit = ac.minimum_pu[i] if low else ac.maximum_pu[i]
        found.append(
            {
                "what": f"{'low' if low else 'high'} voltage at bus {case.bus_ids[i]}",
                "text": f"{magnitude[i]:.3f} pu, the limit is {limit:.3f} pu",
                "remedy": remedy,
            }
        )
    for i in np.flatnonzero(flow.dark & ~case.isolated).tolist():
        what = f"no voltage at bus {case.bus_ids[i]}"
        text, remedy = "its island has no generator that is on", "commit one there, or connect the island"
        found.append({"what": what, "text": text, "remedy": remedy})
    mva, limit = _mva(flow), case.branches.limit_mw
    for k in np.flatnonzero(case.branches.in_service & (100.0 * mva > (100.0 + _PERCENT) * limit)).tolist():
        lowered = max(limit[k] - (mva[k] - abs(dc_flow_mw[k])), 0.0)
        found.append(
            {
                "what": f"overload of branch {case.branches.names[k]}",
                "text": f"{mva[k]:,.1f} MVA, {100.0 * mva[k] / limit[k]:.1f} % of its rating; "
                f"{100.0 * abs(dc_flow_mw[k]) / limit[k]:.1f} % in the DC dispatch",
                "remedy": f"dispatch again with a rating of {lowered:,.1f} MW for this branch, which leaves room for "
                "its reactive power and losses",
            }
        )
    return found


def _message(failed: list[int], violations: list[dict[str, Any]]) -> str:
    if failed:
        periods = ", ".join(map(str, failed[:8])) + (" and more" if len(failed) > 8 else "")
        return (
            f"The AC power flow has no solution that Newton's method finds in period {periods}: the dispatch may be "
            "beyond what voltages can carry. Lower long transfers, or support voltages with reactive power."
        )
    if violations:
        return f"{len(violations)} limits are broken that the DC dispatch does not see."
    return "Voltages and loadings are within their limits."


def _mva(flow: AcFlow) -> FloatArray:
    mva: FloatArray = np.maximum(np.abs(flow.from_mva), np.abs(flow.to_mva))
    return mva


def _percent(amount: float, limit: float) -> float | None:
    return round(100.0 * float(amount) / float(limit), 2) if np.isfinite(limit) and limit > 0.0 else None


def _told(value: float, flow: AcFlow, bus: int) -> float | None:
    return round(float(value), 5) if flow.converged and not flow.dark[bus] else None


def _at(case: Case, places: Any, amounts: FloatArray) -> FloatArray:
    """Amounts added up by bus."""
    return np.bincount(places, amounts, len(case.bus_ids)).astype(np.float64)
