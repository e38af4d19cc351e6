"""LightGBM with the features that practitioners give it: one model per quantile, direct by lead time.

A sample is an interval of a horizon that begins at the hour at which the real one does. Lags reach back by whole days
to what was known at the origin; everything is divided by the mean of the week before the origin, since trees cannot
leave the range that they saw.

References:
    Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import lightgbm
import numpy as np
import numpy.typing as npt
import pandas as pd
from rival_case import Case, FloatArray

IndexArray = npt.NDArray[np.int64]
MOST_SAMPLES = 60_000
PARAMETERS = {
    "objective": "quantile",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "num_threads": 1,
    "verbosity": -1,
}
ROUNDS = 250


@dataclass(frozen=True, slots=True)
class Fitted:
    """One booster per level."""

    boosters: tuple[lightgbm.Booster, ...]

    def quantiles(self, features: FloatArray, scale: FloatArray) -> FloatArray:
        """Shape (samples, levels) for features of shape (samples, features) and their scales, shape (samples,)."""
        said = np.stack([one.predict(features, num_threads=1) for one in self.boosters], axis=-1)
        return np.asarray(said * scale[:, None], dtype=np.float64)


def fit(case: Case, levels: list[float], *, seed: int = 0) -> Fitted:
    """Train on every earlier origin at the same hour of day."""
    features, scale, target = samples(case, np.arange(case.origin - case.periods, 28 * case.day, -case.day))
    known = np.flatnonzero(np.isfinite(target) & (scale > 0.0))
    if len(known) > MOST_SAMPLES:
        known = np.sort(np.random.default_rng(seed).choice(known, MOST_SAMPLES, replace=False))
    data = lightgbm.Dataset(features[known], target[known] / scale[known], free_raw_data=False)
    return Fitted(tuple(lightgbm.train({**PARAMETERS, "alpha": level, "seed": seed}, data, ROUNDS) for level in levels))


def forecast(case: Case, levels: list[float], *, kind: Literal["LightGBM"] = "LightGBM") -> pd.DataFrame:
    """Train, and forecast the horizon."""
    features, scale, _ = samples(case, np.array([case.origin]))
    told = fit(case, levels).quantiles(features, scale)
    return case.table(told.reshape(len(case.ids), case.periods, len(levels)), levels)


def samples(case: Case, origins: IndexArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Features, scales and targets of all series, origins and leads, in this order along the first axis."""
    calendar = case.calendar().to_numpy()
    parts = [_of_series(case, row, calendar, origins) for row in range(len(case.ids))]
    features, scale, target = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return features, scale, target


def _of_series(
    case: Case, row: int, calendar: FloatArray, origins: IndexArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    day, values = case.day, case.values[row]
    leads = np.arange(case.periods)
    at = origins[:, None] + leads  # (origins, leads)
    known = at - (leads // day + 1) * day  # the same time on the last day that is known
    wide = np.ones(at.shape)
    hour = day // 24
    lags = {back: values[np.maximum(known - back * day, 0)] for back in range(7)}
    week = at - (leads // (7 * day) + 1) * 7 * day  # the same time of the week
    weeks = np.stack([values[np.maximum(week - back * 7 * day, 0)] for back in range(4)])
    past = {days: np.stack([values[origin - days * day : origin] for origin in origins]) for days in (1, 7, 28)}
    scale = np.nanmean(np.abs(past[7]), axis=1)[:, None] * wide
    tops = np.stack([lags[back] for back in range(7)])
    columns = [
        leads * wide,
        row * wide,
        *np.moveaxis(calendar[at], -1, 0),
        *(one / scale for one in (lags[0], lags[1], lags[2], lags[6], *weeks)),
        *(_quiet(np.nanmean, one) / scale for one in (tops, weeks)),
        *(_quiet(f, tops) / scale for f in (np.nanmin, np.nanmax)),
        *(values[origins - back * hour - 1][:, None] / scale for back in (0, 1, 2, 24)),
        *(_quiet(np.nanmean, past[days].T)[:, None] / scale for days in (1, 28)),
        *(_quiet(f, past[1].T)[:, None] / scale for f in (np.nanmin, np.nanmax)),
        scale / np.nanmean(np.abs(values)),
    ]
    for name, covariates in case.covariates.items():
        one = covariates[row]
        if name in case.given:
            total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(one))])
            columns += [one[np.maximum(at - back * hour, 0)] for back in (0, 1, 2, 3, 6, 24, 48)]
            columns += [(total[at + 1] - total[at + 1 - days * day]) / (days * day) for days in (1, 3)]
            columns += [one[at] - one[known], one[at] - one[np.maximum(week, 0)]]
        else:
            columns += [one[known], _quiet(np.nanmean, np.stack([one[o - day : o] for o in origins]).T)[:, None] * wide]
    features = np.stack(columns, axis=-1)
    return features.reshape(-1, features.shape[-1]), scale.reshape(-1), values[at].reshape(-1)


def _quiet(statistic: np.ufunc, stacked: FloatArray) -> FloatArray:
    """A statistic along the first axis, NaN where nothing is known."""
    with np.errstate(all="ignore"):
        return np.asarray(statistic(stacked, axis=0), dtype=np.float64)
