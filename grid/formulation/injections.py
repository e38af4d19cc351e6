"""Who feeds in where: what is fixed at each bus, and the columns that add to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grid.formulation.linear import IntArray, LinearModel
from grid.problem.dispatch_problem import DispatchProblem
from grid.time_axis import FloatArray

Part = tuple[int, IntArray, float | FloatArray]
"""A bus, columns of shape (periods,), and what a MW of them feeds in there, in all periods or in each."""


@dataclass(frozen=True, slots=True, eq=False)
class Injections:
    """What is fed into every bus.

    Attributes:
        fixed_mw: Whatever the columns are, shape (buses, periods).
        buses: Of each part, shape (parts,).
        columns, factors: Shape (parts, periods).
    """

    fixed_mw: FloatArray
    buses: IntArray
    columns: IntArray
    factors: FloatArray

    @classmethod
    def of(cls, fixed_mw: FloatArray, parts: Sequence[Part]) -> Injections:
        """Gather ``parts``."""
        shape = (len(parts), fixed_mw.shape[1])
        columns, factors = np.zeros(shape, dtype=np.int64), np.zeros(shape)
        for i, part in enumerate(parts):
            columns[i], factors[i] = part[1:]
        return cls(fixed_mw, np.array([bus for bus, _, _ in parts], dtype=np.int64), columns, factors)

    def mw(self, values: FloatArray) -> FloatArray:
        """Net injection at each bus at column values ``values``, shape (buses, periods)."""
        injection = self.fixed_mw.copy()
        np.add.at(injection, self.buses, values[self.columns] * self.factors)
        return injection

    def fixed_flow_mw(self, flow: FloatArray, period: int) -> float:
        """What the fixed part adds to a flow, ``flow`` being it per MW at each bus, shape (buses,)."""
        return float(flow @ self.fixed_mw[:, period])

    def put(self, linear: LinearModel, row: IntArray, flow: FloatArray, period: int) -> None:
        """Add to a row what the columns add to a flow."""
        linear.put(row, self.columns[:, period], flow[self.buses] * self.factors[:, period])


def load_shares(problem: DispatchProblem, areas: Sequence[str] = ()) -> FloatArray:
    """Each bus's share in the load of some areas (none: of all), shape (buses, periods). Columns sum to 1.

    The shares are equal where there is no load.
    """
    inside = np.array([not areas or bus.area in areas for bus in problem.network.buses], dtype=np.bool_)[:, None]
    load = np.maximum(problem.load_mw, 0.0) * inside
    weight = np.where(load.sum(axis=0) > 0.0, load, inside)
    shares: FloatArray = weight / weight.sum(axis=0)
    return shares
