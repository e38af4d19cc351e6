"""Losses of the DC network: ``resistance * flow²`` of every branch, all together, from below by tangents.

The losses of a period are one column, drawn by the loads in proportion. They are convex in what is fed in, so that a
tangent at any flows bounds them from below; where a solution loses less than its flows would, the tangent there comes
into the model: a few in each period of a small network, some dozens in one of 300 buses. At the optimum the tangents'
slopes are the marginal losses at each bus, and their duals the part of prices that is for losses. What the tolerance
leaves out is a share of 1e-5 of the losses, yet prices go with its root: they may be off by some hundredths.

Where energy has a negative price, losing more than flows do would pay, and bounds from below do not forbid it; a plan
that does so reports how much as a violation.

References:
    Litvinov et al., "Marginal loss modeling in LMP calculation", IEEE Trans. Power Systems 19(2), 2004.
    Kelley, "The cutting-plane method for solving convex programs", J. SIAM 8(4), 1960.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from grid.formulation.injections import Injections
from grid.formulation.linear import IntArray, LinearModel
from grid.formulation.ptdf import Ptdf
from grid.network import Network
from grid.time_axis import FloatArray

_TOLERANCE_MW, _TOLERANCE = 1e-5, 1e-5


class Tangent(NamedTuple):
    """A row ``losses - slope @ injection >= constant`` of one period; ``slope`` has shape (buses,)."""

    period: int
    row: int
    slope: FloatArray


@dataclass(slots=True, eq=False)
class Losses:
    """The losses of a model: their columns, shape (periods,), and the tangents that are in it."""

    columns: IntArray
    per_mw2: FloatArray
    ptdf: Ptdf
    tangents: list[Tangent] = field(default_factory=list)

    def mw(self, flows_mw: FloatArray) -> FloatArray:
        """What flows of shape (branches, periods) lose, shape (periods,)."""
        return np.asarray(self.per_mw2 @ flows_mw**2)

    def add_missing(self, linear: LinearModel, injections: Injections, values: FloatArray) -> bool:
        """Add the tangents at a solution's flows in the periods that lose too little; False if there is none."""
        flows = self.ptdf.flows(injections.mw(values))
        actual = self.mw(flows)
        missing = losing_too_little(values[self.columns], actual)
        for t in missing.tolist():
            weights = 2.0 * self.per_mw2 * flows[:, t]
            slope = self.ptdf.combined(weights)
            at_rest = float(weights @ self.ptdf.shifted_mw) - float(actual[t])
            row = linear.rows(1, lower=at_rest + injections.fixed_flow_mw(slope, t))
            linear.put(row, self.columns[t], 1.0)
            injections.put(linear, row, -slope, t)
            self.tangents.append(Tangent(t, int(row[0]), slope))
        return bool(missing.size)


def add_losses(linear: LinearModel, network: Network, ptdf: Ptdf, *, periods: int) -> Losses:
    """Add the columns of the losses, with no tangent yet."""
    return Losses(linear.columns(periods), losses_per_mw2(network), ptdf)


def losses_per_mw2(network: Network) -> FloatArray:
    """Losses of each branch per square of its flow, shape (branches,). [1/MW]"""
    return np.array([branch.resistance_pu for branch in network.branches], dtype=np.float64) / network.base_mva


def losing_too_little(lost_mw: FloatArray, actual_mw: FloatArray) -> IntArray:
    """Periods in which less is lost than flows lose, beyond the tolerance."""
    return np.flatnonzero(lost_mw < actual_mw - _TOLERANCE_MW - _TOLERANCE * actual_mw)
