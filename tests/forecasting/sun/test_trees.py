"""Trees on the sun's power: what they may learn from the season depends on how often it was seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.members.forest import ForestOptions
from forecasting.members.trees import TreeOptions
from forecasting.sun.trees import SEASON_HOURS, SolarTrees
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


def medians_at(shown: SolarPanel, until: int, *, shifted: float) -> FloatArray:
    """The clear-sky index foretold for a day, had it been so much later in the year, shape (hours,)."""
    trees = SolarTrees(shown, np.zeros((1, shown.axis.periods, 0)), np.ones(1), periods=PERIODS)
    grown = trees.boost(until, options=OPTIONS)
    moved = replace(shown, year_angle=(shown.year_angle + shifted) % (2.0 * np.pi))
    asked = SolarTrees(moved, np.zeros((1, shown.axis.periods, 0)), np.ones(1), periods=PERIODS)
    said = asked.speak(grown, np.array([shown.axis.periods]), PERIODS)[0, 0]
    day = shown.clear_kw[0, -PERIODS:] > 0.0
    return np.asarray(said[day, said.shape[-1] // 2])


@pytest.mark.parametrize(("hours", "learnt"), [(SEASON_HOURS, True), (SEASON_HOURS - 24, False)])
def test_a_season_is_learnt_only_where_it_was_seen_more_than_once(hours: int, learnt: bool) -> None:
    shown = panel(hours)
    summer, winter = (medians_at(shown, hours, shifted=shift) for shift in (0.0, np.pi))
    assert bool((summer != winter).any()) is learnt


def test_a_night_is_dark_at_every_level() -> None:
    shown = panel(40 * 24)
    trees = SolarTrees(shown, np.zeros((1, 40 * 24, 0)), np.ones(1), periods=PERIODS)
    for grown in (trees.boost(40 * 24, options=OPTIONS), trees.plant(40 * 24, options=ForestOptions(trees=4))):
        said = trees.speak(grown, np.array([30 * 24]), PERIODS)[0, 0]
        assert (said[[0, 1, 2, 22, 23]] == 0.0).all()
        assert (said[12] > 0.0).all()
