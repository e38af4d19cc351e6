"""Power transfer distribution factors (PTDF) of the DC network, a row at a time from one sparse factorisation.

DC convention: MATPOWER's, susceptance 1 / (reactance * tap ratio), no losses. Flow on branch l is
``sum_b PTDF[l, b] * injection[b]`` and what the phase shifts drive through it; the first bus is the angle reference,
its column is zero. The dense PTDF matrix is never formed: B is factorised once, and one solve gives the row of one
branch.

References:
    Zimmerman, Murillo-Sanchez and Thomas, "MATPOWER: Steady-State Operations, Planning, and Analysis Tools for Power
    Systems Research and Education", IEEE Trans. Power Systems 26(1), 2011, section II.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.linalg import LinearOperator, SuperLU, norm, onenormest, splu

from grid.faults import Fault, InputError
from grid.network import Network
from grid.time_axis import FloatArray

_WORST_CONDITION = 1e13


class Ptdf:
    """Flows and PTDF rows of a connected network.

    Attributes:
        shifted_mw: What the phase shifts drive through each branch whatever is fed in, shape (branches,).

    Raises:
        InputError: If negative reactances cancel others, so that flows do not follow from injections.
    """

    def __init__(self, network: Network) -> None:
        position = {bus.bus_id: i for i, bus in enumerate(network.buses)}
        buses, branches = len(network.buses), len(network.branches)
        susceptance = np.array([1.0 / (branch.reactance_pu * branch.tap_ratio) for branch in network.branches])
        ends = np.array([[position[b.from_bus], position[b.to_bus]] for b in network.branches], dtype=np.int64)
        ends = ends.reshape(branches, 2)
        lines = np.arange(branches)
        incidence = csr_array(
            (np.repeat([1.0, -1.0], branches), (np.tile(lines, 2), ends.T.ravel())), shape=(branches, buses)
        )
        self._rows: dict[int, FloatArray] = {}
        self._buses = buses
        self._branch_matrix = csr_array(diags_array(susceptance, shape=(branches, branches)) @ incidence)
        laplacian = csc_array(incidence.T @ self._branch_matrix)[1:, 1:]
        self._factor = _factorised(csc_array(laplacian), network) if branches else None
        shift = np.deg2rad([branch.phase_shift_deg for branch in network.branches]) * network.base_mva
        driven = susceptance * shift
        self.shifted_mw = self.moved((incidence.T @ driven)[:, None])[:, 0] - driven

    def flows(self, injection_mw: FloatArray) -> FloatArray:
        """Branch flows of balanced injections, shape (buses, periods) to (branches, periods). [MW]"""
        return self.moved(injection_mw) + self.shifted_mw[:, None]

    def moved(self, injection_mw: FloatArray) -> FloatArray:
        """What injections add to the flows, same shapes. [MW]"""
        angles = np.zeros_like(injection_mw)
        if self._factor is not None:
            angles[1:] = self._factor.solve(np.ascontiguousarray(injection_mw[1:]))
        return np.asarray(self._branch_matrix @ angles)

    def combined(self, weights: FloatArray) -> FloatArray:
        """``sum_l weights[l] * PTDF[l]``, shape (branches,) to (buses,), or of several with one column each."""
        combined = np.zeros((self._buses, *weights.shape[1:]))
        if self._factor is not None:
            combined[1:] = self._factor.solve((self._branch_matrix.T @ weights)[1:], trans="T")
        return combined

    def row(self, branch: int) -> FloatArray:
        """Flow on ``branch`` per MW injected at each bus and taken out at the first, shape (buses,)."""
        if branch not in self._rows:
            row = np.zeros(self._buses)
            if self._factor is not None:
                row[1:] = self._factor.solve(self._branch_matrix[[branch], :].toarray().ravel()[1:], trans="T")
            self._rows[branch] = row
        return self._rows[branch]


def _factorised(laplacian: csc_array, network: Network) -> SuperLU:
    """Factors of a matrix that only reactances below 0 can make singular."""
    negative = [branch.branch_id for branch in network.branches if branch.reactance_pu < 0.0]
    try:
        factor = splu(laplacian)
    except RuntimeError:
        condition = np.inf
    else:
        inverse = LinearOperator(
            laplacian.shape,
            matvec=factor.solve,
            rmatvec=lambda column: factor.solve(column, trans="T"),
            dtype=np.float64,
        )
        condition = norm(laplacian, 1) * onenormest(inverse) if negative else 1.0
    if not condition < _WORST_CONDITION:
        told = f"cancel others, and no flow follows from what is fed in: those of {', '.join(negative)} are below 0"
        raise InputError([Fault("reactances", told, "correct them")])
    return factor
