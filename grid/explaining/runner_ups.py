"""What the next best alternative to each run of a unit would have added to the cost of the plan.

At the plan's prices an alternative is quickly valued, but prices hold for small changes only: that value is a lower
bound (the cost of a dispatch is convex in what it is given), and tells nothing once it is negative. So the plan is
dispatched again with that run the other way and every other unit on and off as it was, those whose value at prices is
lowest first, for as long as there is time. Changing an earlier plan costs then what it did in the plan, and a run that
would pay if changes were free is kept by their price.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from grid.explaining.explained import Explained
from grid.formulation.prices import FixedDispatch
from grid.formulation.relaxation import LinearSolution, UnsolvedError
from grid.formulation.relaxed import violations
from grid.formulation.switching import Switching
from grid.problem.soft_limits import SoftLimit

log = logging.getLogger(__name__)

_TOLERANCE = 1e-7
"""Of the plan's cost: what two optima of a solver may differ by."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """What a unit could do instead in a run: be off instead of on, or on instead of off.

    Attributes:
        unit: Its position.
        first: First period of the run.
        begin, end: The periods that would change, ``end`` excluded.
        at_prices: What it would cost more at the plan's prices, at least. [money]
    """

    unit: int
    first: int
    begin: int
    end: int
    at_prices: float


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """An alternative and what it would add to the plan's cost.

    Attributes:
        extra_cost: As solved again, infinite where limits that are never relaxed forbid it; None if it was not solved.
        relaxed: The soft limit that most of this extra cost comes from, in words; empty if none does.
        saving: What it would save if changing an earlier plan were free, as solved again; 0 if that is nothing. [money]
    """

    alternative: Alternative
    extra_cost: float | None = None
    relaxed: str = ""
    saving: float = 0.0

    @property
    def cost(self) -> float | None:
        """What is reported: as solved again, else at the plan's prices where these tell anything."""
        if self.extra_cost is not None:
            return self.extra_cost if math.isfinite(self.extra_cost) else None
        return self.alternative.at_prices if self.alternative.at_prices >= 0.0 else None

    @property
    def kept(self) -> bool:
        """Whether only the price of changing an earlier plan stands against it."""
        return self.saving > 0.0 and self.extra_cost is not None and self.extra_cost >= 0.0


def runner_ups(explained: Explained, alternatives: Iterable[Alternative], *, seconds: float) -> list[RunnerUp]:
    """The runner-ups of runs, those that can be within ``seconds`` of wall time as solved again."""
    found: list[RunnerUp] = []
    waiting = sorted(alternatives, key=lambda alternative: alternative.at_prices, reverse=True)
    try:
        solver = _Again(explained, seconds=seconds) if waiting and seconds > 0.0 else None
        while solver is not None and waiting:
            found.append(solver.runner_up(waiting[-1]))
            waiting.pop()
    except UnsolvedError as error:
        log.info("%d runner-ups are not solved again: %s", len(waiting), error)
    return found + [RunnerUp(alternative) for alternative in waiting]


class _Again:
    """The plan's dispatch, and that without a price on changes, to be solved again."""

    def __init__(self, explained: Explained, *, seconds: float) -> None:
        self._explained = explained
        on, charging = (
            explained.plan.schedule.on,
            explained.plan.schedule.charge_mw > explained.plan.schedule.discharge_mw,
        )
        self._planned = Switching(explained.planned, on, charging, seconds=seconds)
        apart = explained.planned is not explained.dispatch
        self._freely = Switching(explained.dispatch, on, charging, seconds=seconds) if apart else None

    def runner_up(self, alternative: Alternative) -> RunnerUp:
        """Raises UnsolvedError when time is out."""
        on = self._explained.plan.schedule.on[alternative.unit].copy()
        on[alternative.begin : alternative.end] = ~on[alternative.first]
        solution = self._planned.solved(alternative.unit, on)
        if solution is None:
            return RunnerUp(alternative, math.inf)
        cost, saving = _beyond(self._explained.planned, solution), 0.0
        if self._freely is not None and alternative.at_prices < 0.0:
            freely = self._freely.solved(alternative.unit, on)
            saving = 0.0 if freely is None else max(-_beyond(self._explained.dispatch, freely), 0.0)
        return RunnerUp(alternative, cost, self._most_of(cost, solution), saving)

    def _most_of(self, cost: float, solution: LinearSolution) -> str:
        """The soft limit whose relaxation is most of an extra cost, in words."""
        hours = self._explained.problem.axis.step_hours
        more: defaultdict[SoftLimit, float] = defaultdict(float)
        for violation in violations(self._explained.planned.model, solution.values):
            more[violation.limit] += violation.cost(hours)
        for violation in self._explained.plan.violations:
            more[violation.limit] -= violation.cost(hours)
        dearest = max(more, key=more.__getitem__, default=None)
        return "" if dearest is None or more[dearest] <= max(cost, 0.0) / 2.0 else str(dearest)


def _beyond(dispatch: FixedDispatch, solution: LinearSolution) -> float:
    """What another solution costs more, nothing if that is within what two optima may differ by."""
    objective = dispatch.solution.objective
    more = solution.objective - objective
    return 0.0 if abs(more) <= _TOLERANCE * abs(objective) else more
