"""Limits of branches as rows of a model: each comes in when it is asked for, intact or after the outage of another.

``-limit <= sum_b PTDF[l, b] * injection[b] <= limit``, with ``PTDF[l] + LODF[l, k] PTDF[k]`` after an outage k. Every
limit has two priced columns that relax it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from grid.dispatch.injections import Injections
from grid.dispatch.linear import LinearModel
from grid.dispatch.outages import Outages
from grid.dispatch.plan import DispatchProblem
from grid.dispatch.ptdf import Ptdf
from grid.time_axis import FloatArray

INTACT = -1


class Line(NamedTuple):
    """A branch in a period, with no other out of service or after the ``outage`` of one."""

    branch: int
    period: int
    outage: int = INTACT


class LineLimits:
    """The limits that a model has, and how to add more.

    Attributes:
        rows: Row of each line that is in the model.
        overload: Its two columns, beyond ``limit`` and beyond ``-limit``.
    """

    def __init__(self, problem: DispatchProblem, ptdf: Ptdf, outages: Outages | None) -> None:
        """``outages`` are those of a problem that asks for N-1 security, else None."""
        self.ptdf, self.outages = ptdf, outages
        self.rows: dict[Line, int] = {}
        self.overload: dict[Line, tuple[int, int]] = {}
        self._branches = problem.network.branches
        self._price = problem.penalties.overload * problem.axis.step_hours

    def factors(self, line: Line) -> FloatArray:
        """Flow on a line per MW injected at each bus and taken out at the first, shape (buses,)."""
        if self.outages is None or line.outage == INTACT:
            return self.ptdf.row(line.branch)
        moved = self.outages.factor(line.branch, line.outage)
        return self.ptdf.row(line.branch) + moved * self.ptdf.row(line.outage)

    def rating_mw(self, line: Line) -> float:
        """The rating of a line, infinite where there is none."""
        if self.outages is not None and line.outage != INTACT:
            return float(self.outages.emergency_mw[line.branch])
        limit = self._branches[line.branch].limit_mw
        return np.inf if limit is None else limit

    def name(self, line: Line) -> str:
        """A line in words."""
        name = f"branch {self._branches[line.branch].branch_id}"
        return name if line.outage == INTACT else f"{name} after the outage of {self._branches[line.outage].branch_id}"

    def add(self, linear: LinearModel, line: Line, injections: Injections) -> None:
        """Put the limit of a line into the model, unless it is there already or has no rating."""
        limit = self.rating_mw(line)
        if np.isinf(limit) or line in self.rows:
            return
        factors = self.factors(line)
        fixed = float(factors @ injections.fixed_mw[:, line.period])
        over = linear.priced(2, price=self._price)
        row = linear.rows(1, lower=-limit - fixed, upper=limit - fixed)
        linear.put(row, over, [-1.0, 1.0])
        linear.put(row, injections.columns[:, line.period], factors[injections.buses] * injections.factors)
        self.rows[line] = int(row[0])
        self.overload[line] = (int(over[0]), int(over[1]))
