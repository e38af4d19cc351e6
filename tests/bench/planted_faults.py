"""Faults planted in a real channel at places drawn from a seed, and whether the verdicts find them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from grid.readings import Quality
from grid.time_axis import FloatArray
from grid.validation import IntervalReadings, Verdicts
from grid.validation.nouns import IntArray

DAY_US = 86_400_000_000


@dataclass
class Planting:
    """A channel with faults in it.

    Attributes:
        readings: As they would have been sent.
        faults: By kind: the starts of the intervals that are wrong, and the bits any of which finds them.
        touched: Starts that a fault has changed or taken away, so that they are no clean intervals.
    """

    readings: IntervalReadings
    faults: dict[str, tuple[list[IntArray], Quality]] = field(default_factory=dict)
    touched: list[IntArray] = field(default_factory=list)


_IDLE = 0.05
"""A channel that is zero more often is no active meter: what is planted there could be true."""

Change = Callable[[FloatArray, np.random.Generator, float], FloatArray]
"""New values out of the true ones, with random numbers, at the channel's high."""


@dataclass(frozen=True)
class Kind:
    """A kind of fault: for how many hours it lasts, from least to most, what it does, and the bits that find it."""

    hours: tuple[float, float]
    change: Change
    found_by: Quality
    in_use: bool = False


def _spike(values: FloatArray, rng: np.random.Generator, high: float) -> FloatArray:
    return values + high * np.exp(rng.uniform(np.log(2.0), np.log(10.0)))


def _negative(values: FloatArray, rng: np.random.Generator, high: float) -> FloatArray:
    return -values


def _sentinel(values: FloatArray, rng: np.random.Generator, high: float) -> FloatArray:
    """65535 Wh and the like in an interval, as large as the meter's resolution makes them for this channel."""
    mark = float(rng.choice([-99.0, -999.0, 9999.0, 32767.0, 65535.0, 6553.5, 999999.0]))
    while abs(mark) < 2.0 * high and mark > 0:
        mark *= 1000.0
    return np.full(len(values), mark)


def _wrap(values: FloatArray, rng: np.random.Generator, high: float) -> FloatArray:
    """Two neighbours off by a counter's jump and back, such as 2155 kWh."""
    return values + float(rng.uniform(300.0, 3000.0)) * high / 2.0 * np.array([-1.0, 1.0]) * rng.choice([-1.0, 1.0])


KINDS: dict[str, Kind] = {
    "spike": Kind((0, 0), _spike, Quality.SPIKE | Quality.OUT_OF_RANGE),
    "unit error x 1000": Kind((0, 12), lambda v, rng, high: v * 1000.0, Quality.OUT_OF_RANGE | Quality.SPIKE, True),
    "negative": Kind((0, 6), _negative, Quality.NEGATIVE, True),
    "sentinel": Kind((0, 12), _sentinel, Quality.SENTINEL),
    "flat line": Kind((8, 48), lambda v, rng, high: np.full(len(v), v[0]), Quality.FLAT_LINE, True),
    "zero": Kind((8, 48), lambda v, rng, high: np.zeros(len(v)), Quality.ZERO, True),
    "counter wrap": Kind((0, 0), _wrap, Quality.ROLLOVER),
    "missing": Kind((0, 48), lambda v, rng, high: np.full(len(v), np.nan), Quality.MISSING),
}


def plant(readings: IntervalReadings, rng: np.random.Generator, *, each: int) -> Planting:
    """``each`` faults of every kind at random places that are known, a day or more apart."""
    planting = Planting(replace(readings, values=readings.values.copy(), received_us=readings.received_us.copy()))
    free = ~np.isnan(readings.values)
    high = float(np.nanquantile(readings.values, 0.98))
    for _ in range(each):
        for name, kind in KINDS.items():
            if name == "zero" and (readings.values == 0).mean() > _IDLE:
                continue
            slots = 2 if name == "counter wrap" else _slots(readings, rng, kind.hours)
            begin = _place(readings, free, rng, slots, in_use=kind.in_use, high=high)
            if begin is not None:
                values = planting.readings.values
                true = values[begin : begin + slots].copy()
                values[begin : begin + slots] = kind.change(true, rng, high)
                wrong = (true > 0) if kind.in_use else np.ones(slots, dtype=bool)
                _note(planting, name, readings.starts_us[begin : begin + slots], kind.found_by, wrong=wrong)
    return _stamps(planting, free, rng, each)


