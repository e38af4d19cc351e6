"""What a check counts of relaxed limits against what a plan reports of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from grid.problem.plan import DispatchPlan
from grid.problem.soft_limits import Limit, SoftLimit

_MW = 1e-2

Amounts = Mapping[tuple[SoftLimit, int], float]
"""By how much limits are relaxed in periods. [MW], or MWh of energy"""


def reported_amounts(plan: DispatchPlan) -> Amounts:
    """What a plan reports of every limit that it relaxes."""
    return {(violation.limit, violation.period): violation.amount_mw for violation in plan.violations}


def reported_faults(plan: DispatchPlan, kinds: Collection[Limit], amounts: Amounts) -> Iterator[str]:
    """Every amount must stand among the violations with its size, and none of these kinds without one."""
    reported = {key: mw for key, mw in reported_amounts(plan).items() if key[0].kind in kinds}
    for limit, period in amounts.keys() | reported.keys():
        amount, told = amounts.get((limit, period), 0.0), reported.get((limit, period), 0.0)
        if abs(amount - told) > 2.0 * _MW:
            yield f"{limit} in period {period}: it is {amount} MW and {told} MW are reported"
