"""What tells how large a series is beside its neighbours, and whether it is unlike them."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.quantiles.neighbours import size_ratios, unlike

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


def test_a_size_is_told_by_the_intervals_that_both_know_however_long_the_histories() -> None:
    own = np.where(np.arange(48) < 40, np.nan, 3.0 * SHAPE[-48:])
    np.testing.assert_allclose(size_ratios(own, [SHAPE, 2.0 * SHAPE, SHAPE[-4:]]), [3.0, 1.5, 3.0])
    assert np.isnan(size_ratios(own, [np.where(np.arange(HOURS) < HOURS - 8, SHAPE, np.nan)])).all()
    assert np.isnan(size_ratios(0.0 * SHAPE, [SHAPE])).all(), "zeros tell no size"


@pytest.mark.parametrize("others", [1, 2, 4])
def test_a_neighbour_that_was_away_tells_no_size(others: int) -> None:
    away = np.where(np.arange(HOURS) < HOURS - 48, SHAPE, 0.001)
    ratios = size_ratios(SHAPE[-48:], [away, *[SHAPE] * (others - 1)])
    np.testing.assert_allclose(ratios, [np.nan, *[1.0] * (others - 1)])


def test_where_all_have_little_nobody_was_away() -> None:
    dim = np.where(np.arange(HOURS) < HOURS - 24, SHAPE, 0.05 * SHAPE)
    np.testing.assert_allclose(size_ratios(dim[-24:], [dim, 2.0 * dim, 4.0 * dim]), [1.0, 0.5, 0.25])


def test_net_loads_that_sum_to_nothing_have_a_size_and_what_gives_is_no_neighbour_of_what_takes() -> None:
    swing = SHAPE - 2.0
    np.testing.assert_allclose(size_ratios(3.0 * swing[-48:], [swing, 2.0 * swing]), [3.0, 1.5])
    np.testing.assert_allclose(size_ratios(-SHAPE[-48:], [-2.0 * SHAPE, SHAPE]), [0.5, np.nan])


@pytest.mark.parametrize("hours", [5, 23, 24, 25])
def test_a_history_of_about_a_day_tells_nothing(hours: int) -> None:
    assert not unlike(LAMPS[:hours], [other[:hours] for other in OTHERS])
