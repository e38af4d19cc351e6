"""What trees and networks are shown of an hour ahead: the regression, its errors, last week, weather, covariates.

One set of features serves all members that correct the regression, so that none of them knows less than another.
"""

from __future__ import annotations

import numpy as np

from forecasting.load.panel import Panel, Prospect
from forecasting.networks.windows import Past
from forecasting.series.rows import Rows
from grid.time_axis import FloatArray


class LoadFeatures:
    """Features of the hours ahead, but for the calendar, which each member reads in its own way.

    Args:
        panel: A regression for each row of ``rows``.
    """

    def __init__(self, rows: Rows, panel: Panel) -> None:
        self._panel = panel
        self._known, self._withheld = _covariates(rows)

    def columns(self, prospect: Prospect) -> list[FloatArray]:
        """Each of three dimensions that broadcast to (rows, origins, leads). NaN or infinite where unknown."""
        rows, shape = prospect.rows, prospect.expected.shape
        leads = np.arange(shape[-1])
        at = prospect.origins[..., None] + leads  # (1 or rows, origins, leads)
        scale = self._panel.scale[rows][:, None, None]
        past = np.nan_to_num(prospect.memory) / scale
        squares = past**2
        recent = prospect.recent / scale[..., None]
        same, changing = recent[..., :1, :-3], recent[..., -3:]  # means are the same at every lead
        mean = prospect.expected
        week = prospect.week.reshape(*shape[:2], 7, 24)[..., leads % 24] - mean[:, :, None]  # (rows, origins, 7, leads)
        unknown = np.isnan(week)
        filled = np.where(unknown, 0.0, week)
        columns = [
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
            *_warmth(prospect.path_c),
        ]
        who = rows[:, None, None]
        for values in self._known:  # (rows, hours)
            columns += [values[who, np.clip(at + shift, 0, values.shape[1] - 1)] for shift in (-1, 0, 1)]
        row, origin = prospect.pairs()
        for values in self._withheld:
            day = Past(values).before(row, origin, 24).reshape(*shape[:2], 24)
            columns += [day[..., leads % 24], np.nan_to_num(day).mean(axis=-1, keepdims=True)]
        return columns


def _warmth(path_c: FloatArray) -> list[FloatArray]:
    """Temperature as expected, what it gained in a day and its trailing means, each (rows, origins, leads).

    NaN where nothing is known of it: rows with and without temperature are shown the same columns.

    Args:
        path_c: Of the last 168 hours and those ahead, shape (rows, origins, 168 + leads).
    """
    path = path_c[..., 96:]  # (rows, origins, 72 + leads)
    total = np.concatenate([np.zeros((*path.shape[:2], 1)), np.cumsum(path, axis=-1)], axis=-1)
    means = [(total[..., 73:] - total[..., 73 - hours : -hours]) / hours for hours in (24, 72)]
    return [path[..., 72:], path[..., 72:] - path[..., 48:-24], *means]


def _covariates(rows: Rows) -> tuple[list[FloatArray], list[FloatArray]]:
    """Covariates that are known over the horizon and those that are not, temperature left out, each (rows, hours)."""
    names = [set(one.covariates) - set(one.meaning("air_temperature")) for one in rows.series]
    shared = sorted(set.intersection(*names)) if names else []
    ahead = {name for name in shared if all(rows.given(one, name) for one in rows.series)}
    spread = {name: np.concatenate([rows.spread(one, one.covariates[name]) for one in rows.series]) for name in shared}
    return [spread[name] for name in shared if name in ahead], [spread[name] for name in shared if name not in ahead]
