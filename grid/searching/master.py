"""The restricted master of a price decomposition: which blend of known schedules keeps the common limits at least cost.

Its columns are what of the model belongs to no thermal group, and for each group a share of every schedule so far; the
shares of a group add up to one. Its rows are those that tie groups together; one that no blend keeps yet is left
unmet at a price. The duals of the rows are prices, at which better schedules are looked for.

References:
    Dantzig and Wolfe, "Decomposition Principle for Linear Programs", Operations Research 8(1), 1960.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import highspy
import numpy as np
from scipy.sparse import block_array, csc_array, csr_array, eye_array, hstack, vstack

from grid.formulation.linear import INFINITY, IntArray, LinearModel, add_columns, new_highs, pass_program, require_ok
from grid.formulation.relaxation import UnsolvedError
from grid.time_axis import FloatArray

_PRIMAL = 4  # of HiGHS: new columns leave the last optimum feasible
_DEARER = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """An optimum of the master.

    Attributes:
        values: Of the model's columns, those of groups as their schedules are blended, shape (columns,).
        row_prices: Duals of the model's rows, 0 for those that the master does not have, shape (rows,).
        group_prices: What a schedule of each group may cost at these prices, shape (groups,).
    """

    objective: float
    values: FloatArray
    row_prices: FloatArray
    group_prices: FloatArray


class Master:
    """A restricted master problem that grows by schedules."""

    def __init__(
        self, linear: LinearModel, own_columns: Sequence[range], own_rows: Sequence[range], *, unmet_price: float
    ) -> None:
        """Begin without a schedule.

        Args:
            own_columns, own_rows: Of each group.
            unmet_price: Of a unit by which a row is not kept, at least; no penalty of the model's own is dearer.
        """
        self._groups, self._row_count = len(own_rows), linear.row_count
        self._rest, self._rows = others(linear.column_count, own_columns), others(linear.row_count, own_rows)
        self._matrix = linear.matrix()[self._rows]
        self._schedules = csc_array((linear.column_count, 0))
        count = len(self._rows)
        self._fixed = len(self._rest) + 2 * count  # columns that are no shares
        lower, upper, cost, _ = linear.column_arrays()
        row_lower, row_upper = linear.row_arrays()
        unmet_price = max(unmet_price, _DEARER * float(cost[self._rest].max(initial=0.0)))
        signs = eye_array(count)
        none = csr_array((self._groups, len(self._rest)))
        entries = csc_array(block_array([[self._matrix[:, self._rest], signs, -signs], [none, None, None]]))
        unmet, shared = np.zeros(2 * count), np.ones(self._groups)
        self._highs = new_highs()
        self._highs.setOptionValue("simplex_strategy", _PRIMAL)
        pass_program(
            self._highs,
            entries,
            cost=np.concatenate([cost[self._rest], unmet + unmet_price]),
            columns=(np.append(lower[self._rest], unmet), np.append(upper[self._rest], unmet + INFINITY)),
            rows=(np.append(row_lower[self._rows], shared), np.append(row_upper[self._rows], shared)),
        )

    def add(self, schedules: csc_array, costs: FloatArray, groups: IntArray) -> None:
        """Add a schedule for each of ``groups``: columns of ``schedules``, shape (model's columns, schedules)."""
        count = len(groups)
        shares = csc_array((np.ones(count), groups, np.arange(count + 1)), shape=(self._groups, count))
        entries = csc_array(vstack([self._matrix @ schedules, shares]))
        add_columns(self._highs, entries, cost=costs, lower=np.zeros(count), upper=np.full(count, INFINITY))
        self._schedules = csc_array(hstack([self._schedules, schedules]))

    def solve(self) -> Blend:
        """The best blend of the schedules so far.

        Raises:
            UnsolvedError: If HiGHS ends without an optimum.
        """
        require_ok(self._highs.run(), "run")
        if self._highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise UnsolvedError(self._highs.modelStatusToString(self._highs.getModelStatus()))
        solution = self._highs.getSolution()
        found, duals = np.array(solution.col_value), np.array(solution.row_dual)
        values = self._schedules @ found[self._fixed :]
        values[self._rest] = found[: len(self._rest)]
        prices = np.zeros(self._row_count)
        prices[self._rows] = duals[: len(self._rows)]
        objective = float(self._highs.getInfo().objective_function_value)
        return Blend(objective, values, prices, duals[len(self._rows) :])


def others(count: int, ranges: Sequence[range]) -> IntArray:
    """What of ``count`` is in none of ``ranges``."""
    other = np.ones(count, dtype=np.bool_)
    for taken in ranges:
        other[taken.start : taken.stop] = False
    return np.flatnonzero(other)
