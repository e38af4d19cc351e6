"""Why a case of one period has no feasible dispatch: the limits in conflict, and the ways out, by name.

The ways out give up one kind of limit each, by as few MW as possible: ratings of branches, load, or minimum outputs of
generators; the last two together, and load last, where neither is enough.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from grid.cases.case import Case, Costs, IntArray
from grid.formulation.relaxation import UnsolvedError
from grid.power_flow.dc_flow import DcFlow
from grid.power_flow.opf_filter import (
    LEAST_MW,
    Solve,
    branch_name,
    irreducible,
    least_overload,
    overload_mw,
)
from grid.power_flow.opf_program import Machines, OpfProgram, Solved
from grid.time_axis import FloatArray

_FILTER_SHARE = 0.5
_LOAD_PRICE = 10.0
_NAMED = 8


@dataclass(frozen=True, slots=True)
class OpfConflict:
    """Limits that cannot all hold, by name, and the sentences that say so with the ways out; without any, no time."""

    limits: tuple[str, ...]
    message: str


def find_opf_conflict(
    case: Case,
    flow: DcFlow,
    machines: Machines,
    *,
    solve: Callable[[OpfProgram, float], Solved | None],
    seconds: float,
) -> OpfConflict:
    """Why no dispatch of a case is feasible: what an island is short of, else the conflict and its ways out.

    Args:
        solve: Solves a program, with all limits of branches, until an instant of the monotonic clock, or raises
            ``UnsolvedError``; None if it is infeasible.
        seconds: Of wall time. The conflict may take half of it; what is known when time runs out is told as such.
    """
    began = time.monotonic()
    until = began + seconds

    def in_time(program: OpfProgram) -> Solved | None:
        return solve(program, until)

    def in_half(program: OpfProgram) -> Solved | None:
        return solve(program, began + _FILTER_SHARE * seconds)

    free = replace(machines, costs=Costs.none(len(machines.low)))
    try:
        least = least_overload(flow, free, in_time)
    except UnsolvedError:
        told = "No dispatch keeps every limit: that is proven. Time ran out before it was known which of them conflict."
        return OpfConflict((), told)
    if short := list(_short_islands(case, flow, least)):
        return OpfConflict(tuple(short), "; ".join(short))
    limits, settled = irreducible(case, flow, free, least, in_half)
    names = tuple(limit.name(case) for limit in limits)
    ways, late = [_overloads(case, flow, least)], [] if settled else ["Time ran out: fewer of them may conflict."]
    try:
        ways += _reliefs(case, flow, free, in_time)
    except UnsolvedError:
        late = ["Time ran out: there may be other ways out" + ("." if settled else ", and fewer of them may conflict.")]
    conflict = f"No dispatch keeps {'the limit' if len(names) == 1 else 'all of'}: {_listed(names, ', ')}."
    return OpfConflict(names, " ".join([conflict, *(f"Way out: {_listed(way, '; ')}." for way in ways), *late]))


def _short_islands(case: Case, flow: DcFlow, least: Solved) -> Iterator[str]:
    for island in np.flatnonzero(np.abs(least.short_mw) > LEAST_MW).tolist():
        first = case.bus_ids[int(np.flatnonzero(flow.island == island)[0])]
        where = f"the island of bus {first}" if flow.islands > 1 else "the network"
        short = least.short_mw[island]
        what = (
            "more load than its generators can serve" if short > 0 else "more production than it can be turned down to"
        )
        yield f"{where} has {abs(short):.3f} MW {what}"


def _overloads(case: Case, flow: DcFlow, least: Solved) -> list[str]:
    beyond = overload_mw(flow, least)
    told = []
    for i in np.argsort(-beyond, kind="stable").tolist():
        if beyond[i] > LEAST_MW:
            limit = flow.upper_mw[i] if least.flow_mw[i] > 0 else flow.lower_mw[i]
            share = f", {100.0 * least.flow_mw[i] / limit:.1f} % of it" if limit else ""
            name = branch_name(case, i)
            told.append(f"{name} would carry {least.flow_mw[i]:.3f} MW, its limit is {limit:.3f} MW{share}")
    return told


def _reliefs(case: Case, flow: DcFlow, machines: Machines, solve: Solve) -> Iterator[list[str]]:
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
    enough = False
    for relief in (shed, lowered):
        if way := _relieved(flow, machines, relief, solve):
            enough = True
            yield way
    if not enough and (both := _relieved(flow, machines, shed.beside(lowered), solve)):
        yield both


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


def _relieved(flow: DcFlow, machines: Machines, relief: _Relief, solve: Solve) -> list[str]:
    """The least MW in all by which a relief leads to a dispatch, the most first; empty where it does not."""
    more = machines.beside(flow, relief.buses, relief.most_mw, relief.signs, _LOAD_PRICE)
    solved = solve(OpfProgram(flow, more))
    if solved is None:
        return []
    amounts = solved.power_mw[len(machines.low) :]
    order = np.argsort(-amounts, kind="stable").tolist()
    return [relief.words[i].format(amounts[i]) for i in order if amounts[i] > LEAST_MW]


def _listed(names: Sequence[str], between: str) -> str:
    more = f"{between}{len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return between.join(names[:_NAMED]) + more
