"""A plan without a search: the previous plan rolled on, else one by rule. Checked, labelled, and never called optimal.

The commitment is settled beforehand, so that a linear program is all that is left to solve: it dispatches the units
within the network's limits and prices the result, as it does for every plan.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from grid.checking.check import check_plan
from grid.dispatch.inherit import PreviousPlan
from grid.dispatch.merit_order import charging_by_net_load, merit_order
from grid.dispatch.results import plan_of
from grid.formulation.commitment import BoolArray, assign_units, bridge_dips
from grid.formulation.linear import IntArray
from grid.formulation.outages import Outages
from grid.formulation.prices import dispatch_fixed
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import UnsolvedError
from grid.formulation.unit_terms import UnitTerms, single_units, unit_terms
from grid.problem.plan import DispatchPlan, DispatchProblem, Status

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """Which units are wanted on and which storages charge, shape (units, periods) and (storages, periods)."""

    status: Status
    wanted: IntArray
    charging: BoolArray
    text: str


def fallback_plan(problem: DispatchProblem, *, previous: PreviousPlan | None, why: str) -> DispatchPlan:
    """The previous plan's commitment rolled on, or the rule's where that is unsound or relaxes limits at a higher cost.

    Args:
        previous: What was planned before, as of the problem's start; None if nothing was.
        why: Why there is no better plan, for the message: a clause.

    Returns:
        A plan of status ``rolled-on`` or ``rule-based``, without a proven bound.

    Raises:
        UnsolvedError: If not even the linear program of a settled commitment could be solved.
    """
    sound: list[DispatchPlan] = []
    terms = [unit_terms(unit, step_hours=problem.axis.step_hours) for unit in problem.thermal_units]
    for way in _ways(problem, terms, previous):
        try:
            plan = _dispatched(problem, terms, way, message=f"There is no optimised plan: {why}. {way.text}")
        except RuntimeError as error:  # without an optimum, or refused by HiGHS
            log.warning("a %s plan cannot be dispatched: %s", way.status.value, error)
            continue
        faults = check_plan(plan)
        if not faults and not plan.violations:
            return plan
        if faults:
            log.warning("a %s plan is unsound: %s", way.status.value, "; ".join(faults))
        else:
            sound.append(plan)
    if not sound:
        raise UnsolvedError("no commitment to fall back on can be dispatched")
    return min(sound, key=lambda plan: plan.objective)


def _ways(problem: DispatchProblem, terms: Sequence[UnitTerms], previous: PreviousPlan | None) -> Iterator[_Way]:
    """What to try, the better first; what lies beyond the previous plan's end is by rule as well."""
    periods = problem.axis.periods
    by_rule = bridge_dips(merit_order(problem).astype(np.int64), terms, single_units(problem))
    charging = charging_by_net_load(problem)
    told = 0 if previous is None else min(previous.periods_ahead(problem.axis.step), periods)
    if previous is not None and told > 0:
        wanted, charges = by_rule.copy(), charging.copy()
        for i, unit in enumerate(problem.thermal_units):
            if records := previous.ahead("units", unit.unit_id)[:told]:
                wanted[i, :told] = [record["on"] for record in records]
        for s, storage in enumerate(problem.storages):
            if records := previous.ahead("storages", storage.storage_id)[:told]:
                charges[s, :told] = [record["charge_mw"] > record["discharge_mw"] for record in records]
        text = (
            f"This is plan {previous.plan_id} rolled on: its commitment in the first {told} of {periods} periods, "
            "merit order in the rest, dispatched anew; how far it is from the best possible cost is not proven."
        )
        yield _Way(Status.ROLLED_ON, wanted, charges, text)
    text = (
        "This is a plan by rule: units by merit order of their average cost at full output, dispatched on the network; "
        "how far it is from the best possible cost is not proven."
    )
    yield _Way(Status.RULE_BASED, by_rule, charging, text)


def _dispatched(problem: DispatchProblem, terms: Sequence[UnitTerms], way: _Way, *, message: str) -> DispatchPlan:
    began = time.monotonic()
    on = assign_units(problem, terms, single_units(problem), way.wanted)
    ptdf = Ptdf(problem.network)
    outages = Outages(problem.network, ptdf) if problem.secure else None
    build_seconds = time.monotonic() - began
    relaxable = replace(problem, penalties=problem.penalties.finite())  # a plan that shows what it breaks, not none
    dispatch = dispatch_fixed(relaxable, terms, on, way.charging, ptdf=ptdf, outages=outages, lines=())
    return plan_of(
        dispatch,
        terms,
        on,
        status=way.status,
        bound=-np.inf,
        message=message,
        build_seconds=build_seconds,
        solve_seconds=time.monotonic() - began - build_seconds,
    )
