"""Why a problem whose limits may not be relaxed has no plan: a smallest set of limits in conflict, and the ways out.

The limits are those of the operator's that may not be relaxed at a price: load served, production taken, reserves,
branch ratings, a storage's final level. A deletion filter relaxes them one after another; a limit without which there
still is no plan stays relaxed, so that what remains is irreducible: no plan keeps all of it, and without any one of
them there is one. Each way out relaxes one of them alone, by as little as its usual price allows. All of it on the
linear relaxation, which proves the conflict, and within a time: what is left then conflicts, but less of it may.

References:
    Chinneck and Dravnieks, "Locating Minimal Infeasible Constraint Sets in Linear Programs", ORSA J. Computing 3, 1991.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from grid.dispatch.results import REPORTED_MW
from grid.formulation.build import build_model
from grid.formulation.linear import IntArray
from grid.formulation.model import DispatchModel
from grid.formulation.outages import Outages
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import LinearSolution, UnsolvedError, solve_with_lines
from grid.formulation.unit_terms import UnitTerms, identical_units
from grid.problem.plan import DispatchProblem
from grid.problem.soft_limits import Limit, SoftLimit

_KEPT = {
    Limit.SHEDDING: "load served in full",
    Limit.SURPLUS: "production within what can be taken",
    Limit.SPILL: "must-take plants at bus {of}",
    Limit.RESERVE_UP: "upward reserve",
    Limit.RESERVE_DOWN: "downward reserve",
    Limit.PRODUCT_UP: "{of} reserve",
    Limit.PRODUCT_DOWN: "{of} reserve",
    Limit.LARGEST_LOSS: "upward reserve for the largest loss",
    Limit.STORAGE_END: "final level of storage {of}",
    Limit.STORAGE_DUE: "energy due in storage {of}",
    Limit.OVERLOAD: "rating of branch {of}",
    Limit.INTERFACE_OVERLOAD: "rating of interface {of}",
    Limit.OVERLOAD_AFTER_OUTAGE: "rating of branch {of} after the outage of {event}",
    Limit.OVERLOAD_AFTER_LOSS: "rating of branch {of} after the loss of {event}",
    Limit.OVERLOAD_BY_RESERVE: "rating of branch {of} when {event} is called",
}
"""What keeping a limit is called; those of load and of surplus power stand for all buses together."""

_Blocks = list[tuple[IntArray, IntArray]]
"""Columns that relax a limit, and the period of each."""


@dataclass(frozen=True, slots=True)
class WayOut:
    """Relaxing one limit alone: by how much at most in a period, over which periods, at which cost.

    Attributes:
        most_mw: None where the limit is one of energy, not of power.
        first_period, last_period: Inclusive.
        extra_cost: What it costs at the limit's usual price.
    """

    limit: SoftLimit
    most_mw: float | None
    energy_mwh: float
    first_period: int
    last_period: int
    extra_cost: float


@dataclass(frozen=True, slots=True)
class Conflict:
    """Limits that cannot all hold, none of which can be left out, and the ways out of it, the cheapest first.

    Without limits, those of the units and storages themselves contradict their states before the plan.

    Attributes:
        settled: Else time ran out: fewer of the limits may conflict, and ways out may be missing. Without limits none
            of them is known then.
    """

    limits: tuple[SoftLimit, ...]
    ways_out: tuple[WayOut, ...]
    settled: bool = True

    @property
    def message(self) -> str:
        """The conflict and its ways out as sentences."""
        if not (self.limits or self.settled):
            return "No plan keeps every limit: that is proven. Time ran out before it was known which of them conflict."
        if not self.limits:
            theirs = "The own limits of thermal units or storages contradict their states before the plan"
            return f"{theirs}: no schedule of theirs exists."
        names = ", ".join(limit_name(limit) for limit in self.limits)
        conflict = f"No plan keeps {'the limit' if len(self.limits) == 1 else 'all of'}: {names}."
        late = [] if self.settled else ["Time ran out: fewer of them may conflict, and there may be other ways out."]
        return " ".join([conflict, *(in_words(way) for way in self.ways_out), *late])


def find_conflict(
    problem: DispatchProblem,
    terms: Sequence[UnitTerms],
    ptdf: Ptdf,
    outages: Outages | None = None,
    *,
    seconds: float = math.inf,
) -> Conflict:
    """The irreducible conflict of a problem whose linear relaxation is infeasible; what is known of it in time."""
    program = _Relaxable(problem, terms, ptdf, outages, until=time.monotonic() + seconds)
    relaxed: set[SoftLimit] = set()
    needed: set[SoftLimit] = set()
    limits: list[SoftLimit] = []  # proven to conflict
    ways_out: list[WayOut] = []
    settled = True
    try:
        if program.solve(relaxed=None) is None:
            return Conflict((), ())
        while untried := [limit for limit in program.blocks if limit not in relaxed | needed]:
            limit = untried[0]  # branches that are met on the way come in at the end
            if program.solve(relaxed={*relaxed, limit}) is not None:
                needed.add(limit)
                continue
            relaxed.add(limit)
            limits = [one for one in program.blocks if one not in relaxed]
        limits = [one for one in program.blocks if one in needed]
        for limit in limits:
            solution = program.solve(relaxed={*relaxed, limit})
            if solution is not None:
                ways_out.append(program.way_out(limit, solution))
    except UnsolvedError:
        settled = False
    return Conflict(tuple(limits), tuple(sorted(ways_out, key=lambda way: way.extra_cost)), settled)


class _Relaxable:
    """The linear relaxation of a problem in which limits without a price have the usual one, or are held."""

    def __init__(
        self,
        problem: DispatchProblem,
        terms: Sequence[UnitTerms],
        ptdf: Ptdf,
        outages: Outages | None,
        *,
        until: float,
    ) -> None:
        """It is solved until ``until`` of the monotonic clock."""
        relaxable = replace(problem, penalties=problem.penalties.finite())
        self._model = build_model(relaxable, terms, identical_units(problem), ptdf=ptdf, outages=outages)
        self._penalties, self._until = problem.penalties, until

    @property
    def blocks(self) -> dict[SoftLimit, _Blocks]:
        """The columns that relax each limit that has no price, of those branches that have been met."""
        of = self._penalties.of
        return {limit: blocks for limit, blocks in _blocks(self._model).items() if math.isinf(of(limit.kind))}

    def solve(self, *, relaxed: set[SoftLimit] | None) -> LinearSolution | None:
        """The cheapest solution with these limits relaxed and the others held; None: all relaxed.

        The model grows by the branch limits that are met.

        Returns:
            None if there is none.

        Raises:
            UnsolvedError: If time runs out.
        """
        while True:
            lower, upper, _, _ = self._model.linear.column_arrays()
            held = {} if relaxed is None else {k: v for k, v in self.blocks.items() if k not in relaxed}
            for blocks in held.values():
                for columns, _ in blocks:
                    upper[columns] = 0.0
            known = len(self._model.lines.rows)
            seconds = self._until - time.monotonic()
            if seconds <= 0.0:
                raise UnsolvedError("time ran out")
            try:
                solution = solve_with_lines(self._model, lower=lower, upper=upper, seconds=seconds)
            except UnsolvedError as error:
                if error.infeasible:
                    return None
                raise
            if len(self._model.lines.rows) == known:
                return solution

    def way_out(self, limit: SoftLimit, solution: LinearSolution) -> WayOut:
        """What relaxing ``limit`` alone takes."""
        return _way_out(self._model, limit, solution)


def _blocks(model: DispatchModel) -> dict[SoftLimit, _Blocks]:
    """The columns that relax each limit, by limit."""
    problem, network = model.problem, model.problem.network
    every = np.arange(problem.axis.periods)
    blocks: dict[SoftLimit, _Blocks] = {
        SoftLimit(Limit.SHEDDING): [(columns, every) for columns in model.shed.values()],
        SoftLimit(Limit.SURPLUS): [(columns, every) for columns in model.surplus.values()],
        SoftLimit(Limit.RESERVE_UP): [(model.reserves.short_up, every)],
        SoftLimit(Limit.RESERVE_DOWN): [(model.reserves.short_down, every)],
    }
    for need, short in zip(problem.requirements, model.reserves.product_short, strict=True):
        blocks[need.limit] = [(short, every)]
    if problem.secure_units:
        blocks[SoftLimit(Limit.LARGEST_LOSS)] = [(model.reserves.coverage_short, every)]
    for i, spill in model.spill.items():
        blocks[SoftLimit(Limit.SPILL, network.buses[i].bus_id)] = [(spill, every)]
    for storage, stored in zip(problem.storages, model.storages, strict=True):
        blocks[SoftLimit(Limit.STORAGE_END, storage.storage_id)] = [(stored.end_shortfall, every[-1:])]
        blocks[SoftLimit(Limit.STORAGE_DUE, storage.storage_id)] = [(stored.due_shortfall, every)]
    for line, over in sorted(model.lines.overload.items()):
        both = np.array(over), np.array([line.period, line.period])
        blocks.setdefault(model.lines.soft_limit(line), []).append(both)
    return blocks


def _way_out(model: DispatchModel, limit: SoftLimit, solution: LinearSolution) -> WayOut:
    cost, by_period = model.linear.column_arrays()[2], np.zeros(model.problem.axis.periods)
    price = 0.0
    for columns, periods in _blocks(model)[limit]:
        amounts = solution.values[columns]
        np.add.at(by_period, periods, amounts)
        price += float(cost[columns] @ amounts)
    used = np.flatnonzero(by_period > REPORTED_MW)
    first, last = (int(used[0]), int(used[-1])) if used.size else (0, 0)
    if limit.kind in (Limit.STORAGE_END, Limit.STORAGE_DUE):  # their columns are MWh
        return WayOut(limit, None, float(by_period.sum()), first, last, price)
    energy = float(by_period.sum() * model.problem.axis.step_hours)
    return WayOut(limit, float(by_period.max(initial=0.0)), energy, first, last, price)


def limit_name(limit: SoftLimit) -> str:
    """What keeping a limit is called."""
    return _KEPT[limit.kind].format(of=limit.of, event=limit.event)


def in_words(way: WayOut) -> str:
    """A way out as a sentence."""
    periods = f"period {way.first_period}" if way.first_period == way.last_period else (
        f"periods {way.first_period} to {way.last_period}"
    )  # fmt: skip
    energy = f"{way.energy_mwh:,.1f} MWh"
    amount = f"{energy} in {periods}" if way.most_mw is None else f"up to {way.most_mw:,.1f} MW in {periods}, {energy}"
    return f"Way out: relax {limit_name(way.limit)} by {amount}, at a cost of {way.extra_cost:,.0f}."
