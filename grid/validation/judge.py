"""The judgement: readings of one channel in, verdicts on the intervals that are not plainly valid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from grid.readings import Quality
from grid.time_axis import FloatArray, require_utc, to_us
from grid.units import REGISTERS, Channel
from grid.validation.clocks import clock_changes, kept_clock
from grid.validation.estimation import estimate
from grid.validation.faults import FORGOTTEN_US, find_faults, sky_over
from grid.validation.lattice import MINUTE_US, BoolArray, Lattice, lay_out
from grid.validation.nouns import ChannelProfile, Edits, IntArray, IntervalReadings, KnownTotals, Verdicts
from grid.validation.reasons import DOUBTING, REJECTING
from grid.validation.settings import DEFAULT_RULES, Rules
from grid.validation.stamp_rules import derive_slots, future, late, off_grid

if TYPE_CHECKING:
    from grid.validation.sun_rules import Sky

LOOK_BACK = timedelta(days=48)
"""How long before an interval readings may bear on its verdict: a known total (8 days), within it another gap (8 with
the day beside it), its reference days and how it followed a donor (14), what was usual around those (13), a run of
zeros and whole days (5). Where a register stood before is looked up as far back, however long it was silent."""

_LOOK_BACK_US = LOOK_BACK // timedelta(microseconds=1)

LOOK_AHEAD = timedelta(days=26)
"""How long after an interval readings may bear on its verdict: a known total (8 days), within it another gap (8), what
was usual around it (6) and runs (4); or the days that tell its clock (14) and what was usual around those."""


def judge(
    readings: IntervalReadings,
    profile: ChannelProfile,
    *,
    rules: Rules | None = None,
    edits: Edits | None = None,
    totals: KnownTotals | None = None,
    parts: IntervalReadings | None = None,
    donors: Sequence[IntervalReadings] = (),
    judge_from: datetime,
    judge_until: datetime,
) -> Verdicts:
    """Verdicts on the intervals that start in ``[judge_from, judge_until)`` and are not plainly valid.

    A verdict depends on nothing earlier than :data:`LOOK_BACK` before its interval and nothing later than
    :data:`LOOK_AHEAD` after it. So judging piece by piece, with that much around each piece, gives what judging at
    once gives; and a reading that comes or changes can change verdicts from ``LOOK_AHEAD`` before it to ``LOOK_BACK``
    after it.

    Args:
        readings: With ``LOOK_BACK`` before the span and ``LOOK_AHEAD`` after it, as far as there are any.
        rules: Parameters; those of the profile's kind unless given.
        edits: What operators set by hand; it stands against every rule.
        totals: Energy over spans as registers tell it; estimates are scaled to it.
        parts: The sum of what the meters behind this check meter say, on the same intervals.
        donors: Channels whose course gaps of up to two hours may follow, if this one was seen to follow it: a plant's
            irradiance, a sister meter. NaN where they are not known; on the same intervals, or on parts of them.

    Raises:
        ValueError: If a bound is not UTC, or the parts have another interval length.
    """
    from_us = to_us(require_utc(judge_from, name="judge_from"))
    until_us = to_us(require_utc(judge_until, name="judge_until"))
    rules = DEFAULT_RULES.for_kind(profile.kind) if rules is None else rules
    beside = _Beside(rules, edits, totals, parts, donors, (from_us, until_us))
    told = [_edited(edits)]
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # values near the largest float: infinite sums are compared right
        for cluster in _clusters(readings, profile):
            stood_at = _stood_at(readings, cluster, profile, beside.rules)
            told += _judge_cluster(cluster, profile, beside, stood_at)
    starts, values, quality = (np.concatenate(arrays) for arrays in zip(*told, strict=True))
    _, first = np.unique(starts, return_index=True)  # in order of time; an edit stands before what rules say
    first = first[(starts[first] >= from_us) & (starts[first] < until_us)]
    return Verdicts(starts[first], values[first], quality[first])


@dataclass(frozen=True, slots=True, eq=False)
class _Beside:
    """What is known beside the readings, and the span that is judged; see :func:`judge`."""

    rules: Rules
    edits: Edits | None
    totals: KnownTotals | None
    parts: IntervalReadings | None
    donors: Sequence[IntervalReadings]
    judged_us: tuple[int, int]


_Told = tuple[IntArray, FloatArray, IntArray]
"""Interval starts, validated values and quality bits, each shape (intervals,)."""


def _edited(edits: Edits | None) -> _Told:
    """The verdicts that operators' edits are."""
    if edits is None:
        return np.empty(0, dtype=np.int64), np.empty(0), np.empty(0, dtype=np.int64)
    declared_missing = np.where(np.isnan(edits.values), int(Quality.MISSING), 0)
    return edits.starts_us, edits.values, int(Quality.EDITED) | declared_missing


def _clusters(readings: IntervalReadings, profile: ChannelProfile) -> list[IntervalReadings]:
    """The readings, split where the channel was silent for so long that nothing reaches over, or changes its clock."""
    silent = np.flatnonzero(np.diff(readings.starts_us) > FORGOTTEN_US) + 1
    step_us = readings.interval_minutes * MINUTE_US
    apart = np.union1d(silent, clock_changes(readings.starts_us, profile.timezone, step_us=step_us))
    bounds = [0, *apart.tolist(), len(readings.starts_us)]
    return [_chosen(readings, slice(begin, end)) for begin, end in pairwise(bounds) if end > begin]


def _chosen(readings: IntervalReadings, which: slice | BoolArray) -> IntervalReadings:
    return IntervalReadings(
        readings.interval_minutes, readings.starts_us[which], readings.values[which], readings.received_us[which]
    )


