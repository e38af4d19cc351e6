"""What a check counts of relaxed limits against what a plan reports of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from grid.problem.plan import DispatchPlan
from grid.problem.soft_limits import Limit, SoftLimit
from grid.time_axis import FloatArray

_MW = 1e-2

Amounts = Mapping[SoftLimit, FloatArray]
"""By how much each limit is relaxed, shape (periods,). [MW], or MWh of energy"""


def reported_amounts(plan: DispatchPlan) -> Amounts:
    """What a plan reports of every limit that it relaxes."""
    reported: dict[SoftLimit, FloatArray] = {}
    for violation in plan.violations:
        amounts = reported.setdefault(violation.limit, np.zeros(plan.problem.axis.periods))
        amounts[violation.period] += violation.amount_mw
    return reported


def reported_faults(plan: DispatchPlan, kinds: Collection[Limit], amounts: Amounts) -> Iterator[str]:
    """Every amount must stand among the violations with its size, and none of these kinds without one."""
    nothing = np.zeros(plan.problem.axis.periods)
    reported = {limit: told for limit, told in reported_amounts(plan).items() if limit.kind in kinds}
    for limit in {**amounts, **reported}:
        amount, told = amounts.get(limit, nothing), reported.get(limit, nothing)
        for t in np.flatnonzero(np.abs(amount - told) > 2.0 * _MW).tolist():
            yield f"{limit} in period {t}: it is {amount[t]} MW and {told[t]} MW are reported"
