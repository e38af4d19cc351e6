"""What a check counts of relaxed limits against what a plan reports of them."""

from __future__ import annotations

from collections.abc import Iterator

from grid.problem.plan import DispatchPlan

_MW = 1e-2


def reported_faults(plan: DispatchPlan, amounts: dict[tuple[str, int], float]) -> Iterator[str]:
    """Every amount must stand among the violations with its size, and none may stand there without one."""
    kinds = {what.split(" at bus ")[0].split(" branch ")[0].split(" in ")[0] for what, _ in amounts}
    reported: dict[tuple[str, int], float] = {
        (v.what, v.period): v.amount_mw
        for v in plan.violations
        if v.what.split(" at bus ")[0].split(" branch ")[0].split(" in ")[0] in kinds
    }
    for key in amounts.keys() | reported.keys():
        amount, told = amounts.get(key, 0.0), reported.get(key, 0.0)
        if abs(amount - told) > 2.0 * _MW:
            yield f"{key[0]} in period {key[1]}: it is {amount} MW and {told} MW are reported"
