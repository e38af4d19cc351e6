"""Linear programs over a dispatch model, with branch limits added where they are violated until none is."""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np

from grid.dispatch.linear import new_highs, require_ok
from grid.dispatch.lines import Line
from grid.dispatch.model import DispatchModel
from grid.time_axis import FloatArray

FLOW_TOLERANCE_MW = 1e-3
_MAXIMUM_ROUNDS = 50


@dataclass(frozen=True, slots=True, eq=False)
class LinearSolution:
    """The optimum of a linear program.

    Attributes:
        values, reduced_costs: Of the columns, shape (columns,).
        row_duals: d objective / d right-hand side, shape (rows,).
    """

    objective: float
    values: FloatArray
    reduced_costs: FloatArray
    row_duals: FloatArray


class UnsolvedError(RuntimeError):
    """The solver found no optimum of a linear program; the message is its own status."""


def solve_with_lines(
    model: DispatchModel,
    *,
    lower: FloatArray | None = None,
    upper: FloatArray | None = None,
) -> LinearSolution:
    """Solve the model without integrality, adding violated branch limits to it until all of them hold.

    Args:
        model: Grows by the limits that were violated.
        lower, upper: Column bounds instead of the model's own, shape (columns,).

    Raises:
        UnsolvedError: If HiGHS ends without an optimum.
    """
    highs = new_highs()
    model.linear.load(highs, integer=False, lower=lower, upper=upper)
    for _ in range(_MAXIMUM_ROUNDS):
        require_ok(highs.run(), "run")
        if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise UnsolvedError(highs.modelStatusToString(highs.getModelStatus()))
        solution = highs.getSolution()
        values = np.array(solution.col_value)
        violated = violated_lines(model, values)
        if not violated:
            objective = float(highs.getInfo().objective_function_value)
            return LinearSolution(objective, values, np.array(solution.col_dual), np.array(solution.row_dual))
        columns, rows = model.linear.column_count, model.linear.row_count
        model.add_lines(violated)
        model.linear.append(highs, columns=columns, rows=rows)
    raise UnsolvedError(f"branch limits still violated after {_MAXIMUM_ROUNDS} rounds")


def violated_lines(model: DispatchModel, values: FloatArray) -> list[Line]:
    """Lines beyond their rating that are not in the model yet; of a branch after outages, the worst outage only."""
    branches = model.problem.network.branches
    limits = np.array([np.inf if branch.limit_mw is None else branch.limit_mw for branch in branches])
    flows = model.lines.ptdf.flows(model.injections.mw(values))
    beyond = np.argwhere(np.abs(flows) > limits[:, None] + FLOW_TOLERANCE_MW)
    lines = [Line(int(branch), int(period)) for branch, period in beyond]
    known = model.lines.rows
    if model.lines.outages is not None:
        after = model.lines.outages.overloads(flows, known=known, tolerance_mw=FLOW_TOLERANCE_MW)
        lines += [Line(*at) for at in after]
    return [line for line in lines if line not in known]
