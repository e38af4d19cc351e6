"""Estimates over gaps of up to two hours: along the line between the neighbours, bent as other things bend there.

Three things tell how a channel leaves that line. The clear sky, where the sun drives it: then the line is drawn in the
clear-sky index. A donor, another channel that is known through the gap: it is followed as far as it was followed in
the two weeks before. And what recent days have in common there, of what a donor does not explain.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from grid.time_axis import FloatArray
from grid.validation.lattice import MINUTE_US, BoolArray, Lattice, along_line
from grid.validation.nouns import IntervalReadings
from grid.validation.reference_days import DAYS_BACK, ReferenceDays

_DUSK_WM2 = 100.0  # added to the clear sky's light: where there is little, the line is drawn in what was measured
_DAYS_NEEDED = 5
_WORTH = 0.9


class ShortGaps:
    """The courses of one channel and its donors, each shape (slots,), as indices of the clear sky's light if any."""

    def __init__(
        self,
        lattice: Lattice,
        values: FloatArray,
        *,
        trusted: BoolArray,
        light_wm2: FloatArray | None,
        donors: Sequence[IntervalReadings],
        references: ReferenceDays | None,
    ) -> None:
        self._light = np.ones(len(values)) if light_wm2 is None else light_wm2 + _DUSK_WM2
        self._own = values / self._light
        self._trusted = np.where(trusted, self._own, np.nan)
        self._donors = [
            course / self._light for donor in donors for course in _at_other_moments(_on_slots(lattice, donor))
        ]
        self._references = references
        self._per_day = lattice.per_day

    def estimate(self, begin: int, end: int) -> tuple[FloatArray, bool]:
        """Slots ``begin`` to ``end`` between two known ones, shape (end - begin,), and whether a donor was followed."""
        own, trusted = self._own, self._trusted
        followed = self._followed_course(begin, end)
        if followed is not None:
            own, trusted = own - followed, trusted - followed
        course = along_line(own[begin - 1], own[end], end - begin)
        if self._references is not None:
            course += self._references.bend(trusted, begin, end)
        if followed is not None:
            course += followed[begin:end]
        return course * self._light[begin:end], followed is not None

    def _followed_course(self, begin: int, end: int) -> FloatArray | None:
        """The best donor's course, as far as the channel goes with it; None if no donor is worth following."""
        least, best = _WORTH, None
        for donor in self._donors:
            if not np.isnan(donor[begin - 1 : end + 1]).any():
                unexplained, share = self._followed(donor, begin, end - begin)
                if unexplained < least:
                    least, best = unexplained, share * donor
        return best

    def _followed(self, donor: FloatArray, begin: int, slots: int) -> tuple[float, float]:
        """How the channel followed a donor over spans as long as the gap, in the days before it.

        Returns:
            The squared distance from the donor's course as a share of that from the line, each day by what the other
            days say; and how far the channel goes when the donor goes by one.
        """
        back = slice(max(0, begin - DAYS_BACK * self._per_day), begin)
        if back.stop - back.start < slots + 2:
            return np.inf, 0.0
        bends = _bends(np.stack([self._trusted[back], donor[back]]), slots)
        bends = bends * sliding_window_view(self._light[back], slots + 2)[::-1][::slots, 1:-1]
        known: BoolArray = ~np.isnan(bends.sum(axis=(0, 2)))
        day = (slots * np.arange(len(known)) // self._per_day)[known]
        own, its = bends[:, known]
        both, square, total = (
            np.bincount(day, products.sum(axis=1), minlength=1) for products in (own * its, its * its, own * own)
        )
        others = square.sum() - square
        if np.count_nonzero(total) < _DAYS_NEEDED or not (others > 0).all():
            return np.inf, 0.0
        by_others = (both.sum() - both) / others
        left = float((total - 2.0 * by_others * both + by_others**2 * square).sum())
        return left / float(total.sum()), float(both.sum() / square.sum())


def _bends(courses: FloatArray, slots: int) -> FloatArray:
    """How far courses leave the line across spans of so many slots, the last span first.

    Args:
        courses: Shape (courses, length).

    Returns:
        Shape (courses, spans, slots).
    """
    spans = sliding_window_view(courses, slots + 2, axis=1)[:, ::-1][:, ::slots]
    lines = np.moveaxis(along_line(spans[..., 0], spans[..., -1], slots), 0, -1)
    return np.asarray(spans[..., 1:-1] - lines)


def _at_other_moments(donor: FloatArray) -> list[FloatArray]:
    """A donor's course as it is, half a slot later and half a slot earlier: clouds may reach it at another moment."""
    before, after = np.append(np.nan, donor[:-1]), np.append(donor[1:], np.nan)
    return [donor, (before + donor) / 2.0, (donor + after) / 2.0]


def _on_slots(lattice: Lattice, donor: IntervalReadings) -> FloatArray:
    """A donor's mean over each slot, shape (slots,): NaN where its intervals do not fill it, or are longer."""
    length_us = donor.interval_minutes * MINUTE_US
    per_slot, rest = divmod(lattice.step_us, length_us)
    if rest:
        return np.full(len(lattice.values), np.nan)
    slot = lattice.slots(donor.starts_us)
    on = (slot >= 0) & (slot < len(lattice.values)) & lattice.clock.begins(donor.starts_us, step_us=length_us)
    count = np.bincount(slot[on], minlength=len(lattice.values))
    total = np.bincount(slot[on], donor.values[on], minlength=len(lattice.values))
    return np.where(count == per_slot, total / per_slot, np.nan)
