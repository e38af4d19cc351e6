"""What is wrong with the hierarchy that the series' ``parent`` make: a series is a part of its parent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter

import numpy as np

from forecasting.series.request import FileSeries
from grid.faults import Fault

_LESS_THAN_PARTS = 0.1
"""A parent's meter and those of its parts differ by their classes, a few per cent, and by losses, which make the parent
the larger. One that lacks more than this of its parts' sizes is in another unit, or a part generates."""
_JUDGED_FROM = timedelta(days=1)
"""Less than that in common is too little to tell."""


def parent_faults(series: Sequence[FileSeries]) -> Iterator[Fault]:
    """The faults of every named parent, and of every parent that measured clearly less than its parts."""
    by_name = {one.series_id: one for one in series}
    parts: dict[str, list[FileSeries]] = {}
    for one in series:
        place, parent = f"SERIES.json {one.series_id}: parent", one.settings.parent
        if parent is None:
            continue
        if parent not in by_name:
            yield Fault(place, f"the file has no series {parent!r}", "name a series of the file, or leave it out")
            continue
        above = by_name[parent]
        if _measure(one) != _measure(above):
            problem = f"{one.series_id} and {parent} must have one unit, interval and horizon to add up"
            yield Fault(place, problem, "give both alike, or leave the parent out")
        elif {one.settings.kind, above.settings.kind} == {"load", "solar"}:
            problem = f"{one.settings.kind} {one.series_id} is no part of {above.settings.kind} {parent}"
            yield Fault(place, problem, "leave the parent out: what generates lessens a load")
        else:
            parts.setdefault(parent, []).append(one)
    try:
        TopologicalSorter({one.series_id: {one.settings.parent} - {None} for one in series}).prepare()
    except CycleError as error:
        problem = f"goes round in a circle: {' → '.join(error.args[1])}, each the parent of the next"
        yield Fault("SERIES.json: parent", problem, "take one out")
        return
    for parent, own in parts.items():
        share = _lacking(by_name[parent], own)
        if share > _LESS_THAN_PARTS:
            problem = f"measured {share:.0%} less than its parts {', '.join(one.series_id for one in own)}"
            remedy = "is its unit another, or does a part generate? Correct it, or leave their parent out"
            yield Fault(f"series {parent}", problem, remedy)


def _lacking(parent: FileSeries, parts: Sequence[FileSeries]) -> float:
    """By which share of its parts' sizes, a generating one's too, a parent measured less than their sum.

    Over the intervals that all know but parts without readings; 0 if they are fewer than a day.
    """
    parts = [one for one in parts if np.isfinite(one.values).any()]
    recent = min(one.origin for one in (parent, *parts))
    own, *others = (one.values[one.origin - recent : one.origin] for one in (parent, *parts))
    summed = np.sum(others, axis=0)
    known = np.isfinite(own - summed)
    size = float(sum(np.abs(other[known]).sum() for other in others))
    judged = int(known.sum()) * parent.axis.step >= _JUDGED_FROM and size > 0.0
    return float((summed - own)[known].sum()) / size if judged else 0.0


def _measure(one: FileSeries) -> tuple[object, ...]:
    axis = one.axis
    return one.settings.unit, axis.step, axis.start + axis.step * one.origin, axis.periods - one.origin
