"""Which rules apply to a channel, in which order, and what each finds: the reason bits of every slot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from grid.readings import Quality
from grid.time_axis import FloatArray
from grid.units import REGISTERS, Channel
from grid.validation.clock_rules import lost_hours
from grid.validation.lattice import DAY_US, MINUTE_US, BoolArray, Lattice
from grid.validation.nouns import ChannelProfile, IntArray, IntervalReadings, KnownTotals
from grid.validation.range_rules import (
    ONE_WAY,
    POWER,
    beyond_usual,
    may_be_sentinel,
    negative,
    out_of_range,
    sentinel,
)
from grid.validation.registers import misread, rolled_over, was_reset
from grid.validation.run_rules import flat_line, zero_on_active_meter
from grid.validation.settings import Rules
from grid.validation.spike_rules import spikes, wrap_residue
from grid.validation.sum_rules import parts_mismatch, totals_mismatch
from grid.validation.usual import usual

if TYPE_CHECKING:
    from grid.validation.sun_rules import Sky

LONGEST_OUTAGE_US = 8 * DAY_US
"""Of a longer outage only the last eight days before the channel came back are gaps."""

FORGOTTEN_US = 20 * DAY_US
"""A channel that was silent for longer starts anew: nothing before is compared with anything after.

Only where a register stood before is not forgotten."""


def find_faults(
    lattice: Lattice,
    profile: ChannelProfile,
    rules: Rules,
    *,
    totals: KnownTotals | None,
    parts: IntervalReadings | None,
    sky: Sky | None,
    stood_at: float = np.nan,
) -> IntArray:
    """Apply every rule that fits the channel: the reason bits of every slot, 0 where nothing is to be said.

    Args:
        sky: See :func:`sky_over`.
        stood_at: Where a register stood before. [kWh]
    """
    bits = np.zeros(len(lattice.values), dtype=np.int64)
    empty = lattice.came & np.isnan(lattice.values)
    _mark(bits, empty, Quality.MISSING)
    _mark(bits, out_of_range(lattice.values, profile, rules.range), Quality.OUT_OF_RANGE)
    gap = gaps(lattice)
    _mark(bits, gap, Quality.GAP)
    if gap.any() or empty.any():
        _mark(bits, (gap | empty) & lost_hours(lattice, profile.timezone), Quality.CLOCK_CHANGE)
    if profile.channel in REGISTERS:
        _register_faults(bits, lattice, profile, rules, stood_at)
    else:
        _interval_faults(bits, lattice, profile, rules, totals, parts, sky)
    return bits


def sky_over(lattice: Lattice, profile: ChannelProfile) -> Sky | None:
    """The clear sky over a channel that the sun drives, at a place that is known; None over any other."""
    lit = profile.channel is Channel.IRRADIANCE or (profile.channel is Channel.GENERATION and profile.kind == "solar")
    if not lit or None in (profile.latitude, profile.longitude) or not lattice.divides_days:
        return None
    from grid.validation.sun_rules import clear_sky  # pvlib is slow to load, and most channels do not need it

    return clear_sky(lattice, profile)


def gaps(lattice: Lattice) -> BoolArray:
    """Slots of which nothing came, between readings that did.

    After the last reading nothing is missing yet: it may be on its way.
    """
    at = np.arange(len(lattice.came))
    following = np.minimum.accumulate(np.where(lattice.came, at, len(at))[::-1])[::-1]
    back_soon = (following < len(at)) & ((following - at) * lattice.step_us <= LONGEST_OUTAGE_US)
    missing: BoolArray = ~lattice.came & (np.cumsum(lattice.came) > 0) & back_soon
    return missing


def _register_faults(bits: IntArray, lattice: Lattice, profile: ChannelProfile, rules: Rules, stood_at: float) -> None:
    """Sign, misread values, wraps and resets, among the readings that are there."""
    values, wraps_at = lattice.values, profile.register_kwh
    _mark(bits, negative(values, np.zeros(len(values)), profile, rules.range), Quality.NEGATIVE)
    marks = may_be_sentinel(values, interval_minutes=lattice.step_us // MINUTE_US)
    _mark(bits, marks & (bits != 0), Quality.SENTINEL)
    there = np.flatnonzero(~np.isnan(values) & (bits == 0))
    odd = misread(values[there], register_kwh=wraps_at)
    bits[there[odd]] |= Quality.SPIKE
    there = there[~odd]
    before = [] if np.isnan(stood_at) else [stood_at]
    kwh = np.concatenate([before, values[there]])
    bits[there[rolled_over(kwh, register_kwh=wraps_at)[len(before) :]]] |= Quality.ROLLOVER
    bits[there[was_reset(kwh, register_kwh=wraps_at)[len(before) :]]] |= Quality.RESET


def _interval_faults(
    bits: IntArray,
    lattice: Lattice,
    profile: ChannelProfile,
    rules: Rules,
    totals: KnownTotals | None,
    parts: IntervalReadings | None,
    sky: Sky | None,
) -> None:
    """First what a value by itself shows, then what it shows beside the usual, its neighbours, the sun and the sums."""
    values = lattice.values
    marks = may_be_sentinel(values, interval_minutes=lattice.step_us // MINUTE_US)
    one_way = profile.channel in ONE_WAY
    around = usual(lattice, (bits == 0) & ~marks & ~(one_way & (values < 0)))
    largest = around.peak if profile.capacity is None else np.full(len(values), profile.capacity)
    _mark(bits, negative(values, largest, profile, rules.range), Quality.NEGATIVE)
    _mark(bits, beyond_usual(values, around.peak, profile, rules.range), Quality.OUT_OF_RANGE)
    _mark(bits, sentinel(values, marks, around.peak, bits != 0), Quality.SENTINEL)
    if profile.channel in POWER:
        _mark(bits, wrap_residue(values, around, rules.spike), Quality.ROLLOVER)
    kept = np.where(bits == 0, values, np.nan)
    rejected = np.isnan(kept) & ~np.isnan(values)
    _mark(bits, spikes(values, rejected, around, rules.spike, both_ways=not one_way), Quality.SPIKE)
    _mark(bits, flat_line(lattice, kept, around, profile, rules.runs), Quality.FLAT_LINE)
    _mark(bits, zero_on_active_meter(lattice, kept, around, profile, rules.runs), Quality.ZERO)
    if sky is not None:
        _sun_faults(bits, lattice, kept, largest, sky, profile, rules)
    clean = np.where(bits == 0, values, np.nan)
    if parts is not None:
        _mark(bits, parts_mismatch(lattice, clean, parts, around.peak, rules.sums), Quality.SUM_MISMATCH)
    if totals is not None and profile.channel in POWER:
        _mark(bits, totals_mismatch(lattice, clean, totals, rules.sums), Quality.SUM_MISMATCH)


def _sun_faults(
    bits: IntArray,
    lattice: Lattice,
    kept: FloatArray,
    largest: FloatArray,
    sky: Sky,
    profile: ChannelProfile,
    rules: Rules,
) -> None:
    """What the sun does not allow."""
    from grid.validation import sun_rules

    drifting = sun_rules.clock_drift(lattice, kept, sky, profile, rules.sun) & lattice.came
    largest = np.full(len(kept), 1000.0) if profile.channel is Channel.IRRADIANCE else largest  # W/m2 at noon
    at_night = sun_rules.night_generation(kept, sky, largest=largest, rule=rules.sun)
    _mark(bits, drifting, Quality.CLOCK_DRIFT)
    _mark(bits, at_night, Quality.NIGHT_GENERATION)
    _mark(bits, sun_rules.above_clear_sky(kept, sky, profile, rules.sun), Quality.ABOVE_CLEAR_SKY)
    _mark(bits, sun_rules.dark_days(lattice, kept, sky, largest=largest, rule=rules.sun), Quality.ZERO)


def _mark(bits: IntArray, where: BoolArray, bit: Quality) -> None:
    bits[where] |= int(bit)
