"""What one MW more or less is worth in a plan: at every bus, at every limit of the network, of every reserve."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass

import numpy as np

from grid.problem.dispatch_problem import DispatchProblem
from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Prices of a dispatch. [money/MWh; of reserves money/MW and hour]

    Attributes:
        lmp: Of power at every bus, shape (buses, periods): the sum of the next three.
        energy: The same at every bus: the mean of ``lmp`` weighted by load, shape (buses, periods).
        congestion, loss: What full branches and losses add, shape (buses, periods).
        branches: Saving per MW of limit and hour, shape (branches, periods), >= 0; where the network must survive
            outages, of the emergency rating after each of them as well.
        interfaces: Likewise, shape (interfaces, periods).
        reserve_up, reserve_down: What a MW less would save that must be held for net load, shape (periods,).
        held_up, held_by_start: What a MW that is held upward is worth, by a unit that is on, and by one that is off:
            the latter less what its calls are expected to cost. Less must be held by starts where less is required.
            Shape (periods,).
        requirements: Of each of the problem's requirements, shape (requirements, periods).
    """

    lmp: FloatArray
    energy: FloatArray
    congestion: FloatArray
    loss: FloatArray
    branches: FloatArray
    interfaces: FloatArray
    reserve_up: FloatArray
    reserve_down: FloatArray
    held_up: FloatArray
    held_by_start: FloatArray
    requirements: FloatArray

    @classmethod
    def none(cls, problem: DispatchProblem) -> Prices:
        """All zero: what an infeasible problem's plan has."""
        periods = problem.axis.periods

        def zeros(priced: Sized) -> FloatArray:
            return np.zeros((len(priced), periods))

        buses, system = zeros(problem.network.buses), np.zeros(periods)
        return cls(
            lmp=buses,
            energy=buses,
            congestion=buses,
            loss=buses,
            branches=zeros(problem.network.branches),
            interfaces=zeros(problem.network.interfaces),
            reserve_up=system,
            reserve_down=system,
            held_up=system,
            held_by_start=system,
            requirements=zeros(problem.requirements),
        )
