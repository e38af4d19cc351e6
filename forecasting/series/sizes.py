"""Values of a file that its meter cannot have measured: marks for "no value", absurd sizes, power of the wrong sign.

One such cell changes a whole forecast, so it is a fault and nothing is guessed in its place.
"""

from __future__ import annotations

import numpy as np

from forecasting.series.cells import BoolArray, Numbers, tell
from forecasting.series.request import SeriesSettings
from grid.faults import Fault
from grid.time_axis import FloatArray
from grid.validation.range_rules import may_be_sentinel

_OVER_CAPACITY = 2.0
_HIGHEST = 0.99
"""The quantile of a series' sizes that is usually its highest: a few larger ones may be faults."""
_REPEATED = 3
"""What it reached so often is usual, too: a charger runs an hour a week and a factory again since yesterday, while a
spike stands alone."""
_OVER_USUAL = {"solar": 10.0, "load": 50.0, "generic": 1000.0}
"""Times that. Homes drew 25 times what is usual in three days and 5 times in a year, solar plants yielded 2.5 times;
prices jump to 150 times. Counters that wrapped read over 1,000 times as much, a gap's energy told at its end up to 80
times; and a clear sky learnt from a plant's own past is lost from 75 times on."""
_MARK_OVER_USUAL = 3.0
_OFTEN = 0.05
"""A larger share of what is known than that is how a battery runs, at −99 for hours, unless it would be absurd."""
_BELOW_ZERO = 0.1
"""Below zero by such a share of its capacity, or of its largest value, solar power has the wrong sign; by less, it is
what an inverter draws at night."""
_NEARLY_ALWAYS = 0.9


def check_sizes(faults: list[Fault], place: str, settings: SeriesSettings, value: FloatArray, numbers: Numbers) -> None:
    """Tell values that are a device's mark for "no value", or absurdly large; up to ``capacity`` all are believed.

    A generic series may have any value, a price of −99 or 9999 too, so it has no marks.

    Args:
        value: Shape (rows,). NaN where unknown.
        numbers: Lines or rows of the file.
    """
    marks = may_be_sentinel(value, interval_minutes=settings.interval_minutes) & (settings.kind != "generic")
    size = value if settings.kind == "solar" else np.abs(value)  # what a plant draws tells nothing of what it yields
    told = size[~marks & (size > 0.0)] if (~marks & (size > 0.0)).any() else size[size > 0.0]
    if not len(told):
        return
    often = np.sort(told)[-_REPEATED:][0]
    usual = max(float(often), float(np.quantile(told, _HIGHEST, method="lower")))
    doubted = np.abs(value) > (settings.capacity or 0.0)
    times = _OVER_USUAL[settings.kind]
    remedy = "leave the cell empty, correct it, or give capacity in SERIES.json if it is true"
    marks &= doubted & (np.abs(value) > _MARK_OVER_USUAL * usual)
    if marks.sum() > _OFTEN * np.isfinite(value).sum():
        marks &= np.abs(value) > times * usual
    problem = f'is a mark for "no value", as devices send it; what is usually its highest is {usual:.3g}'
    tell(faults, marks, place, problem, remedy, numbers)
    absurd = ~marks & doubted & (size > times * usual)
    problem = f"is absurd: more than {times:g} times what is usually its highest, {usual:.3g}"
    tell(faults, absurd, place, problem, remedy, numbers)


def check_sun(faults: list[Fault], place: str, capacity: float | None, value: FloatArray, numbers: Numbers) -> None:
    """Tell solar power far above capacity or far below zero; one value at least is known."""
    remedy = "turn its sign, leave the cell empty, or give capacity in SERIES.json"
    if capacity is not None:
        over, problem = value > _OVER_CAPACITY * capacity, f"is more than twice the capacity of {capacity:g}"
        tell(faults, over, place, problem, "correct it, or capacity in SERIES.json", numbers)
        remedy = "turn its sign, or leave the cell empty"
    problem = "is far below zero, where solar power cannot be"
    tell(faults, _of_wrong_sign(value, capacity), place, problem, remedy, numbers)


def _of_wrong_sign(value: FloatArray, capacity: float | None) -> BoolArray:
    """Where solar power is further below zero than what an inverter draws.

    Where capacity is unknown, a plant in snow must not be taken for one of the wrong sign: what it draws is less than
    what it ever yields, or is drawn at nearly all hours, at which the sun does not shine.
    """
    if capacity is not None:
        return np.less(value, -_BELOW_ZERO * capacity)
    lowest, highest = np.nanmin(value), np.nanmax(value)
    below: BoolArray = np.less(value, _BELOW_ZERO * lowest)
    by_day = below[np.isfinite(value)].mean() < _NEARLY_ALWAYS
    return np.logical_and(below, by_day and -lowest > highest)