def _stood_at(readings: IntervalReadings, cluster: IntervalReadings, profile: ChannelProfile, rules: Rules) -> float:
    """Where a register stood before a cluster, at most ``LOOK_BACK`` before its first reading; else NaN. [kWh]"""
    if profile.channel not in REGISTERS:
        return np.nan
    may_be = (readings.values >= 0) & (readings.values <= (profile.register_kwh or np.inf))
    standing = _chosen(readings, may_be & ~future(readings, rules.stamps))
    at = int(np.searchsorted(standing.starts_us, cluster.starts_us[0]))
    near = 0 < at < len(standing.starts_us) and np.diff(standing.starts_us)[at - 1] <= _LOOK_BACK_US
    return float(standing.values[at - 1]) if near else np.nan


def _judge_cluster(
    readings: IntervalReadings, profile: ChannelProfile, beside: _Beside, stood_at: float
) -> list[_Told]:
    """What is told of readings that belong together: those of no regular interval, and every regular interval."""
    rules, step_us = beside.rules, readings.interval_minutes * MINUTE_US
    clock = kept_clock(readings.starts_us, profile.timezone, step_us=step_us)
    too_early, across = future(readings, rules.stamps), off_grid(readings, clock=clock)
    stamp_bits = too_early * int(Quality.FUTURE) | across * int(Quality.OFF_GRID)
    measured, regular = _chosen(readings, ~too_early), _chosen(readings, ~too_early & ~across)
    if len(measured.starts_us) == 0:
        return [_unplaced(readings, stamp_bits)]
    span_us = int(measured.starts_us[0]), int(measured.starts_us[-1])
    lattice = lay_out(regular.starts_us, regular.values, step_us=step_us, clock=clock, span_us=span_us)
    derived = _derive(lattice, _chosen(readings, across & ~too_early), profile)
    _put_edits(lattice, beside.edits)
    sky = sky_over(lattice, profile)
    bits = find_faults(lattice, profile, rules, totals=beside.totals, parts=beside.parts, sky=sky, stood_at=stood_at)
    bits[lattice.slots(regular.starts_us)[late(lattice, regular, rules.stamps)]] |= int(Quality.LATE)
    bits[derived] |= int(Quality.DERIVED | Quality.OFF_GRID)
    slot = lattice.slots(readings.starts_us)
    on_slot = too_early & ~across & (slot >= 0) & (slot < len(bits))
    bits[slot[on_slot]] = bits[slot[on_slot]] & ~int(Quality.GAP) | int(Quality.FUTURE)
    values, quality = _conclude(lattice, bits, derived, profile, beside, sky)
    worth = quality != 0
    unplaced = (too_early | across) & ~on_slot
    return [
        (lattice.starts_us[worth], values[worth], quality[worth]),
        _unplaced(_chosen(readings, unplaced), stamp_bits[unplaced]),
    ]


def _unplaced(readings: IntervalReadings, bits: IntArray) -> _Told:
    """Readings that stand for no regular interval: no value is taken from them as it is."""
    return readings.starts_us, np.full(len(bits), np.nan), bits


def _derive(lattice: Lattice, across: IntervalReadings, profile: ChannelProfile) -> BoolArray:
    """Fill empty slots from readings that lie across them; which ones. Means only: a state is not the mean of two."""
    derived = np.zeros(len(lattice.values), dtype=np.bool_)
    if len(across.starts_us) and profile.channel not in REGISTERS | {Channel.STATE_OF_CHARGE}:
        slots, values = derive_slots(lattice, across.starts_us, across.values)
        empty = ~lattice.came[slots]
        lattice.values[slots[empty]] = values[empty]
        lattice.came[slots[empty]] = True
        derived[slots[empty]] = True
    return derived


def _put_edits(lattice: Lattice, edits: Edits | None) -> None:
    """Edited values in place of what came, so that estimates beside them start from them."""
    if edits is not None:
        slot = lattice.slots(edits.starts_us)
        on = lattice.begins(edits.starts_us) & (slot >= 0) & (slot < len(lattice.values))
        lattice.values[slot[on]] = edits.values[on]
        lattice.came[slot[on]] = True


def _conclude(
    lattice: Lattice,
    bits: IntArray,
    derived: BoolArray,
    profile: ChannelProfile,
    beside: _Beside,
    sky: Sky | None,
) -> tuple[FloatArray, IntArray]:
    """What the reasons come to: rejected and estimated, doubted, or valid all the same."""
    rejecting = int(REJECTING & ~Quality.OFF_GRID)
    if profile.channel not in REGISTERS:
        rejecting |= int(Quality.ROLLOVER)
    rejected = bits & rejecting != 0
    doubted = ~rejected & (bits & int(DOUBTING) != 0)
    values = np.where(rejected, np.nan, lattice.values)
    if rejected.any():
        trusted = ~rejected & (bits & int(Quality.ZERO | Quality.ABOVE_CLEAR_SKY) == 0)
        values, methods = estimate(
            lattice,
            values,
            profile,
            beside.rules.estimation,
            trusted=trusted,
            judged=slice(*np.searchsorted(lattice.starts_us, beside.judged_us).tolist()),
            light_wm2=None if sky is None else sky.mean,
            totals=beside.totals,
            donors=beside.donors,
        )
        bits = bits | np.where(rejected, methods, 0)
    bits[doubted] |= int(Quality.QUESTIONABLE)
    bits[~rejected & ~doubted & ~derived & (bits != 0)] |= int(Quality.VALID)
    return values, bits
