"""Rules on stamps: readings from the future, late ones, and ones that lie across the slots."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from grid.time_axis import FloatArray
from grid.validation.clocks import Clock
from grid.validation.lattice import HOUR_US, MINUTE_US, BoolArray, Lattice
from grid.validation.nouns import IntArray, IntervalReadings
from grid.validation.settings import StampRule

_COVERED = 0.5
_FOLLOWING_DAYS = 8


def future(readings: IntervalReadings, rule: StampRule) -> BoolArray:
    """Received before their interval was over: no meter can have measured them."""
    ends_us = readings.starts_us + readings.interval_minutes * MINUTE_US
    early: BoolArray = readings.received_us - ends_us < -rule.future_minutes * MINUTE_US
    return early


def late(lattice: Lattice, readings: IntervalReadings, rule: StampRule) -> BoolArray:
    """Received long after readings of the days that follow: what was decided meanwhile was decided without them.

    A history that is loaded in order is not late, however old it is.

    Args:
        readings: On slots of the lattice.
    """
    day = lattice.slots(readings.starts_us) // lattice.per_day
    first = np.full(len(lattice.values) // lattice.per_day + _FOLLOWING_DAYS, np.inf)
    np.minimum.at(first, day, readings.received_us)
    newer = sliding_window_view(first[1:], _FOLLOWING_DAYS).min(axis=1)
    behind: BoolArray = readings.received_us - newer[day] > rule.late_hours * HOUR_US
    return behind


def off_grid(readings: IntervalReadings, *, clock: Clock) -> BoolArray:
    """Starts at which the clock shows no multiple of the interval."""
    return ~clock.begins(readings.starts_us, step_us=readings.interval_minutes * MINUTE_US)


def derive_slots(lattice: Lattice, starts_us: IntArray, values: FloatArray) -> tuple[IntArray, FloatArray]:
    """Means over slots out of readings that lie across them, weighted by overlap.

    Args:
        starts_us: Of the readings that lie across, shape (readings,).
        values: Mean power or state over each, same shape.

    Returns:
        The slots of which half or more is covered, and their values.
    """
    at = lattice.slots(starts_us)
    inside = ~np.isnan(values) & (at >= -1) & (at < len(lattice.values))
    at, values = at[inside], values[inside]
    right = (lattice.clock.shown(starts_us[inside]) - lattice.start_us) % lattice.step_us / lattice.step_us
    covered, weighted = np.zeros(len(lattice.values) + 2), np.zeros(len(lattice.values) + 2)
    for slot, weight in ((at + 1, 1.0 - right), (at + 2, right)):  # one to the right, for the slot before the first
        np.add.at(covered, slot, weight)
        np.add.at(weighted, slot, weight * values)
    covered, weighted = covered[1:-1], weighted[1:-1]
    slots = np.flatnonzero(covered >= _COVERED)
    return slots, weighted[slots] / covered[slots]
