"""A problem whose limits can be relaxed one by one: is there a plan with these relaxed and those held, at which cost.

Asked of the linear relaxation first; then, where that is wanted, with the commitment as whole numbers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Sequence, Set
from dataclasses import replace

import highspy
import numpy as np

from grid.dispatch.ways_out import Relaxation, WayOut
from grid.formulation.build import build_model
from grid.formulation.linear import IntArray, new_highs, require_ok
from grid.formulation.model import DispatchModel
from grid.formulation.outages import Outages
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import LinearSolution, UnsolvedError, solve_with_lines
from grid.formulation.relaxed import REPORTED_MW
from grid.formulation.unit_terms import UnitTerms, identical_units
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.soft_limits import OVERLOADS, Limit, SoftLimit
from grid.time_axis import FloatArray

_GAP = 1e-4
_TIME_SHARE = 0.5
_OF_ALL_BUSES = (Limit.SHEDDING, Limit.SURPLUS)
_OF_ENERGY = (Limit.STORAGE_END, Limit.STORAGE_DUE)
_NONE = (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible)

_Blocks = list[tuple[IntArray, IntArray]]
"""Columns that relax a limit, and the period of each."""


class Relaxable:
    """A problem in which limits without a price have the usual one, or are held."""

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
        self._penalties, self.until = problem.penalties, until

    @property
    def limits(self) -> list[SoftLimit]:
        """The limits that have no price, of those branches that have been met; of load and surplus for all buses."""
        return list(dict.fromkeys(map(_everywhere, self._blocks)))

    @property
    def _blocks(self) -> dict[SoftLimit, _Blocks]:
        of = self._penalties.of
        return {limit: blocks for limit, blocks in _blocks(self._model).items() if math.isinf(of(limit.kind))}

    def solve(
        self, relaxed: Set[SoftLimit] | None, *, held: Collection[SoftLimit] = (), whole: bool = False
    ) -> LinearSolution | None:
        """The cheapest solution with these limits relaxed and the others held; None: all but ``held`` relaxed.

        The model grows by the branch limits that are met.

        Args:
            held: Held whatever is relaxed.
            whole: With the commitment as whole numbers; near the cheapest then, in half of the time that is left.

        Returns:
            None if there is none.

        Raises:
            UnsolvedError: If time runs out.
        """
        committing = False
        while True:
            lower, upper, _, integer = self._model.linear.column_arrays()
            for limit, blocks in self._blocks.items():
                named = _everywhere(limit)
                if named in held or (relaxed is not None and named not in relaxed):
                    for columns, _ in blocks:
                        upper[columns] = 0.0
            known = len(self._model.lines.rows)
            try:
                if committing:
                    counts = np.round(self._committed(lower, upper)[integer])
                    lower[integer] = upper[integer] = counts
                solution = solve_with_lines(self._model, lower=lower, upper=upper, seconds=self._seconds())
            except UnsolvedError as error:
                if error.infeasible:
                    return None
                raise
            if len(self._model.lines.rows) > known:
                continue
            if committing or not whole:
                return solution
            committing = True

    def way_out(self, limit: SoftLimit | None, solution: LinearSolution, *, whole: bool) -> WayOut:
        """What a solution relaxes."""
        blocks, lines = self._blocks, self._model.lines
        ratings = {lines.soft_limit(line): lines.rating_mw(line) for line in lines.overload}
        parts = [_relaxation(self._model, one, blocks[one], ratings.get(one), solution) for one in blocks]
        used = [part for part in parts if part is not None]
        return WayOut(limit, tuple(sorted(used, key=lambda part: -part.cost)), whole)

    def _committed(self, lower: FloatArray, upper: FloatArray) -> FloatArray:
        """Column values of a solution in whole numbers."""
        highs = new_highs(gap=_GAP, seconds=_TIME_SHARE * self._seconds())
        self._model.linear.load(highs, integer=True, lower=lower, upper=upper)
        require_ok(highs.run(), "run")
        if highs.getInfo().primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
            return np.array(highs.getSolution().col_value)
        status = highs.getModelStatus()
        raise UnsolvedError(highs.modelStatusToString(status), infeasible=status in _NONE)

    def _seconds(self) -> float:
        seconds = self.until - time.monotonic()
        if seconds <= 0.0:
            raise UnsolvedError("time ran out")
        return seconds


def _everywhere(limit: SoftLimit) -> SoftLimit:
    """The limit that is kept or given up: of load and of surplus power that of all buses together."""
    return SoftLimit(limit.kind) if limit.kind in _OF_ALL_BUSES else limit


def _blocks(model: DispatchModel) -> dict[SoftLimit, _Blocks]:
    """The columns that relax each limit, by limit; of load and surplus power by bus."""
    problem, buses = model.problem, model.problem.network.buses
    every = np.arange(problem.axis.periods)
    by_bus = {Limit.SHEDDING: model.shed, Limit.SURPLUS: model.surplus, Limit.SPILL: model.spill}
    blocks: dict[SoftLimit, _Blocks] = {
        SoftLimit(kind, buses[i].bus_id): [(columns, every)] for kind, at in by_bus.items() for i, columns in at.items()
    }
    blocks[SoftLimit(Limit.RESERVE_UP)] = [(model.reserves.short_up, every)]
    blocks[SoftLimit(Limit.RESERVE_DOWN)] = [(model.reserves.short_down, every)]
    for need, short in zip(problem.requirements, model.reserves.product_short, strict=True):
        blocks[need.limit] = [(short, every)]
    if problem.secure_units:
        blocks[SoftLimit(Limit.LARGEST_LOSS)] = [(model.reserves.coverage_short, every)]
    for storage, stored in zip(problem.storages, model.storages, strict=True):
        blocks[SoftLimit(Limit.STORAGE_END, storage.storage_id)] = [(stored.end_shortfall, every[-1:])]
        blocks[SoftLimit(Limit.STORAGE_DUE, storage.storage_id)] = [(stored.due_shortfall, every)]
    for line, over in sorted(model.lines.overload.items()):
        both = np.array(over), np.array([line.period, line.period])
        blocks.setdefault(model.lines.soft_limit(line), []).append(both)
    return blocks


def _relaxation(
    model: DispatchModel, limit: SoftLimit, blocks: _Blocks, rating_mw: float | None, solution: LinearSolution
) -> Relaxation | None:
    """By how much a solution relaxes a limit; None if it keeps it."""
    cost, by_period = model.linear.column_arrays()[2], np.zeros(model.problem.axis.periods)
    price = 0.0
    for columns, periods in blocks:
        amounts = solution.values[columns]
        np.add.at(by_period, periods, amounts)
        price += float(cost[columns] @ amounts)
    used = np.flatnonzero(by_period > REPORTED_MW)
    if not used.size:
        return None
    step, energy = model.problem.axis.step_hours, limit.kind in _OF_ENERGY  # their columns are MWh
    return Relaxation(
        limit=limit,
        most_mw=None if energy else float(by_period.max()),
        rating_mw=rating_mw if limit.kind in OVERLOADS else None,
        energy_mwh=float(by_period.sum()) * (1.0 if energy else step),
        first_period=int(used[0]),
        last_period=int(used[-1]),
        when=model.problem.between(int(used[0]), int(used[-1])),
        hours=used.size * step,
        cost=price,
    )
