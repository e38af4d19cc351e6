"""How probable it is that net load comes out beyond what the units that are on can follow.

A plan can follow net load up by the headroom of its units and storages, down by theirs and by curtailing plants. The
probability that net load lies beyond is promised per period: from scenarios the share of those beyond, all that were
drawn and not only those that were planned for; else from quantiles. Networks are left aside, and what contingency
reserves keep counts as headroom.

References:
    Doherty and O'Malley, "A New Approach to Quantify Reserve Demand in Systems With Significant Installed Wind
    Capacity", IEEE Trans. Power Systems 20(2), 2005 (reserve by the probability of its shortfall).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from grid.explaining.headroom import plan_headroom_mw
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.plan import DispatchPlan
from grid.time_axis import FloatArray

DIRECTIONS = ("up", "down")


def promised(plan: DispatchPlan) -> dict[str, Any] | None:
    """What a plan's document promises; None where nothing tells how uncertain net load is.

    ``net_load_mw`` is planned for; in each direction ``reach_mw`` is how far it can be followed and ``probability``
    that it lies beyond, per period. ``expected_periods`` is their sum. ``any`` is the probability of at least one
    period beyond: by quantiles it lies between ``at_least`` and ``at_most``, since they do not say what comes together.
    """
    problem = plan.problem
    if problem.spread is None and plan.outlook is None:
        return None
    promise: dict[str, Any] = {"net_load_mw": np.round(net_load_mw(problem), 3).tolist()}
    for direction, reach in zip(DIRECTIONS, reach_mw(plan), strict=True):
        if plan.outlook is not None:
            drawn = plan.outlook.drawn
            net = drawn.load_mw.sum(axis=1) - drawn.available_mw.sum(axis=1) - net_load_mw(problem)
            beyond = (net if direction == "up" else -net) > reach
            probability = drawn.weight @ beyond
            some = float(drawn.weight @ beyond.any(axis=1))
            least, most = some, some
        else:
            assert problem.spread is not None
            probability = problem.spread.beyond(reach, up=direction == "up")
            least, most = float(probability.max()), min(float(probability.sum()), 1.0)
        promise[direction] = {
            "reach_mw": np.round(reach, 3).tolist(),
            "probability": np.round(probability, 6).tolist(),
            "expected_periods": round(float(probability.sum()), 6),
            "any": {"at_least": round(least, 6), "at_most": round(most, 6)},
        }
    return promise


def net_load_mw(problem: DispatchProblem) -> FloatArray:
    """Load less available power of all plants, shape (periods,)."""
    return np.asarray(problem.load_mw.sum(axis=0) - problem.available_mw.sum(axis=0))


def reach_mw(plan: DispatchPlan) -> tuple[FloatArray, FloatArray]:
    """How much more and how much less net load the plan can follow, both (periods,).

    Negative where it cannot even serve, or take, what is planned for.
    """
    schedule = plan.schedule
    problem, step = plan.problem, plan.problem.axis.step_hours
    up, down = (part.sum(axis=0) for part in plan_headroom_mw(plan))
    for storage, net, energy in zip(
        problem.storages,
        schedule.discharge_mw - schedule.charge_mw,
        schedule.state_of_charge_mwh,
        strict=True,
    ):
        profile = problem.profile_of(storage)
        up = up + np.minimum(profile.discharge_mw - net, energy * storage.discharge_efficiency / step)
        room = (profile.energy_mwh - energy) / (storage.charge_efficiency * step)
        down = down + np.minimum(profile.charge_mw + net, np.maximum(room, 0.0))
    curtailable = np.array([plant.curtailable for plant in problem.renewable_plants], dtype=np.bool_)
    untaken = problem.available_mw - schedule.renewable_mw
    up = up + untaken.sum(axis=0) - schedule.shed_mw.sum(axis=0)
    down = down + schedule.renewable_mw[curtailable].sum(axis=0)
    return up, down - schedule.surplus_mw.sum(axis=0) - untaken[~curtailable].sum(axis=0)
