"""The linear program of :mod:`.opf`: machines, balances of islands, and the branch limits added so far."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import highspy
import numpy as np
from scipy.sparse import coo_array, csc_array, csr_array, hstack

from grid.cases.case import Case, Costs, IntArray
from grid.formulation.linear import INFINITY, LinearModel, add_columns, add_rows, new_highs, require_ok
from grid.formulation.relaxation import UnsolvedError
from grid.power_flow.cost_pieces import Pieces
from grid.power_flow.dc_flow import DcFlow
from grid.time_axis import FloatArray

_IMBALANCE_PRICE = 1_000.0
_OVERLOAD_PRICE = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Machines:
    """Generators, then HVDC links: whatever can be set. Those out of service stand at 0 and cost nothing.

    Attributes:
        low, high: Limits, shape (machines,). [MW]
        feed: What a MW of each machine feeds in at each bus, shape (buses, machines).
        demand_mw: Load less what the links' constant losses take, shape (buses,).
        balance: Shape (islands, machines).
    """

    low: FloatArray
    high: FloatArray
    costs: Costs
    feed: csr_array
    demand_mw: FloatArray
    balance: csr_array
    island_demand_mw: FloatArray

    def beside(self, flow: DcFlow, buses: IntArray, most_mw: FloatArray, signs: FloatArray, price: float) -> Machines:
        """These machines, and others beside them that feed in (1) or take out (-1) up to ``most_mw`` at some buses.

        Args:
            price: Of a MWh that is fed in; one that is taken out costs 1.
        """
        count, known = len(buses), len(self.low)
        columns = np.arange(count)
        added = csr_array((signs, (buses, columns)), shape=(len(flow.island), count))
        member = csr_array((signs, (flow.island[buses], columns)), shape=(flow.islands, count))
        costs = _joined(self.costs, Costs.none(count), known)
        costs.linear[known:] = np.where(signs > 0.0, price, 1.0)
        return replace(
            self,
            low=np.concatenate([self.low, np.zeros(count)]),
            high=np.concatenate([self.high, most_mw]),
            costs=costs,
            feed=csr_array(hstack([self.feed, added])),
            balance=csr_array(hstack([self.balance, member])),
        )

    @classmethod
    def of(cls, case: Case, flow: DcFlow) -> Machines:
        """The machines of a case."""
        generators, links = case.generators, case.links
        buses, first = len(case.bus_ids), len(generators.names)
        alive = np.concatenate([generators.in_service, links.in_service])
        low = np.where(alive, np.concatenate([generators.minimum_mw, links.minimum_mw]), 0.0)
        high = np.where(alive, np.concatenate([generators.maximum_mw, links.maximum_mw]), 0.0)
        link_columns = first + np.arange(len(links.names))
        rows = np.concatenate([generators.bus, links.from_bus, links.to_bus])
        columns = np.concatenate([np.arange(first), link_columns, link_columns])
        values = np.concatenate([np.ones(first), -np.ones(len(links.names)), 1.0 - links.loss_share])
        feed = csr_array(coo_array((values * alive[columns], (rows, columns)), shape=(buses, len(alive))))
        demand = np.where(case.isolated, 0.0, case.demand_mw)
        np.add.at(demand, links.to_bus, np.where(links.in_service, links.loss_mw, 0.0))
        member = csr_array((np.ones(buses), (flow.island, np.arange(buses))), shape=(flow.islands, buses))
        return cls(
            low, high, _joined(generators.costs, links.costs, first), feed, demand, member @ feed, member @ demand
        )


def _joined(first: Costs, second: Costs, rows: int) -> Costs:
    return Costs(
        np.concatenate([first.quadratic, second.quadratic]),
        np.concatenate([first.linear, second.linear]),
        np.concatenate([first.constant, second.constant]),
        {**first.curves, **{rows + i: points for i, points in second.curves.items()}},
    )


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """A solution of the program.

    Attributes:
        power_mw: Shape (machines,).
        flow_mw, branch_dual: Shape (branches,). The dual is d cost / d limit: below 0 at the upper limit.
        lmp: Shape (buses,). [money/MWh]
        short_mw: Elastic only: load less supply by island, shape (islands,).
    """

    power_mw: FloatArray
    flow_mw: FloatArray
    branch_dual: FloatArray
    lmp: FloatArray
    short_mw: FloatArray


class OpfProgram:
    """A program that grows by branch limits and whose cost pieces are refined; HiGHS keeps its basis in between.

    Args:
        elastic: Balances and branch limits may give way, branches first; for machines without costs.

    Attributes:
        limited: Whether a branch's limits stand in the program, shape (branches,).
    """

    def __init__(self, flow: DcFlow, machines: Machines, *, elastic: bool = False) -> None:
        self.flow, self.machines, self._elastic = flow, machines, elastic
        costs = machines.costs
        self.pieces = Pieces(costs, machines.low, machines.high)
        self.limited = np.zeros(len(flow.lower_mw), dtype=bool)
        self._limits: list[IntArray] = []
        self._feed_columns = csr_array(machines.feed.T)
        model = LinearModel()
        plain = costs.linear.copy()
        plain[self.pieces.machines] = 0.0
        self._power = model.columns(len(machines.low), lower=machines.low, upper=machines.high, cost=plain)
        self._piece = model.columns(len(self.pieces.owner), upper=self.pieces.widths, cost=self.pieces.slopes)
        model.columns(1, upper=0.0)  # HiGHS gives no verdict on a program without columns
        self._balance = model.rows(flow.islands, lower=machines.island_demand_mw, upper=machines.island_demand_mw)
        entries = coo_array(machines.balance)
        model.put(self._balance[entries.row], self._power[entries.col], entries.data)
        curved = self.pieces.machines
        low = machines.low[curved]
        joints = model.rows(len(curved), lower=low, upper=low)
        model.put(joints, self._power[curved], 1.0)
        model.put(joints[self.pieces.owner], self._piece, -1.0)
        if elastic:
            self._slack = model.columns((2, flow.islands), cost=_IMBALANCE_PRICE)
            model.put(self._balance, self._slack, [[1.0], [-1.0]])
        self._first_limit = model.row_count
        self._highs = new_highs()
        model.load(self._highs, integer=False)

    def run(self, *, until: float = math.inf) -> Solved | None:
        """Solve the program as it stands. None if it is infeasible.

        Args:
            until: Of the monotonic clock.

        Raises:
            UnsolvedError: If time runs out.
            RuntimeError: If HiGHS ends in any other way.
        """
        left = until - time.monotonic()
        if left <= 0.0:
            raise UnsolvedError("time ran out")
        self._highs.setOptionValue("time_limit", self._highs.getRunTime() + left)  # of all runs together
        require_ok(self._highs.run(), "run")
        status = self._highs.getModelStatus()
        if status == highspy.HighsModelStatus.kTimeLimit:
            raise UnsolvedError("time ran out")
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        if status != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(f"HiGHS ends with {self._highs.modelStatusToString(status)}")
        solution = self._highs.getSolution()
        values, duals = np.array(solution.col_value), np.array(solution.row_dual)
        power = values[self._power]
        branch_dual = np.zeros(len(self.limited))
        if self._limits:
            branch_dual[np.concatenate(self._limits)] = duals[self._first_limit :]
        short = values[self._slack[0]] - values[self._slack[1]] if self._elastic else np.zeros(self.flow.islands)
        return Solved(
            power_mw=power,
            flow_mw=self.flow.flows(self.machines.feed @ power - self.machines.demand_mw),
            branch_dual=branch_dual,
            lmp=duals[self._balance][self.flow.island] + self.flow.weighted_rows(branch_dual),
            short_mw=short,
        )

    def nothing(self) -> Solved:
        """What stands in the place of a solution where there is none."""
        buses, branches, machines = len(self.flow.island), len(self.limited), len(self.machines.low)
        return Solved(*(np.full(shape, np.nan) for shape in (machines, branches, branches, buses, self.flow.islands)))

    def add_limits(self, branches: IntArray) -> None:
        """Add rows for the flow limits of ``branches``."""
        if not branches.size:
            return
        rows = self.flow.rows(branches)
        own = rows @ self.machines.demand_mw - self.flow.offset_mw[branches]
        matrix = csr_array(np.asarray((self._feed_columns @ rows.T).T))
        matrix.indices = self._power[matrix.indices]
        lower, upper = self.flow.lower_mw[branches] + own, self.flow.upper_mw[branches] + own
        add_rows(self._highs, matrix, np.maximum(lower, -INFINITY), np.minimum(upper, INFINITY))
        if self._elastic:
            self._add_slacks(len(branches))
        self._limits.append(np.asarray(branches, dtype=np.int64))
        self.limited[branches] = True

    def _add_slacks(self, count: int) -> None:
        """Let the last ``count`` rows give way, in both directions."""
        first = self._first_limit + sum(map(len, self._limits))
        signs, rows = np.repeat([1.0, -1.0], count), np.tile(first + np.arange(count), 2)
        slacks = csc_array((signs, (rows, np.arange(2 * count))), shape=(first + count, 2 * count))
        zero, free = np.zeros(2 * count), np.full(2 * count, INFINITY)
        add_columns(self._highs, slacks, cost=np.full(2 * count, _OVERLOAD_PRICE), lower=zero, upper=free)

    def refine(self, power_mw: FloatArray, price: FloatArray, *, rounds: int = 1) -> None:
        """Refine the cost pieces around a solution: power and price of every machine."""
        for _ in range(rounds):
            self.pieces.refine(power_mw, price)
        columns = self._piece.astype(np.int32)
        widths = self.pieces.widths
        require_ok(
            self._highs.changeColsBounds(len(columns), columns, np.zeros_like(widths), widths), "changeColsBounds"
        )
        require_ok(self._highs.changeColsCost(len(columns), columns, self.pieces.slopes), "changeColsCost")
