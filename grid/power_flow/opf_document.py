"""The outcome of an optimal power flow as a document of one period: status, schedule, prices, reasons. JSON-safe."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grid.power_flow.opf import OpfResult
from grid.power_flow.opf_reasons import opf_reasons
from grid.problem.plan import Status
from grid.time_axis import FloatArray

_MW_DIGITS = 6
_PRICE_DIGITS = 6
_MONEY_DIGITS = 4


def opf_document(result: OpfResult) -> dict[str, Any]:
    """Write a result as a document; every list has one item, the one period.

    A branch's ``limit_mw`` is what holds in the direction of its flow: the rating, or what the angle limit allows if
    that is less. Without a feasible dispatch there is a message and nothing else.
    """
    case = result.case
    solved = result.status is not Status.INFEASIBLE
    return {
        "case": case.name,
        "status": result.status.value,
        "message": result.message,
        "objective": _finite(result.objective, _MONEY_DIGITS),
        "best_bound": _finite(result.best_bound, _MONEY_DIGITS),
        "gap": _finite(result.gap, 12),
        "build_seconds": round(result.build_seconds, 4),
        "solve_seconds": round(result.solve_seconds, 4),
        "units": _units(result) if solved else {},
        "storages": {},
        "buses": _buses(result) if solved else {},
        "branches": _branches(result) if solved else {},
        "links": _links(result) if solved else {},
        "violations": [],
        "reasons": _reasons(result),
    }


def _finite(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None


def _rounded(values: FloatArray, digits: int) -> list[float | None]:
    """Plain numbers; adding zero turns -0.0 into 0.0. What is no finite number becomes None."""
    rounded = (np.round(values, digits) + 0.0).tolist()
    return [value if math.isfinite(value) else None for value in rounded]


def _table(names: tuple[str, ...], **columns: list[Any]) -> dict[str, list[dict[str, Any]]]:
    return {name: [dict(zip(columns, row, strict=True))] for name, *row in zip(names, *columns.values(), strict=True)}


def _units(result: OpfResult) -> dict[str, list[dict[str, Any]]]:
    generators = result.case.generators
    return _table(
        generators.names,
        on=generators.in_service.tolist(),
        power_mw=_rounded(result.power_mw, _MW_DIGITS),
        reserve_mw=[0.0] * len(generators.names),
    )


def _buses(result: OpfResult) -> dict[str, list[dict[str, Any]]]:
    energy = np.round(result.energy, _PRICE_DIGITS)
    congestion = np.round(result.lmp - result.energy, _PRICE_DIGITS)
    return _table(
        result.case.bus_ids,
        lmp=_rounded(energy + congestion, _PRICE_DIGITS),
        energy=_rounded(energy, _PRICE_DIGITS),
        congestion=_rounded(congestion, _PRICE_DIGITS),
        loss=_rounded(np.zeros_like(energy), _PRICE_DIGITS),
        load_mw=_rounded(result.case.demand_mw, _MW_DIGITS),
    )


def _branches(result: OpfResult) -> dict[str, list[dict[str, Any]]]:
    limit = np.where(result.flow_mw >= 0.0, result.upper_mw, -result.lower_mw)
    return _table(
        result.case.branches.names,
        flow_mw=_rounded(result.flow_mw, _MW_DIGITS),
        limit_mw=_rounded(limit, _MW_DIGITS),
        shadow_price=_rounded(np.abs(result.branch_dual), _PRICE_DIGITS),
    )


def _links(result: OpfResult) -> dict[str, list[dict[str, Any]]]:
    links, flow = result.case.links, result.link_mw
    received = np.where(links.in_service, (1.0 - links.loss_share) * flow - links.loss_mw, 0.0)
    return _table(
        links.names,
        flow_mw=_rounded(flow, _MW_DIGITS),
        received_mw=_rounded(received, _MW_DIGITS),
        limit_mw=_rounded(np.where(flow >= 0.0, links.maximum_mw, -links.minimum_mw), _MW_DIGITS),
    )


def _reasons(result: OpfResult) -> dict[str, list[dict[str, Any]]]:
    return {
        reason.asset_id: [
            {
                "binding": list(reason.binding),
                "shadow_price_per_mwh": None
                if reason.shadow_price_per_mwh is None
                else round(reason.shadow_price_per_mwh, _PRICE_DIGITS),
                "runner_up_cost": None,
                "text": reason.text,
            }
        ]
        for reason in opf_reasons(result)
    }
