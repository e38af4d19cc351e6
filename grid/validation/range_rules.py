"""Rules on a single value: range, sign, and the numbers by which devices say that they have none."""

from __future__ import annotations

import numpy as np

from grid.time_axis import FloatArray
from grid.units import REGISTERS, STORED_UNIT, Channel
from grid.validation.lattice import BoolArray
from grid.validation.nouns import ChannelProfile
from grid.validation.settings import RangeRule

ONE_WAY = REGISTERS | {Channel.IMPORT, Channel.EXPORT, Channel.GENERATION, Channel.LOAD, Channel.STATE_OF_CHARGE}
POWER = frozenset(channel for channel, unit in STORED_UNIT.items() if unit == "kW")
PHYSICAL_RANGE: dict[Channel, tuple[float, float]] = {
    Channel.AIR_TEMPERATURE: (-90.0, 60.0),
    Channel.IRRADIANCE: (-10.0, 2000.0),
    Channel.VOLTAGE: (0.0, 800_000.0),
}
"""What nature allows: the coldest and hottest air ever measured; sunlight outside the atmosphere and half as much
again from the edges of clouds, and a pyranometer's loss to the night sky."""

SENTINELS = (-99.0, -999.0, -9999.0, 3276.7, -3276.7, -3276.8, 6553.5, 9999.0, 99999.0, 999999.0, 32767.0, -32768.0,
             65535.0, 2147483647.0, -2147483648.0, 4294967295.0)  # fmt: skip
"""The largest and smallest numbers of 16 and 32 bits, with one decimal or none, and rows of nines."""

_TELLING_TIMES_USUAL = 1.5


def out_of_range(values: FloatArray, profile: ChannelProfile, rule: RangeRule) -> BoolArray:
    """Beyond what nature, or the capacity where it is known, allows. No history needed."""
    low, high = PHYSICAL_RANGE.get(profile.channel, (-np.inf, np.inf))
    if profile.capacity is not None:
        high = min(high, rule.times_capacity * profile.capacity)
        if profile.channel in POWER:
            low = max(low, -high)
    if profile.channel in REGISTERS and profile.register_kwh is not None:
        high = min(high, profile.register_kwh)
    beyond: BoolArray = (values < low) | (values > high)
    return beyond


def beyond_usual(values: FloatArray, peak: FloatArray, profile: ChannelProfile, rule: RangeRule) -> BoolArray:
    """Far above the usual peak, where no capacity is known: a robust bound out of the data.

    Args:
        peak: The usual peak at each slot, same shape; NaN where unknown.
    """
    if profile.capacity is not None or profile.channel not in POWER | {Channel.VOLTAGE}:
        return np.zeros(len(values), dtype=np.bool_)
    times = rule.times_usual if profile.channel in POWER else rule.times_usual_voltage
    beyond: BoolArray = (peak > 0) & (np.abs(values) > times * peak)
    return beyond


def negative(values: FloatArray, largest: FloatArray, profile: ChannelProfile, rule: RangeRule) -> BoolArray:
    """Below zero on a channel that counts one way. What a plant uses itself at night may be allowed for.

    Args:
        largest: The capacity, or the usual peak, at each slot, same shape.
    """
    if profile.channel not in ONE_WAY:
        return np.zeros(len(values), dtype=np.bool_)
    below: BoolArray = values < -rule.own_use_share * np.nan_to_num(largest)
    return below


def may_be_sentinel(values: FloatArray, *, interval_minutes: int) -> BoolArray:
    """Values that are a device's mark for "no value", in any unit they may have been sent in."""
    marks = _marks(interval_minutes)
    sizes = np.where(np.isnan(values), 0.0, values)
    right = np.minimum(np.searchsorted(marks, sizes), len(marks) - 1)
    left = np.maximum(right - 1, 0)
    distance = np.minimum(np.abs(marks[right] - sizes), np.abs(marks[left] - sizes))
    like: BoolArray = (distance <= 1e-6 * np.abs(sizes)) & (sizes != 0)
    return like


def sentinel(values: FloatArray, marks: BoolArray, peak: FloatArray, rejected: BoolArray) -> BoolArray:
    """Marks for "no value" that cannot be the physics: rejected already, above the usual peak, or twice in a row.

    Args:
        marks: Where :func:`may_be_sentinel` holds.
        peak: The usual peak at each slot.
        rejected: What range and sign have rejected.
    """
    same = np.concatenate([[False], values[1:] == values[:-1], [False]])
    twice = same[1:] | same[:-1]
    told: BoolArray = marks & (rejected | ((peak > 0) & (np.abs(values) > _TELLING_TIMES_USUAL * peak)) | twice)
    return told


def _marks(interval_minutes: int) -> FloatArray:
    """The sentinels as they stand in the stored unit after every conversion, in order."""
    as_energy = 60.0 / interval_minutes
    scales = [scale * per for scale in (1.0, 1e-3, 1e3) for per in (1.0, as_energy)]
    marks = [mark * scale for mark in SENTINELS for scale in scales]
    marks += [(mark - 32.0) * 5.0 / 9.0 for mark in SENTINELS] + [mark - 273.15 for mark in SENTINELS]
    return np.unique(np.array(marks))
