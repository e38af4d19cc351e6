"""Flows after the outage of one branch (N-1), from the flows before it by line outage distribution factors (LODF).

After the outage of branch k, branch l carries ``flow_l + LODF[l, k] flow_k`` with ``LODF[l, k] = H[l, k] / (1 -
H[k, k])`` and ``H[l, k]`` the flow on l per MW sent from one end of k to the other. A branch whose outage would split
the network (``H[k, k] = 1``) has no such factors: it is a bridge, and its outage is left out and named
(``unsecured`` of a plan).

References:
    Guo, Fu, Li and Shahidehpour, "Direct calculation of line outage distribution factors", IEEE Trans. Power Systems
    24(3), 2009.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from grid.formulation.ptdf import Ptdf
from grid.network import Network
from grid.time_axis import FloatArray

_BRIDGE = 1e-6
_OUTAGES_AT_ONCE = 64


class Outages:
    """The outages that a network can survive, and the flows after each.

    Attributes:
        branches: Positions of the branches whose outages are looked at, shape (outages,).
        bridges: Those whose outage would split the network, which is left out.
    """

    def __init__(self, network: Network, ptdf: Ptdf) -> None:
        position = {bus.bus_id: i for i, bus in enumerate(network.buses)}
        ends = np.array([[position[b.from_bus], position[b.to_bus]] for b in network.branches], dtype=np.int64)
        ends = ends.reshape(-1, 2)
        transfers = np.zeros((len(position), len(ends)))
        transfers[ends[:, 0], np.arange(len(ends))] += 1.0
        transfers[ends[:, 1], np.arange(len(ends))] -= 1.0
        moved = ptdf.moved(transfers)
        stays = 1.0 - np.diag(moved)
        survives = stays > _BRIDGE
        self.branches = np.flatnonzero(survives)
        self.bridges = tuple(b.branch_id for b, stays in zip(network.branches, survives, strict=True) if not stays)
        self._factors = moved[:, survives] / stays[survives]
        self._factors[self.branches, np.arange(len(self.branches))] = -1.0  # what is out carries nothing
        self._column = {int(branch): i for i, branch in enumerate(self.branches)}
        self._emergency_mw = emergency_ratings_mw(network)

    def factor(self, branch: int, outage: int) -> float:
        """What the flow on ``branch`` gains per MW that ``outage`` carried before."""
        return float(self._factors[branch, self._column[outage]])

    def overloads(
        self, flow_mw: FloatArray, *, known: Iterable[tuple[int, int, int]], tolerance_mw: float
    ) -> Iterator[tuple[int, int, int]]:
        """Branch, period and worst outage where a branch is beyond its emergency rating after one that is not known.

        Args:
            flow_mw: Before any outage, shape (branches, periods).
            known: Branch, period and outage, not to be told again.
        """
        told, rating = set(known), self._emergency_mw + tolerance_mw
        peak = np.abs(flow_mw).max(axis=1, initial=0.0)
        found: list[tuple[float, int, int, int]] = []
        for first in range(0, len(self.branches), _OUTAGES_AT_ONCE):
            part = slice(first, first + _OUTAGES_AT_ONCE)
            out, factors = self.branches[part], self._factors[:, part]
            may = peak[:, None] + np.abs(factors) * peak[out] > rating[:, None]  # in no period does more flow
            line, column = np.nonzero(may)
            after = flow_mw[line] + factors[line, column, None] * flow_mw[out[column]]  # (pairs, periods)
            excess = np.abs(after) - rating[line, None]
            pair, t = np.nonzero(excess > 0.0)
            of = excess[pair, t], -out[column[pair]], line[pair], t
            found += zip(*(values.tolist() for values in of), strict=True)
        worst = {
            (branch, period): -out for _, out, branch, period in sorted(found) if (branch, period, -out) not in told
        }
        for (branch, period), outage in sorted(worst.items()):
            yield branch, period, outage


def emergency_ratings_mw(network: Network) -> FloatArray:
    """Rating of each branch after an outage or a loss, infinite where there is none, shape (branches,)."""
    ratings = [b.limit_mw if b.emergency_mw is None else b.emergency_mw for b in network.branches]
    return np.array([np.inf if rating is None else rating for rating in ratings], dtype=np.float64)
