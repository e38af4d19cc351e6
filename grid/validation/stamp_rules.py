"""Rules on stamps: readings from the future, late ones, and ones that lie across the slots."""

from __future__ import annotations

import numpy as np

from grid.time_axis import FloatArray
from grid.validation.lattice import DAY_US, HOUR_US, MINUTE_US, BoolArray, Lattice
from grid.validation.nouns import IntArray, IntervalReadings
from grid.validation.settings import StampRule

_COVERED = 0.5
_EXPECTED_US = 20 * DAY_US


def future(readings: IntervalReadings, rule: StampRule) -> BoolArray:
    """Received before their interval was over: no meter can have measured them."""
    early: BoolArray = _age_us(readings) < -rule.future_minutes * MINUTE_US
    return early


def late(readings: IntervalReadings, rule: StampRule) -> BoolArray:
    """Received long after their interval: what was decided before was decided without them.

    Only a channel that was heard in time until then can be late; a history that is loaded afterwards is not.
    """
    old = _age_us(readings) > rule.late_hours * HOUR_US
    last_in_time = np.maximum.accumulate(np.where(old, np.iinfo(np.int64).min // 2, readings.starts_us))
    expected: BoolArray = readings.starts_us - last_in_time <= _EXPECTED_US
    return old & expected


def off_grid(readings: IntervalReadings, *, phase_us: int) -> BoolArray:
    """Starts that lie on no slot ``phase + k * interval``."""
    off: BoolArray = (readings.starts_us - phase_us) % (readings.interval_minutes * MINUTE_US) != 0
    return off


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
    right = (starts_us[inside] - lattice.start_us) % lattice.step_us / lattice.step_us
    covered, weighted = np.zeros(len(lattice.values) + 2), np.zeros(len(lattice.values) + 2)
    for slot, weight in ((at + 1, 1.0 - right), (at + 2, right)):  # one to the right, for the slot before the first
        np.add.at(covered, slot, weight)
        np.add.at(weighted, slot, weight * values)
    covered, weighted = covered[1:-1], weighted[1:-1]
    slots = np.flatnonzero(covered >= _COVERED)
    return slots, weighted[slots] / covered[slots]


def _age_us(readings: IntervalReadings) -> IntArray:
    """How long after the end of its interval each reading was received."""
    return readings.received_us - (readings.starts_us + readings.interval_minutes * MINUTE_US)