def _stamps(planting: Planting, free: np.ndarray, rng: np.random.Generator, each: int) -> Planting:
    """Gaps, shifted stamps, and receipts too early and too late."""
    readings = planting.readings
    starts, received = readings.starts_us.copy(), readings.received_us.copy()
    kept = np.ones(len(starts), dtype=bool)
    step_us = readings.interval_minutes * 60_000_000
    for _ in range(each):
        for name, hours in (("gap", (0, 48)), ("off grid", (0, 4)), ("future", (0, 4)), ("late", (0, 24))):
            slots = _slots(readings, rng, hours)
            begin = _place(readings, free, rng, slots, in_use=False, high=0.0)
            if begin is None:
                continue
            fault = slice(begin, begin + slots)
            if name == "gap":
                kept[fault] = False
                _note(planting, name, readings.starts_us[fault], Quality.GAP)
            elif name == "off grid":
                starts[fault] += int(rng.integers(1, readings.interval_minutes)) * 60_000_000
                planting.touched.append(readings.starts_us[begin : begin + slots + 1])
                _note(planting, name, starts[fault], Quality.OFF_GRID)
            elif name == "future":
                received[fault] = starts[fault] - int(rng.integers(1, 48)) * step_us
                _note(planting, name, starts[fault], Quality.FUTURE)
            else:
                received[fault] += int(rng.integers(5, 20)) * DAY_US
                _note(planting, name, starts[fault], Quality.LATE)
    planting.readings = IntervalReadings(readings.interval_minutes, starts[kept], readings.values[kept], received[kept])
    return planting


def _slots(readings: IntervalReadings, rng: np.random.Generator, hours: tuple[float, float]) -> int:
    """How many slots a fault lasts: one, or two, where it has no length."""
    if hours == (0, 0):
        return int(rng.integers(1, 3))
    per_hour = 60.0 / readings.interval_minutes
    least, most = max(1.0, hours[0] * per_hour), hours[1] * per_hour
    return round(float(np.exp(rng.uniform(np.log(least), np.log(most)))))


def _place(
    readings: IntervalReadings, free: np.ndarray, rng: np.random.Generator, slots: int, *, in_use: bool, high: float
) -> int | None:
    """Where ``slots`` readings in a row are free, with a day around them, which is then taken; None after 50 tries."""
    day = 1440 // readings.interval_minutes
    for _ in range(50):
        begin = int(rng.integers(day, len(free) - slots - day))
        span = slice(begin - day, begin + slots + day)
        regular = readings.starts_us[span.stop - 1] - readings.starts_us[span.start] == (
            (slots + 2 * day - 1) * readings.interval_minutes * 60_000_000
        )
        if free[span].all() and regular and (not in_use or readings.values[begin] > 0.02 * high):
            free[span] = False
            return begin
    return None


def _note(
    planting: Planting, name: str, starts: IntArray, found_by: Quality, *, wrong: np.ndarray | None = None
) -> None:
    planting.faults.setdefault(name, ([], found_by))[0].append(starts if wrong is None else starts[wrong])
    planting.touched.append(starts)


def found(planting: Planting, verdicts: Verdicts) -> dict[str, tuple[int, int]]:
    """By kind: how many wrong intervals the verdicts find by a fitting reason, of how many."""
    return {
        name: (
            sum(int(np.isin(starts, verdicts.starts_us[verdicts.quality & int(bits) != 0]).sum()) for starts in faults),
            sum(len(starts) for starts in faults),
        )
        for name, (faults, bits) in planting.faults.items()
    }
