"""The plan as the document that is stored, served and written to files. JSON-safe: no NaN, no infinity."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from grid.dispatch.schedules import MONEY_DIGITS, PRICE_DIGITS, assets_of, schedules
from grid.dispatch.shortfall import promised
from grid.problem.costs import end_value
from grid.problem.plan import DispatchPlan, Reason, Status
from grid.problem.uplift import uplift
from grid.time_axis import require_utc

_MW_DIGITS = 3
_CASE_MW_DIGITS = 6


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
        **_outcome(plan),
        "axis": _axis(plan, stamps),
        **schedules(plan, _MW_DIGITS),
        "violations": [
            {**v.told(axis.step_hours, digits=_MW_DIGITS), "interval_start": stamps[v.period]} for v in plan.violations
        ],
        "reasons": _reasons(
            plan, lambda reason: {"from": stamps[reason.first_period], "to": stamps[reason.last_period + 1]}
        ),
        "inputs": dict(inputs or {}),
    }


def case_document(plan: DispatchPlan, *, case: str) -> dict[str, Any]:
    """Write the plan of a case file as a document; power is rounded to W.

    Violations and reasons name periods, counted from 0, ``to`` excluded; ``axis`` dates them where the case does.
    Without a feasible plan there is a message, and what is in the way of one in ``reasons``, but no schedule.
    """
    axis = plan.problem.axis
    stamps = [_stamp(instant) for instant in [*axis.interval_starts, axis.end]] if plan.problem.timezone else None
    solved = plan.status is not Status.INFEASIBLE
    names = ("units", "renewables", "storages", "exchanges", "buses", "branches", "interfaces", "links", "reserves")
    empty: dict[str, Any] = {name: {} for name in names}
    return {
        "case": case,
        **_outcome(plan),
        "axis": _axis(plan, stamps),
        **(schedules(plan, _CASE_MW_DIGITS) if solved else {"assets": assets_of(plan), **empty, "system": []}),
        "violations": [
            {**v.told(axis.step_hours, digits=_CASE_MW_DIGITS), "period": v.period} for v in plan.violations
        ],
        "unkept": list(plan.unkept),
        "reasons": _reasons(plan, lambda reason: {"from": reason.first_period, "to": reason.last_period + 1}),
    }


def _outcome(plan: DispatchPlan) -> dict[str, Any]:
    earlier = plan.problem.earlier
    return {
        "status": plan.status.value,
        "objective": _finite(plan.objective, MONEY_DIGITS),
        "best_bound": _finite(plan.best_bound, MONEY_DIGITS),
        "gap": _finite(plan.gap, 6),
        "build_seconds": round(plan.build_seconds, 3),
        "solve_seconds": round(plan.solve_seconds, 3),
        "currency": plan.problem.currency,
        "message": plan.message,
        "end_value": round(end_value(plan.problem, plan.schedule.state_of_charge_mwh), MONEY_DIGITS),
        "change_price": None if earlier is None else earlier.told(cost=plan.change_cost, forgone=plan.forgone),
        "outlook": None if plan.outlook is None else plan.outlook.told(),
        "shortfall": None if plan.status is Status.INFEASIBLE else promised(plan),
        "uplift": None if plan.status is Status.INFEASIBLE else _uplift(plan),
        "unsecured": list(plan.unsecured),
    }


def _uplift(plan: DispatchPlan) -> dict[str, Any]:
    """Of every thermal unit by id, and their sum."""
    units = [round(amount, MONEY_DIGITS) for amount in uplift(plan).tolist()]
    names = [unit.unit_id for unit in plan.problem.thermal_units]
    return {"total": round(sum(units), MONEY_DIGITS), "units": dict(zip(names, units, strict=True))}


def _axis(plan: DispatchPlan, stamps: list[str] | None) -> dict[str, Any]:
    axis = plan.problem.axis
    undated = {"step_minutes": round(axis.step_hours * 60), "periods": axis.periods}
    return undated if stamps is None else {"start": stamps[0], **undated, "interval_starts": stamps[:-1]}


def _stamp(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _finite(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None


def _reasons(plan: DispatchPlan, when: Callable[[Reason], dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    reasons: dict[str, list[dict[str, Any]]] = {}
    for reason in plan.reasons:
        price, cost = reason.shadow_price_per_mwh, reason.runner_up_cost
        reasons.setdefault(reason.asset_id, []).append(
            {
                **when(reason),
                "binding": list(reason.binding),
                "shadow_price_per_mwh": None if price is None else _finite(price, PRICE_DIGITS),
                "runner_up_cost": None if cost is None else _finite(cost, MONEY_DIGITS),
                "text": reason.text,
            }
        )
    return reasons
