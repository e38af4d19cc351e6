"""Trees as a member for load: what the regression leaves over, told from its recent course, calendar and covariates.

One set of trees serves all rows. It learns from origins at the hour of day at which the horizon begins, so that a lead
time is always the same hour of the day.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting.calendar import Calendar
from forecasting.members import LEVELS
from forecasting.regression_member import Regression
from forecasting.residuals import ResidualModel, recent
from forecasting.rows import Rows
from forecasting.trees import QuantileTrees, TreeOptions, fit_trees
from forecasting.windows import Float32Array, IndexArray
from grid.time_axis import FloatArray

_MOST_ORIGINS, _FEWEST_ORIGINS = 2 * 366, 40
_SHOWN = 1.5
"""Many rows give more samples than trees look at: about so many times as many are cut."""
_DAYS_OF_LEADS = 1.5
"""Of a longer horizon a random part is learnt from: so many days for every origin."""
_BOUND = 12.0
_TOGETHER = 4096
"""So many samples of rows are asked about at once."""


class LoadTrees:
    """Cuts samples for trees from regressions, and turns their answers back into power.

    Args:
        regressions: One per row of ``rows``.
        calendar: Of all hours.
    """

    def __init__(
        self, rows: Rows, regressions: Sequence[Regression], calendar: Calendar, *, options: TreeOptions
    ) -> None:
        self._rows, self._regressions, self._calendar, self._options = rows, regressions, calendar, options
        self._known, self._withheld = _covariates(rows)

    def grow(self, courses: Sequence[ResidualModel], until: int) -> QuantileTrees:
        """Learn from what is known before ``until``.

        Args:
            courses: How residuals go on, by row: what the trees correct.

        Raises:
            ShortHistoryError: If no residual is known there.
        """
        periods = self._rows.periods
        leads = np.arange(periods)
        draw = np.random.default_rng(self._options.seed)
        share = min(_DAYS_OF_LEADS * 24 / periods, 1.0)
        samples = len(self._regressions) * periods * share  # of one origin of every row
        wanted = max(int(_SHOWN * self._options.most_samples / samples), _FEWEST_ORIGINS)
        features, targets = [], []
        for row, (one, course) in enumerate(zip(self._regressions, courses, strict=True)):
            origins = one.origins(until)[-_MOST_ORIGINS:]
            origins = origins[:: max(len(origins) // wanted, 1)]
            shown, centre = self._features(row, course, origins, leads)
            left = (one.left_ahead(origins, periods, until=until) - centre) / one.scale
            taken = draw.random(left.shape) < share
            features.append(shown[taken])
            targets.append(np.clip(left[taken], -_BOUND, _BOUND))
        return fit_trees(np.concatenate(features), np.concatenate(targets), options=self._options)

    def speak(
        self, trees: QuantileTrees, courses: Sequence[ResidualModel], origins: IndexArray, periods: int
    ) -> FloatArray:
        """Quantiles at LEVELS, shape (rows, origins, periods, levels)."""
        leads = np.arange(periods)
        shape = len(origins), periods, len(LEVELS)
        made = np.empty((len(self._regressions), *shape))
        together = max(_TOGETHER // (len(origins) * periods), 1)
        for begin in range(0, len(made), together):
            some = list(enumerate(self._regressions))[begin : begin + together]
            cut = [self._features(row, courses[row], origins, leads) for row, _ in some]
            told = trees.quantiles(
                np.concatenate([features.reshape(-1, features.shape[-1]) for features, _ in cut]), levels=LEVELS
            )
            for (row, one), (_, centre), own in zip(some, cut, told.reshape(-1, *shape), strict=True):
                level = one.expected(origins, periods) + centre
                made[row] = np.exp(level[..., None] + one.scale * own) - one.floor
        return np.maximum(made, 0.0)

    def _features(
        self, row: int, course: ResidualModel, origins: IndexArray, leads: IndexArray
    ) -> tuple[Float32Array, FloatArray]:
        """Features, shape (origins, leads, features), and the expected residual, shape (origins, leads)."""
        one, calendar = self._regressions[row], self._calendar
        at = origins[:, None] + leads
        fading = one.recent(origins, len(leads))
        centre = course.centre(fading, leads)
        past = np.nan_to_num(recent(one.residual, origins, 28 * 24)) / one.scale
        mean = one.expected(origins, len(leads))
        week = recent(one.log, origins, 168).reshape(len(origins), 7, 24)[:, :, leads % 24]  # (origins, 7, leads)
        week = week - mean[:, None, :]
        unknown = np.isnan(week)
        filled = np.where(unknown, 0.0, week)
        wide = np.ones((1, len(leads)))
        columns = [
            leads * np.ones((len(origins), 1)),
            calendar.hour[at],
            calendar.weekday[at],
            calendar.holiday[at],
            calendar.near_holiday[at],
            np.full(at.shape, self._rows.first + row),
            mean,
            centre / one.scale,
            *(np.sqrt(np.mean(past[:, -hours:] ** 2, axis=1))[:, None] * wide for hours in (24, 28 * 24)),
            *(past[:, -hour][:, None] * wide for hour in (1, 2)),
            *np.moveaxis(fading / one.scale, -1, 0),
            *(week[:, day] for day in (0, -2, -1)),
            np.where(unknown, np.inf, week).min(axis=1),
            np.where(unknown, -np.inf, week).max(axis=1),
            filled.sum(axis=1) / np.maximum((~unknown).sum(axis=1), 1),
        ]
        columns += _warmth(one, origins, len(leads))
        for values in self._known[row]:
            columns += [values[np.clip(at + shift, 0, len(values) - 1)] for shift in (-1, 0, 1)]
        for values in self._withheld[row]:
            day = recent(values, origins, 24)
            columns += [day[:, leads % 24], (np.nan_to_num(day).mean(axis=1))[:, None] * wide]
        return np.stack(columns, axis=-1).astype(np.float32), centre


def _warmth(one: Regression, origins: IndexArray, periods: int) -> list[FloatArray]:
    """Temperature as expected, what it gained in a day and its trailing means, each (origins, periods).

    NaN where nothing is known of it: rows with and without temperature grow the same trees.
    """
    if one.outlook is None:
        return [np.full((len(origins), periods), np.nan)] * 4
    path = one.paths_c(origins, periods)[:, -72 - periods :]  # (origins, 72 + periods)
    total = np.concatenate([np.zeros((len(path), 1)), np.cumsum(path, axis=1)], axis=1)
    means = [(total[:, 73:] - total[:, 73 - hours : -hours]) / hours for hours in (24, 72)]
    return [path[:, 72:], path[:, 72:] - path[:, 48:-24], *means]


def _covariates(rows: Rows) -> tuple[list[list[FloatArray]], list[list[FloatArray]]]:
    """Of each row, the covariates that are known over the horizon and those that are not, temperature left out."""
    known: list[list[FloatArray]] = []
    withheld: list[list[FloatArray]] = []
    names = [set(one.covariates) - set(one.meaning("air_temperature")) for one in rows.series]
    shared = sorted(set.intersection(*names)) if names else []
    ahead = [name for name in shared if all(rows.given(one, name) for one in rows.series)]
    for one in rows.series:
        spread = {name: rows.spread(one, one.covariates[name]) for name in shared}
        for part in range(rows.parts):
            known.append([spread[name][part] for name in ahead])
            withheld.append([spread[name][part] for name in shared if name not in ahead])
    return known, withheld
