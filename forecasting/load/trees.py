"""Trees as a member for load: what the regression leaves over, told from its recent course, calendar and covariates.

One set of trees serves all rows. It learns from origins at the hour of day at which the horizon begins, so that a lead
time is always the same hour of the day.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting.load.features import LoadFeatures
from forecasting.load.panel import Panel, Prospect
from forecasting.load.residuals import ResidualModel
from forecasting.members.course import LEVELS
from forecasting.members.trees import QuantileTrees, TreeOptions, fit_trees
from forecasting.series.calendar import Calendar
from grid.time_axis import FloatArray

_MOST_ORIGINS, _FEWEST_ORIGINS = 2 * 366, 40
_SHOWN = 1.5
"""Many rows give more samples than trees look at: about so many times as many are cut."""
_DAYS_OF_LEADS = 1.5
"""Of a longer horizon a random part is learnt from: so many days for every origin."""
_BOUND = 12.0
_TOGETHER = 192
"""So many hours of a row are asked about at once: what trees reach then fits into the processor's cache."""


class LoadTrees:
    """Cuts samples for trees from regressions, and turns their answers back into power.

    Args:
        calendar: Of all hours.
        periods: Hours to forecast.
        first_row: Of those the trees are told.
    """

    def __init__(
        self,
        panel: Panel,
        features: LoadFeatures,
        calendar: Calendar,
        *,
        periods: int,
        first_row: int,
        options: TreeOptions,
    ) -> None:
        self._panel, self._features, self._calendar, self._options = panel, features, calendar, options
        self._periods, self._first_row = periods, first_row

    def grow(self, courses: Sequence[ResidualModel], until: int) -> QuantileTrees:
        """Learn from what is known before ``until``.

        Args:
            courses: How residuals go on, by row: what the trees correct.

        Raises:
            ShortHistoryError: If no residual is known there.
        """
        periods, regressions = self._periods, self._panel.regressions
        draw = np.random.default_rng(self._options.seed)
        share = min(_DAYS_OF_LEADS * 24 / periods, 1.0)
        samples = len(regressions) * periods * share  # of one origin of every row
        wanted = max(int(_SHOWN * self._options.most_samples / samples), _FEWEST_ORIGINS)
        features, targets = [], []
        for row, (one, course) in enumerate(zip(regressions, courses, strict=True)):
            origins = one.origins(until)[-_MOST_ORIGINS:]
            origins = origins[:: max(len(origins) // wanted, 1)]
            prospect = self._panel.prospect(np.array([row]), [course], origins[None], periods)
            left = (one.left_ahead(origins, periods, until=until) - prospect.centre[0]) / one.scale
            taken = draw.random(left.shape) < share
            columns = self._columns(prospect, self._features.columns(prospect))
            shown = np.broadcast_arrays(*columns)
            features.append(np.stack([column[0][taken] for column in shown], axis=-1).astype(np.float32))
            targets.append(np.clip(left[taken], -_BOUND, _BOUND))
        return fit_trees(np.concatenate(features), np.concatenate(targets), options=self._options)

    def speak(self, trees: QuantileTrees, prospect: Prospect, features: Sequence[FloatArray]) -> FloatArray:
        """Quantiles at LEVELS, shape (rows, origins, periods, levels).

        Args:
            features: From :meth:`LoadFeatures.columns`.
        """
        columns, (_, origins, periods) = self._columns(prospect, features), prospect.expected.shape
        step = max(_TOGETHER // periods, 1)
        parts = [slice(begin, begin + step) for begin in range(0, origins, step)]
        asked = ([column[:, part] if column.shape[1] > 1 else column for column in columns] for part in parts)
        told = np.concatenate([trees.quantiles(some, levels=LEVELS) for some in asked], axis=1)
        level = (prospect.expected + prospect.centre)[..., None]
        scale, floor = (one[prospect.rows][:, None, None, None] for one in (self._panel.scale, self._panel.floor))
        return np.asarray(np.maximum(np.exp(level + scale * told) - floor, 0.0))

    def _columns(self, prospect: Prospect, features: Sequence[FloatArray]) -> list[FloatArray]:
        """The features after lead, calendar and row, each of three dimensions that broadcast to those of the trees."""
        calendar, leads = self._calendar, np.arange(prospect.expected.shape[-1])
        at = prospect.origins[..., None] + leads  # (1, origins, leads)
        columns = [
            leads,
            calendar.hour[at],
            calendar.weekday[at],
            calendar.holiday[at],
            calendar.near_holiday[at],
            (self._first_row + prospect.rows)[:, None, None],
            *features,
        ]
        return [np.array(column, dtype=np.float64, ndmin=3) for column in columns]
