"""Scenarios of load and available power that a plan is made for, and what their costs come to together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grid.problem.reduction import reduced
from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Scenarios:
    """Joint courses of all loads and plants of a problem, and how much their dear end counts.

    Attributes:
        load_mw: Shape (scenarios, buses, periods).
        available_mw: Shape (scenarios, plants, periods).
        weight: Probabilities, shape (scenarios,).
        risk_weight: Minimised is the expected cost and so many times its conditional value at risk.
        risk_level: Of the conditional value at risk: the mean of the dearest ``1 - risk_level`` of outcomes.
        most: More scenarios than this are reduced to so many.
    """

    load_mw: FloatArray
    available_mw: FloatArray
    weight: FloatArray
    risk_weight: float = 0.0
    risk_level: float = 0.95
    most: int = 10

    def __len__(self) -> int:
        return len(self.weight)

    def fewer(self) -> Scenarios:
        """At most ``most`` of them, which stand for all."""
        if len(self) <= self.most:
            return self
        courses = np.concatenate([self.load_mw, self.available_mw], axis=1).reshape(len(self), -1)
        kept, weight = reduced(courses, self.weight, count=self.most)
        return replace(self, load_mw=self.load_mw[kept], available_mw=self.available_mw[kept], weight=weight)

    def measure(self, costs: FloatArray) -> float:
        """Expected cost and ``risk_weight`` times the conditional value at risk of ``costs``, shape (scenarios,)."""
        return float(self.weight @ costs) + self.risk_weight * self.at_risk(costs)

    def at_risk(self, costs: FloatArray) -> float:
        """Conditional value at risk of ``costs``: the mean of the dearest ``1 - risk_level`` of them by probability."""
        return conditional_value_at_risk(costs, self.weight, level=self.risk_level)


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What a commitment that was made for scenarios comes to in them.

    Attributes:
        scenarios: Those that it was made for.
        drawn: All that there were before they were reduced.
        costs: In each of them, shape (scenarios,). [money]
        unserved_mwh: Load not served in each, shape (scenarios,).
        central_objective: What the commitment for the central forecast with its reserves comes to in the same measure.
        schedule_cost: Of the plan's own set-points, which are for the central forecast. [money]
    """

    scenarios: Scenarios
    drawn: Scenarios
    costs: FloatArray
    unserved_mwh: FloatArray
    central_objective: float
    schedule_cost: float

    def told(self) -> dict[str, Any]:
        """As a plan's document has it."""
        scenarios = self.scenarios
        rows = zip(scenarios.weight.tolist(), self.costs.tolist(), self.unserved_mwh.tolist(), strict=True)
        return {
            "method": "two-stage",
            "risk_weight": scenarios.risk_weight,
            "risk_level": scenarios.risk_level,
            "drawn": len(self.drawn),
            "expected_cost": round(float(scenarios.weight @ self.costs), 2),
            "cost_at_risk": round(scenarios.at_risk(self.costs), 2),
            "central_objective": round(self.central_objective, 2),
            "schedule_cost": round(self.schedule_cost, 2),
            "scenarios": [
                {"probability": round(weight, 6), "cost": round(cost, 2), "unserved_mwh": round(unserved, 3)}
                for weight, cost, unserved in rows
            ],
        }


def conditional_value_at_risk(costs: FloatArray, weight: FloatArray, *, level: float) -> float:
    """Mean of the dearest ``1 - level`` of outcomes; one that straddles the level counts with what lies beyond it.

    References:
        Rockafellar and Uryasev, "Optimization of Conditional Value-at-Risk", Journal of Risk 2(3), 2000.
    """
    order = np.argsort(-costs, kind="stable")
    before = np.concatenate([[0.0], np.cumsum(weight[order])[:-1]])
    share = np.clip(1.0 - level - before, 0.0, weight[order])
    return float(share @ costs[order] / share.sum())
