"""Prices: the commitment held fixed, the rest solved as a linear program, whose duals are the prices.

A fixed commitment is what makes duals exist; they answer what one MW more, taken beside the loads, would cost by
re-dispatching the units that are on. Were the load itself to grow, its share would too, by which losses, and what is
short after the loss of a unit, are spread over the buses; prices leave that out.

``lmp[b] = lambda + sum_l y_l PTDF[l, b]``, with lambda the dual of the balance and ``y_l`` (<= 0 at the upper
limit) that of a branch's row. The split into energy and congestion depends on the reference: ours is the load, so the
energy price of a period is the mean LMP weighted by load. Where an optimum is degenerate, prices are one of several.

References:
    O'Neill et al., "Efficient market-clearing prices in markets with nonconvexities", European J. Operational
    Research 164, 2005.
    Litvinov et al., "Marginal loss modeling in LMP calculation", IEEE Trans. Power Systems 19(2), 2004 (reference).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from grid.formulation.build import build_model
from grid.formulation.commitment import BoolArray
from grid.formulation.injections import load_shares
from grid.formulation.lines import Line
from grid.formulation.model import DispatchModel
from grid.formulation.outages import Outages
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import LinearSolution, solve_with_lines
from grid.formulation.unit_terms import UnitTerms, single_units
from grid.problem.costs import most_end_value
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.prices import Prices
from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class FixedDispatch:
    """The optimal dispatch of a commitment: the model of single units and its solution."""

    model: DispatchModel
    solution: LinearSolution

    @property
    def cost(self) -> float:
        """Cost less what is left in storages at its end value; the solution's objective counts what is missing."""
        return self.solution.objective - most_end_value(self.model.problem)

    @property
    def charging(self) -> BoolArray:
        """Which storages charge rather than discharge, shape (storages, periods)."""
        values, storages = self.solution.values, self.model.storages
        charging = np.array([values[stored.charge] > values[stored.discharge] for stored in storages], dtype=np.bool_)
        return charging.reshape(-1, self.model.problem.axis.periods)


def dispatch_fixed(
    problem: DispatchProblem,
    terms: Sequence[UnitTerms],
    on: BoolArray,
    charging: BoolArray | None,
    *,
    ptdf: Ptdf,
    lines: Iterable[Line],
    outages: Outages | None = None,
    sheds: Iterable[int] | None = None,
    seconds: float | None = None,
) -> FixedDispatch:
    """Dispatch with units and the storages' direction held fixed.

    Args:
        on: Commitment, shape (units, periods); must respect minimum times and initial states.
        charging: Whether each storage may charge (or else discharge), shape (storages, periods). None leaves it open,
            and then a storage may do both at once where power is worth less than nothing.
        lines: Branch limits to begin with; violated ones are added.
        outages: Those after which ratings must hold, too.
        sheds: Positions of buses at which load may be shed; None: at every one that has some.
        seconds: Of wall time for the linear program, at most.

    Raises:
        UnsolvedError: If the commitment cannot be dispatched, or not in time.
    """
    groups = single_units(problem)
    model = build_model(problem, terms, groups, ptdf=ptdf, outages=outages, lines=lines, committed=True, sheds=sheds)
    return solve_fixed(model, on, charging, seconds=seconds)


def solve_fixed(
    model: DispatchModel, on: BoolArray, charging: BoolArray | None, *, seconds: float | None = None
) -> FixedDispatch:
    """The same with a model that is there already, each of its groups a single unit.

    Raises:
        UnsolvedError: If the commitment cannot be dispatched, or not in time.
    """
    lower, upper = held_bounds(model, on, charging)
    return FixedDispatch(model, solve_with_lines(model, lower=lower, upper=upper, seconds=seconds))


def held_bounds(model: DispatchModel, on: BoolArray, charging: BoolArray | None) -> tuple[FloatArray, FloatArray]:
    """Lower and upper bounds of a model's columns that hold a commitment, both (columns,)."""
    lower, upper, _, _ = model.linear.column_arrays()
    for columns, committed in zip(model.thermal, on, strict=True):
        lower[columns.on] = upper[columns.on] = committed.astype(np.float64)
    for stored, charges in zip(model.storages, () if charging is None else charging, strict=charging is not None):
        may_charge = charges | (upper[stored.discharge] == 0.0)  # what can only charge always may
        lower[stored.charging] = upper[stored.charging] = may_charge.astype(np.float64)
    return lower, upper


def prices_of(dispatch: FixedDispatch) -> Prices:
    """Read the prices of a fixed dispatch off its duals."""
    model, duals = dispatch.model, dispatch.solution.row_duals
    starts = model.reserves.by_starts
    problem, hours = model.problem, model.problem.axis.step_hours
    branches, interfaces = len(problem.network.branches), len(problem.network.interfaces)
    shadow = np.zeros((branches + interfaces, problem.axis.periods))
    lmp = np.tile(duals[model.balance_rows] / hours, (len(problem.network.buses), 1))
    for line, row in model.lines.rows.items():
        dual = duals[row] / hours
        shadow[line.branch, line.period] += abs(dual)
        lmp[:, line.period] += dual * model.lines.factors(line)
    lossy = np.zeros_like(lmp)
    for tangent in () if model.losses is None else model.losses.tangents:
        lossy[:, tangent.period] -= duals[tangent.row] / hours * tangent.slope
    lmp += lossy
    shares = load_shares(problem)
    energy = np.tile((shares * lmp).sum(axis=0), (len(lmp), 1))
    loss = lossy - (shares * lossy).sum(axis=0)
    held_up = duals[model.reserves.up_rows] / hours
    reserve_up, held_by_start = held_up, np.zeros_like(held_up)
    if starts is not None:
        wider = np.minimum(dispatch.solution.reduced_costs[starts.called], 0.0) / hours  # were a part a MW wider
        reserve_up = held_up + wider.mean(axis=0)
        held_by_start = np.maximum(held_up - duals[starts.within] / hours, 0.0)
    return Prices(
        lmp=lmp,
        energy=energy,
        congestion=lmp - energy - loss,
        loss=loss,
        branches=shadow[:branches],
        interfaces=shadow[branches:],
        reserve_up=reserve_up,
        reserve_down=duals[model.reserves.down_rows] / hours,
        held_up=held_up,
        held_by_start=held_by_start,
        requirements=np.array([duals[rows] for rows in model.reserves.product_rows]).reshape(
            -1, len(duals[model.balance_rows])
        )
        / hours,
    )
