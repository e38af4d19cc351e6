"""What one MW more or less is worth in a plan: at every bus, at every limit of the network, of every reserve."""

from __future__ import annotations

from dataclasses import dataclass

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
