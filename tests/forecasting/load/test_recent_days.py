"""What this hour of the day has been lately: nothing from an origin on, newest days first, gaps as gaps."""

from __future__ import annotations

import numpy as np

from forecasting.load.recent_days import recent_days

LEVELS = (0.1, 0.5, 0.9)


def test_nothing_at_or_after_an_origin_is_looked_at() -> None:
    values = np.random.default_rng(0).gamma(1.0, size=(2, 1200))
    changed = values.copy()
    changed[:, 900:] = 99.0
    first, again = (recent_days(one, np.array([852, 900]), 30, levels=LEVELS) for one in (values, changed))
    assert first.shape == (2, 2, 30, 3)
    np.testing.assert_array_equal(first, again)


def test_an_hour_is_told_by_its_like_and_their_neighbours_whatever_the_day() -> None:
    hours = np.arange(40 * 24) % 24
    values = np.where(hours == 18, 5.0, 1.0)[None]
    told = recent_days(values, np.array([35 * 24 + 6]), 48, levels=(0.01, 0.5, 0.99))[0, 0]
    local = (np.arange(48) + 6) % 24
    np.testing.assert_array_equal(told[:, 1], 1.0)  # two neighbours of three
    np.testing.assert_array_equal(told[:, 2], np.where(np.isin(local, [17, 18, 19]), 5.0, 1.0))


def test_the_newest_days_count_more() -> None:
    values = np.repeat(np.where(np.arange(40) >= 28, 3.0, 1.0), 24)[None]  # a level that is twelve days old
    told = recent_days(values, np.array([40 * 24]), 24, levels=(0.5,))
    np.testing.assert_array_equal(told, 3.0)  # of 28 days fewer than half, but more than half of what counts


def test_a_row_without_a_known_hour_is_silent_and_gaps_are_passed_over() -> None:
    values = np.ones((2, 800))
    values[0] = np.nan
    values[1, 500:790] = np.nan
    told = recent_days(values, np.array([800]), 24, levels=LEVELS)
    assert np.isnan(told[0]).all()
    np.testing.assert_array_equal(told[1], 1.0)


def test_rows_and_origins_together_are_told_what_each_is_told_alone() -> None:
    values = np.random.default_rng(0).gamma(1.0, size=(35, 1000))
    values[1, 640:700] = np.nan
    origins = np.array([400, 800, 999])  # before the first is less than is looked at
    together = recent_days(values, origins, 24, levels=LEVELS)
    alone = [[recent_days(row[None], one[None], 24, levels=LEVELS)[0, 0] for one in origins] for row in values]
    np.testing.assert_array_equal(together, alone)
