"""What recent days of the same type had at the same wall-clock time, for estimates."""

from __future__ import annotations

import numpy as np

from grid.time_axis import FloatArray
from grid.units import Channel
from grid.validation.clocks import wall_clock_us
from grid.validation.lattice import DAY_US, Lattice, along_line
from grid.validation.nouns import ChannelProfile
from grid.validation.range_rules import POWER

DAYS_BACK = 14
_NEEDED = 2
_SHOULDER_HOURS = 24.0
_LEVEL_RANGE = (0.25, 4.0)
_BY_DAYS = POWER | {Channel.VOLTAGE, Channel.AIR_TEMPERATURE, Channel.IRRADIANCE}


def days_tell(lattice: Lattice, profile: ChannelProfile) -> bool:
    """Whether a day of this channel says anything of another."""
    return lattice.divides_days and profile.channel in _BY_DAYS


class ReferenceDays:
    """What recent days of the same type had at the same wall-clock time.

    A working day is estimated from working days, Saturday and Sunday from their like; sunlight and weather know no
    weekend and take every day. Only days before count, so that an estimate does not change with days to come.
    """

    def __init__(self, lattice: Lattice, profile: ChannelProfile) -> None:
        self._per_day = lattice.per_day
        self._shoulder = lattice.slots_in(_SHOULDER_HOURS)
        self._additive = profile.channel not in POWER | {Channel.IRRADIANCE}
        wall_us = wall_clock_us(lattice.starts_us, profile.timezone)
        self._wall = wall_us // lattice.step_us - wall_us[0] // lattice.step_us
        self._weekend = ((wall_us // DAY_US + 3) % 7 >= 5) & (profile.kind != "solar")  # 1970 began on a Thursday
        if profile.channel in {Channel.AIR_TEMPERATURE, Channel.IRRADIANCE}:
            self._weekend[:] = False
        self._slot_at_wall = np.full(int(self._wall.max()) + 1, -1)
        self._slot_at_wall[self._wall] = np.arange(len(self._wall))

    def _of(self, course: FloatArray, begin: int, end: int) -> FloatArray:
        """The values of the reference days at each slot, NaN on days of another type, shape (slots, days)."""
        wall = self._wall[begin:end, None] - self._per_day * np.arange(1, DAYS_BACK + 1)
        slot = np.where(wall >= 0, self._slot_at_wall[np.maximum(wall, 0)], -1)
        like = (slot >= 0) & (self._weekend[slot] == self._weekend[begin:end, None])
        return np.where(like, course[slot], np.nan)

    def bend(self, course: FloatArray, begin: int, end: int) -> FloatArray:
        """How far the reference days leave the line across the slots, as far as they agree in it, shape (slots,).

        Their mean is shrunk by what it would come to by chance. In a state's demand nearly all of it stays; in a home,
        where every day bends another way, next to nothing.

        Args:
            course: What is taken from other days, NaN where it cannot be trusted, shape (slots,).

        References:
            James and Stein, "Estimation with quadratic loss", Proc. 4th Berkeley Symposium, 1961: the positive part,
            with chance counted twice, as Akaike's criterion does for a term that may as well be left out.
        """
        days = self._of(course, begin - 1, end + 1)
        bends = days[1:-1] - along_line(days[0], days[-1], end - begin)
        bends = bends[:, ~np.isnan(bends).any(axis=0)]
        count = bends.shape[1]
        if count < _NEEDED:
            return np.zeros(end - begin)
        mean: FloatArray = bends.sum(axis=1) / count
        seen, by_chance = float((mean**2).sum()), float(bends.var(axis=1, ddof=1).sum()) / count
        return mean * (1.0 - 2.0 * by_chance / seen) if 2.0 * by_chance < seen < np.inf else np.zeros(end - begin)

    def level_with(self, values: FloatArray, course: FloatArray, begin: int, end: int) -> FloatArray:
        """The usual course of slots ``begin`` to ``end`` at the level of the day before and the day after.

        Args:
            values: NaN where missing or rejected, shape (slots,).
            course: Those of the values that can be trusted, same shape.

        Returns:
            Shape (end - begin,); NaN with fewer than two reference days.
        """
        usual = self._usual(course, begin, end)
        if np.isnan(usual).all():
            return usual
        first, last = max(0, begin - self._shoulder), min(len(values), end + self._shoulder)
        beside = np.concatenate([np.arange(first, begin), np.arange(end, last)])
        beside_usual = np.concatenate([self._usual(course, first, begin), self._usual(course, end, last)])
        both = ~np.isnan(beside_usual) & ~np.isnan(values[beside])
        if both.any():
            actual, expected = float(values[beside][both].mean()), float(beside_usual[both].mean())
            if self._additive:
                return usual + (actual - expected)
            if expected > 0:
                return usual * min(max(actual / expected, _LEVEL_RANGE[0]), _LEVEL_RANGE[1])
        return usual

    def _usual(self, course: FloatArray, begin: int, end: int) -> FloatArray:
        """The mean over the reference days of each slot from ``begin`` to ``end``; NaN with fewer than two."""
        values = self._of(course, begin, end)
        known = ~np.isnan(values)
        count = known.sum(axis=1)
        mean = np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1)
        return np.where(count >= _NEEDED, mean, np.nan)
