"""Weights of all series together: what reads sent weather speaks only where it was judged, and only of such hours."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from forecasting.judging.blends import learn_blends
from forecasting.members.course import CLIMATOLOGY, LEVELS, NAIVE, WEATHER_TREES, Course

ORIGINS, HOURS = 30, 24
TRIAL: Any = SimpleNamespace(split=SimpleNamespace(test=0, end=ORIGINS * HOURS))


def about(center: np.typing.NDArray[np.float64], width: float) -> np.typing.NDArray[np.float64]:
    return center[..., None] + width * (np.array(LEVELS) - 0.5)


def test_weather_counts_where_it_was_sent_and_has_a_stand_in_for_other_hours() -> None:
    draw = np.random.default_rng(0)
    came = draw.uniform(0.2, 0.8, (2, ORIGINS, HOURS))
    weather = about(came + draw.normal(0.0, 0.02, came.shape), 0.1)
    weather[1] = np.nan
    plain = {name: about(np.full(came.shape, 0.5), width) for name, width in ((CLIMATOLOGY, 0.6), (NAIVE, 1.2))}
    told, untold = learn_blends(plain | {WEATHER_TREES: weather}, came, TRIAL, Course(), parts=1)
    assert told.weights[WEATHER_TREES] > 0.5
    assert told.without is not None
    assert told.without.weights == untold.weights == learn_blends(plain, came, TRIAL, Course(), parts=1)[1].weights
    assert WEATHER_TREES not in untold.weights
    assert untold.without is None


def test_bands_are_widened_for_the_series_that_needs_it_and_never_narrowed() -> None:
    came = np.random.default_rng(1).normal(0.5, np.array([0.05, 0.4])[:, None, None], (2, ORIGINS, HOURS))
    calm, restless = learn_blends({CLIMATOLOGY: about(np.full(came.shape, 0.5), 0.4)}, came, TRIAL, Course(), parts=1)
    assert restless.width > 1.5
    assert (calm.bands.factors >= 1.0).all()
