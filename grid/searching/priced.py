"""A model at given prices of the rows that tie its thermal groups together: a bound, and the schedules that give it.

At such prices every unit does what is cheapest for itself (:mod:`grid.formulation.unit_schedules`), and so does all
that belongs to no unit. Whatever the prices are, the sum costs no more than any plan.

References:
    Geoffrion, "Lagrangean Relaxation for Integer Programming", Mathematical Programming Study 2, 1974.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import highspy
import numpy as np
from scipy.sparse import coo_array, csc_array

from grid.formulation.linear import IntArray, LinearModel, new_highs, pass_program, require_ok
from grid.formulation.model import DispatchModel
from grid.formulation.unit_schedules import START, UnitSchedules
from grid.formulation.unit_terms import UnitTerms
from grid.searching.marginals import least_costs
from grid.searching.master import others
from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Offers:
    """What the groups and the rest of a model do at some prices.

    Attributes:
        bound: Less than any plan's cost, or equal to it.
        schedules: The groups' cheapest ones as values of the model's columns, shape (columns, groups).
        costs: Of these schedules without the prices, shape (groups,).
    """

    bound: float
    schedules: csc_array
    costs: FloatArray


class PricedModel:
    """A model whose rows have prices (d objective / d right-hand side); those of a group's own are left at 0."""

    def __init__(self, model: DispatchModel, terms: Sequence[UnitTerms]) -> None:
        self._linear, self._matrix, self._cost = model.linear, model.linear.matrix(), model.linear.column_arrays()[2]
        self._row_lower, self._row_upper = model.linear.row_arrays()
        self._groups, self._units = len(model.groups), UnitSchedules(model.problem, terms)
        self._group = np.zeros(len(terms), dtype=np.int64)
        for i, group in enumerate(model.groups):
            self._group[list(group)] = i
        none = np.full(model.problem.axis.periods, -1)
        columns = [
            [c.on, c.start, c.stop, c.above]
            + [none if reserve is None else reserve for reserve in (c.reserve_up, c.reserve_down)]
            for c in model.thermal
        ]
        self._columns: IntArray = np.array(columns)[self._group].transpose(
            1, 0, 2
        )  # (6, units, periods), -1 where there is none
        self._rest = _Rest(model.linear, others(model.linear.column_count, [c.own_columns for c in model.thermal]))

    def at(self, row_prices: FloatArray) -> Offers:
        """What is done at prices of the rows, shape (rows,)."""
        rows = self._signed(row_prices)
        of_columns = self._cost - self._matrix.T @ rows
        prices = np.append(of_columns, 0.0)[self._columns]
        valued = self._units.value(prices)
        made = self._units.schedules(valued, prices)
        used = (made != 0.0) & (self._columns >= 0)
        group = np.broadcast_to(self._group[None, :, None], made.shape)
        shape = self._linear.column_count, self._groups
        schedules = csc_array(coo_array((made[used], (self._columns[used], group[used])), shape=shape))
        priced = np.bincount(self._group, valued.cost, self._groups)
        fixed = rows @ np.where(rows > 0.0, self._row_lower, np.where(rows < 0.0, self._row_upper, 0.0))
        bound = float(valued.cost.sum() + fixed + self._rest.least(of_columns))
        return Offers(bound, schedules, priced + schedules.T @ (self._cost - of_columns))

    def switching_costs(self, row_prices: FloatArray) -> FloatArray:
        """What it costs at these prices that a unit is on rather than off, of each group's unit nearest to a change.

        Returns:
            Shape (groups, periods); infinite, of either sign, where it cannot be otherwise.
        """
        prices = np.append(self._cost - self._matrix.T @ self._signed(row_prices), 0.0)[self._columns]
        on, off = least_costs(self._units.value(prices), prices[START])
        nearest = np.full((self._groups, prices.shape[2]), np.inf)
        np.minimum.at(nearest, self._group, np.abs(on - off))
        return nearest

    def _signed(self, prices: FloatArray) -> FloatArray:
        """Without prices of the sign that a row's bounds rule out, and of rows that the rest keeps by itself."""
        wrong = ((prices > 0.0) & np.isinf(self._row_lower)) | ((prices < 0.0) & np.isinf(self._row_upper))
        signed = np.where(wrong, 0.0, prices)
        signed[self._rest.rows] = 0.0
        return signed


class _Rest:
    """What belongs to no group, within the rows that name nothing else: a small linear program."""

    def __init__(self, linear: LinearModel, columns: IntArray) -> None:
        matrix = linear.matrix()
        of_groups = np.ones(linear.column_count)
        of_groups[columns] = 0.0
        self.rows = np.flatnonzero(abs(matrix) @ of_groups == 0.0)
        self._columns = columns
        lower, upper, _, _ = linear.column_arrays()
        row_lower, row_upper = linear.row_arrays()
        own = matrix[self.rows][:, columns]
        self._highs = new_highs()
        pass_program(
            self._highs,
            own,
            cost=np.zeros(len(columns)),
            columns=(lower[columns], upper[columns]),
            rows=(row_lower[self.rows], row_upper[self.rows]),
        )

    def least(self, cost: FloatArray) -> float:
        """Least cost at these costs of the model's columns; minus infinity if there is none."""
        own = np.ascontiguousarray(cost[self._columns])
        status = self._highs.changeColsCost(len(own), np.arange(len(own), dtype=np.int32), own)
        require_ok(status, "changeColsCost")
        require_ok(self._highs.run(), "run")
        if self._highs.getModelStatus() not in _SETTLED:
            return -np.inf
        return float(self._highs.getInfo().objective_function_value)


_SETTLED = (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kModelEmpty)
