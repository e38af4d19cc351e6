"""Plan the dispatch of a problem: search a commitment, dispatch it on the network, price it, explain it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from grid.dispatch.infeasible import infeasible_plan
from grid.dispatch.results import plan_of
from grid.dispatch.two_stage import plan_for_scenarios
from grid.formulation.build import build_model
from grid.formulation.commitment import BoolArray, assign_units, bridge_dips
from grid.formulation.model import DispatchModel
from grid.formulation.outages import Outages
from grid.formulation.prices import FixedDispatch, dispatch_fixed
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import LinearSolution, UnsolvedError
from grid.formulation.unit_terms import UnitTerms, identical_units, unit_terms
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.plan import DispatchPlan, Status
from grid.problem.validate import require_valid
from grid.searching.incumbent import Found, Incumbent, gap_between
from grid.searching.pricing import relax
from grid.searching.search import first_plan, search
from grid.time_axis import FloatArray

log = logging.getLogger(__name__)

_ROUND_UP_FROM = 0.1
_FIRST_SHARE = 0.4
_CENTRAL_SHARE = 0.1
_CONFLICT_SECONDS = 5.0
_AGAIN_SHARE, _AGAIN_SECONDS = 0.1, 2.0


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A commitment with its dispatch."""

    on: BoolArray
    dispatch: FixedDispatch
    heuristic: bool

    @property
    def objective(self) -> float:
        return self.dispatch.solution.objective


def plan_dispatch(
    problem: DispatchProblem,
    *,
    time_limit_seconds: float = 25.0,
    relative_gap: float = 0.005,
    threads: int = 2,
    runner_ups: bool = True,
) -> DispatchPlan:
    """Find the cheapest commitment and dispatch, as good as ``time_limit_seconds`` of wall time allow.

    A first plan is made quickly, to learn which branches matter; then :func:`.searching.search.search` runs, until
    the gap to the proven bound is at most ``relative_gap``. It begins anew, with the branch limits that were missing,
    as soon as a plan turns out dearer on the network than its model knew. The linear relaxation (of a large
    model a round of prices) and the final dispatch always run, whatever the limit: about a second on RTS-GMLC over 48
    hours. Limits of the operator's (load, reserve, branch ratings) are soft, so a valid problem always gets a plan;
    what was relaxed stands in ``violations``. Physics and the units' own limits are hard. Where limits that are never
    relaxed leave no plan, which of them conflict is looked for in the time that is left, five seconds at least. With
    ``runner_ups`` what other commitments would cost is solved again where prices do not tell it: at most a tenth of
    the time limit, and two seconds, more.

    Raises:
        InputError: If the problem is malformed; every fault is listed.
        UnsolvedError: If the linear relaxation is not solved, and not proven to have no solution either.
    """
    began = time.monotonic()
    require_valid(problem)
    if problem.scenarios is not None:
        central = plan_dispatch(
            replace(problem, scenarios=None),
            time_limit_seconds=_CENTRAL_SHARE * time_limit_seconds,
            relative_gap=relative_gap,
            threads=threads,
            runner_ups=False,
        )
        deadline = began + time_limit_seconds
        return plan_for_scenarios(problem, central, deadline=deadline, relative_gap=relative_gap, threads=threads)
    terms = [unit_terms(unit, step_hours=problem.axis.step_hours) for unit in problem.thermal_units]
    ptdf = Ptdf(problem.network)
    outages = Outages(problem.network, ptdf) if problem.secure else None
    model = build_model(problem, terms, identical_units(problem), ptdf=ptdf, outages=outages)
    build_seconds = time.monotonic() - began

    def relaxation(start: LinearSolution | None = None) -> LinearSolution:
        return relax(model, terms, deadline=began + time_limit_seconds, start=start)

    def without_plan(*, whole: bool) -> DispatchPlan:
        took = time.monotonic() - began
        return infeasible_plan(
            problem, terms, ptdf, outages, whole=whole, build_seconds=build_seconds,
            solve_seconds=took - build_seconds, seconds=max(time_limit_seconds - took, _CONFLICT_SECONDS),
        )  # fmt: skip

    try:
        relaxed = relaxation()
    except UnsolvedError as error:
        if not error.infeasible:
            raise
        return without_plan(whole=False)
    candidates = _Candidates(model, terms, relaxed, tolerance=relative_gap / 2.0)
    found = first_plan(model, relaxed, gap=relative_gap, deadline=began + _FIRST_SHARE * time_limit_seconds)
    dispatching = time.monotonic()
    latest = candidates.take(found)
    search_until = began + time_limit_seconds - (time.monotonic() - dispatching)  # the last one takes as long
    if _add_new_lines(model, latest):
        relaxed = relaxation(relaxed)
    bound, surprised = relaxed.objective, False
    searches: list[Incumbent] = []
    while time.monotonic() < search_until:
        best = candidates.best
        if gap_between(best.objective, bound) <= relative_gap and not (surprised or best.heuristic):
            break
        state = search(
            model, relaxed, start=found, gap=relative_gap, deadline=search_until, threads=threads,
            enough=candidates.surprises,
        )  # fmt: skip
        searches.append(state)
        found = state.found
        bound = max(bound, found.bound)
        if found.values is None:
            break
        latest = candidates.take(found)
        surprised = candidates.differ(latest, found)
        if not _add_new_lines(model, latest):
            break
        relaxed = relaxation(relaxed)
        bound = max(bound, relaxed.objective)
    for late in (state.found for state in searches):  # what came after a search's end
        if late.values is not None:
            candidates.take(late)
    if searches and searches[-1].found.values is None and searches[-1].found.bound == np.inf:
        return without_plan(whole=True)
    best = candidates.best
    solve_seconds = time.monotonic() - began - build_seconds
    return _plan(
        best, terms, bound, target=relative_gap, build_seconds=build_seconds, solve_seconds=solve_seconds,
        again_seconds=min(_AGAIN_SHARE * time_limit_seconds, _AGAIN_SECONDS) if runner_ups else 0.0,
    )  # fmt: skip


