"""DC optimal power flow of a case in one period: the cheapest dispatch, its price at every bus, and a proof of it.

The linear program holds the machines and one balance per island. Limits of branches come in where they are violated,
as rows of power transfer distribution factors, and quadratic costs as pieces that are refined. What is reported as
``best_bound`` is the dual function of the original problem at the prices found, computed without the solver: no
dispatch is cheaper, whatever approximation stood in the program.

References:
    Coffrin et al., "PowerModels.jl", PSCC 2018 (the problem). Geoffrion, "Lagrangean relaxation for integer
    programming", Mathematical Programming Study 2, 1974 (the bound).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from grid.cases.case import Case, IntArray
from grid.formulation.relaxation import UnsolvedError
from grid.power_flow.cost_pieces import cheapest, cost_of
from grid.power_flow.dc_flow import DcFlow
from grid.power_flow.opf_conflict import find_opf_conflict
from grid.power_flow.opf_program import Machines, OpfProgram, Solved
from grid.problem.plan import Status
from grid.time_axis import FloatArray

FLOW_TOLERANCE_MW = 1e-6
TARGET_GAP = 1e-6
PRICE_TOLERANCE = 1e-6
_MAXIMUM_REFINEMENTS = 40
_ROWS_PER_ROUND = 400
_FACTORS_PER_ROUND = 20_000_000
"""Of these rows, one for each bus: 160 MB."""
_CONFLICT_SECONDS = 5.0
_ROUNDS_AHEAD = 6
_HALVINGS = 50


@dataclass(frozen=True, slots=True, eq=False)
class OpfResult:
    """The outcome for a case.

    Attributes:
        status: ``optimal`` within the target gap, ``feasible`` above it, ``infeasible`` with the reason in ``message``.
        objective: Cost of the dispatch; ``best_bound`` is proven, ``gap`` = (objective - bound) / |objective|. NaN
            where infeasible. [money/h]
        power_mw: Generators, shape (generators,).
        link_mw: HVDC links at their first bus, shape (links,).
        flow_mw, branch_dual: Branches, shape (branches,). [MW, money/MWh] The dual is the cost of moving the limit
            upwards by 1 MW: below 0 at the upper limit, above 0 at the lower one.
        lmp, energy: Price at every bus and, of it, the island's mean price weighted by load, shape (buses,). The rest
            is congestion. [money/MWh] NaN for buses out of service.
        lower_mw, upper_mw: Limits of flow, those of angles included, shape (branches,).
        conflict: Where infeasible, the names of the limits in conflict.
    """

    case: Case
    status: Status
    message: str
    objective: float
    best_bound: float
    gap: float
    build_seconds: float
    solve_seconds: float
    power_mw: FloatArray
    link_mw: FloatArray
    flow_mw: FloatArray
    branch_dual: FloatArray
    lmp: FloatArray
    energy: FloatArray
    lower_mw: FloatArray
    upper_mw: FloatArray
    conflict: tuple[str, ...] = ()


def solve_opf(case: Case, *, time_limit_seconds: float = math.inf) -> OpfResult:
    """Find the cheapest dispatch of a case.

    Args:
        time_limit_seconds: Of wall time. When it is over, the best dispatch is taken that keeps every limit. Why there
            is none is looked for in the time that is left, five seconds at least.

    Raises:
        InputError: If the branches' reactances leave the flows undetermined.
        UnsolvedError: If time runs out before any dispatch keeps every limit.
    """
    began = time.perf_counter()
    until = time.monotonic() + time_limit_seconds
    flow = DcFlow(case)
    machines = Machines.of(case, flow)
    program = OpfProgram(flow, machines)
    built = time.perf_counter()
    solved = _solve(program, until)
    limits: tuple[str, ...] = ()
    if solved is None:
        seconds = max(until - time.monotonic(), _CONFLICT_SECONDS)
        conflict = find_opf_conflict(case, flow, machines, solve=_solve, seconds=seconds)
        message, limits = conflict.message, conflict.limits
        status, solved = Status.INFEASIBLE, program.nothing()
        objective = bound = gap = np.nan
    else:
        objective, bound = _cost_and_bound(machines, flow, solved)
        gap = _gap(objective, bound)
        status, message = Status.OPTIMAL if gap <= TARGET_GAP else Status.FEASIBLE, ""
    generators = len(case.generators.names)
    return OpfResult(
        case=case,
        status=status,
        message=message,
        objective=objective,
        best_bound=bound,
        gap=gap,
        build_seconds=built - began,
        solve_seconds=time.perf_counter() - built,
        power_mw=solved.power_mw[:generators],
        link_mw=solved.power_mw[generators:],
        flow_mw=solved.flow_mw,
        branch_dual=solved.branch_dual,
        lmp=np.where(case.isolated, np.nan, solved.lmp),
        energy=np.where(case.isolated, np.nan, flow.island_mean(solved.lmp, weights=case.demand_mw)),
        lower_mw=flow.lower_mw,
        upper_mw=flow.upper_mw,
        conflict=limits,
    )


def dual_bound(machines: Machines, flow: DcFlow, solved: Solved) -> float:
    """A cost below which no dispatch of the machines can lie, from any prices. [money/h]

    Every machine does what is best for itself at the price of what it feeds in; buses pay for their load, and full
    branches for their limits.
    """
    _, net = cheapest(machines.costs, machines.low, machines.high, machines.feed.T @ solved.lmp)
    dual = solved.branch_dual
    used = dual != 0.0
    limit = np.where(dual[used] > 0.0, flow.lower_mw[used], flow.upper_mw[used]) - flow.offset_mw[used]
    return float(net.sum() + solved.lmp @ machines.demand_mw + dual[used] @ limit)


def _solve(program: OpfProgram, until: float) -> Solved | None:
    """Solve, adding limits and refining costs until both hold or time is over. None if there is no feasible dispatch.

    Limits come first: what is refined before they hold would be refined at the wrong prices.

    Raises:
        UnsolvedError: If time runs out before all limits hold.
    """
    refinements, best = 0, None
    if not program.pieces.exact:
        program.refine(*_without_limits(program), rounds=_ROUNDS_AHEAD)
    try:
        while (solved := program.run(until=until)) is not None:
            if (violated := _violated(program, solved)).size:
                program.add_limits(violated)
                continue
            best = solved
            if refinements == _MAXIMUM_REFINEMENTS or _settled(program, solved):
                break
            program.refine(solved.power_mw, program.machines.feed.T @ solved.lmp)
            refinements += 1
    except UnsolvedError:
        if best is None:
            raise
        return best
    return solved


def _without_limits(program: OpfProgram) -> tuple[FloatArray, FloatArray]:
    """What each machine would do if no branch had a limit, and its price, shape (machines,) each.

    The price of each island is found by halving an interval until its machines meet its load; what links bring from
    island to island is taken as it comes out.
    """
    machines, island = program.machines, program.flow.island
    costs = machines.costs
    ends = [costs.linear + 2.0 * costs.quadratic * at for at in (machines.low, machines.high)]
    below, above = (np.full(program.flow.islands, end) for end in (ends[0].min(), ends[1].max()))
    for _ in range(_HALVINGS):
        price = machines.feed.T @ ((below + above) / 2.0)[island]
        power, _ = cheapest(costs, machines.low, machines.high, price)
        short = machines.balance @ power < machines.island_demand_mw
        below, above = np.where(short, (below + above) / 2.0, below), np.where(short, above, (below + above) / 2.0)
    return power, price


def _settled(program: OpfProgram, solved: Solved) -> bool:
    """Whether the pieces of quadratic costs are fine enough for the prices and for the proof."""
    if program.pieces.exact:
        return True
    machines = program.machines
    error = program.pieces.price_error(solved.power_mw, machines.feed.T @ solved.lmp)
    return error <= PRICE_TOLERANCE and _gap(*_cost_and_bound(machines, program.flow, solved)) <= TARGET_GAP


def _cost_and_bound(machines: Machines, flow: DcFlow, solved: Solved) -> tuple[float, float]:
    return float(cost_of(machines.costs, solved.power_mw).sum()), dual_bound(machines, flow, solved)


def _gap(cost: float, bound: float) -> float:
    return max(0.0, cost - bound) / max(abs(cost), 1.0)


def _violated(program: OpfProgram, solved: Solved) -> IntArray:
    """Branches beyond their limits that are not in the program yet, the worst first."""
    flow = program.flow
    beyond = np.maximum(solved.flow_mw - flow.upper_mw, flow.lower_mw - solved.flow_mw)
    beyond[program.limited] = 0.0
    rows = max(1, min(_ROWS_PER_ROUND, _FACTORS_PER_ROUND // len(flow.island)))
    worst = np.argsort(-beyond)[:rows]
    found: IntArray = worst[beyond[worst] > FLOW_TOLERANCE_MW]
    return found
