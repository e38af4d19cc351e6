"""Why each generator of a case stands where it does: its own limit, its cost against the price, full branches."""

from __future__ import annotations

import numpy as np

from grid.cases.case import IntArray
from grid.power_flow.cost_pieces import marginal_cost_of
from grid.power_flow.dc_flow import DcFlow
from grid.power_flow.opf import OpfResult
from grid.problem.plan import Reason, Status
from grid.time_axis import FloatArray

_TOLERANCE_MW = 1e-5
_TOLERANCE_PRICE = 1e-5
_BRANCHES_NAMED = 3
_WORTH_NAMING = 0.01


def opf_reasons(result: OpfResult) -> tuple[Reason, ...]:
    """One reason for every generator in service; in ``binding`` its own limit, then full branches, the dearest first.

    The shadow price is that of the generator's own limit, what one MW more of it would save. No runner-up is computed.
    Of a case that is infeasible it is one for every limit in conflict.
    """
    if result.status is Status.INFEASIBLE:
        text = "cannot be kept together with the others" if len(result.conflict) > 1 else "cannot be kept"
        return tuple(Reason(name, 0, 0, (name,), None, None, f"{name}: {text}") for name in result.conflict)
    case, generators = result.case, result.case.generators
    full = np.flatnonzero(np.abs(result.branch_dual) > _TOLERANCE_PRICE).astype(np.int64)
    behind = _branch_shares(result, full)[:, generators.bus]
    price, power = result.lmp[generators.bus], result.power_mw
    highest = power >= generators.maximum_mw - _TOLERANCE_MW
    marginal = marginal_cost_of(generators.costs, np.where(highest, power - 2 * _TOLERANCE_MW, power))
    reasons = []
    for i in np.flatnonzero(generators.in_service).tolist():
        low, high, name = generators.minimum_mw[i], generators.maximum_mw[i], generators.names[i]
        bus = case.bus_ids[generators.bus[i]]
        order = np.argsort(-np.abs(behind[:, i]))[:_BRANCHES_NAMED]
        worth = max(_WORTH_NAMING * abs(price[i]), _TOLERANCE_PRICE)
        named = [(case.branches.names[full[k]], behind[k, i]) for k in order if abs(behind[k, i]) > worth]
        at_high, at_low = bool(highest[i]), power[i] <= low + _TOLERANCE_MW
        shadow = abs(price[i] - marginal[i])
        if at_high and at_low:
            own, text = ["fixed output"], f"{name} has no choice but {power[i]:g} MW"
        elif at_high:
            own = ["maximum output"]
            text = f"{name} gives all of its {high:g} MW: a MWh costs {marginal[i]:.2f}, bus {bus} pays {price[i]:.2f}"
        elif at_low:
            own = ["minimum output"]
            text = f"{name} stays at {low:g} MW: a MWh more costs {marginal[i]:.2f}, bus {bus} pays {price[i]:.2f}"
        else:
            own, shadow = [], 0.0
            text = f"{name} at {power[i]:.1f} MW follows the price of {price[i]:.2f} at bus {bus}"
        if named:
            text += "; " + ", ".join(f"{branch} moves that price by {share:+.2f}" for branch, share in named)
        binding = (*own, *(f"branch {branch} limit" for branch, _ in named))
        reasons.append(Reason(name, 0, 0, binding, float(shadow) if own else None, None, text))
    return tuple(reasons)


def _branch_shares(result: OpfResult, full: IntArray) -> FloatArray:
    """What each full branch adds to the price at each bus, shape (full branches, buses). [money/MWh]"""
    if not len(full):
        return np.zeros((0, len(result.lmp)))
    flow = DcFlow(result.case)
    shares = flow.rows(full) * result.branch_dual[full, None]
    return np.stack([row - flow.island_mean(row, weights=result.case.demand_mw) for row in shares])
