"""Linear programs over a dispatch model, with branch limits added where they are violated until none is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import highspy
import numpy as np

from grid.formulation.linear import LinearModel, new_highs, require_ok
from grid.formulation.model import DispatchModel
from grid.time_axis import FloatArray

_MAXIMUM_ROUNDS = 200
INFEASIBLE = (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible)


@dataclass(frozen=True, slots=True, eq=False)
class LinearSolution:
    """The optimum of a linear program.

    Attributes:
        values, reduced_costs: Of the columns, shape (columns,).
        row_duals: d objective / d right-hand side, shape (rows,).
        basis: Where to begin from when the program has grown; None if that is not known.
    """

    objective: float
    values: FloatArray
    reduced_costs: FloatArray
    row_duals: FloatArray
    basis: highspy.HighsBasis | None


class UnsolvedError(RuntimeError):
    """The solver found no optimum of a linear program; the message is its own status.

    Attributes:
        bound: Optimum of the program before its last rows came in, a lower bound; -inf if there is none.
        infeasible: Whether it is proven that the program has no solution.
    """

    def __init__(self, message: str, *, bound: float = -math.inf, infeasible: bool = False) -> None:
        super().__init__(message)
        self.bound, self.infeasible = bound, infeasible


def solve_with_lines(
    model: DispatchModel,
    *,
    lower: FloatArray | None = None,
    upper: FloatArray | None = None,
    start: LinearSolution | None = None,
    seconds: float | None = None,
) -> LinearSolution:
    """Solve the model without integrality, adding violated branch limits to it until all of them hold.

    Args:
        model: Grows by the limits that were violated.
        lower, upper: Column bounds instead of the model's own, shape (columns,).
        start: A solution of the model before it grew; it leads to the new one in a fraction of the time.
        seconds: Of wall time, at most.

    Raises:
        UnsolvedError: If HiGHS ends without an optimum.
    """
    return solve_lazily(model.linear, model.add_violated, lower=lower, upper=upper, start=start, seconds=seconds)


def solve_lazily(
    linear: LinearModel,
    add_violated: Callable[[FloatArray], bool],
    *,
    lower: FloatArray | None = None,
    upper: FloatArray | None = None,
    start: LinearSolution | None = None,
    seconds: float | None = None,
) -> LinearSolution:
    """Solve a linear program that grows by what its optimum violates until nothing is.

    Args:
        add_violated: Adds to ``linear`` what column values violate; False if they violate nothing.
        start: A solution of the program before it grew.
        seconds: Of wall time, for all rounds together.

    Raises:
        UnsolvedError: If HiGHS ends without an optimum.
    """
    until = math.inf if seconds is None else time.monotonic() + seconds
    highs = loaded(linear, lower=lower, upper=upper, start=start, seconds=seconds)
    return run_lazily(highs, linear, add_violated, until=until)


def loaded(
    linear: LinearModel,
    *,
    lower: FloatArray | None = None,
    upper: FloatArray | None = None,
    start: LinearSolution | None = None,
    seconds: float | None = None,
) -> highspy.Highs:
    """A solver with a linear program in it; arguments are those of :func:`solve_lazily`."""
    highs = new_highs(seconds=seconds)  # HiGHS adds up the time of its runs
    linear.load(highs, integer=False, lower=lower, upper=upper)
    if start is not None and start.basis is not None:
        require_ok(highs.setBasis(_grown(start.basis, linear)), "setBasis")
    return highs


def run_lazily(
    highs: highspy.Highs,
    linear: LinearModel,
    add_violated: Callable[[FloatArray], bool],
    *,
    until: float = math.inf,
) -> LinearSolution:
    """As :func:`solve_lazily`, in a solver that ``linear`` is loaded into; what is added goes into both.

    Args:
        until: Of the monotonic clock: no round begins later. What the solver itself may take is for its own limit.

    Raises:
        UnsolvedError: If HiGHS ends without an optimum.
    """
    bound = -math.inf
    for _ in range(_MAXIMUM_ROUNDS):
        if time.monotonic() >= until:
            raise UnsolvedError("Time limit reached", bound=bound)
        require_ok(highs.run(), "run")
        if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            status = highs.getModelStatus()
            raise UnsolvedError(highs.modelStatusToString(status), bound=bound, infeasible=status in INFEASIBLE)
        bound = float(highs.getInfo().objective_function_value)
        solution = highs.getSolution()
        values, before = np.array(solution.col_value), (linear.column_count, linear.row_count, linear.block_count)
        if not add_violated(values):
            reduced_costs, row_duals = np.array(solution.col_dual), np.array(solution.row_dual)
            return LinearSolution(bound, values, reduced_costs, row_duals, highs.getBasis())
        columns, rows, blocks = before
        linear.append(highs, columns=columns, rows=rows, blocks=blocks)
    raise UnsolvedError(f"branch limits still violated after {_MAXIMUM_ROUNDS} rounds", bound=bound)


def run_warm(highs: highspy.Highs) -> highspy.HighsModelStatus:
    """Run from the basis at hand, and once more without it where that leads nowhere. Returns how it ended."""
    settled = (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kTimeLimit, *INFEASIBLE)
    require_ok(highs.run(), "run")
    if highs.getModelStatus() not in settled:
        require_ok(highs.clearSolver(), "clearSolver")
        require_ok(highs.run(), "run")
    return highs.getModelStatus()


def _grown(basis: highspy.HighsBasis, linear: LinearModel) -> highspy.HighsBasis:
    """A basis of a program that has grown since: new columns at their lower bound, new rows not binding."""
    columns, rows = list(basis.col_status), list(basis.row_status)
    columns += [highspy.HighsBasisStatus.kLower] * (linear.column_count - len(columns))
    rows += [highspy.HighsBasisStatus.kBasic] * (linear.row_count - len(rows))
    grown = highspy.HighsBasis()
    grown.col_status, grown.row_status, grown.valid = columns, rows, True
    return grown
