"""Estimates for what is missing or was rejected: a line over short gaps, reference days over longer ones.

Every estimate carries its bit; what no method can fill stays missing.
"""

from __future__ import annotations

import numpy as np

from grid.readings import Quality
from grid.time_axis import FloatArray
from grid.units import Channel
from grid.validation.clocks import wall_clock_us
from grid.validation.lattice import DAY_US, BoolArray, Lattice, runs_of
from grid.validation.nouns import ChannelProfile, IntArray, KnownTotals
from grid.validation.range_rules import ONE_WAY, POWER
from grid.validation.settings import EstimationRule
from grid.validation.sum_rules import slots_of_spans

REFERENCE_DAYS_BACK = 14
_REFERENCES_NEEDED = 2
_SHOULDER_HOURS = 24.0
_LEVEL_RANGE = (0.25, 4.0)
_MOST_SCALED = 10.0
_BY_REFERENCE_DAYS = POWER | {Channel.VOLTAGE, Channel.AIR_TEMPERATURE, Channel.IRRADIANCE}


def estimate(
    lattice: Lattice,
    values: FloatArray,
    profile: ChannelProfile,
    rule: EstimationRule,
    *,
    trusted: BoolArray,
    totals: KnownTotals | None,
) -> tuple[FloatArray, IntArray]:
    """Fill what is missing between known values.

    Args:
        values: NaN where missing or rejected, shape (slots,).
        trusted: Which values may serve as a reference for other days, same shape.
        totals: Energy over spans, to which the estimates within are scaled.

    Returns:
        The values with estimates in place, and the bit of the method at each slot, 0 where nothing was estimated.
    """
    filled, bits = values.copy(), np.zeros(len(values), dtype=np.int64)
    begins, ends = runs_of(np.isnan(values))
    inner = (begins > 0) & (ends < len(values)) & (ends - begins <= lattice.slots_in(rule.reference_days_hours))
    begins, ends = begins[inner], ends[inner]
    by_days = lattice.divides_days and profile.channel in _BY_REFERENCE_DAYS
    references = ReferenceDays(lattice, np.where(trusted, values, np.nan), profile) if by_days and len(begins) else None
    for begin, end in zip(begins, ends, strict=True):
        if end - begin <= lattice.slots_in(rule.linear_hours):
            filled[begin:end] = _line(values[begin - 1], values[end], end - begin)
            if references:
                filled[begin:end] += references.bend(begin, end)
            bits[begin:end] = Quality.ESTIMATED_LINEARLY
        elif references:
            references.fill(filled, bits, values, begin, end)
    if profile.channel in ONE_WAY:
        filled[bits != 0] = np.maximum(filled[bits != 0], 0.0)
    if totals is not None and profile.channel in POWER and bits.any():
        _scale_to_totals(lattice, filled, values, bits, totals)
    return filled, bits


def _line(left: FloatArray | float, right: FloatArray | float, slots: int) -> FloatArray:
    """Values of the slots between two known ones on the line between them, shape (slots, ...)."""
    weight = np.arange(1, slots + 1) / (slots + 1)
    line: FloatArray = left + np.multiply.outer(weight, right - left)
    return line


class ReferenceDays:
    """What recent days of the same type had at the same wall-clock time.

    A working day is estimated from working days, Saturday and Sunday from their like; sunlight and weather know no
    weekend and take every day. Only days before count, so that an estimate does not change with days to come.
    """

    def __init__(self, lattice: Lattice, trusted: FloatArray, profile: ChannelProfile) -> None:
        self._per_day = lattice.per_day
        self._shoulder = lattice.slots_in(_SHOULDER_HOURS)
        self._additive = profile.channel not in POWER | {Channel.IRRADIANCE}
        wall_us = wall_clock_us(lattice.starts_us, profile.timezone)
        self._wall = wall_us // lattice.step_us - wall_us[0] // lattice.step_us
        self._weekend = ((wall_us // DAY_US + 3) % 7 >= 5) & (profile.kind != "solar")  # 1970 began on a Thursday
        if profile.channel in {Channel.AIR_TEMPERATURE, Channel.IRRADIANCE}:
            self._weekend[:] = False
        self._at_wall = np.full(int(self._wall.max()) + 1, np.nan)
        self._at_wall[self._wall] = trusted
        self._weekend_at_wall = np.zeros(len(self._at_wall), dtype=np.bool_)
        self._weekend_at_wall[self._wall] = self._weekend

    def _of(self, begin: int, end: int) -> FloatArray:
        """The values of the reference days at each slot, NaN on days of another type, shape (slots, days)."""
        wall = self._wall[begin:end, None] - self._per_day * np.arange(1, REFERENCE_DAYS_BACK + 1)
        there = wall >= 0
        wall = np.maximum(wall, 0)
        like = there & (self._weekend_at_wall[wall] == self._weekend[begin:end, None])
        return np.where(like, self._at_wall[wall], np.nan)

    def bend(self, begin: int, end: int) -> FloatArray:
        """How far the reference days leave the line across the slots, as far as they agree in it, shape (slots,).

        Their mean is shrunk by what it would come to by chance. In a state's demand nearly all of it stays; in a home,
        where every day bends another way, next to nothing.

        References:
            James and Stein, "Estimation with quadratic loss", Proc. 4th Berkeley Symposium, 1961: the positive part,
            with chance counted twice, as Akaike's criterion does for a term that may as well be left out.
        """
        days = self._of(begin - 1, end + 1)
        bends = days[1:-1] - _line(days[0], days[-1], end - begin)
        bends = bends[:, ~np.isnan(bends).any(axis=0)]
        count = bends.shape[1]
        if count < _REFERENCES_NEEDED:
            return np.zeros(end - begin)
        mean: FloatArray = bends.sum(axis=1) / count
        seen, by_chance = float((mean**2).sum()), float(bends.var(axis=1, ddof=1).sum()) / count
        return mean * (1.0 - 2.0 * by_chance / seen) if 2.0 * by_chance < seen < np.inf else np.zeros(end - begin)

    def usual(self, begin: int, end: int) -> FloatArray:
        """The mean over the reference days of each slot from ``begin`` to ``end``; NaN with fewer than two."""
        values = self._of(begin, end)
        known = ~np.isnan(values)
        count = known.sum(axis=1)
        mean = np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1)
        return np.where(count >= _REFERENCES_NEEDED, mean, np.nan)

    def fill(self, filled: FloatArray, bits: IntArray, values: FloatArray, begin: int, end: int) -> None:
        """Estimate slots ``begin`` to ``end`` at the level that the day before and the day after have."""
        usual = self.usual(begin, end)
        told = ~np.isnan(usual)
        if not told.any():
            return
        first, last = max(0, begin - self._shoulder), min(len(values), end + self._shoulder)
        beside = np.concatenate([np.arange(first, begin), np.arange(end, last)])
        beside_usual = np.concatenate([self.usual(first, begin), self.usual(end, last)])
        both = ~np.isnan(beside_usual) & ~np.isnan(values[beside])
        if both.any():
            actual, expected = float(values[beside][both].mean()), float(beside_usual[both].mean())
            if self._additive:
                usual = usual + (actual - expected)
            elif expected > 0:
                usual = usual * np.clip(actual / expected, *_LEVEL_RANGE)
        filled[begin:end][told] = usual[told]
        bits[begin:end][told] = Quality.ESTIMATED_BY_REFERENCE_DAYS


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
