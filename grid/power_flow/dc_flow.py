"""DC power flow of a case by its convention, in islands, from one sparse factorisation.

The flow on a branch is its susceptance times the angle difference between its ends less its phase shift, per unit. As a
flow is a multiple of that difference, limits on either are one interval of the flow.

References:
    Coffrin et al., "PowerModels.jl: An Open-Source Framework for Exploring Power Flow Formulations", PSCC 2018.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import SuperLU, splu

from grid.cases.case import Case, DcConvention, IntArray
from grid.faults import Fault, InputError
from grid.time_axis import FloatArray

_SINGULAR = 1e11


class DcFlow:
    """Flows, their limits and their sensitivities; branches out of service carry nothing and limit nothing.

    Attributes:
        island: Of each bus, shape (buses,).
        islands: How many there are.
        lower_mw, upper_mw: Limits of each branch's flow, shape (branches,).
        offset_mw: What flows for phase shifts alone, shape (branches,).

    Raises:
        InputError: If series capacitors cancel out, so that the flows are not determined.
    """

    def __init__(self, case: Case) -> None:
        table = case.branches
        buses, branches = len(case.bus_ids), len(table.names)
        susceptance = _susceptance(case)
        limit = np.where(table.in_service, table.limit_mw, np.inf)
        angles = np.sort(case.base_mva * susceptance * np.stack([table.angle_minimum, table.angle_maximum]), axis=0)
        angles = np.where(table.in_service, angles, [[-np.inf], [np.inf]])
        self.lower_mw, self.upper_mw = np.maximum(angles[0], -limit), np.minimum(angles[1], limit)
        lines = np.arange(branches)
        incidence = csr_array(
            (np.repeat([1.0, -1.0], branches), (np.tile(lines, 2), np.concatenate([table.from_bus, table.to_bus]))),
            shape=(branches, buses),
        )
        self._branch_matrix = csr_array(diags_array(susceptance, shape=(branches, branches)) @ incidence)
        self._transposed = csr_array(self._branch_matrix.T)
        laplacian = csr_array(incidence.T @ self._branch_matrix)
        alive = incidence[np.flatnonzero(table.in_service), :]
        self.islands, self.island = _islands(csr_array(alive.T @ alive))
        self._free = np.setdiff1d(np.arange(buses), _references(case, self.island, self.islands))
        self._factor = None
        if self._free.size:
            scale = abs(self._transposed) @ np.ones(branches)
            self._factor = _factorised(csc_array(laplacian[self._free, :][:, self._free]), scale[self._free])
        held = np.where(case.convention is DcConvention.TAPS_AND_SHIFTS, table.shift_rad, 0.0)
        pushed = case.base_mva * susceptance * held
        self.offset_mw = np.zeros(branches)
        if pushed.any():
            self.offset_mw = self.flows(incidence.T @ pushed) - pushed

    def flows(self, injection_mw: FloatArray) -> FloatArray:
        """Branch flows of injections balanced in every island, shape (buses,) to (branches,). [MW]"""
        angles = np.zeros_like(injection_mw)
        if self._factor is not None:
            angles[self._free] = self._factor.solve(np.ascontiguousarray(injection_mw[self._free]))
        return np.asarray(self._branch_matrix @ angles) + self.offset_mw

    def rows(self, branches: IntArray) -> FloatArray:
        """Flow on each of ``branches`` per MW injected at a bus and taken out at its island's reference.

        Shape (len(branches), buses).
        """
        rows = np.zeros((len(branches), len(self.island)))
        if self._factor is not None and len(branches):
            right = self._transposed[:, branches].toarray()[self._free]
            rows[:, self._free] = self._factor.solve(right, trans="T").T
        return rows

    def weighted_rows(self, weights: FloatArray) -> FloatArray:
        """The sum of the rows of all branches, each times its weight, shape (branches,) to (buses,)."""
        total = np.zeros(len(self.island))
        if self._factor is not None:
            total[self._free] = self._factor.solve((self._transposed @ weights)[self._free], trans="T")
        return total

    def island_mean(self, values: FloatArray, *, weights: FloatArray) -> FloatArray:
        """Mean of each island's values, at each of its buses, weighted by positive weights where there are any."""
        weight = np.maximum(weights, 0.0)
        empty = np.bincount(self.island, weight, self.islands) <= 0.0
        weight = np.where(empty[self.island], 1.0, weight)
        means = np.bincount(self.island, weight * values, self.islands) / np.bincount(self.island, weight, self.islands)
        return np.asarray(means[self.island])


def _susceptance(case: Case) -> FloatArray:
    """By the case's convention, per unit; 0 of branches out of service."""
    table = case.branches
    x, r = np.where(table.in_service, table.reactance_pu, 1.0), np.where(table.in_service, table.resistance_pu, 0.0)
    series = case.convention is DcConvention.SERIES
    return np.where(table.in_service, x / (r * r + x * x) if series else 1.0 / (x * table.tap_ratio), 0.0)


def _factorised(matrix: csc_array, scale: FloatArray) -> SuperLU:
    """The LU factors; a matrix that is singular but for rounding is told by the angles that ordinary flows would need.

    Args:
        scale: Sum of the susceptances at each bus without their signs, shape (rows,).
    """
    try:
        factor = splu(matrix)
        if np.abs(factor.solve(scale)).max() < _SINGULAR:
            return factor
    except RuntimeError:
        pass
    problem = "negative and positive reactances cancel out: the flows are not determined"
    raise InputError([Fault("mpc.branch", problem, "correct the reactances below 0")])


def _islands(neighbours: csr_array) -> tuple[int, IntArray]:
    count, labels = connected_components(neighbours, directed=False)
    return int(count), np.asarray(labels, dtype=np.int64)


def _references(case: Case, island: IntArray, islands: int) -> IntArray:
    """One bus of each island: a reference bus of the file where it has one, else the first."""
    order = np.argsort(~case.reference, kind="stable")
    labels, first = np.unique(island[order], return_index=True)
    assert len(labels) == islands
    return np.asarray(order[first], dtype=np.int64)
