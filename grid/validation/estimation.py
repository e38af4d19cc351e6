"""Estimates for what is missing or was rejected: a line over short gaps, reference days over longer ones.

Every estimate carries its bit; what no method can fill stays missing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grid.readings import Quality
from grid.time_axis import FloatArray
from grid.validation.lattice import BoolArray, Lattice, runs_of
from grid.validation.nouns import ChannelProfile, IntArray, IntervalReadings, KnownTotals
from grid.validation.range_rules import ONE_WAY, POWER
from grid.validation.reference_days import ReferenceDays, days_tell
from grid.validation.settings import EstimationRule
from grid.validation.short_gaps import ShortGaps
from grid.validation.sum_rules import slots_of_spans

_MOST_SCALED = 10.0


def estimate(
    lattice: Lattice,
    values: FloatArray,
    profile: ChannelProfile,
    rule: EstimationRule,
    *,
    trusted: BoolArray,
    judged: slice,
    light_wm2: FloatArray | None = None,
    totals: KnownTotals | None = None,
    donors: Sequence[IntervalReadings] = (),
) -> tuple[FloatArray, IntArray]:
    """Fill what is missing between known values.

    Args:
        values: NaN where missing or rejected, shape (slots,).
        trusted: Which values may serve as a reference for other days, same shape.
        judged: The slots whose estimates are asked for. A gap that neither they nor a total that bears on them touch
            stays missing.
        light_wm2: The clear sky's light where the sun drives the channel, same shape.
        totals: Energy over spans, to which the estimates within are scaled.
        donors: Channels whose course short gaps may follow.

    Returns:
        The values with estimates in place, and the bits of the method at each slot, 0 where nothing was estimated.
    """
    filled, bits = values.copy(), np.zeros(len(values), dtype=np.int64)
    begins, ends = runs_of(np.isnan(values))
    needed = _with_totals(lattice, judged, totals)
    asked = (begins < needed.stop) & (ends > needed.start)
    inner = (begins > 0) & (ends < len(values)) & (ends - begins <= lattice.slots_in(rule.reference_days_hours))
    begins, ends = begins[asked & inner], ends[asked & inner]
    if not len(begins):
        return filled, bits
    references = ReferenceDays(lattice, profile) if days_tell(lattice, profile) else None
    short = ShortGaps(lattice, values, trusted=trusted, light_wm2=light_wm2, donors=donors, references=references)
    course = np.where(trusted, values, np.nan)
    for begin, end in zip(begins, ends, strict=True):
        gap = slice(begin, end)
        if end - begin <= lattice.slots_in(rule.linear_hours):
            filled[gap], followed = short.estimate(begin, end)
            bits[gap] = Quality.ESTIMATED_LINEARLY | (Quality.DERIVED if followed else 0)
        elif references:
            filled[gap] = references.level_with(values, course, begin, end)
            bits[gap][~np.isnan(filled[gap])] = Quality.ESTIMATED_BY_REFERENCE_DAYS
    most = np.inf if profile.capacity is None else profile.capacity
    least = 0.0 if profile.channel in ONE_WAY else -np.inf
    filled[bits != 0] = np.clip(filled[bits != 0], least, most)
    if totals is not None and profile.channel in POWER and bits.any():
        _scale_to_totals(lattice, filled, values, bits, totals)
        filled[bits != 0] = np.minimum(filled[bits != 0], most)
    return filled, bits


def _with_totals(lattice: Lattice, judged: slice, totals: KnownTotals | None) -> slice:
    """The judged slots, and beside them the rest of the spans that reach into them: all of a span is scaled alike."""
    if totals is None:
        return judged
    begins, ends, _ = slots_of_spans(lattice, totals)
    reach = (begins < judged.stop) & (ends > judged.start)
    return slice(min([judged.start, *begins[reach].tolist()]), max([judged.stop, *ends[reach].tolist()]))


def _scale_to_totals(
    lattice: Lattice, filled: FloatArray, values: FloatArray, bits: IntArray, totals: KnownTotals
) -> None:
    """Scale the estimates within each span so that the span's energy is what the register counted.

    A total that would raise them more than tenfold is not believed: it holds something else, such as what piled up
    while the meter was silent.
    """
    begins, ends, kwh = slots_of_spans(lattice, totals)
    estimated = np.concatenate([[0], np.cumsum(bits != 0)])
    missing = np.concatenate([[0], np.cumsum(np.isnan(filled))])
    touched = (estimated[ends] > estimated[begins]) & (missing[ends] == missing[begins])
    hours = lattice.hours
    for begin, end, total in zip(begins[touched], ends[touched], kwh[touched], strict=True):
        span, long, guessed = filled[begin:end], hours[begin:end], bits[begin:end] != 0
        rest = total - float((values[begin:end] * long)[~guessed].sum())
        now = float((span * long)[guessed].sum())
        if now > 0 and 0 <= rest <= _MOST_SCALED * now:
            span[guessed] *= rest / now
        elif now == 0 and rest >= 0:
            span[guessed] = rest / long[guessed].sum()
