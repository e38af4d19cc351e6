"""A commitment for all scenarios at once: dear or cheap, each of them is dispatched with the units that are on.

First stage: which thermal units are on. Second stage, in each scenario for itself: everything else, on the network with
all its soft limits. Minimised is the expected cost, and by choice a multiple of its conditional value at risk. The
commitment for the central forecast, with the reserve that stands for its uncertainty, is the first answer, and the last
one if time runs out; the plan tells what it would have come to. What the scenarios would cost at least if each had
units of its own (wait and see) is a bound, if time allows; branch limits that bind there are likely to bind again.

References:
    Madansky, "Inequalities for Stochastic Linear Programming Problems", Management Science 6(2), 1960 (wait and see).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from grid.dispatch.results import plan_of
from grid.formulation.build import build_model
from grid.formulation.commitment import BoolArray, assign_units
from grid.formulation.lines import Line
from grid.formulation.model import TooManyLinesError
from grid.formulation.outages import Outages
from grid.formulation.prices import FixedDispatch, dispatch_fixed
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import LinearSolution, UnsolvedError, solve_lazily
from grid.formulation.stacked import StackedModel
from grid.formulation.unit_terms import identical_units, unit_terms
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.in_scenarios import in_scenarios, unreserved
from grid.problem.plan import DispatchPlan, Status
from grid.problem.scenarios import Outlook, Scenarios
from grid.searching.incumbent import Found, gap_between
from grid.searching.pricing import relax
from grid.searching.search import search
from grid.time_axis import FloatArray

log = logging.getLogger(__name__)

_BOTH_MW = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A commitment, its dispatch in each scenario, and what that comes to in the model."""

    on: BoolArray
    dispatches: Sequence[FixedDispatch]
    objective: float

    @property
    def costs(self) -> FloatArray:
        return np.array([dispatch.cost for dispatch in self.dispatches])

    @property
    def lines(self) -> set[Line]:
        """Branch limits that mattered in any scenario."""
        return {line for dispatch in self.dispatches for line in dispatch.model.lines.rows}


def plan_for_scenarios(
    problem: DispatchProblem, central: DispatchPlan, *, deadline: float, relative_gap: float, threads: int
) -> DispatchPlan:
    """Commit units for the scenarios of ``problem``.

    Args:
        central: Plan of the problem without its scenarios; its commitment is what there is to improve on.
        deadline: Of the monotonic clock. What runs whatever it is: the dispatch of a commitment in every scenario.

    Returns:
        A plan whose objective, bound and gap are over the scenarios, and whose set-points and prices are for the
        central forecast. Its bound is -inf if none was proven in time.
    """
    began = time.monotonic()
    assert problem.scenarios is not None
    scenarios = problem.scenarios.fewer()
    cases = _Cases(problem, scenarios)
    first = best = cases.candidate(central.schedule.on, ())
    took = time.monotonic() - began
    until = deadline - 2.0 * took  # a better one is dispatched in every scenario, too, and scheduled
    bound, lines = cases.wait_and_see(best.lines, until=until)
    stack, relaxed, found = None, None, Found(np.inf, -np.inf, None)
    why = "time ran out"
    try:
        while until > time.monotonic() and gap_between(best.objective, bound) > relative_gap:
            stack = stack or cases.stacked(lines)
            try:
                left = until - time.monotonic()
                relaxed = solve_lazily(stack.model.linear, stack.add_violated, start=relaxed, seconds=left)
            except UnsolvedError as error:
                log.warning("the relaxation over the scenarios is not solved: %s", error)
                bound = max(bound, error.bound)
                break
            bound = max(bound, relaxed.objective)
            if gap_between(best.objective, bound) <= relative_gap:
                break
            state = search(stack.model, relaxed, start=found, gap=relative_gap / 2.0, deadline=until, threads=threads)
            taken, found = None, state.found
            while found.values is not None and found.values is not taken:  # again, if a better one came in the meantime
                candidate = cases.candidate(cases.commitment(stack, found.values), best.lines)
                best = min(best, candidate, key=lambda one: one.objective)
                taken, found = found.values, state.found
            bound = max(bound, found.bound)
            if taken is None:
                break
            if gap_between(best.objective, bound) <= relative_gap or not stack.add(candidate.lines):
                break
    except TooManyLinesError as error:
        why = f"{len(scenarios)} scenarios are too many for one model ({error})"
        log.warning("%s", why)
    return cases.plan(
        best, first, bound=bound, target=relative_gap, why=why, build_seconds=central.build_seconds,
        solve_seconds=central.solve_seconds + time.monotonic() - began,
    )  # fmt: skip


