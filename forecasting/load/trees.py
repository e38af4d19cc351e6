"""Trees as a member for load: what the regression leaves over, told from its recent course, calendar and covariates.

One set of trees serves all rows. It learns from origins at the hour of day at which the horizon begins, so that a lead
time is always the same hour of the day.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting.load.panel import Panel, Prospect
from forecasting.load.residuals import ResidualModel
from forecasting.members.course import LEVELS
from forecasting.members.trees import QuantileTrees, TreeOptions, fit_trees
from forecasting.networks.windows import Past
from forecasting.series.calendar import Calendar
from forecasting.series.rows import Rows
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
        panel: A regression for each row of ``rows``.
        calendar: Of all hours.
    """

    def __init__(self, rows: Rows, panel: Panel, calendar: Calendar, *, options: TreeOptions) -> None:
        self._rows, self._panel, self._calendar, self._options = rows, panel, calendar, options
        self._known, self._withheld = _covariates(rows)

    def grow(self, courses: Sequence[ResidualModel], until: int) -> QuantileTrees:
        """Learn from what is known before ``until``.

        Args:
            courses: How residuals go on, by row: what the trees correct.

        Raises:
            ShortHistoryError: If no residual is known there.
        """
        periods, regressions = self._rows.periods, self._panel.regressions
        draw = np.random.default_rng(self._options.seed)
        share = min(_DAYS_OF_LEADS * 24 / periods, 1.0)
        samples = len(regressions) * periods * share  # of one origin of every row
        wanted = max(int(_SHOWN * self._options.most_samples / samples), _FEWEST_ORIGINS)
        features, targets = [], []
        for row, (one, course) in enumerate(zip(regressions, courses, strict=True)):
            origins = one.origins(until)[-_MOST_ORIGINS:]
            origins = origins[:: max(len(origins) // wanted, 1)]
            prospect = self._panel.prospect(np.array([row]), [course], origins, periods)
            left = (one.left_ahead(origins, periods, until=until) - prospect.centre[0]) / one.scale
            taken = draw.random(left.shape) < share
            shown = np.broadcast_arrays(*self._columns(prospect))
            features.append(np.stack([column[0][taken] for column in shown], axis=-1).astype(np.float32))
            targets.append(np.clip(left[taken], -_BOUND, _BOUND))
        return fit_trees(np.concatenate(features), np.concatenate(targets), options=self._options)

    def speak(self, trees: QuantileTrees, prospect: Prospect) -> FloatArray:
        """Quantiles at LEVELS, shape (rows, origins, periods, levels)."""
        columns, (_, origins, periods) = self._columns(prospect), prospect.expected.shape
        step = max(_TOGETHER // periods, 1)
        parts = [slice(begin, begin + step) for begin in range(0, origins, step)]
        asked = ([column[:, part] if column.shape[1] > 1 else column for column in columns] for part in parts)
        told = np.concatenate([trees.quantiles(some, levels=LEVELS) for some in asked], axis=1)
        level = (prospect.expected + prospect.centre)[..., None]
        scale, floor = (one[prospect.rows][:, None, None, None] for one in (self._panel.scale, self._panel.floor))
        return np.asarray(np.maximum(np.exp(level + scale * told) - floor, 0.0))

    def _columns(self, prospect: Prospect) -> list[FloatArray]:
        """The features, each of three dimensions that broadcast to (rows, origins, leads)."""
        calendar, rows, origins = self._calendar, prospect.rows, prospect.origins
        shape = prospect.expected.shape
        leads = np.arange(shape[-1])
        at = origins[:, None] + leads  # (origins, leads)
        scale = self._panel.scale[rows][:, None, None]
        row, origin = np.repeat(rows, len(origins)), np.tile(origins, len(rows))
        past = np.nan_to_num(prospect.memory) / scale
        squares = past**2
        recent = prospect.recent / scale[..., None]
        same, changing = recent[..., :1, :-3], recent[..., -3:]  # means are the same at every lead
        mean = prospect.expected
        week = self._panel.log.before(row, origin, 168).reshape(*shape[:2], 7, 24)
        week = week[..., leads % 24] - mean[:, :, None]  # (rows, origins, 7, leads)
        unknown = np.isnan(week)
        filled = np.where(unknown, 0.0, week)
        columns = [
            leads,
            calendar.hour[at],
            calendar.weekday[at],
            calendar.holiday[at],
            calendar.near_holiday[at],
            (self._rows.first + rows)[:, None, None],
            mean,
            prospect.centre / scale,
            *(np.sqrt(squares[..., -hours:].mean(axis=-1, keepdims=True)) for hours in (24, 28 * 24)),
            *(past[..., -hour, None] for hour in (1, 2)),
            *np.moveaxis(same, -1, 0),
            *np.moveaxis(changing, -1, 0),
            *(week[:, :, day] for day in (0, -2, -1)),
            np.where(unknown, np.inf, week).min(axis=2),
            np.where(unknown, -np.inf, week).max(axis=2),
            filled.sum(axis=2) / np.maximum((~unknown).sum(axis=2), 1),
        ]
        paths_c = self._panel.paths_c(row, origin, shape[-1])
        columns += [column.reshape(shape) for column in _warmth(paths_c, shape[-1])]
        for values in self._known:  # (rows, hours)
            columns += [values[rows][:, np.clip(at + shift, 0, values.shape[1] - 1)] for shift in (-1, 0, 1)]
        for values in self._withheld:
            day = Past(values).before(row, origin, 24).reshape(*shape[:2], 24)
            columns += [day[..., leads % 24], np.nan_to_num(day).mean(axis=-1, keepdims=True)]
        return [np.array(column, dtype=np.float64, ndmin=3) for column in columns]


def _warmth(paths_c: FloatArray, periods: int) -> list[FloatArray]:
    """Temperature as expected, what it gained in a day and its trailing means, each (batch, periods).

    NaN where nothing is known of it: rows with and without temperature grow the same trees.

    Args:
        paths_c: From :meth:`Panel.paths_c`.
    """
    path = paths_c[:, -72 - periods :]  # (batch, 72 + periods)
    total = np.concatenate([np.zeros((len(path), 1)), np.cumsum(path, axis=1)], axis=1)
    means = [(total[:, 73:] - total[:, 73 - hours : -hours]) / hours for hours in (24, 72)]
    return [path[:, 72:], path[:, 72:] - path[:, 48:-24], *means]


def _covariates(rows: Rows) -> tuple[list[FloatArray], list[FloatArray]]:
    """Covariates that are known over the horizon and those that are not, temperature left out, each (rows, hours)."""
    names = [set(one.covariates) - set(one.meaning("air_temperature")) for one in rows.series]
    shared = sorted(set.intersection(*names)) if names else []
    ahead = {name for name in shared if all(rows.given(one, name) for one in rows.series)}
    spread = {name: np.concatenate([rows.spread(one, one.covariates[name]) for one in rows.series]) for name in shared}
    return [spread[name] for name in shared if name in ahead], [spread[name] for name in shared if name not in ahead]
