"""Series of a file together: scenarios that hang together, and forecasts that add up where SERIES.json names parents.

How outcomes lay in their forecasts is read off the backtest that chose the members' weights. Series hang together where
that backtest had the same origins: those of one clock, interval and length of history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.engine.mixture import Heard, Mixture
from forecasting.members.course import LEVELS, single_trial
from forecasting.quantiles.conformal import normal_scores
from forecasting.quantiles.hierarchy import beyond_children, make_tree, quantiles_of, reconciled, reconciler
from forecasting.quantiles.mixing import mean_of, variance_of
from forecasting.quantiles.scenarios import draw_scenarios, fit_dependence
from forecasting.series.request import FileSeries
from grid.time_axis import FloatArray

_SCENARIOS_SUMMED = 500
"""So many scenarios give the quantiles of what is summed."""


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """One series' forecast and its backtest, in its own unit and intervals.

    Attributes:
        quantiles: At LEVELS, shape (intervals, levels).
        mean: Shape (intervals,).
        actual: What happened in the backtest, shape (origins, intervals ahead). NaN where unknown.
        backtest: What was said of it, shape (origins, intervals ahead, levels).
        origins: How many hours before the horizon each origin lies.
        lowest: No value below it; 0 or minus infinity.
        reasons: How it was changed to add up.
    """

    series: FileSeries
    quantiles: FloatArray
    mean: FloatArray
    actual: FloatArray
    backtest: FloatArray
    origins: tuple[int, ...]
    lowest: float
    reasons: tuple[str, ...] = ()

    @property
    def bounds(self) -> tuple[float, float]:
        """Within which values lie."""
        return self.lowest, self.series.bounds[1]

    def bounded(self, values: FloatArray) -> FloatArray:
        """Values within these bounds."""
        return np.clip(values, *self.bounds)


def spoken_of(heard: Heard, index: int, mixture: Mixture) -> Spoken:
    """What was said of one series, with its backtest put back into its own unit and intervals."""
    rows, hours = heard.rows, heard.actual.shape[-1]
    own = slice(index * rows.parts, (index + 1) * rows.parts)
    origins = single_trial(rows.axis.periods, rows.periods).origins
    shape = (rows.parts, len(origins), hours, len(LEVELS))
    past = mixture.backtest.reshape(shape).transpose(1, 2, 0, 3).reshape(len(origins), -1, len(LEVELS))
    actual = heard.actual[own].transpose(1, 2, 0).reshape(len(origins), -1)
    scale, offset = rows.scale[index], rows.offset[index]
    return Spoken(
        series=rows.series[index],
        quantiles=mixture.quantiles,
        mean=mean_of(mixture.quantiles, levels=LEVELS),
        actual=actual * scale + offset,
        backtest=past * scale + offset,
        origins=tuple((rows.axis.periods - origins).tolist()),
        lowest=rows.series[index].bounds[0],
    )


def add_up(spoken: Sequence[Spoken], *, count: int, seed: int) -> tuple[list[Spoken], list[FloatArray]]:
    """The same series with forecasts that add up to their parents', and as many scenarios of each that do.

    Args:
        count: Scenarios to give back; there may be none.
    """
    made = list(spoken)
    scenarios = _scenarios(spoken, count=count, seed=seed) if count else []
    wide = None
    for family in _families(spoken):
        wide = _scenarios(spoken, count=_SCENARIOS_SUMMED, seed=seed) if wide is None else wide
        members = [spoken[k] for k in family]
        mean, told = _summed(members, np.stack([wide[k] for k in family], axis=1))
        quantiles = quantiles_of(told, levels=LEVELS)
        for row, (k, one) in enumerate(zip(family, members, strict=True)):
            made[k] = replace(one, quantiles=quantiles[row], mean=mean[row], reasons=(_moved(one, mean[row]),))
        if count:
            _, told = _summed(members, np.stack([scenarios[k] for k in family], axis=1))
            for row, k in enumerate(family):
                scenarios[k] = told[:, row]
    return made, scenarios


def _scenarios(spoken: Sequence[Spoken], *, count: int, seed: int) -> list[FloatArray]:
    """Scenarios of every series, each of shape (count, intervals); the k-th of all belong together."""
    made: dict[int, FloatArray] = {}
    for positions in _together(spoken):
        group = [spoken[k] for k in positions]
        said = np.stack([one.quantiles for one in group])
        scores = [normal_scores(one.actual, one.backtest, levels=LEVELS) for one in group]
        drawn = draw_scenarios(fit_dependence(np.stack(scores)), said, levels=LEVELS, count=count, seed=seed)
        made |= {k: one.bounded(drawn[:, row]) for row, (k, one) in enumerate(zip(positions, group, strict=True))}
    return [made[k] for k in range(len(spoken))]


def _families(spoken: Sequence[Spoken]) -> list[list[int]]:
    """Positions of series that one hierarchy holds, for every hierarchy of at least two."""
    parents = {one.series.series_id: one.series.settings.parent for one in spoken}
    groups: dict[str, list[int]] = {}
    for k, one in enumerate(spoken):
        top = one.series.series_id
        while (parent := parents[top]) is not None:
            top = parent
        groups.setdefault(top, []).append(k)
    return [group for group in groups.values() if len(group) > 1]


def _summed(family: Sequence[Spoken], scenarios: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and scenarios of a hierarchy that add up, (series, intervals) and (scenarios, series, intervals)."""
    names = [one.series.series_id for one in family]
    parents = {one.series.series_id: one.series.settings.parent for one in family}
    longest = max(one.series.origin for one in family)
    readings = {
        one.series.series_id: np.pad(
            one.series.values[: one.series.origin], (longest - one.series.origin, 0), constant_values=np.nan
        )
        for one in family
    }
    tree = make_tree(parents, names, beyond=list(beyond_children(parents, readings)))
    bounds = dict(zip(names, (one.bounds for one in family), strict=True))
    lowest, highest = np.array([bounds.get(leaf, (-np.inf, np.inf)) for leaf in tree.leaves]).T
    said = [
        variance_of(one.quantiles, levels=LEVELS).mean() if np.isfinite(one.series.values).any() else np.inf
        for one in family
    ]
    matrix = reconciler(tree, _errors(family), np.array(said))
    mean = np.stack([one.mean for one in family])
    means, told = reconciled(tree, matrix, mean, scenarios, lowest=lowest, highest=highest)
    place = [tree.nodes.index(name) for name in names]
    return means[place], told[:, place]


