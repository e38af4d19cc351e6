"""The network on the weather of one interval: quantiles in order, learnt from what errors cost, the same by seed."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.sun.weather_network import Intervals, train_weather_networks, weather_quantiles
from grid.time_axis import FloatArray

LEVELS = (0.1, 0.5, 0.9)
COUNT = 4000


def intervals(**changed: FloatArray) -> Intervals:
    """A target that falls with cloud, and scatters more where it is cloudy; two rows, of which one yields less."""
    draw = np.random.default_rng(5)
    cloud = draw.uniform(-1.0, 1.0, COUNT)
    row = np.arange(COUNT) % 2
    target = 0.6 - 0.3 * cloud - 0.2 * row + (0.02 + 0.08 * (cloud > 0.0)) * draw.normal(size=COUNT)
    given = {"target": target, "weight": np.ones(COUNT)} | changed
    return Intervals(features=cloud[:, None], row=row, **given)


def answers(source: Intervals, *, seed: int = 0, steps: int = 120) -> FloatArray:
    """At clear and cloudy skies for both rows, shape (4, levels)."""
    networks = train_weather_networks(source, rows=2, levels=LEVELS, most_steps=steps, networks=1, seed=seed)
    return weather_quantiles(networks, np.array([[-0.5], [-0.5], [0.5], [0.5]]), np.array([0, 1, 0, 1]))


def test_level_width_and_row_are_learnt() -> None:
    said = answers(intervals(), steps=300)
    assert (np.diff(said, axis=1) > 0.0).all()
    assert said[:, 1] == pytest.approx([0.75, 0.55, 0.45, 0.25], abs=0.05)
    widths = said[:, 2] - said[:, 0]
    assert (widths[2:] > 2.0 * widths[:2]).all()


def test_the_same_seed_gives_the_same_answer_and_another_one_does_not() -> None:
    first = answers(intervals(), seed=1)
    assert (first == answers(intervals(), seed=1)).all()
    assert (first != answers(intervals(), seed=2)).any()


def test_what_costs_nothing_is_not_learnt_from() -> None:
    draw = np.random.default_rng(6)
    usual, wild = intervals(), draw.random(COUNT) < 0.5
    said = answers(intervals(target=np.where(wild, 5.0, usual.target), weight=np.where(wild, 0.0, 1.0)))
    assert said[:, 1] == pytest.approx([0.75, 0.55, 0.45, 0.25], abs=0.05)


def test_intervals_without_a_known_target_are_refused() -> None:
    with pytest.raises(ValueError, match="whose target is known"):
        answers(intervals(target=np.full(COUNT, np.nan)))
