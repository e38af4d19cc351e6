"""Trees on the sun's power: they do not know the season, and nights are dark."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from forecasting.members.forest import ForestOptions
from forecasting.members.trees import TreeOptions
from forecasting.sun.trees import SolarTrees
from forecasting.sun.windows import SolarPanel
from grid.time_axis import FloatArray, TimeAxis

PERIODS = 24
OPTIONS = TreeOptions(rounds=12, learning_rate=0.3, leaf_samples=40)


def panel(hours: int) -> SolarPanel:
    """One plant whose clear-sky index goes with the season alone."""
    at = np.arange(hours + PERIODS)
    season: FloatArray = 2.0 * np.pi / 8766.0 * at.astype(np.float64)
    day: FloatArray = 2.0 * np.pi / 24.0 * (at % 24 + 0.5).astype(np.float64)
    clear = np.maximum(-np.cos(day), 0.0)[None]
    index = 0.6 + 0.3 * np.sin(season)
    return SolarPanel(
        axis=TimeAxis(datetime(2024, 1, 1, tzinfo=UTC), timedelta(hours=1), hours),
        series_ids=("plant",),
        kw=(index * clear)[:, :hours],
        capacity_kw=np.ones(1),
        clear_kw=clear,
        day_angle=np.asarray(day[None], dtype=np.float64),
        year_angle=np.asarray(season % (2.0 * np.pi), dtype=np.float64),
        weather=np.zeros((1, hours + PERIODS, 1)),
    )


def test_the_same_weather_is_told_the_same_whatever_the_season() -> None:
    """In few years a season mostly tells which day it was."""
    hours = 730 * 24
    shown = panel(hours)
    asked = replace(shown, year_angle=(shown.year_angle + np.pi) % (2.0 * np.pi))
    now, later = (SolarTrees(one, np.zeros((1, hours, 0)), np.ones(1), periods=PERIODS) for one in (shown, asked))
    grown = now.boost(hours, options=OPTIONS)
    origin = np.array([hours])
    assert (now.speak(grown, origin, PERIODS) == later.speak(grown, origin, PERIODS)).all()


def test_a_night_is_dark_at_every_level() -> None:
    shown = panel(40 * 24)
    trees = SolarTrees(shown, np.zeros((1, 40 * 24, 0)), np.ones(1), periods=PERIODS)
    for grown in (trees.boost(40 * 24, options=OPTIONS), trees.plant(40 * 24, options=ForestOptions(trees=4))):
        said = trees.speak(grown, np.array([30 * 24]), PERIODS)[0, 0]
        assert (said[[0, 1, 2, 22, 23]] == 0.0).all()
        assert (said[12] > 0.0).all()