class _Candidates:
    """Dispatches commitments on the network with all its limits, each of them once."""

    def __init__(
        self, model: DispatchModel, terms: Sequence[UnitTerms], relaxed: LinearSolution, *, tolerance: float
    ) -> None:
        """``tolerance`` is the share by which a dispatch may cost more than the model knew."""
        self._model, self._terms, self._relaxed, self._tolerance = model, terms, relaxed, tolerance
        self._taken: list[tuple[FloatArray | None, _Candidate]] = []

    @property
    def best(self) -> _Candidate:
        return min((one for _, one in self._taken), key=lambda choice: (choice.heuristic, choice.objective))

    def take(self, found: Found) -> _Candidate:
        """The dispatch of a solution of the model, or without one of the relaxation rounded up."""
        for values, candidate in self._taken:
            if values is found.values:
                return candidate
        candidate = _candidate(self._model, self._terms, found.values, self._relaxed)
        self._taken.append((found.values, candidate))
        return candidate

    def differ(self, candidate: _Candidate, found: Found) -> bool:
        """Whether a commitment costs more than the model knew: by branches that it had not thought of."""
        return gap_between(candidate.objective, found.objective) > self._tolerance

    def surprises(self, found: Found) -> bool:
        """Whether branch limits that the model does not have make a plan dearer than the model knows."""
        model = self._model
        if found.values is None or not model.lines.violated(found.values, model.injections.mw(found.values)):
            return False
        return self.differ(self.take(found), found)


def _add_new_lines(model: DispatchModel, candidate: _Candidate) -> bool:
    """Give the model the branch limits that a plan met and it did not know; False if there was none."""
    new = [line for line in candidate.dispatch.model.lines.rows if line not in model.lines.rows]
    model.add_lines(new)
    if new:
        log.info("%d more branch limits bind in a plan that was found", len(new))
    return bool(new)


def _candidate(
    model: DispatchModel, terms: Sequence[UnitTerms], found: FloatArray | None, relaxed: LinearSolution
) -> _Candidate:
    """Dispatch the commitment of a solution of the model, or without one the relaxation rounded up."""
    problem = model.problem
    values = relaxed.values if found is None else found
    counts = np.array([values[group.on] for group in model.thermal]).reshape(-1, problem.axis.periods)
    if found is None:
        whole = bridge_dips(np.ceil(counts - _ROUND_UP_FROM).astype(np.int64), terms, model.groups)
    else:
        whole = np.round(counts).astype(np.int64)
    on = assign_units(problem, terms, model.groups, whole)
    charging = np.array([values[c.charge] > values[c.discharge] for c in model.storages], dtype=np.bool_)
    charging = charging.reshape(-1, problem.axis.periods)
    own = model.lines
    try:
        dispatch = dispatch_fixed(problem, terms, on, charging, ptdf=own.ptdf, outages=own.outages, lines=own.rows)
    except UnsolvedError:  # a commitment that was rounded may break limits that are never relaxed: show by how much
        relaxable = replace(problem, penalties=problem.penalties.finite())
        dispatch = dispatch_fixed(relaxable, terms, on, charging, ptdf=own.ptdf, outages=own.outages, lines=own.rows)
        return _Candidate(on, dispatch, heuristic=True)
    return _Candidate(on, dispatch, heuristic=found is None)


def _plan(
    best: _Candidate,
    terms: Sequence[UnitTerms],
    bound: float,
    *,
    target: float,
    build_seconds: float,
    solve_seconds: float,
    again_seconds: float,
) -> DispatchPlan:
    gap = gap_between(best.objective, bound)
    status = Status.TIMEOUT if best.heuristic else Status.OPTIMAL if gap <= target else Status.FEASIBLE
    messages = {
        Status.OPTIMAL: f"Proven within {100.0 * gap:.2f} % of the best possible cost.",
        Status.FEASIBLE: f"Time ran out: proven within {100.0 * gap:.2f} % of the best possible cost, "
        f"above the target of {100.0 * target:.2f} %.",
        Status.TIMEOUT: "Time ran out before a commitment was optimised: this is the linear relaxation rounded up, "
        f"proven within {100.0 * gap:.2f} % of the best possible cost.",
    }
    return plan_of(
        best.dispatch,
        terms,
        best.on,
        status=status,
        bound=bound,
        message=messages[status],
        build_seconds=build_seconds,
        solve_seconds=solve_seconds,
        again_seconds=again_seconds,
    )
