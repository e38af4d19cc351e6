"""Joint scenarios of stored forecasts: what hangs together is read off how earlier issues met what came.

Where the site's sum checks say that series add up to another, the scenarios can be made to do so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from forecasting.quantiles.conformal import normal_scores
from forecasting.quantiles.hierarchy import beyond_children, make_tree, reconciled, reconciler
from forecasting.quantiles.mixing import mean_of, variance_of
from forecasting.quantiles.scenarios import draw_scenarios, fit_dependence
from grid.faults import Fault, InputError
from grid.forecasts import Forecast
from grid.site import SumCheck
from grid.time_axis import FloatArray, TimeAxis

_DAYS = tuple(timedelta(days=back) for back in range(28, 0, -1))
"""How long before the newest those issues were made that tell what hangs together: all at its hour of the day."""


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


@dataclass(frozen=True, slots=True)
class Past:
    """What must be read before scenarios can be drawn: readings of some hours, and earlier issues."""

    axis: TimeAxis
    issued_at: tuple[datetime, ...]


def past_of(newest: Sequence[Forecast]) -> Past:
    """What tells how some forecasts hang together: the same intervals of the days before, as they were forecast then.

    Raises:
        ValueError: If the forecasts share no interval.
    """
    axis = _shared_axis([one.axis for one in newest])
    known = TimeAxis(axis.start - _DAYS[0], axis.step, (_DAYS[0] + timedelta(days=1)) // axis.step)
    return Past(known, tuple(sorted({one.issued_at - day for one in newest for day in _DAYS})))


def joint_scenarios(
    newest: Sequence[Forecast],
    issues: Sequence[Forecast],
    kw: FloatArray,
    *,
    checks: Sequence[SumCheck] | None,
    count: int,
    seed: int,
) -> Joint:
    """Scenarios of some series' newest forecasts, whose marginals are the stored quantiles.

    Args:
        newest: One per series, in equal intervals.
        issues: Those that :func:`past_of` asks for, as far as there are any; only those of equal intervals tell.
        kw: Readings that it asks for, by series in the order of ``newest``, shape (series, periods). NaN where unknown.
        checks: Totals that are to be the sums of their parts; None to leave the forecasts as they are. The marginals
            move with them.

    Raises:
        InputError: If two totals share a part; sums of parts are a tree.
        ValueError: If the forecasts share no interval.
    """
    axis = _shared_axis([one.axis for one in newest])
    names = tuple(one.series_id for one in newest)
    parents = None if checks is None else _parents(checks, names)
    told = np.stack([_at(one.quantiles, one.axis, axis) for one in newest])  # (series, periods, levels)
    levels = newest[0].levels
    scores, errors, met = _past(newest, issues, kw, axis)
    drawn = draw_scenarios(fit_dependence(scores), told, levels=levels, count=count, seed=seed)
    mean = mean_of(told, levels=levels)
    if parents is None:
        return Joint(names, axis, mean, drawn, met)
    ended = (min(one.issued_at for one in newest) - past_of(newest).axis.start) // axis.step
    beyond = beyond_children(parents, dict(zip(names, kw[:, :ended], strict=True)))  # what came later was not known
    tree = make_tree(parents, names, beyond=list(beyond))
    lowest = {name: 0.0 if own.min() >= 0.0 else -np.inf for name, own in zip(names, told, strict=True)}
    bounds = np.array([lowest.get(leaf, -np.inf) for leaf in tree.leaves])
    matrix = reconciler(tree, errors, variance_of(told, levels=levels).mean(axis=1))
    means, moved = reconciled(tree, matrix, mean, drawn, lowest=bounds)
    return Joint(tree.nodes, axis, means, moved, met)


def _past(
    newest: Sequence[Forecast], issues: Sequence[Forecast], kw: FloatArray, axis: TimeAxis
) -> tuple[FloatArray, FloatArray, int]:
    """Normal scores and errors of the means of earlier issues, both (series, days, periods), and how many were met."""
    known = past_of(newest).axis
    scores, errors = np.full((2, len(newest), len(_DAYS), axis.periods), np.nan)
    place = {
        (one.series_id, one.issued_at - day): (row, k) for row, one in enumerate(newest) for k, day in enumerate(_DAYS)
    }
    for issue in issues:
        row, k = place.get((issue.series_id, issue.issued_at), (-1, -1))
        if row < 0 or issue.axis.step != axis.step:
            continue
        ended = (newest[row].issued_at - known.start) // known.step  # what came later was not known
        first = (axis.start - _DAYS[k] - known.start) // known.step
        came = kw[row, first : min(first + axis.periods, ended)]
        actual = np.concatenate([came, np.full(axis.periods - len(came), np.nan)])
        said = _at(issue.quantiles, issue.axis, TimeAxis(axis.start - _DAYS[k], axis.step, axis.periods))
        scores[row, k] = normal_scores(actual, said, levels=issue.levels)
        errors[row, k] = actual - mean_of(said, levels=issue.levels)
    return scores, errors, int(np.isfinite(scores).any(axis=(0, 2)).sum())


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


def _parents(checks: Sequence[SumCheck], names: Sequence[str]) -> dict[str, str | None]:
    """By part, the total that holds it; only totals that have a forecast."""
    parents: dict[str, str | None] = {}
    for check in checks:
        if check.total not in names:
            continue
        if shared := [part for part in check.parts if part in parents]:
            other = parents[shared[0]]
            remedy = f"leave {check.total} or {other} out of series_id, or ask without add_up"
            raise InputError([Fault("sum_checks", f"{other} and {check.total} both hold {shared[0]}", remedy)])
        parents |= dict.fromkeys(check.parts, check.total)
    return parents