class _Cases:
    """The scenarios of a problem, and what all of them share."""

    def __init__(self, problem: DispatchProblem, scenarios: Scenarios) -> None:
        self._problem, self._scenarios = problem, scenarios
        self._problems = in_scenarios(problem, scenarios)
        self._terms = [unit_terms(unit, step_hours=problem.axis.step_hours) for unit in problem.thermal_units]
        self._groups = identical_units(problem)
        self._ptdf = Ptdf(problem.network)
        self._outages = Outages(problem.network, self._ptdf) if problem.secure else None

    def candidate(self, on: BoolArray, lines: Iterable[Line]) -> _Candidate:
        """A commitment with its dispatch in every scenario; ``lines`` are likely to matter."""
        known = list(lines)
        dispatches = [self._dispatched(problem, on, known) for problem in self._problems]
        costs = np.array([dispatch.solution.objective for dispatch in dispatches])
        return _Candidate(on, dispatches, self._scenarios.measure(costs))

    def _dispatched(self, problem: DispatchProblem, on: BoolArray, lines: list[Line]) -> FixedDispatch:
        """The cheapest dispatch of a commitment; it also tells which way each storage goes in a period."""
        free = self._fixed(problem, on, None, lines)
        return free if _apart(free) else self._fixed(problem, on, free.charging, lines)

    def _fixed(
        self, problem: DispatchProblem, on: BoolArray, charging: BoolArray | None, lines: list[Line]
    ) -> FixedDispatch:
        return dispatch_fixed(problem, self._terms, on, charging, ptdf=self._ptdf, outages=self._outages, lines=lines)

    def wait_and_see(self, lines: Iterable[Line], *, until: float) -> tuple[float, list[Line]]:
        """A bound: each scenario has units of its own, and no more than relaxed ones.

        Returns:
            The bound, -inf if a scenario was not relaxed in time, and ``lines`` with the branch limits that were met.
        """
        known, costs = list(lines), []
        solution: LinearSolution | None = None
        for problem in self._problems:
            if time.monotonic() >= until:
                return -np.inf, known
            model = build_model(problem, self._terms, self._groups, ptdf=self._ptdf, outages=self._outages, lines=known)
            columns, rows = model.linear.column_count, model.linear.row_count  # losses leave rows of one scenario alone
            alike = solution is not None and len(solution.values) == columns and len(solution.row_duals) <= rows
            start = solution if alike else None
            try:
                solution = relax(model, self._terms, deadline=until, start=start, seconds=until - time.monotonic())
            except UnsolvedError as error:
                log.warning("a scenario is not relaxed: %s", error)
                return -np.inf, list(model.lines.rows)
            costs.append(solution.objective)
            known = list(model.lines.rows)
        return self._scenarios.measure(np.array(costs)), known

    def stacked(self, lines: Iterable[Line]) -> StackedModel:
        return StackedModel(
            self._problems, self._scenarios, self._terms, self._groups,
            ptdf=self._ptdf, outages=self._outages, lines=lines,
        )  # fmt: skip

    def commitment(self, stack: StackedModel, values: FloatArray) -> BoolArray:
        """Which units are on in a solution of the stacked model, shape (units, periods)."""
        counts = np.array([values[group.on] for group in stack.model.thermal]).reshape(-1, self._problem.axis.periods)
        return assign_units(self._problem, self._terms, self._groups, np.round(counts).astype(np.int64))

    def plan(
        self,
        best: _Candidate,
        first: _Candidate,
        *,
        bound: float,
        target: float,
        why: str,
        build_seconds: float,
        solve_seconds: float,
    ) -> DispatchPlan:
        """The plan of a commitment: its set-points for the central forecast, its outlook over the scenarios."""
        settled = replace(unreserved(self._problem), scenarios=None)
        lines = list(best.lines)
        schedule = self._fixed(settled, best.on, self._fixed(settled, best.on, None, lines).charging, lines)
        gap = gap_between(best.objective, bound)
        plan = plan_of(
            schedule,
            self._terms,
            best.on,
            status=Status.OPTIMAL if gap <= target else Status.FEASIBLE,
            bound=bound,
            message=_message(gap, target, len(self._scenarios), first is best, why),
            build_seconds=build_seconds,
            solve_seconds=solve_seconds,
        )
        assert self._problem.scenarios is not None
        outlook = Outlook(
            scenarios=self._scenarios,
            drawn=self._problem.scenarios,
            costs=best.costs,
            unserved_mwh=np.array([_unserved_mwh(dispatch) for dispatch in best.dispatches]),
            central_objective=self._scenarios.measure(first.costs),
            schedule_cost=plan.objective,
        )
        objective = self._scenarios.measure(best.costs)
        proven = min(bound - (best.objective - objective), objective)
        return replace(plan, objective=objective, best_bound=proven, gap=gap, outlook=outlook)


def _apart(dispatch: FixedDispatch) -> bool:
    """Whether no storage charges and discharges at once."""
    values = dispatch.solution.values
    both = (np.minimum(values[stored.charge], values[stored.discharge]) for stored in dispatch.model.storages)
    return all(float(mw.max()) <= _BOTH_MW for mw in both)


def _unserved_mwh(dispatch: FixedDispatch) -> float:
    shed = sum(float(dispatch.solution.values[columns].sum()) for columns in dispatch.model.shed.values())
    return max(shed, 0.0) * dispatch.model.problem.axis.step_hours


def _message(gap: float, target: float, scenarios: int, central: bool, why: str) -> str:
    whose = "The commitment for the central forecast" if central else "A commitment for the scenarios"
    if not np.isfinite(gap):
        return f"{whose}: {why} before a bound over the {scenarios} scenarios was proven."
    late = "" if gap <= target else f", above the target of {100.0 * target:.2f} %, as {why}"
    return f"{whose}: proven within {100.0 * gap:.2f} % of the best over the {scenarios} scenarios{late}."
