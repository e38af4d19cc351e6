"""A plan without a search: the previous plan rolled on, else one by rule. Checked, labelled, and never called optimal.

The commitment is settled beforehand, so that a linear program is all that is left to solve: it dispatches the units
and the storages within the network's limits and prices the result, as it does for every plan.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from grid.checking.check import check_plan
from grid.dispatch.inherit import PreviousPlan
from grid.dispatch.merit_order import merit_order
from grid.dispatch.results import plan_of
from grid.formulation.commitment import BoolArray, assign_units, bridge_dips
from grid.formulation.linear import IntArray
from grid.formulation.lines import Line
from grid.formulation.outages import Outages
from grid.formulation.prices import FixedDispatch, dispatch_fixed, prices_of
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import UnsolvedError
from grid.formulation.unit_terms import UnitTerms, single_units, unit_terms
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.plan import DispatchPlan, Status

log = logging.getLogger(__name__)

_FIRST_SHEDS = 100
_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """Which units are wanted on, shape (units, periods)."""

    status: Status
    wanted: IntArray
    text: str


def fallback_plan(
    problem: DispatchProblem, *, previous: PreviousPlan | None, why: str, seconds: float = 120.0
) -> DispatchPlan:
    """The previous plan's commitment rolled on, or the rule's where that is unsound or relaxes limits at a higher cost.

    Args:
        previous: What was planned before, as of the problem's start; None if nothing was.
        why: Why there is no better plan, for the message: a clause.
        seconds: Of wall time for the linear programs, at most; while there is another way, half of what is left.

    Returns:
        A plan of status ``rolled-on`` or ``rule-based``, without a proven bound. Where the check finds fault with every
        one, the message of the last says so.

    Raises:
        UnsolvedError: If not even the linear program of a settled commitment could be solved in time.
    """
    until = time.monotonic() + seconds
    sound: list[DispatchPlan] = []
    unsound: list[DispatchPlan] = []
    terms = [unit_terms(unit, step_hours=problem.axis.step_hours) for unit in problem.thermal_units]
    for way in _ways(problem, terms, previous):
        left = until - time.monotonic()
        share = left if way.status is Status.RULE_BASED else left / 2.0
        message = f"There is no optimised plan: {why}. {way.text}"
        try:
            plan = _dispatched(problem, terms, way, message=message, seconds=share)
        except RuntimeError as error:  # without an optimum, or refused by HiGHS
            log.warning("a %s plan cannot be dispatched: %s", way.status.value, error)
            continue
        faults = check_plan(plan)
        if not faults and not plan.violations:
            return plan
        if faults:
            log.warning("a %s plan is unsound: %s", way.status.value, "; ".join(faults))
            unsound.append(replace(plan, message=f"{message} It is unsound: {'; '.join(faults)}."))
        else:
            sound.append(plan)
    if sound:
        return min(sound, key=lambda plan: plan.objective)
    if unsound:
        return unsound[-1]
    raise UnsolvedError("no commitment to fall back on can be dispatched")


def _ways(problem: DispatchProblem, terms: Sequence[UnitTerms], previous: PreviousPlan | None) -> Iterator[_Way]:
    """What to try, the better first; what lies beyond the previous plan's end is by rule as well."""
    periods = problem.axis.periods
    by_rule = bridge_dips(merit_order(problem).astype(np.int64), terms, single_units(problem))
    told = 0 if previous is None else min(previous.periods_ahead(problem.axis.step), periods)
    if previous is not None and told > 0:
        wanted = by_rule.copy()
        for i, unit in enumerate(problem.thermal_units):
            if records := previous.ahead("units", unit.unit_id)[:told]:
                wanted[i, :told] = [record["on"] for record in records]
        text = (
            f"This is plan {previous.plan_id} rolled on: its commitment in the first {told} of {periods} periods, "
            "merit order in the rest, dispatched anew; how far it is from the best possible cost is not proven."
        )
        yield _Way(Status.ROLLED_ON, wanted, text)
    text = (
        "This is a plan by rule: units by merit order of their average cost at full output, dispatched on the network; "
        "how far it is from the best possible cost is not proven."
    )
    yield _Way(Status.RULE_BASED, by_rule, text)


def _dispatched(
    problem: DispatchProblem, terms: Sequence[UnitTerms], way: _Way, *, message: str, seconds: float
) -> DispatchPlan:
    """Dispatch twice: with storages free, which tells which way each goes, and in those ways."""
    began = time.monotonic()
    on = assign_units(problem, terms, single_units(problem), way.wanted)
    ptdf = Ptdf(problem.network)
    outages = Outages(problem.network, ptdf) if problem.secure else None
    build_seconds = time.monotonic() - began
    relaxable = replace(problem, penalties=problem.penalties.finite())  # a plan that shows what it breaks, not none

    def dispatched(charging: BoolArray | None, lines: Iterable[Line], sheds: Iterable[int]) -> FixedDispatch:
        left = began + seconds - time.monotonic()
        if left <= 0.0:
            raise UnsolvedError("no time is left")
        return dispatch_fixed(
            relaxable, terms, on, charging, ptdf=ptdf, outages=outages, lines=lines, sheds=sheds, seconds=left
        )

    dispatch = _where_shedding_pays(relaxable, dispatched, None, ())
    if problem.storages:
        dispatch = _where_shedding_pays(relaxable, dispatched, dispatch.charging, dispatch.model.lines.rows)
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


def _where_shedding_pays(
    relaxable: DispatchProblem,
    dispatched: Callable[[BoolArray | None, Iterable[Line], Iterable[int]], FixedDispatch],
    charging: BoolArray | None,
    lines: Iterable[Line],
) -> FixedDispatch:
    """A dispatch that may shed load wherever that pays, without a column at every bus in the rows of all full branches.

    At first load may be shed where most stands, at four times as many buses while that leaves no dispatch, and then
    wherever a MW is worth more than its price: where it is nowhere, more columns would change nothing.
    """
    peak, price = relaxable.load_mw.max(axis=1), relaxable.penalties.shedding
    largest = [i for i in np.argsort(-peak, kind="stable").tolist() if relaxable.load_mw[i].any()]
    sheds = set(largest[:_FIRST_SHEDS])
    while True:
        try:
            dispatch = dispatched(charging, lines, sheds)
        except UnsolvedError as error:
            if not error.infeasible or len(sheds) == len(largest):
                raise
            sheds |= set(largest[: 4 * len(sheds)])
            continue
        worth = prices_of(dispatch).lmp.max(axis=1)
        more = {i for i in largest if worth[i] > price * (1.0 + _TOLERANCE)} - sheds
        if not more:
            return dispatch
        sheds, lines = sheds | more, list(dispatch.model.lines.rows)