def _errors(spoken: Sequence[Spoken]) -> FloatArray:
    """Of the means in the backtest, shape (series, origins, intervals). NaN where a series had no such origin."""
    every = sorted(set().union(*(one.origins for one in spoken)), reverse=True)
    ahead = min(one.actual.shape[1] for one in spoken)
    made = np.full((len(spoken), len(every), ahead), np.nan)
    for row, one in enumerate(spoken):
        error = one.actual - mean_of(one.backtest, levels=LEVELS)
        made[row, [every.index(origin) for origin in one.origins]] = error[:, :ahead]
    return made


def _together(spoken: Sequence[Spoken]) -> list[list[int]]:
    """Positions of series whose backtests, horizons and intervals are the same, in groups."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for k, one in enumerate(spoken):
        axis = one.series.axis
        key = (axis.end, axis.step, one.quantiles.shape, one.origins, one.actual.shape)
        groups.setdefault(key, []).append(k)
    return list(groups.values())


def _moved(one: Spoken, mean: FloatArray) -> str:
    level = max(float(np.abs(one.mean).mean()), 1e-12)
    moved = float((mean - one.mean).mean()) / level
    told = f"{moved:+.1%}"
    by = "by less than 0.1%" if told in ("+0.0%", "-0.0%") else f"by {told}"
    return f"It was changed to add up with its hierarchy: its mean moved {by}."
