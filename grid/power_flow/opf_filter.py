"""Which limits of a case conflict: a set that cannot hold, and does without any one of its members.

The duals of the least total overload are a proof that no dispatch exists, and the limits that they weigh cannot hold
together. A deletion filter leaves out one after another, many at first; where there still is no dispatch, the new proof
tells which limits are left to try.

References:
    Chinneck, "Feasibility and Infeasibility in Optimization", Springer 2008 (elastic programs, deletion filter).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from grid.cases.case import Case, Costs
from grid.formulation.relaxation import UnsolvedError
from grid.power_flow.dc_flow import DcFlow
from grid.power_flow.opf_program import Machines, OpfProgram, Solved
from grid.time_axis import FloatArray

LEAST_MW = 1e-6
_LEAST_DUAL = 1e-6

Solve = Callable[[OpfProgram], Solved | None]


class _Kind(IntEnum):
    """Kinds of limit, in the order in which they are left out: what stays is told."""

    BRANCH = 0
    HIGHEST = 1
    LOWEST = 2
    LOAD = 3


@dataclass(frozen=True, slots=True, order=True)
class CaseLimit:
    """A limit of a branch's flow or of a generator's output, or a load that is served, by position."""

    kind: _Kind
    at: int

    def name(self, case: Case) -> str:
        """What keeping it is called."""
        if self.kind is _Kind.BRANCH:
            return f"limit of {branch_name(case, self.at)}"
        if self.kind is _Kind.LOAD:
            return f"load at bus {case.bus_ids[self.at]}"
        which = "maximum" if self.kind is _Kind.HIGHEST else "minimum"
        return f"{which} output of {case.generators.names[self.at]}"


def least_overload(flow: DcFlow, machines: Machines, solve: Solve) -> Solved:
    """The dispatch of machines without costs that breaks as few MW of balances and branch limits as it can."""
    least = solve(OpfProgram(flow, machines, elastic=True))
    assert least is not None, "every limit of the elastic program can give way"
    return least


def irreducible(
    case: Case, flow: DcFlow, machines: Machines, least: Solved, solve: Solve
) -> tuple[list[CaseLimit], bool]:
    """Limits in conflict, and whether each of them is needed for it; else time ran out, and fewer may do.

    Args:
        machines: Without costs.
        least: Their least overload.
        solve: Raises ``UnsolvedError`` when time runs out.
    """
    kept = list(_weighed(case, machines, least))
    left_out: set[CaseLimit] = set()
    needed: set[CaseLimit] = set()
    size = len(kept)
    while untried := [one for one in kept if one not in needed]:
        size = max(min(size, len(untried)) // 2, 1)
        some = untried[:size]
        wider, others = _without(case, flow, machines, left_out.union(some))
        try:
            again = least_overload(wider, others, solve)
        except UnsolvedError:
            return kept, False
        if max(float(overload_mw(wider, again).max(initial=0.0)), float(np.abs(again.short_mw).max())) > LEAST_MW:
            left_out.update(some)
            kept, size = [one for one in _weighed(case, others, again) if one not in left_out], 4 * size
        elif size == 1:
            needed.update(some)
            size = 4
    return kept, True


def overload_mw(flow: DcFlow, solved: Solved) -> FloatArray:
    """By how much each branch goes beyond its limits, shape (branches,)."""
    return np.asarray(np.maximum(np.maximum(solved.flow_mw - flow.upper_mw, flow.lower_mw - solved.flow_mw), 0.0))


def _weighed(case: Case, machines: Machines, least: Solved) -> Iterator[CaseLimit]:
    """What the proof weighs: limits of branches, outputs of generators, loads."""
    for i in np.flatnonzero(np.abs(least.branch_dual) > _LEAST_DUAL).tolist():
        yield CaseLimit(_Kind.BRANCH, i)
    generators = case.generators
    worth = least.lmp[generators.bus]
    low, high = machines.low[: len(worth)], machines.high[: len(worth)]
    used = generators.in_service & (np.abs(worth) > _LEAST_DUAL)
    for kind, bound, side in ((_Kind.HIGHEST, high, worth > 0.0), (_Kind.LOWEST, low, worth < 0.0)):
        for i in np.flatnonzero(used & side & (bound != 0.0) & np.isfinite(bound)).tolist():
            yield CaseLimit(kind, i)
    served = machines.demand_mw * np.sign(least.lmp) > 0.0  # less of it would help
    for i in np.flatnonzero((np.abs(least.lmp) > _LEAST_DUAL) & served).tolist():
        yield CaseLimit(_Kind.LOAD, i)


def branch_name(case: Case, i: int) -> str:
    """A branch with its ends."""
    table = case.branches
    return f"{table.names[i]} ({case.bus_ids[table.from_bus[i]]} to {case.bus_ids[table.to_bus[i]]})"


def _without(case: Case, flow: DcFlow, machines: Machines, limits: Collection[CaseLimit]) -> tuple[DcFlow, Machines]:
    """A case that lacks some of its limits; an output below its minimum ends at zero."""
    wider, low, high = copy.copy(flow), machines.low.copy(), machines.high.copy()
    at = {kind: np.array(sorted(one.at for one in limits if one.kind is kind), dtype=np.int64) for kind in _Kind}
    wider.lower_mw, wider.upper_mw = flow.lower_mw.copy(), flow.upper_mw.copy()
    wider.lower_mw[at[_Kind.BRANCH]], wider.upper_mw[at[_Kind.BRANCH]] = -np.inf, np.inf
    lowest, highest = at[_Kind.LOWEST], at[_Kind.HIGHEST]
    low[lowest] = np.where(low[lowest] > 0.0, 0.0, -np.inf)
    high[highest] = np.where(high[highest] < 0.0, 0.0, np.inf)
    loads = at[_Kind.LOAD]
    demand = machines.demand_mw[loads]
    others = replace(machines, low=low, high=high).beside(flow, loads, np.abs(demand), np.sign(demand), 0.0)
    return wider, replace(others, costs=Costs.none(len(others.low)))
