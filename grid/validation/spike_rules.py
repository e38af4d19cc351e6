"""Values that stand out from their neighbours: spikes, and the residue of a counter that wrapped."""

from __future__ import annotations

import numpy as np

from grid.time_axis import FloatArray
from grid.validation.lattice import BoolArray
from grid.validation.settings import SpikeRule
from grid.validation.usual import Usual

_WRAP_SLOTS_APART = 4
_HUGE = 5.0  # times the usual peak
_CANCEL = 0.02


def spikes(values: FloatArray, rejected: BoolArray, around: Usual, rule: SpikeRule, *, both_ways: bool) -> BoolArray:
    """One or two values that stand out from both neighbours by more than neighbours ever differ.

    Beside a gap the one neighbour that is there decides: energy that piled up while a meter was silent arrives as one
    such value. At the end of what has come, where the next value is still to come, nothing is said; nor of a value
    beside a rejected one, unless it stands out together with it.

    Args:
        values: NaN where missing, shape (slots,).
        rejected: Which values another rule has rejected, same shape.
        both_ways: Whether a dip counts like a peak. Power falls to nothing often enough; a voltage does not.

    References:
        The spike check of utilities' VEE rules compares peaks of the same day (Edison Electric Institute, "Uniform
        Business Practices for Unbundled Electricity Metering", 2000); neighbours tell more at short intervals.
    """
    bound = np.maximum(rule.times_change * around.change, rule.times_usual * around.peak)
    up = _stands_out(np.where(rejected, np.inf, values), bound)
    found = up | _stands_out(np.where(rejected, np.inf, -values), bound) if both_ways else up
    return found & ~rejected


def _stands_out(values: FloatArray, bound: FloatArray) -> BoolArray:
    """Where one value, or two together, lie more than ``bound`` above the higher of their neighbours."""
    last = len(values) - 1 - int(np.argmax(~np.isnan(values[::-1]))) if not np.isnan(values).all() else -1
    padded = np.concatenate([[np.nan] * 2, values, [np.nan] * 2])
    left2, left, right, right2 = padded[:-4], padded[1:-3], padded[3:-1], padded[4:]
    alone = values - np.fmax(left, right) > bound
    with_next = np.minimum(values, right) - np.fmax(left, right2) > bound
    with_last = np.minimum(values, left) - np.fmax(left2, right) > bound
    spiking: BoolArray = alone | with_next | with_last
    spiking[max(last, 0) :] = False  # the last one known has no right neighbour yet
    if last > 0:
        spiking[last - 1] &= bool(alone[last - 1])
    return spiking


def wrap_residue(values: FloatArray, around: Usual, rule: SpikeRule) -> BoolArray:
    """Pairs of huge values of opposite sign that cancel: a difference of a counter that was misread or wrapped.

    If a register reads wrongly once, the interval before is off by some amount and the one after by its opposite.

    Args:
        values: As sent, NaN where missing, shape (slots,).
    """
    bound = np.maximum(rule.times_change * around.change, around.peak)
    found = np.zeros(len(values), dtype=np.bool_)
    for apart in range(1, _WRAP_SLOTS_APART + 1):
        first, second, usual = values[:-apart], values[apart:], bound[:-apart]
        smaller = np.minimum(np.abs(first), np.abs(second))
        left = np.abs(first + second)  # the sum of the two true values
        pair = (first * second < 0) & (smaller > _HUGE * usual) & (left < np.maximum(2.5 * usual, _CANCEL * smaller))
        found[:-apart] |= pair
        found[apart:] |= pair
    return found
