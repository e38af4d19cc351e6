"""An independent check of N-1 security: the flows after every outage, each from a network built without that branch.

No distribution factors here: the angles of each network are solved anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from grid.checking.flows import flows_by_angles, injections_of
from grid.checking.reported import reported_amounts
from grid.network import Network
from grid.problem.plan import DispatchPlan
from grid.problem.soft_limits import Limit, SoftLimit

_MW = 1e-2


def check_outages(plan: DispatchPlan) -> list[str]:
    """Every branch that is beyond its emergency rating after an outage and not reported so, one sentence each."""
    return list(_overloads(plan))


def _overloads(plan: DispatchPlan) -> Iterator[str]:
    network, injection = plan.problem.network, injections_of(plan)
    reported = reported_amounts(plan)
    for out in network.branches:
        rest = replace(network, branches=tuple(branch for branch in network.branches if branch is not out))
        if not _in_one_piece(rest):
            continue
        flows = flows_by_angles(rest, injection)
        for branch, flow in zip(rest.branches, flows, strict=True):
            rating = branch.limit_mw if branch.emergency_mw is None else branch.emergency_mw
            if rating is None:
                continue
            limit = SoftLimit(Limit.OVERLOAD_AFTER_OUTAGE, branch.branch_id, out.branch_id)
            excess = np.abs(flow) - rating
            wrong = (excess > _MW) & (np.abs(excess - reported.get(limit, 0.0)) > 2.0 * _MW)
            for t in np.flatnonzero(wrong).tolist():
                yield f"{limit} in period {t}: {excess[t]} MW beyond {rating} MW"


def _in_one_piece(network: Network) -> bool:
    bus = {b.bus_id: i for i, b in enumerate(network.buses)}
    ends = np.array([[bus[b.from_bus], bus[b.to_bus]] for b in network.branches], dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(bus), len(bus)))
    return int(connected_components(graph, directed=False, return_labels=False)) == 1
