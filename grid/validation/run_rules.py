"""Values that stand still: flat lines, and zero on a meter that is in use."""

from __future__ import annotations

import math

import numpy as np

from grid.time_axis import FloatArray
from grid.units import Channel
from grid.validation.lattice import BoolArray, Lattice, in_runs, runs_of
from grid.validation.nouns import ChannelProfile
from grid.validation.range_rules import POWER
from grid.validation.settings import RunRule
from grid.validation.usual import Usual

LONGEST_FLAT_HOURS = 48.0
"""A channel that would need a longer run than this to be called flat stands still by nature; nothing is said of it."""

_BY_CHANCE = 1e-6
_MOVING = POWER | {Channel.VOLTAGE, Channel.AIR_TEMPERATURE, Channel.IRRADIANCE}
_DEAD_AT_ZERO = POWER | {Channel.VOLTAGE, Channel.IRRADIANCE}


def flat_line(lattice: Lattice, values: FloatArray, around: Usual, profile: ChannelProfile, rule: RunRule) -> BoolArray:
    """The same value to the last digit for longer than chance would have it in this channel.

    A channel that repeats a share r of its values repeats k in a row by chance with about r ** k; the run must be so
    long that this is less than one in a million, and at least ``rule.flat_hours``. Zero has a rule of its own.

    Args:
        values: NaN where missing or rejected, shape (slots,).
    """
    if profile.channel not in _MOVING:
        return np.zeros(len(values), dtype=np.bool_)
    telling = ~np.isnan(values)
    if profile.channel in _DEAD_AT_ZERO:
        telling &= np.abs(values) > rule.flat_share_of_usual * np.nan_to_num(around.peak)
    same = np.concatenate([[False], (values[1:] == values[:-1]) & telling[1:] & telling[:-1]])
    begins, ends = runs_of(same)
    length = np.zeros(len(values), dtype=np.int64)
    for begin, end in zip(begins, ends, strict=True):
        length[begin - 1 : end] = end - begin + 1
    share = np.clip(around.repeat_share, 1e-9, 1.0 - 1e-9)
    by_chance = np.ceil(math.log(_BY_CHANCE) / np.log(share)) + 1
    needed = np.maximum(by_chance, max(3, lattice.slots_in(rule.flat_hours)))
    flat: BoolArray = (length >= needed) & (needed <= lattice.slots_in(LONGEST_FLAT_HOURS))
    return flat


def zero_on_active_meter(
    lattice: Lattice, values: FloatArray, around: Usual, profile: ChannelProfile, rule: RunRule
) -> BoolArray:
    """Zero for hours at times of day at which other days are not zero.

    Night is no fault of a solar plant, nor noon of the import of a home with one: zero is usual there.

    Args:
        values: NaN where missing or rejected, shape (slots,).
    """
    if profile.channel not in _DEAD_AT_ZERO:
        return np.zeros(len(values), dtype=np.bool_)
    unusual = (values == 0) & (around.zero_share < rule.zero_usual_share)
    return in_runs(unusual, at_least=max(3, lattice.slots_in(rule.zero_hours)))
