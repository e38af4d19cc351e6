"""How long the histories of a file are, and which series may teach one that is too young to be trained on.

Of a series without any reading nothing tells where its horizon begins: it begins where its teachers' does. One with
less than a day of readings whom nobody can teach is a fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from forecasting.series.request import FileSeries
from forecasting.series.splits import MINIMUM_KNOWN_HOURS, split_history
from grid.faults import Fault
from grid.time_axis import TimeAxis

TRAINED, SHORT, NEW = AGES = ("trained", "short", "new")
"""Whether history is long enough to train on, too short, or less than a day."""
FEWEST_TEACHERS = 3
"""One is forecast as if it were young by the others, so that there are some to differ."""
_LEAST, _HOUR = timedelta(days=1), timedelta(hours=1)
_LONGITUDES_DEG, _LATITUDES_DEG = 15.0, 10.0
"""Plants further apart have another sun: by an hour, or by the length of its days."""


def age_of(one: FileSeries) -> str:
    """One of :data:`AGES`."""
    if int(np.isfinite(one.values).sum()) * one.axis.step < _LEAST:
        return NEW
    an_hour = _HOUR // one.axis.step
    tail = split_history(-(-one.origin // an_hour), _hours_ahead(one)).tail
    known = np.isfinite(one.values[: tail * an_hour]).sum() / an_hour
    return TRAINED if known >= MINIMUM_KNOWN_HOURS else SHORT


def able_to_teach(series: Sequence[FileSeries]) -> list[FileSeries]:
    """Those that can be trained on and have a backtest as long as their horizon. No total: its parts are unlike it."""
    totals = {one.settings.parent for one in series}
    return [
        one
        for one in series
        if one.series_id not in totals
        and (hours := -(-one.origin * one.axis.step // _HOUR)) - split_history(hours, 0).test >= _hours_ahead(one)
        and age_of(one) == TRAINED
    ]


def teachers_of(one: FileSeries, able: Sequence[FileSeries]) -> list[FileSeries]:
    """Those of its kind, unit, interval and horizon, for the sun under much the same; none if they are too few.

    Of a series without a reading the horizon is theirs.
    """
    wanted = _begins(one) if np.isfinite(one.values).any() else None
    found = [
        other
        for other in able
        if (other.settings.kind, other.axis.step, other.axis.end) == (one.settings.kind, one.axis.step, one.axis.end)
        and wanted in {None, _begins(other)}
        and (other.settings.unit == one.settings.unit or not (other.settings.unit and one.settings.unit))
        and (one.settings.kind != "solar" or _under_one_sun(one, other))
    ]
    return found if len(found) >= FEWEST_TEACHERS and len({_begins(other) for other in found}) == 1 else []


def settled(series: Sequence[FileSeries]) -> tuple[list[FileSeries], list[Fault]]:
    """The same with the horizon of those without a reading, and what is wrong with series that know too little."""
    able = able_to_teach(series)
    found = [_settled(one, able) if age_of(one) == NEW else one for one in series]
    return [one for one in found if isinstance(one, FileSeries)], [one for one in found if isinstance(one, Fault)]


def _settled(one: FileSeries, able: Sequence[FileSeries]) -> FileSeries | Fault:
    known = int(np.isfinite(one.values).sum())
    teachers = teachers_of(one, able)
    if not teachers:
        problem = "is empty in every row"
        if known:
            problem = f"has {known} known values, less than a day of {one.settings.interval_minutes} minutes"
        like = f"{FEWEST_TEACHERS} series of its kind, unit{', sun' * (one.settings.kind == 'solar')} and horizon"
        remedy = f"give a longer history, or {like} to learn from, each of four weeks and five times the horizon"
        return Fault(f"series {one.series_id}: value", problem, remedy)
    return one if known else _beginning_with(teachers[0], one)


def _beginning_with(other: FileSeries, one: FileSeries) -> FileSeries:
    """A series without a reading whose horizon begins with another's; its rows may begin later."""
    origin = (_begins(other) - one.axis.start) // one.axis.step
    before = max(-origin, 0)
    empty = np.full(before, np.nan)
    return replace(
        one,
        axis=TimeAxis(one.axis.start - before * one.axis.step, one.axis.step, before + one.axis.periods),
        values=np.concatenate([empty, one.values]),
        origin=max(origin, 0),
        asked=one.asked[one.asked >= origin] + before,
        covariates={name: np.concatenate([empty, values]) for name, values in one.covariates.items()},
    )


def _begins(one: FileSeries) -> datetime:
    return one.axis.start + one.axis.step * one.origin


def _hours_ahead(one: FileSeries) -> int:
    return -(-(one.axis.periods - one.origin) * one.axis.step // _HOUR)


def _under_one_sun(one: FileSeries, other: FileSeries) -> bool:
    """Whether two plants see the sun at much the same hours; True where a place is unknown."""
    here, there = one.settings, other.settings
    if here.latitude is None or there.latitude is None or here.longitude is None or there.longitude is None:
        return True
    east = (here.longitude - there.longitude + 180.0) % 360.0 - 180.0
    return abs(east) <= _LONGITUDES_DEG and abs(here.latitude - there.latitude) <= _LATITUDES_DEG
