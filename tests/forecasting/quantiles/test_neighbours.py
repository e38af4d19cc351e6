"""Whether a series is unlike its neighbours is told by its own readings, once there are two days of them."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.quantiles.neighbours import unlike

HOURS = 24 * 10
SHAPE = 2.0 + np.sin(2 * np.pi * np.arange(HOURS) / 24)
RESTLESS = SHAPE * np.random.default_rng(0).uniform(0.5, 1.5, HOURS)
LAMPS = np.where(np.arange(HOURS) % 24 < 12, 0.0, 4.0)
OTHERS = [SHAPE * np.random.default_rng(seed).uniform(0.5, 1.5, HOURS) for seed in (1, 2, 3, 4)]


def test_a_restless_home_is_like_its_neighbours_and_lamps_are_not() -> None:
    gaps = np.where(np.arange(HOURS) % 7 == 0, np.nan, OTHERS[0])
    assert not unlike(RESTLESS, [gaps, *OTHERS[1:]])
    assert unlike(LAMPS, [gaps, *OTHERS[1:]])


@pytest.mark.parametrize(("hours", "told"), [(47, False), (48, True)])
def test_less_than_a_day_beside_its_yesterday_tells_nothing(hours: int, told: bool) -> None:
    assert unlike(np.where(np.arange(HOURS) < HOURS - hours, np.nan, LAMPS), OTHERS) is told


def test_hours_of_which_no_neighbour_knows_anything_do_not_count() -> None:
    silent = [np.where(np.arange(HOURS) < HOURS - 20, np.nan, other) for other in OTHERS]
    assert not unlike(LAMPS, silent)
