"""Why a case of one period has no feasible dispatch: the limits in conflict, and the ways out, by name.

The duals of the least total overload are a proof that no dispatch exists, and the limits that they weigh are those in
conflict. The ways out give up one kind of limit each, by as few MW as possible: ratings of branches, load, or minimum
outputs of generators; the last two together, and load last, where neither is enough.

References:
    Chinneck, "Feasibility and Infeasibility in Optimization", Springer 2008 (elastic programs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array, hstack

from grid.cases.case import Case, Costs, IntArray
from grid.power_flow.dc_flow import DcFlow
from grid.power_flow.opf_program import Machines, OpfProgram, Solved
from grid.time_axis import FloatArray

_LEAST_MW = 1e-6
_LEAST_DUAL = 1e-6
_LOAD_PRICE = 10.0
_NAMED = 8

_Solve = Callable[[OpfProgram], Solved | None]


def conflict_of(case: Case, flow: DcFlow, machines: Machines, *, solve: _Solve) -> str:
    """Why no dispatch of a case is feasible: what an island is short of, else the conflict and its ways out.

    Args:
        solve: Solves a program, with all limits of branches; None if it is infeasible.
    """
    free = replace(machines, costs=Costs.none(len(machines.low)))
    least = solve(OpfProgram(flow, free, elastic=True))
    assert least is not None, "every limit of the elastic program can give way"
    parts = []
    for island in np.flatnonzero(np.abs(least.short_mw) > _LEAST_MW).tolist():
        first = case.bus_ids[int(np.flatnonzero(flow.island == island)[0])]
        where = f"the island of bus {first}" if flow.islands > 1 else "the network"
        short = least.short_mw[island]
        what = (
            "more load than its generators can serve" if short > 0 else "more production than it can be turned down to"
        )
        parts.append(f"{where} has {abs(short):.3f} MW {what}")
    if parts:
        return "; ".join(parts)
    ways = [_overloads(case, flow, least), *_reliefs(case, flow, free, solve)]
    conflict = _listed(list(_in_conflict(case, flow, free, least)), ", ")
    return " ".join([f"No dispatch keeps all of: {conflict}.", *(f"Way out: {_listed(way, '; ')}." for way in ways)])


def _in_conflict(case: Case, flow: DcFlow, machines: Machines, least: Solved) -> Iterator[str]:
    """What the proof weighs: limits of branches, outputs of generators, loads."""
    for i in np.flatnonzero(np.abs(least.branch_dual) > _LEAST_DUAL).tolist():
        yield f"limit of {_branch(case, i)}"
    generators = case.generators
    worth = least.lmp[generators.bus]
    low, high = machines.low[: len(worth)], machines.high[: len(worth)]
    for i in np.flatnonzero(generators.in_service & (np.abs(worth) > _LEAST_DUAL)).tolist():
        bound, of = (high[i], "maximum") if worth[i] > 0.0 else (low[i], "minimum")
        if bound != 0.0:
            yield f"{of} output of {generators.names[i]}"
    for i in np.flatnonzero((np.abs(least.lmp) > _LEAST_DUAL) & (machines.demand_mw != 0.0)).tolist():
        yield f"load at bus {case.bus_ids[i]}"


def _overloads(case: Case, flow: DcFlow, least: Solved) -> list[str]:
    beyond = np.maximum(least.flow_mw - flow.upper_mw, flow.lower_mw - least.flow_mw)
    told = []
    for i in np.argsort(-beyond, kind="stable").tolist():
        if beyond[i] > _LEAST_MW:
            limit = flow.upper_mw[i] if least.flow_mw[i] > 0 else flow.lower_mw[i]
            share = f", {100.0 * least.flow_mw[i] / limit:.1f} % of it" if limit else ""
            told.append(f"{_branch(case, i)} would carry {least.flow_mw[i]:.3f} MW, its limit is {limit:.3f} MW{share}")
    return told


def _reliefs(case: Case, flow: DcFlow, machines: Machines, solve: _Solve) -> Iterator[list[str]]:
    """By load that is shed, or by generators below their minimum output; by both only where neither is enough."""
    loads = np.flatnonzero(machines.demand_mw > 0.0)
    shed = _Relief(
        loads,
        machines.demand_mw[loads],
        np.ones(len(loads)),
        tuple(f"{{:.3f}} MW of load shed at bus {case.bus_ids[i]}" for i in loads),
    )
    generators = case.generators
    held = np.flatnonzero(generators.in_service & (generators.minimum_mw > 0.0))
    lowered = _Relief(
        generators.bus[held],
        generators.minimum_mw[held],
        -np.ones(len(held)),
        tuple(f"{generators.names[i]} {{:.3f}} MW below its minimum output" for i in held),
    )
    alone = [way for relief in (shed, lowered) if (way := _relieved(flow, machines, relief, solve))]
    both = None if alone else _relieved(flow, machines, shed.beside(lowered), solve)
    yield from alone or ([both] if both else [])


@dataclass(frozen=True, slots=True, eq=False)
class _Relief:
    """What may be fed in (1) or taken out (-1) besides, at which buses, at most how much, and what it is called."""

    buses: IntArray
    most_mw: FloatArray
    signs: FloatArray
    words: tuple[str, ...]

    def beside(self, other: _Relief) -> _Relief:
        return _Relief(
            np.concatenate([self.buses, other.buses]),
            np.concatenate([self.most_mw, other.most_mw]),
            np.concatenate([self.signs, other.signs]),
            self.words + other.words,
        )


def _relieved(flow: DcFlow, machines: Machines, relief: _Relief, solve: _Solve) -> list[str]:
    """The least MW in all by which a relief leads to a dispatch, the most first; empty where it does not."""
    count, known = len(relief.buses), len(machines.low)
    columns = np.arange(count)
    added = csr_array((relief.signs, (relief.buses, columns)), shape=(len(flow.island), count))
    member = csr_array((relief.signs, (flow.island[relief.buses], columns)), shape=(flow.islands, count))
    costs = Costs.none(known + count)
    costs.linear[known:] = np.where(relief.signs > 0.0, _LOAD_PRICE, 1.0)
    more = replace(
        machines,
        low=np.concatenate([machines.low, np.zeros(count)]),
        high=np.concatenate([machines.high, relief.most_mw]),
        costs=costs,
        feed=csr_array(hstack([machines.feed, added])),
        balance=csr_array(hstack([machines.balance, member])),
    )
    solved = solve(OpfProgram(flow, more))
    if solved is None:
        return []
    amounts = solved.power_mw[known:]
    order = np.argsort(-amounts, kind="stable").tolist()
    return [relief.words[i].format(amounts[i]) for i in order if amounts[i] > _LEAST_MW]


def _branch(case: Case, i: int) -> str:
    table = case.branches
    return f"{table.names[i]} ({case.bus_ids[table.from_bus[i]]} to {case.bus_ids[table.to_bus[i]]})"


def _listed(names: Sequence[str], between: str) -> str:
    more = f"{between}{len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return between.join(names[:_NAMED]) + more
