"""Somebody else's point forecast, made into quantiles by the errors of its earlier issues.

Errors are grouped by how far ahead they were made and by how high the forecast stood: a wind farm forecast at half its
capacity errs more than one forecast still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.nouns import IndexArray
from forecasting.series.sent import SentForecast
from grid.time_axis import FloatArray

LEAD_EDGES_HOURS = (6, 12, 24, 36, 48)
"""Leads are grouped between these: 0 to 6 hours, 6 to 12, and so on."""
_HEIGHTS = 3
_MINIMUM_ERRORS = 40


@dataclass(frozen=True, slots=True, eq=False)
class ExternalForecast:
    """Quantiles made from a point forecast.

    Attributes:
        quantiles: Shape (periods, levels). [kW] NaN rows where no issue covers the interval.
        errors: How many past errors stand behind them.
    """

    quantiles: FloatArray
    errors: int


def external_quantiles(
    issues: Sequence[SentForecast],
    actual_kw: FloatArray,
    *,
    origin: int,
    periods: int,
    levels: tuple[float, ...],
    capacity_kw: float,
    an_hour: int = 1,
) -> ExternalForecast | None:
    """Quantiles of the newest issue known at an origin, from the errors that earlier issues have made by then.

    Args:
        issues: By instant of issue; those issued after ``origin`` are not looked at.
        actual_kw: Measured power on the same axis, shape (intervals,). NaN where unknown; unread from ``origin`` on.
        capacity_kw: Quantiles stay within [0, capacity].
        an_hour: Intervals in an hour.

    Returns:
        None if nothing was issued by then.
    """
    known = [issue for issue in issues if issue.issued <= origin]
    if not known:
        return None
    newest = known[-1]
    point = newest.over(origin, periods)
    lead = (origin + np.arange(periods) - newest.issued) // an_hour

    past_lead, past_point, error = _past_errors(known[:-1], actual_kw[:origin], an_hour)
    edges = np.quantile(past_point, np.linspace(0, 1, _HEIGHTS + 1)[1:-1]) if len(past_point) else np.zeros(2)
    past_group, group = _groups(past_lead, past_point, edges), _groups(lead, np.nan_to_num(point), edges)
    past_block, block = np.digitize(past_lead, LEAD_EDGES_HOURS), np.digitize(lead, LEAD_EDGES_HOURS)
    quantiles = np.full((periods, len(levels)), np.nan)
    for value in np.unique(group):
        rows = np.flatnonzero(group == value)
        chosen = error[past_group == value]
        if len(chosen) < _MINIMUM_ERRORS:
            chosen = error[past_block == block[rows[0]]]
        if len(chosen) < _MINIMUM_ERRORS:
            chosen = error
        spread = np.quantile(chosen, levels) if len(chosen) else np.zeros(len(levels))
        quantiles[rows] = point[rows, None] + spread
    return ExternalForecast(np.clip(quantiles, 0.0, capacity_kw), len(error))


def _past_errors(
    issues: Sequence[SentForecast], actual_kw: FloatArray, an_hour: int
) -> tuple[IndexArray, FloatArray, FloatArray]:
    """Hours of lead, forecast and error (actual minus forecast) of what can be compared, each of shape (errors,)."""
    leads, points, errors = [], [], []
    for issue in issues:
        positions = issue.start + np.arange(len(issue.values))
        usable = (positions >= issue.issued) & (positions < len(actual_kw)) & (positions >= 0)
        positions, point = positions[usable], issue.values[usable]
        error = actual_kw[positions] - point
        fine = np.isfinite(error)
        leads.append((positions[fine] - issue.issued) // an_hour)
        points.append(point[fine])
        errors.append(error[fine])
    if not leads:
        return np.empty(0, dtype=np.int64), np.empty(0), np.empty(0)
    return np.concatenate(leads), np.concatenate(points), np.concatenate(errors)


def _groups(lead: IndexArray, point: FloatArray, edges: FloatArray) -> IndexArray:
    """Number of the group by lead block and height of the forecast, same shape."""
    group: IndexArray = np.digitize(lead, LEAD_EDGES_HOURS) * _HEIGHTS + np.digitize(point, edges)
    return group
