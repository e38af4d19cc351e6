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


def learn_blends(said: Quantiles, actual: FloatArray, trial: Trial, course: Course, *, parts: int) -> list[Blend]:
    """Weights from all series together, which say more than one; bands of its own for each.

    Of hours of which irradiance had been sent, series that were judged with it are mixed and banded by what such hours
    tell; all others as if nobody sent any.

    Args:
        said: Each of shape (rows, origins, periods, levels), in the rows' units.
        actual: Shape (rows, origins, periods).
        parts: Rows of each series.
    """
    if WEATHER_TREES not in said:
        return _mixtures(said, actual, trial, course, parts)
    others = {name: one for name, one in said.items() if name != WEATHER_TREES}
    rest = _mixtures(others, actual, trial, course, parts)
    lit = said[CLIMATOLOGY][..., -1] > DAYLIGHT_SHARE
    told = np.isfinite(said[WEATHER_TREES]).all(axis=-1)
    daylight, known = (one.reshape(len(rest), -1).sum(axis=1) for one in (lit, lit & told))  # of every series
    judged = known >= _JUDGED_SHARE * daylight
    with_weather = _mixtures(said, actual, trial, course, parts)
    return [
        replace(one, without=other) if enough and WEATHER_TREES in one.weights else other
        for one, other, enough in zip(with_weather, rest, judged, strict=True)
    ]


def _mixtures(said: Quantiles, actual: FloatArray, trial: Trial, course: Course, parts: int) -> list[Blend]:
    """One mixture for all hours; arguments as of :func:`learn_blends`."""
    trust = trust_in((trial.split.end - trial.split.test) / actual.shape[-1])
    weights = learn_shares(said, actual, trust=trust, seed=course.seed)
    mixed = averaged(said, weights)
    series = [slice(row, row + parts) for row in range(0, len(actual), parts)]
    bands = [learn_bands(actual[own], mixed[own], levels=LEVELS) for own in series]
    # Never narrower: the calm weeks of one season must not narrow the bands of the next.
    return [Blend(weights, one.only_wider()) for one in bands]
