"""What a network asks of a re-dispatch: rows that come in where a dispatch violates them.

A row bounds what flows weigh together in one period: the flow of a branch or an interface, that of a branch after the
outage of another (N-1), or the losses by a tangent. New forecasts change what flows anyway and each bus's share in the
losses: bounds, and one coefficient of a row. Limits stay in the program; a tangent goes once it no longer binds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array, eye_array, hstack, vstack

from grid.formulation.commitment import BoolArray
from grid.formulation.injections import load_shares
from grid.formulation.linear import INFINITY, IntArray
from grid.formulation.lines import FLOW_TOLERANCE_MW, INTACT, interface_members
from grid.formulation.losses import losing_too_little, losses_per_mw2
from grid.formulation.outages import Outages, emergency_ratings_mw
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxed import REPORTED_MW, reported
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.soft_limits import Limit, SoftLimit, Violation
from grid.time_axis import FloatArray

_NEWEST = 0.3
"""Its share in the mean of the flows so far: there the losses have a second tangent, as dispatches leap about."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """``lower <= weights @ flow <= upper`` of limits, ``lower <= lost + weights @ flow <= upper`` of tangents.

    Attributes:
        weights: Of branches' flows, shape (rows, branches); all others have shape (rows,).
        period: Each row is of one.
    """

    weights: csr_array
    period: IntArray
    tangent: BoolArray
    lower: FloatArray
    upper: FloatArray

    def weighed(self, flow_mw: FloatArray) -> FloatArray:
        """``weights @ flow`` of every row in its period, shape (rows,)."""
        row = self.rows_of_entries
        entries = self.weights.data * flow_mw[self.weights.indices, self.period[row]]
        return np.bincount(row, weights=entries, minlength=len(self.period)).astype(np.float64)

    @property
    def rows_of_entries(self) -> IntArray:
        return np.repeat(np.arange(len(self.period)), np.diff(self.weights.indptr))

    def with_more(self, more: Rows) -> Rows:
        """These, and then ``more``."""
        return Rows(
            csr_array(vstack([self.weights, more.weights], format="csr")),
            np.concatenate([self.period, more.period]),
            np.concatenate([self.tangent, more.tangent]),
            np.concatenate([self.lower, more.lower]),
            np.concatenate([self.upper, more.upper]),
        )

    def of(self, which: BoolArray) -> Rows:
        """Some of them."""
        return Rows(
            csr_array(self.weights[which]),
            self.period[which],
            self.tangent[which],
            self.lower[which],
            self.upper[which],
        )


class HeldNetwork:
    """Flows of a dispatch, and the ``rows`` that its program has.

    Args:
        feed: What a MW of each entity feeds in at every bus, shape (buses, entities).
    """

    def __init__(self, problem: DispatchProblem, feed: csr_array) -> None:
        network = problem.network
        self._problem, self._feed, self._ptdf = problem, feed, Ptdf(network)
        self._outages = Outages(network, self._ptdf) if problem.secure else None
        limits = [np.inf if branch.limit_mw is None else branch.limit_mw for branch in network.branches]
        self._limit_mw = np.array([*limits, *(one.limit_mw for one in network.interfaces)], dtype=np.float64)
        self._emergency_mw, self._members = emergency_ratings_mw(network), interface_members(network)
        self._per_mw2 = losses_per_mw2(network)
        none = np.zeros(0)
        self.rows = Rows(
            csr_array((0, len(network.branches))), none.astype(np.int64), none.astype(np.bool_), none, none
        )
        self._mean_flow: FloatArray | None = None
        self._lines: set[tuple[int, int, int]] = set()
        """Branch (or interface, beyond the last), period and outage of each limit that is in the program."""

    def expect(self, load_mw: FloatArray, fixed_mw: FloatArray) -> None:
        """Take new forecasts: loads, and what is fed in whatever is decided, both of shape (buses, periods)."""
        self._fixed_flow = self._ptdf.flows(fixed_mw)
        shares = load_shares(replace(self._problem, load_mw=load_mw))
        self._mean_flow = None
        self._lost_flow = self._ptdf.moved(shares) if self._problem.losses else np.zeros_like(self._fixed_flow)

    def flows(self, entities_mw: FloatArray, lost_mw: FloatArray) -> FloatArray:
        """Flows on branches, shape (branches, periods), from what entities feed in and what is lost."""
        return np.asarray(self._fixed_flow + self._ptdf.moved(self._feed @ entities_mw) - self._lost_flow * lost_mw)

    def bounds(self, rows: Rows) -> tuple[FloatArray, FloatArray]:
        """Of what is decided: less what flows anyway."""
        fixed = rows.weighed(self._fixed_flow)
        return rows.lower - fixed, rows.upper - fixed

    def of_lost(self, rows: Rows) -> FloatArray:
        """How losses count in rows, shape (rows,)."""
        return rows.tangent - rows.weighed(self._lost_flow)

    def of_entities(self, rows: Rows) -> FloatArray:
        """How what entities feed in counts in rows, shape (rows, entities)."""
        return self._counts(rows, self._feed)

    def extend(self, feed: csr_array) -> FloatArray:
        """Take more entities, each with what it feeds in at every bus, shape (buses, more).

        Returns:
            How that counts in ``rows``, shape (rows, more).
        """
        self._feed = csr_array(hstack([self._feed, feed]))
        return self._counts(self.rows, feed)

    def _counts(self, rows: Rows, feed: csr_array) -> FloatArray:
        used = np.unique(rows.weights.indices)
        if len(used) < len(rows.period):
            factors = rows.weights[:, used] @ np.stack([self._ptdf.row(branch) for branch in used.tolist()])
        else:
            factors = self._ptdf.combined(rows.weights.toarray().T).T
        return np.asarray(factors @ feed)

    def violated(self, flow_mw: FloatArray, lost_mw: FloatArray) -> Iterator[Rows]:
        """Limits, then tangents that a dispatch violates; they are among ``rows`` from now on."""
        lines = [line for line in self._beyond(flow_mw) if line not in self._lines]
        if lines:
            self._lines.update(lines)
            yield self._come(self._limits(np.array(lines, dtype=np.int64)))
        if self._problem.losses:
            period = losing_too_little(lost_mw, self._per_mw2 @ flow_mw**2)
            before = self._mean_flow
            self._mean_flow = flow_mw if before is None else (1.0 - _NEWEST) * before + _NEWEST * flow_mw
            for at in (flow_mw,) if before is None else (flow_mw, self._mean_flow):
                if len(period):
                    yield self._come(self._tangents(at[:, period], period))

    def losses_short_mw(self, flow_mw: FloatArray, lost_mw: FloatArray) -> float:
        """By how much less is lost than flows lose, in the worst period."""
        return float((self._per_mw2 @ flow_mw**2 - lost_mw).max())

    def drop(self, gone: BoolArray) -> None:
        """Tangents that left the program, shape (rows,)."""
        self.rows = self.rows.of(~gone)

    def prices(self, duals: FloatArray) -> FloatArray:
        """What the rows add to the price of a MW fed in, shape (buses, periods). [money]"""
        rows, of_flows = self.rows, np.zeros_like(self._fixed_flow)
        row = rows.rows_of_entries
        np.add.at(of_flows, (rows.weights.indices, rows.period[row]), rows.weights.data * duals[row])
        return self._ptdf.combined(of_flows)

    def relaxed(self, flow_mw: FloatArray, lost_mw: FloatArray) -> Iterator[Violation]:
        """Limits that a dispatch goes beyond, and what it loses without need."""
        network, prices = self._problem.network, self._problem.penalties
        limits = [SoftLimit(Limit.OVERLOAD, branch.branch_id) for branch in network.branches]
        limits += [SoftLimit(Limit.INTERFACE_OVERLOAD, interface.interface_id) for interface in network.interfaces]
        beyond = np.abs(self._with_interfaces(flow_mw)) - self._limit_mw[:, None]
        for line in np.flatnonzero((beyond > REPORTED_MW).any(axis=1)).tolist():
            yield from reported(limits[line], beyond[line], prices)
        for line, period, outage in sorted(self._lines):
            if outage != INTACT and self._outages is not None:
                flow = flow_mw[line, period] + self._outages.factor(line, outage) * flow_mw[outage, period]
                mw = float(abs(flow) - self._emergency_mw[line])
                if mw > REPORTED_MW:
                    limit = SoftLimit(Limit.OVERLOAD_AFTER_OUTAGE, limits[line].of, limits[outage].of)
                    yield Violation(limit, period, mw, prices.overload)
        if self._problem.losses:
            yield from reported(SoftLimit(Limit.LOSSES), lost_mw - self._per_mw2 @ flow_mw**2, prices)

    def _with_interfaces(self, flow_mw: FloatArray) -> FloatArray:
        return np.vstack([flow_mw, self._members @ flow_mw])

    def _beyond(self, flow_mw: FloatArray) -> Iterator[tuple[int, int, int]]:
        beyond = np.abs(self._with_interfaces(flow_mw)) > self._limit_mw[:, None] + FLOW_TOLERANCE_MW
        for line, period in np.argwhere(beyond).tolist():
            yield line, period, INTACT
        if self._outages is not None:
            after = [line for line in self._lines if line[2] != INTACT]
            yield from self._outages.overloads(flow_mw, known=after, tolerance_mw=FLOW_TOLERANCE_MW)

    def _limits(self, lines: IntArray) -> Rows:
        """Rows of limits by branch (or interface), period and outage, shape (rows, 3)."""
        line, period, outage = lines.T
        every = vstack([eye_array(len(self._per_mw2)), csr_array(self._members)], format="csr")
        weights, rating = csr_array(every[line]), self._limit_mw[line]
        if (outages := self._outages) is not None:
            after = np.flatnonzero(outage != INTACT)
            rating[after] = self._emergency_mw[line[after]]
            moved = [outages.factor(branch, out) for branch, _, out in lines[after].tolist()]
            weights += csr_array((np.array(moved), (after, outage[after])), shape=weights.shape)
        return Rows(weights, period, np.zeros(len(lines), dtype=np.bool_), -rating, rating)

    def _tangents(self, flow_mw: FloatArray, period: IntArray) -> Rows:
        """Tangents of the losses at flows, shape (branches, rows)."""
        slopes, lost = csr_array(-2.0 * self._per_mw2 * flow_mw.T), self._per_mw2 @ flow_mw**2
        return Rows(slopes, period, np.ones(len(period), dtype=np.bool_), -lost, np.full(len(period), INFINITY))

    def _come(self, rows: Rows) -> Rows:
        self.rows = self.rows.with_more(rows)
        return rows
