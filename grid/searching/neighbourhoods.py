"""Small parts of a dispatch model in which good plans are likely: column bounds that leave few counts of units free.

References:
    Berthold, "RENS: the optimal rounding", Mathematical Programming Computation 6, 2014 (near fractions).
    Angelelli, Mansini and Speranza, "Kernel search: a general heuristic for the multi-dimensional knapsack problem",
    Computers & Operations Research 37, 2010 (choosing the free variables by reduced cost).
"""

from __future__ import annotations

import numpy as np

from grid.formulation.linear import IntArray
from grid.formulation.model import DispatchModel
from grid.formulation.relaxation import LinearSolution
from grid.time_axis import FloatArray

_WHOLE = 1e-6
_NO_REDUCED_COST = 1e-6

Bounds = tuple[FloatArray, FloatArray]
Part = tuple[slice | IntArray, slice | IntArray]


def _counts(model: DispatchModel) -> IntArray:
    """Columns of the counts of units on, shape (groups, periods)."""
    return np.array([group.on for group in model.thermal], dtype=np.int64).reshape(-1, model.problem.axis.periods)


def held_at(model: DispatchModel, values: FloatArray) -> Bounds:
    """Column bounds that hold every count at ``values``."""
    lower, upper, _, _ = model.linear.column_arrays()
    on = _counts(model)
    lower[on] = upper[on] = np.round(values[on])
    return lower, upper


def near_fractions(model: DispatchModel, relaxed: LinearSolution) -> Bounds:
    """Column bounds that free fractional counts and their neighbours in time, as far as the three of them reach."""
    lower, upper, _, _ = model.linear.column_arrays()
    on = _counts(model)
    floor, ceiling = np.floor(relaxed.values[on] + _WHOLE), np.ceil(relaxed.values[on] - _WHOLE)
    near = _over_neighbours(ceiling > floor, np.logical_or)
    lower[on] = np.where(near, _over_neighbours(floor, np.minimum), floor)
    upper[on] = np.where(near, _over_neighbours(ceiling, np.maximum), ceiling)
    return lower, upper


def without_reduced_cost(model: DispatchModel, relaxed: LinearSolution, values: FloatArray) -> Bounds:
    """Column bounds that free, beside those near fractions, every count that the relaxation may change for nothing.

    They are wide enough to hold the plan ``values``.
    """
    lower, upper = near_fractions(model, relaxed)
    own_lower, own_upper = whole_model(model)
    on = _counts(model)
    free = on[np.abs(relaxed.reduced_costs[on]) <= _NO_REDUCED_COST]
    lower[free], upper[free] = own_lower[free], own_upper[free]
    plan = np.round(values[on])
    lower[on], upper[on] = np.minimum(lower[on], plan), np.maximum(upper[on], plan)
    return lower, upper


def freed(model: DispatchModel, values: FloatArray, part: Part) -> Bounds:
    """Column bounds that hold every count at ``values`` but those of ``part``, an index into (groups, periods)."""
    lower, upper = held_at(model, values)
    own_lower, own_upper = whole_model(model)
    free = _counts(model)[part]
    lower[free], upper[free] = own_lower[free], own_upper[free]
    return lower, upper


def whole_model(model: DispatchModel) -> Bounds:
    """The model's own column bounds."""
    lower, upper, _, _ = model.linear.column_arrays()
    return lower, upper


def _over_neighbours(values: np.ndarray, choose: np.ufunc) -> np.ndarray:
    """``choose`` over each value and its neighbours in time, same shape."""
    padded = np.pad(values, ((0, 0), (1, 1)), mode="edge")
    chosen: np.ndarray = choose(choose(padded[:, :-2], padded[:, 2:]), values)
    return chosen
