"""Who feeds in where: what is fixed at each bus, and the columns that add to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grid.dispatch.linear import IntArray
from grid.time_axis import FloatArray

Part = tuple[int, IntArray, float]
"""A bus, columns of shape (periods,), and what a MW of them feeds in there."""


@dataclass(frozen=True, slots=True, eq=False)
class Injections:
    """What is fed into every bus.

    Attributes:
        fixed_mw: Whatever the columns are, shape (buses, periods).
        buses, factors: Of each part, shape (parts,).
        columns: Shape (parts, periods).
    """

    fixed_mw: FloatArray
    buses: IntArray
    columns: IntArray
    factors: FloatArray

    @classmethod
    def of(cls, fixed_mw: FloatArray, parts: Sequence[Part]) -> Injections:
        """Gather ``parts``."""
        return cls(
            fixed_mw=fixed_mw,
            buses=np.array([bus for bus, _, _ in parts], dtype=np.int64),
            columns=np.array([columns for _, columns, _ in parts], dtype=np.int64).reshape(-1, fixed_mw.shape[1]),
            factors=np.array([factor for _, _, factor in parts], dtype=np.float64),
        )

    def mw(self, values: FloatArray) -> FloatArray:
        """Net injection at each bus at column values ``values``, shape (buses, periods)."""
        injection = self.fixed_mw.copy()
        np.add.at(injection, self.buses, values[self.columns] * self.factors[:, None])
        return injection
