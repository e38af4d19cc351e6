"""How members are mixed by what a contest's origins tell: one set of weights for all series, bands for each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from forecasting.engine.mixture import Blend, averaged, learn_shares, trust_in
from forecasting.members.course import CLIMATOLOGY, LEVELS, WEATHER_TREES, Course, Quantiles, Trial
from forecasting.quantiles.conformal import learn_bands
from grid.time_axis import FloatArray

DAYLIGHT_SHARE = 0.01
"""Of capacity; an hour is lit that climatology has ever seen above it."""
_JUDGED_SHARE = 0.5
"""Of the daylight that judges: with irradiance forecasts for less, what reads them counts for nothing."""


def learn_blends(said: Quantiles, actual: FloatArray, trial: Trial, course: Course) -> list[Blend]:
    """Weights from all series together, which say more than one; bands of its own for each.

    Of hours of which irradiance had been sent, series that were judged with it are mixed and banded by what such hours
    tell; all others as if nobody sent any.

    Args:
        said: Each of shape (series, origins, periods, levels), in the rows' units.
        actual: Shape (series, origins, periods).
    """
    if WEATHER_TREES not in said:
        return _mixtures(said, actual, trial, course)
    rest = _mixtures({name: one for name, one in said.items() if name != WEATHER_TREES}, actual, trial, course)
    lit = said[CLIMATOLOGY][..., -1] > DAYLIGHT_SHARE
    told = np.isfinite(said[WEATHER_TREES]).all(axis=-1)
    judged = (lit & told).sum(axis=(1, 2)) >= _JUDGED_SHARE * lit.sum(axis=(1, 2))
    with_weather = _mixtures(said, actual, trial, course)
    return [
        replace(one, without=other) if known and WEATHER_TREES in one.weights else other
        for one, other, known in zip(with_weather, rest, judged, strict=True)
    ]


def _mixtures(said: Quantiles, actual: FloatArray, trial: Trial, course: Course) -> list[Blend]:
    """One mixture for all hours; arguments as of :func:`learn_blends`."""
    trust = trust_in((trial.split.end - trial.split.test) / actual.shape[-1])
    weights = learn_shares(said, actual, trust=trust, seed=course.seed)
    mixed = averaged(said, weights)
    rows = [slice(row, row + 1) for row in range(len(actual))]
    bands = [learn_bands(actual[row], mixed[row], levels=LEVELS) for row in rows]
    # Never narrower: the calm weeks of one season must not narrow the bands of the next.
    return [Blend(weights, one.only_wider()) for one in bands]
