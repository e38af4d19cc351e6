"""The judgement: readings of one channel in, verdicts on the intervals that are not plainly valid out."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from grid.readings import Quality
from grid.time_axis import FloatArray, require_utc
from grid.units import Channel
from grid.validation.lattice import MINUTE_US, BoolArray, Lattice, lay_out, on_slots, slot_phase_us, to_us
from grid.validation.nouns import ChannelProfile, Edits, IntArray, IntervalReadings, KnownTotals, Verdicts
from grid.validation.settings import Rules

LOOK_BACK = timedelta(days=42)
LOOK_AHEAD = timedelta(days=16)

_ONE_WAY = frozenset({Channel.IMPORT, Channel.EXPORT, Channel.GENERATION, Channel.LOAD, Channel.STATE_OF_CHARGE})
_REJECTED = Quality.GAP | Quality.MISSING | Quality.OUT_OF_RANGE | Quality.NEGATIVE


def judge(
    readings: IntervalReadings,
    profile: ChannelProfile,
    *,
    rules: Rules | None = None,
    edits: Edits | None = None,
    totals: KnownTotals | None = None,
    parts: IntervalReadings | None = None,
    judge_from: datetime,
    judge_until: datetime,
) -> Verdicts:
    """Verdicts on the intervals that start in ``[judge_from, judge_until)`` and are not plainly valid.

    A verdict depends on nothing earlier than :data:`LOOK_BACK` before its interval and nothing later than
    :data:`LOOK_AHEAD` after it, so judging piece by piece, with that much around each piece, gives what judging at
    once gives; and a reading that comes or changes can change verdicts from ``LOOK_AHEAD`` before it to ``LOOK_BACK``
    after it.

    Args:
        readings: With at least ``LOOK_BACK`` before the span and ``LOOK_AHEAD`` after it.
        rules: Parameters; those of the kind of channel unless given.
        edits: What operators set by hand; it stands against every rule.
        totals: Energy over spans as registers tell it; estimates are scaled to it.
        parts: The sum of what the meters behind this check meter say, on the same intervals.

    Raises:
        ValueError: If a bound is not UTC.
    """
    from_us = to_us(require_utc(judge_from, name="judge_from"))
    until_us = to_us(require_utc(judge_until, name="judge_until"))
    rules = rules or Rules()
    if len(readings.starts_us) == 0:
        return _edits_only(edits, from_us, until_us)
    step_us = readings.interval_minutes * MINUTE_US
    on = on_slots(readings.starts_us, step_us=step_us, phase_us=slot_phase_us(profile.timezone, step_us=step_us))
    bits = _row_faults(readings, step_us=step_us, rules=rules)
    bits[~on] |= Quality.OFF_GRID
    placed = on & (bits & Quality.FUTURE == 0)
    starts, values, quality = readings.starts_us[~placed], np.full(int((~placed).sum()), np.nan), bits[~placed]
    if placed.any():
        lattice = lay_out(readings.starts_us[placed], readings.values[placed], step_us=step_us)
        slot_bits = np.zeros(len(lattice.values), dtype=np.int64)
        slot_bits[lattice.came] = bits[placed]
        estimated, slot_bits = _judge_slots(lattice, slot_bits, profile, rules)
        told = slot_bits != 0
        starts = np.concatenate([lattice.starts_us[told], starts])
        values = np.concatenate([estimated[told], values])
        quality = np.concatenate([slot_bits[told], quality])
    return _with_edits(starts, values, quality, edits, from_us, until_us)


def _row_faults(readings: IntervalReadings, *, step_us: int, rules: Rules) -> IntArray:
    bits = np.zeros(len(readings.starts_us), dtype=np.int64)
    after_end = readings.received_us - (readings.starts_us + step_us)
    bits[after_end < -rules.stamps.future_minutes * MINUTE_US] |= Quality.FUTURE | Quality.QUESTIONABLE
    bits[after_end > rules.stamps.late_hours * 60 * MINUTE_US] |= Quality.LATE | Quality.VALID
    return bits


def _judge_slots(
    lattice: Lattice, bits: IntArray, profile: ChannelProfile, rules: Rules
) -> tuple[FloatArray, IntArray]:
    values = lattice.values
    bits[~lattice.came] |= Quality.GAP
    bits[lattice.came & np.isnan(values)] |= Quality.MISSING
    if profile.channel in _ONE_WAY:
        bits[values < 0] |= Quality.NEGATIVE
    if profile.capacity is not None:
        bits[np.abs(values) > rules.range.times_capacity * profile.capacity] |= Quality.OUT_OF_RANGE
    rejected: BoolArray = bits & _REJECTED != 0
    bits[rejected] &= ~Quality.VALID
    estimated = np.where(rejected, np.nan, values)
    return _linear(estimated, bits, rejected, longest=int(rules.estimation.linear_hours / lattice.step_hours))


def _linear(values: FloatArray, bits: IntArray, rejected: BoolArray, *, longest: int) -> tuple[FloatArray, IntArray]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], rejected, [False]])))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if begin > 0 and end < len(values) and end - begin <= longest:
            values[begin:end] = np.interp(np.arange(begin, end), [begin - 1, end], [values[begin - 1], values[end]])
            bits[begin:end] |= Quality.ESTIMATED_LINEARLY
    return values, bits


def _edits_only(edits: Edits | None, from_us: int, until_us: int) -> Verdicts:
    nothing = np.empty(0, dtype=np.int64)
    return _with_edits(nothing, np.empty(0), nothing, edits, from_us, until_us)


def _with_edits(
    starts: IntArray, values: FloatArray, quality: IntArray, edits: Edits | None, from_us: int, until_us: int
) -> Verdicts:
    if edits is not None:
        kept = ~np.isin(starts, edits.starts_us)
        starts = np.concatenate([starts[kept], edits.starts_us])
        values = np.concatenate([values[kept], edits.values])
        set_by_hand = np.where(np.isnan(edits.values), Quality.EDITED | Quality.MISSING, Quality.EDITED)
        quality = np.concatenate([quality[kept], set_by_hand])
    order = np.argsort(starts, kind="stable")
    order = order[(starts[order] >= from_us) & (starts[order] < until_us)]
    return Verdicts(starts[order], values[order], quality[order].astype(np.int64))
