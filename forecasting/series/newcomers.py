"""Series of a file with less than a day of readings: new meters, which others like them can stand for.

Without three others of its kind and interval that know four weeks and have the same horizon, such a series is a fault.
Of one without any reading nothing tells where its horizon begins: it begins where theirs does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from forecasting.series.request import FileSeries
from grid.faults import Fault

FEWEST_TEACHERS = 3
"""One is forecast as if it were young by the others, so that there are some to differ."""
_LEAST, _LONG = timedelta(days=1), timedelta(days=28)


def newcomer(one: FileSeries) -> bool:
    """Whether less than a day of it is known."""
    return _known(one) < _LEAST


def settled(series: Sequence[FileSeries]) -> tuple[list[FileSeries], list[Fault]]:
    """The same with the horizon of those without a reading, and what is wrong with series that know too little."""
    found = [_settled(one, series) if newcomer(one) else one for one in series]
    return [one for one in found if isinstance(one, FileSeries)], [one for one in found if isinstance(one, Fault)]


def _settled(one: FileSeries, series: Sequence[FileSeries]) -> FileSeries | Fault:
    place, step = f"series {one.series_id}: value", one.axis.step
    known = int(np.isfinite(one.values).sum())
    begins = [
        other.axis.start + step * other.origin
        for other in series
        if (other.settings.kind, other.axis.step, other.axis.end) == (one.settings.kind, step, one.axis.end)
        and _known(other) >= _LONG
    ]
    if known:
        begins = [instant for instant in begins if instant == one.axis.start + step * one.origin]
    if len(begins) < FEWEST_TEACHERS or len(set(begins)) > 1:
        problem = "is empty in every row"
        if known:
            problem = f"has {known} known values, less than a day of {one.settings.interval_minutes} minutes"
        like = f"{FEWEST_TEACHERS} series of its kind with {_LONG.days} known days and one horizon to learn from"
        return Fault(place, problem, f"give a longer history, or {like}")
    if known:
        return one
    origin = (begins[0] - one.axis.start) // step
    return replace(one, origin=max(origin, 0), asked=one.asked[one.asked >= origin])


def _known(one: FileSeries) -> timedelta:
    return int(np.isfinite(one.values).sum()) * one.axis.step
