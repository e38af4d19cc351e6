"""Upward reserve of units that are off: which may hold it, and what it costs when it is called.

Such a unit costs nothing while it waits, and its start and a dear hour when it is called. Held by all that start
quickly, a reserve would be called as often as not; so the part that is called most is left to units that run, wherever
they hold it for less than what calls are expected to cost.

References:
    Hogan, "Electricity Scarcity Pricing Through Operating Reserves", Economics of Energy & Environmental Policy 2(2),
    2013 (reserve valued by the probability that it is called).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from grid.assets import ThermalUnit
from grid.faults import Fault
from grid.time_axis import FloatArray

_STEPS = 4


@dataclass(frozen=True, slots=True)
class QuickStarts:
    """Which units hold upward reserve for net load while they are off, and how often it is called.

    Attributes:
        hours: Units whose minimum times are at most this long do, with what they may start with.
        beyond: Probability, below 0.5, that net load lies beyond what is planned for and all of the reserve.
    """

    hours: float
    beyond: float

    def includes(self, unit: ThermalUnit) -> bool:
        """Whether a unit that gives anything starts quickly."""
        return unit.capacity_mw > 0.0 and starts_quickly(unit, hours=self.hours)

    def prices(self, units: Iterable[ThermalUnit]) -> FloatArray:
        """Expected cost of calls by equal parts of the reserve, the one called last first, shape (parts,).

        Net load is as likely to come out above as below what is planned for, and its errors are normal. A call costs
        what quick units do on average that run at full output for their minimum time, an hour at least, their start
        included; nothing where that is negative. [money/MW and hour]
        """
        dear = [
            (
                unit.minimum_cost_per_hour
                + sum(segment.cost_per_mwh * segment.width_mw for segment in unit.segments)
                + unit.start_costs[-1].cost / max(unit.minimum_up_hours, 1.0)
            )
            / unit.capacity_mw
            for unit in units
            if self.includes(unit)
        ]
        reach = 1.0 - (np.arange(_STEPS) + 0.5) / _STEPS
        called: FloatArray = ndtr(reach * ndtri(self.beyond))
        return called * max(float(np.mean(dear)) if dear else 0.0, 0.0)


def starts_quickly(unit: ThermalUnit, *, hours: float) -> bool:
    """Whether a unit can be started, and stopped again, within ``hours``."""
    return max(unit.minimum_up_hours, unit.minimum_down_hours) <= hours and not unit.must_run


def quick_start_faults(quick_starts: QuickStarts | None) -> Iterator[Fault]:
    """What must hold of quick starts and does not."""
    if quick_starts is None:
        return
    if not quick_starts.hours >= 0.0:
        told = f"the longest minimum time must not be negative, got {quick_starts.hours} h"
        yield Fault("quick_starts", told, "give hours, or no quick starts if no unit is to hold any")
    if not 0.0 < quick_starts.beyond < 0.5:
        told = f"the probability beyond the reserve must lie between 0 and 0.5, got {quick_starts.beyond}"
        yield Fault("quick_starts", told, "size the reserve from a quantile above the median")
