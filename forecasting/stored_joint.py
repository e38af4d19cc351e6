"""Joint scenarios of stored forecasts: what hangs together is read off how earlier issues met what came.

Where the site's sum checks say that series add up to another, the scenarios can be made to do so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import psycopg

from forecasting.hierarchy import make_tree, reconciled, reconciler
from forecasting.mixing import mean_of
from forecasting.scenarios import draw_scenarios, fit_dependence, normal_scores
from forecasting.site_data import site_load_kw
from grid.forecasts import Forecast
from grid.readings import Layer
from grid.site import SITE_LOAD, Site
from grid.store.forecasts import load_issues
from grid.store.readings import load_power_matrix
from grid.time_axis import FloatArray, TimeAxis

EARLIER_DAYS = 28
"""So many issues before the newest, at its hour of the day, tell what hangs together."""


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """Series together.

    Attributes:
        names: The series asked for; where they add up, also the rests of totals some of whose parts have no forecast.
        axis: The intervals that all of them were forecast for.
        mean: Shape (names, periods). [kW]
        scenarios: Shape (scenarios, names, periods). [kW]
        issues: How many earlier issues were compared with readings.
    """

    names: tuple[str, ...]
    axis: TimeAxis
    mean: FloatArray
    scenarios: FloatArray
    issues: int


def joint_scenarios(
    conn: psycopg.Connection, site: Site, newest: Sequence[Forecast], *, count: int, seed: int, add_up: bool
) -> Joint:
    """Scenarios of some series' newest forecasts, whose marginals are the stored quantiles.

    Args:
        newest: One per series, in equal intervals.
        add_up: Move them so that the totals of sum checks are the sums of their parts; the marginals move with them.

    Raises:
        ValueError: If the intervals differ, or no interval was forecast for all.
    """
    axis = _shared_axis([one.axis for one in newest])
    names = tuple(one.series_id for one in newest)
    told = np.stack([_at(one.quantiles, one.axis, axis) for one in newest])  # (series, periods, levels)
    levels = newest[0].levels
    scores, errors, issues = _past(conn, site, newest, axis)
    drawn = draw_scenarios(fit_dependence(scores), told, levels=levels, count=count, seed=seed)
    mean = mean_of(told, levels=levels)
    if not add_up:
        return Joint(names, axis, mean, drawn, issues)
    tree = make_tree(_parents(site, names), names)
    lowest = {name: 0.0 if own.min() >= 0.0 else -np.inf for name, own in zip(names, told, strict=True)}
    bounds = np.array([lowest.get(leaf, -np.inf) for leaf in tree.leaves])
    means, moved = reconciled(tree, reconciler(tree, errors), mean, drawn, lowest=bounds)
    return Joint(tree.nodes, axis, means, moved, issues)


def _past(
    conn: psycopg.Connection, site: Site, newest: Sequence[Forecast], axis: TimeAxis
) -> tuple[FloatArray, FloatArray, int]:
    """Normal scores and errors of the means of earlier issues, both (series, days, periods), and how many were met."""
    days = [timedelta(days=back) for back in range(EARLIER_DAYS, 0, -1)]
    shape = (len(newest), len(days), axis.periods)
    scores, errors = np.full(shape, np.nan), np.full(shape, np.nan)
    known = TimeAxis(axis.start - days[0], axis.step, (days[0] + timedelta(days=1)) // axis.step)
    readings = _readings(conn, site, [one.series_id for one in newest], known)
    position = {
        (one.series_id, one.issued_at - day): (row, k) for row, one in enumerate(newest) for k, day in enumerate(days)
    }
    instants = sorted({instant for _, instant in position})
    ends = {one.series_id: (one.issued_at - known.start) // known.step for one in newest}
    met = set()
    for issue in load_issues(conn, list(ends), instants):
        row, k = position[issue.series_id, issue.issued_at]
        wanted = TimeAxis(axis.start - days[k], axis.step, axis.periods)
        first = (wanted.start - known.start) // known.step
        past = np.where(np.arange(known.periods) < ends[issue.series_id], readings[row], np.nan)  # not the future
        actual = np.full(axis.periods, np.nan)
        inside = past[first : first + axis.periods]
        actual[: len(inside)] = inside
        said = _at(issue.quantiles, issue.axis, wanted)
        scores[row, k] = normal_scores(actual, said, levels=issue.levels)
        errors[row, k] = actual - mean_of(said, levels=issue.levels)
        met |= {k} if np.isfinite(scores[row, k]).any() else set()
    return scores, errors, len(met)


def _readings(conn: psycopg.Connection, site: Site, names: Sequence[str], axis: TimeAxis) -> FloatArray:
    """Validated readings of series, ``site:load`` among them, shape (series, periods). [kW] NaN where unknown."""
    parts = sorted({load.series_id for load in site.loads}) if SITE_LOAD in names else []
    read = list(dict.fromkeys([*(name for name in names if name != SITE_LOAD), *parts]))
    kw = load_power_matrix(conn, read, axis, layer=Layer.VALIDATED)
    return np.stack([site_load_kw(site, read, kw) if name == SITE_LOAD else kw[read.index(name)] for name in names])


def _at(quantiles: FloatArray, axis: TimeAxis, wanted: TimeAxis) -> FloatArray:
    """Quantiles on other intervals of the same length, shape (wanted periods, levels). NaN where there are none."""
    first = (wanted.start - axis.start) // axis.step
    at = first + np.arange(wanted.periods)
    inside = (at >= 0) & (at < axis.periods)
    return np.where(inside[:, None], quantiles[np.clip(at, 0, axis.periods - 1)], np.nan)


def _shared_axis(axes: Sequence[TimeAxis]) -> TimeAxis:
    start, end, step = max(axis.start for axis in axes), min(axis.end for axis in axes), axes[0].step
    if any(axis.step != step or (axis.start - start) % step for axis in axes) or end <= start:
        raise ValueError("the forecasts must share intervals; ask for series of one interval and issue")
    return TimeAxis(start, step, (end - start) // step)


def _parents(site: Site, names: Sequence[str]) -> dict[str, str | None]:
    """By part, the total of the first sum check that holds it; only totals that have a forecast."""
    parents: dict[str, str | None] = {}
    for check in site.sum_checks:
        for part in check.parts if check.total in names else ():
            parents.setdefault(part, check.total)
    return parents
