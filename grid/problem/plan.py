"""The plan: what every asset does, what it costs and is worth, and why. Power in MW, money in the site's currency."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.prices import Prices
from grid.problem.scenarios import Outlook
from grid.problem.schedule import Schedule
from grid.problem.soft_limits import SoftLimit, Violation
from grid.time_axis import FloatArray


class Status(StrEnum):
    """How a solve ended.

    ``optimal`` is within the target gap; ``feasible`` has a proven gap above it; ``timeout`` had no time for a search,
    its plan is a heuristic one (its gap is proven too). Without a solver's answer the plan is the previous one
    ``rolled-on``, or a ``rule-based`` one: sound, but nothing is proven about its cost.
    """

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    TIMEOUT = "timeout"
    ROLLED_ON = "rolled-on"
    RULE_BASED = "rule-based"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an asset is where it is over a run of periods.

    Attributes:
        first_period, last_period: Inclusive.
        binding: Names of the binding constraints, such as ``capacity`` or ``branch A27 limit``.
        shadow_price_per_mwh: Value of relaxing the first of them by 1 MW for an hour; None where nothing binds.
        runner_up_cost: Extra cost of the next best alternative for this asset, where it was computed.
        text: The sentence an operator reads.
    """

    asset_id: str
    first_period: int
    last_period: int
    binding: tuple[str, ...]
    shadow_price_per_mwh: float | None
    runner_up_cost: float | None
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class DispatchPlan:
    """A plan of a problem: how good it is, what is done, what that is worth and why.

    Attributes:
        objective: Total cost of the plan, ``change_cost`` included, less what is left in storages at its end value, or
            with scenarios what was minimised over them;
            ``best_bound`` is proven, ``gap`` = (objective - bound) / (objective + :func:`.costs.most_end_value`).
        schedule: What every asset does.
        prices: What a MW more or less is worth, everywhere.
        change_cost: What its changes of the problem's earlier plan are priced at; no cost of production. [money]
        forgone: What the same commitment would cost less if set-points moved freely. [money]
        outlook: Of a problem with scenarios.
        unsecured: Branches of a secure problem whose outage splits the network; nothing secures against it.
        unkept: What is relaxed though its limit is never to be, in words; the best there was in time.
    """

    status: Status
    problem: DispatchProblem
    objective: float
    best_bound: float
    gap: float
    build_seconds: float
    solve_seconds: float
    schedule: Schedule
    prices: Prices
    violations: tuple[Violation, ...]
    reasons: tuple[Reason, ...]
    message: str = ""
    change_cost: float = 0.0
    forgone: float = 0.0
    outlook: Outlook | None = None
    unsecured: tuple[str, ...] = ()
    unkept: tuple[str, ...] = ()

    @property
    def schedule_cost(self) -> float:
        """Of the set-points. [money]"""
        return self.objective if self.outlook is None else self.outlook.schedule_cost

    def relaxed_mw(self, limit: SoftLimit) -> FloatArray:
        """By how much one limit was relaxed, shape (periods,). [MW]"""
        relaxed = np.zeros(self.problem.axis.periods)
        for violation in self.violations:
            if violation.limit == limit:
                relaxed[violation.period] += violation.amount_mw
        return relaxed
