"""Limits of branches as rows of a model: each comes in when it is met, intact, after an outage or after an event.

``-limit <= sum_b PTDF[l, b] * injection[b] <= limit``, with ``PTDF[l] + LODF[l, k] PTDF[k]`` after an outage k, and
with what an event and the reserve that answers it feed in. Every limit has two priced columns that relax it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from grid.formulation.events import Event, Response
from grid.formulation.injections import Injections
from grid.formulation.linear import LinearModel
from grid.formulation.outages import Outages, emergency_ratings_mw
from grid.formulation.ptdf import Ptdf
from grid.network import Network
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.soft_limits import Limit, SoftLimit
from grid.time_axis import FloatArray

FLOW_TOLERANCE_MW = 1e-3
INTACT = -1
NO_EVENT = -1


class Line(NamedTuple):
    """A branch in a period: intact, after the ``outage`` of another, or after an ``event``, both by position.

    Interfaces count on after the last branch; they are limited in the intact network.
    """

    branch: int
    period: int
    outage: int = INTACT
    event: int = NO_EVENT


class LineLimits:
    """The limits that a model has, and how to find and add more.

    Attributes:
        events: Those of the problem; positions in it name them.
        rows: Row of each line that is in the model.
        overload: Its two columns, beyond ``limit`` and beyond ``-limit``.
        responses: That to an event in a period, both by position.
    """

    def __init__(self, problem: DispatchProblem, ptdf: Ptdf, outages: Outages | None) -> None:
        """``outages`` are those of a problem that asks for N-1 security, else None."""
        self.ptdf, self.outages = ptdf, outages
        self.events: Sequence[Event] = ()
        self.rows: dict[Line, int] = {}
        self.overload: dict[Line, tuple[int, int]] = {}
        self.responses: dict[tuple[int, int], Response] = {}
        self._branches = problem.network.branches
        self._interfaces = problem.network.interfaces
        limits = [np.inf if branch.limit_mw is None else branch.limit_mw for branch in self._branches]
        limits += [interface.limit_mw for interface in self._interfaces]
        self._limit_mw = np.array(limits, dtype=np.float64)
        self._members = interface_members(problem.network)
        self._emergency_mw = emergency_ratings_mw(problem.network)
        self._price = problem.penalties.overload * problem.axis.step_hours

    def factors(self, line: Line) -> FloatArray:
        """Flow on a line per MW injected at each bus and taken out at the first, shape (buses,)."""
        if line.branch >= len(self._branches):
            return self.ptdf.combined(self._members[line.branch - len(self._branches)])
        if self.outages is None or line.outage == INTACT:
            return self.ptdf.row(line.branch)
        moved = self.outages.factor(line.branch, line.outage)
        return self.ptdf.row(line.branch) + moved * self.ptdf.row(line.outage)

    def _shifted_mw(self, line: Line) -> float:
        """What the phase shifts drive through a line."""
        if line.branch >= len(self._branches):
            return float(self._members[line.branch - len(self._branches)] @ self.ptdf.shifted_mw)
        own = float(self.ptdf.shifted_mw[line.branch])
        if self.outages is None or line.outage == INTACT:
            return own
        return own + self.outages.factor(line.branch, line.outage) * float(self.ptdf.shifted_mw[line.outage])

    def in_emergency(self, line: Line) -> bool:
        """Whether the emergency rating counts: after an outage or a loss."""
        return line.outage != INTACT or (line.event != NO_EVENT and self.events[line.event].emergency)

    def rating_mw(self, line: Line) -> float:
        """The rating of a line, infinite where there is none."""
        return float((self._emergency_mw if self.in_emergency(line) else self._limit_mw)[line.branch])

    def name(self, line: Line) -> str:
        """A line in words."""
        if line.branch >= len(self._branches):
            return f"interface {self._interfaces[line.branch - len(self._branches)].interface_id}"
        return self.soft_limit(line).worded("branch {of}")

    def soft_limit(self, line: Line) -> SoftLimit:
        """What is relaxed where a line goes beyond its rating; the same in every period."""
        if line.branch >= len(self._branches):
            return SoftLimit(Limit.INTERFACE_OVERLOAD, self._interfaces[line.branch - len(self._branches)].interface_id)
        branch = self._branches[line.branch].branch_id
        if line.event != NO_EVENT:
            event = self.events[line.event]
            kind = Limit.OVERLOAD_AFTER_LOSS if event.emergency else Limit.OVERLOAD_BY_RESERVE
            return SoftLimit(kind, branch, event.of)
        if line.outage != INTACT:
            return SoftLimit(Limit.OVERLOAD_AFTER_OUTAGE, branch, self._branches[line.outage].branch_id)
        return SoftLimit(Limit.OVERLOAD, branch)

    def add(self, linear: LinearModel, line: Line, injections: Injections) -> None:
        """Put the limit of a line into the model, unless it is there already or has no rating."""
        limit = self.rating_mw(line)
        if np.isinf(limit) or line in self.rows:
            return
        factors, at = self.factors(line), line.period
        event = None if line.event == NO_EVENT else self.events[line.event]
        changes = [injections] if event is None else [injections, event.change]
        fixed = self._shifted_mw(line) + sum(change.fixed_flow_mw(factors, at) for change in changes)
        over = linear.priced(2, price=self._price)
        row = linear.rows(1, lower=-limit - fixed, upper=limit - fixed)
        linear.put(row, over, [-1.0, 1.0])
        for change in changes:
            change.put(linear, row, factors, at)
        if event is not None:
            if (line.event, at) not in self.responses:
                self.responses[line.event, at] = event.add_response(linear, at)
            response = self.responses[line.event, at].columns
            linear.put(row, response, event.sign * (factors @ event.responders.feeds))
        self.rows[line] = int(row[0])
        self.overload[line] = (int(over[0]), int(over[1]))

    def violated(self, values: FloatArray, injection_mw: FloatArray) -> list[Line]:
        """Lines beyond their rating that are not in the model yet, at column values ``values``.

        Of a branch after outages, or after events, it is the worst one in each period.

        Args:
            injection_mw: What ``values`` feed in, shape (buses, periods).
        """
        flows = self.ptdf.flows(injection_mw)
        together = np.vstack([flows, self._members @ flows])
        beyond = np.argwhere(np.abs(together) > self._limit_mw[:, None] + FLOW_TOLERANCE_MW)
        lines = [Line(int(branch), int(period)) for branch, period in beyond]
        if self.outages is not None:
            known = [line[:3] for line in self.rows if line.outage != INTACT]
            after = self.outages.overloads(flows, known=known, tolerance_mw=FLOW_TOLERANCE_MW)
            lines += [Line(*at) for at in after]
        lines += self._after_events(values, flows)
        return [line for line in lines if line not in self.rows]

    def _after_events(self, values: FloatArray, flows_mw: FloatArray) -> Iterator[Line]:
        worst = np.full(flows_mw.shape, FLOW_TOLERANCE_MW)
        by = np.full(flows_mw.shape, NO_EVENT)
        for position, event in enumerate(self.events):
            response = event.proportional_mw(values)
            for (answered, period), answer in self.responses.items():
                if answered == position:
                    response[:, period] = values[answer.columns]
            moved = self.ptdf.moved(event.injections_mw(values, response))
            rating = self._emergency_mw if event.emergency else self._limit_mw[: len(self._branches)]
            excess = np.abs(flows_mw + moved) - rating[:, None]
            for line in self.rows:
                if line.event == position:
                    excess[line.branch, line.period] = -np.inf
            by = np.where(excess > worst, position, by)
            worst = np.maximum(worst, excess)
        for branch, period in np.argwhere(by != NO_EVENT).tolist():
            yield Line(branch, period, event=int(by[branch, period]))


def interface_members(network: Network) -> FloatArray:
    """1 where a branch counts in an interface, -1 where it counts reversed, shape (interfaces, branches)."""
    position = {branch.branch_id: i for i, branch in enumerate(network.branches)}
    members = np.zeros((len(network.interfaces), len(position)))
    for row, interface in zip(members, network.interfaces, strict=True):
        row[[position[name] for name in interface.branches]] = 1.0
        row[[position[name] for name in interface.reversed_branches]] = -1.0
    return members
