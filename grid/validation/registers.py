"""Registers: what a meter counts up and never down, until it wraps to zero or is exchanged."""

from __future__ import annotations

import numpy as np

from grid.time_axis import FloatArray
from grid.validation.lattice import DAY_US, BoolArray
from grid.validation.nouns import IntervalReadings, KnownTotals

LONGEST_SPAN_DAYS = 8
"""Totals over longer spans say too little about a single hour, and would bind a verdict to readings far away."""

_NEAR_THE_END = 0.9
_DIGITS: FloatArray = np.array([10.0**digits for digits in range(3, 10)])


def rolled_over(kwh: FloatArray, *, register_kwh: float | None) -> BoolArray:
    """Where a register has wrapped to zero since the reading before.

    It must have stood in the last tenth of its range and stand in the first tenth now. Where the range is not known
    it is the power of ten, of 1,000 kWh or more, that the reading before was about to reach.

    Args:
        kwh: Readings in order of time, none missing, shape (readings,). [kWh]
    """
    before, now = kwh[:-1], kwh[1:]
    end = register_kwh if register_kwh else _next_power_of_ten(before)
    rolled = (now < before) & (before >= _NEAR_THE_END * end) & (now <= (1.0 - _NEAR_THE_END) * end)
    return np.concatenate([np.zeros(min(1, len(kwh)), dtype=np.bool_), rolled])


def misread(kwh: FloatArray, *, register_kwh: float | None) -> BoolArray:
    """Single readings that leave the count and come back to it: too high, or too low, between two that agree."""
    if len(kwh) < 3:
        return np.zeros(len(kwh), dtype=np.bool_)
    before, now, after = kwh[:-2], kwh[1:-1], kwh[2:]
    falls = rolled_over(kwh, register_kwh=register_kwh)
    agree = (after >= before) & ~falls[1:-1] & ~falls[2:]
    odd = agree & ((now > after) | (now < before))
    return np.concatenate([[False], odd, [False]])


def was_reset(kwh: FloatArray, *, register_kwh: float | None) -> BoolArray:
    """Where a register stands lower than before without having wrapped: the meter was exchanged or set to zero."""
    fell = np.concatenate([np.zeros(min(1, len(kwh)), dtype=np.bool_), kwh[1:] < kwh[:-1]])
    return fell & ~rolled_over(kwh, register_kwh=register_kwh)


def known_totals(register: IntervalReadings, *, register_kwh: float | None = None) -> KnownTotals:
    """Energy between neighbouring readings of a register, counted on over a wrap.

    There is no total over a reset, over a misread value, nor over more than :data:`LONGEST_SPAN_DAYS`.

    Args:
        register: Readings at the starts of their intervals; NaN where missing. [kWh]
        register_kwh: Where the register wraps to zero.
    """
    known = ~np.isnan(register.values)
    starts, kwh = register.starts_us[known], register.values[known]
    good = ~misread(kwh, register_kwh=register_kwh)
    starts, kwh = starts[good], kwh[good]
    rolled = rolled_over(kwh, register_kwh=register_kwh)[1:]
    end = register_kwh if register_kwh else _next_power_of_ten(kwh[:-1])
    energy = np.diff(kwh) + np.where(rolled, end, 0.0)
    kept = (energy >= 0) & (np.diff(starts) <= LONGEST_SPAN_DAYS * DAY_US)
    return KnownTotals(starts[:-1][kept], starts[1:][kept], energy[kept])


def _next_power_of_ten(kwh: FloatArray) -> FloatArray:
    """The smallest power of ten, 1,000 or more, above each reading."""
    above: FloatArray = _DIGITS[np.minimum(np.searchsorted(_DIGITS, kwh, side="right"), len(_DIGITS) - 1)]
    return above
