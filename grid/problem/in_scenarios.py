"""A problem in each of its scenarios, and what must hold of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, replace

import numpy as np

from grid.faults import Fault
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.scenarios import Scenarios
from grid.site import ChangePrices

_ROUNDING = 1e-6


def in_scenarios(problem: DispatchProblem, scenarios: Scenarios) -> list[DispatchProblem]:
    """``problem`` in each scenario: without reserve for what the scenarios tell, set-points free to follow them."""
    earlier = problem.earlier
    if earlier is not None:
        earlier = replace(earlier, prices=ChangePrices(0.0, earlier.prices.per_commitment_hour))
    settled = replace(unreserved(problem), earlier=earlier, scenarios=None)
    return [
        replace(settled, load_mw=load, available_mw=available)
        for load, available in zip(scenarios.load_mw, scenarios.available_mw, strict=True)
    ]


def unreserved(problem: DispatchProblem) -> DispatchProblem:
    """The problem without its reserve for net load; reserve products stay."""
    none = np.zeros(problem.axis.periods)
    return replace(problem, reserve_up_mw=none, reserve_down_mw=none)


def scenario_faults(problem: DispatchProblem) -> Iterator[Fault]:
    """What is wrong with the scenarios of a problem."""
    scenarios = problem.scenarios
    if scenarios is None:
        return
    periods, count = problem.axis.periods, len(scenarios)
    parts = (
        ("load_mw", scenarios.load_mw, (count, len(problem.network.buses), periods)),
        ("available_mw", scenarios.available_mw, (count, len(problem.renewable_plants), periods)),
    )
    for name, array, shape in parts:
        if array.shape != shape or not np.isfinite(array).all():
            yield Fault(f"scenarios: {name}", f"must be finite and of shape {shape}, got {array.shape}", "correct it")
    if (scenarios.available_mw < 0.0).any():
        yield Fault("scenarios: available_mw", "no value may be negative", "clip or correct the scenarios")
    weight = scenarios.weight
    if count < 1 or not (weight >= 0.0).all() or abs(float(weight.sum()) - 1.0) > _ROUNDING:
        yield Fault("scenarios: weight", "must be probabilities that add up to 1", "divide them by their sum")
    if not (np.isfinite(scenarios.risk_weight) and scenarios.risk_weight >= 0.0):
        yield Fault("risk_weight", f"must be 0 or more, got {scenarios.risk_weight}", "0 leaves risk out")
    if not 0.0 <= scenarios.risk_level < 1.0:
        yield Fault("risk_level", f"must lie in [0, 1), got {scenarios.risk_level}", "0.95 is usual")
    if scenarios.most < 1:
        yield Fault("most scenarios", f"must be 1 or more, got {scenarios.most}", "10 is usual")
    if not np.isfinite(astuple(problem.penalties)).all():
        told = "a limit that is never relaxed leaves scenarios without an answer"
        yield Fault("penalties", told, "give every penalty a price, or plan without scenarios")
