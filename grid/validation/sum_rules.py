"""Sums that must close: parts against their check meter, intervals against what a register counted."""

from __future__ import annotations

import numpy as np

from grid.time_axis import FloatArray
from grid.validation.lattice import BoolArray, Lattice
from grid.validation.nouns import IntArray, IntervalReadings, KnownTotals
from grid.validation.settings import SumRule


def parts_mismatch(
    lattice: Lattice, values: FloatArray, parts: IntervalReadings, peak: FloatArray, rule: SumRule
) -> BoolArray:
    """Where the parts do not add up to their check meter.

    Args:
        values: Of the check meter, NaN where missing or rejected, shape (slots,).
        parts: The sum of the parts, on the same interval length; NaN where a part is missing.
        peak: The usual peak at each slot.

    Raises:
        ValueError: If the parts have intervals of another length.
    """
    if parts.interval_minutes * 60_000_000 != lattice.step_us:
        raise ValueError(
            f"parts must have the check meter's interval of {lattice.step_us // 60_000_000} minutes, got "
            f"{parts.interval_minutes}; resample them first"
        )
    slot, aligned = _slots(lattice, parts.starts_us)
    together = np.full(len(values), np.nan)
    together[slot[aligned]] = parts.values[aligned]
    slack = rule.share * np.maximum(np.abs(values), np.abs(together)) + rule.share_of_usual * np.nan_to_num(peak)
    open_: BoolArray = np.abs(values - together) > slack
    return open_


def totals_mismatch(lattice: Lattice, values: FloatArray, totals: KnownTotals, rule: SumRule) -> BoolArray:
    """The slots of spans over which the intervals do not add up to the register. Spans with a gap are not compared.

    Args:
        values: Mean power, NaN where missing or rejected, shape (slots,). [kW]
    """
    begins, ends, kwh = slots_of_spans(lattice, totals)
    known = ~np.isnan(values)
    energy = np.where(known, values, 0.0) * lattice.hours
    open_ = np.zeros(len(values), dtype=np.bool_)
    complete = np.concatenate([[0], np.cumsum(known)])
    for begin, end, total in zip(begins, ends, kwh, strict=True):
        if complete[end] - complete[begin] == end - begin:
            told = float(energy[begin:end].sum())
            if abs(told - total) > rule.share * max(abs(told), abs(total)) + 0.01:
                open_[begin:end] = True
    return open_


def slots_of_spans(lattice: Lattice, totals: KnownTotals) -> tuple[IntArray, IntArray, FloatArray]:
    """First slot, slot after the last, and energy of the spans that begin and end on slots within the lattice."""
    begin, on = _slots(lattice, totals.starts_us)
    end = lattice.slots(totals.ends_us)
    kept = on & lattice.begins(totals.ends_us) & (end > begin) & (end <= len(lattice.values))
    return begin[kept], end[kept], totals.kwh[kept]


def _slots(lattice: Lattice, starts_us: IntArray) -> tuple[IntArray, BoolArray]:
    """The slot of each start, and whether it begins just there."""
    slot = lattice.slots(starts_us)
    inside = (slot >= 0) & (slot < len(lattice.values))
    return slot, inside & lattice.begins(starts_us)
