"""A challenger is promoted for being better, not for being lucky."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student_t

from forecasting.judging.significance import MINIMUM_DAYS, SIGNIFICANCE, Comparison, compare, decide
from grid.time_axis import FloatArray


def days_that_hang_together(draw: np.random.Generator, contests: int, days: int, *, rho: float) -> FloatArray:
    """Autocorrelated noise of variance one, shape (contests, days)."""
    noise = draw.standard_t(6, size=(contests, days)) / np.sqrt(1.5)
    made = noise.copy()
    for day in range(1, days):
        made[:, day] = rho * made[:, day - 1] + np.sqrt(1.0 - rho**2) * noise[:, day]
    return made


def promoted(difference: FloatArray) -> float:
    """Share of contests in which the challenger is promoted; a loss common to both changes nothing."""
    common = 10.0 + np.random.default_rng(9).normal(size=difference.shape[1])
    found = [compare((common + own)[None], common[None]) for own in difference]
    return float(np.mean([comparison is not None and decide(comparison)[0] for comparison in found]))


@pytest.mark.parametrize("days", [12, 21])
@pytest.mark.parametrize(("rho", "most"), [(0.0, 0.065), (0.4, 0.085)])
def test_of_equal_challengers_about_five_in_a_hundred_are_promoted(days: int, rho: float, most: float) -> None:
    rate = promoted(days_that_hang_together(np.random.default_rng(days), 1500, days, rho=rho))
    assert 0.035 < rate < most


def test_a_real_difference_is_seen_and_a_worse_challenger_never_promoted() -> None:
    noise = days_that_hang_together(np.random.default_rng(0), 300, 21, rho=0.4)
    assert promoted(noise - 2.0) > 0.9
    assert 0.2 < promoted(noise - 0.5) < 0.5
    assert promoted(noise + 1.0) == 0.0


def test_the_figures_of_a_short_contest_worked_by_hand() -> None:
    own = np.array([[1.0, 1.2, 0.9, 1.1, 1.0, 1.3, 0.8, 1.1]])
    champion = own + np.array([[0.1, 0.2, 0.0, 0.1, 0.3, 0.1, 0.2, 0.2]])
    found = compare(own, champion)
    assert found is not None
    difference = (own - champion)[0]
    waves = [np.sqrt(0.25) * np.cos(np.pi * k * (np.arange(8) + 0.5) / 8) @ difference for k in (1, 2)]
    error = np.sqrt((waves[0] ** 2 + waves[1] ** 2) / 2 / 8)
    assert (found.days, found.difference) == (8, pytest.approx(-0.15))
    assert found.p_value == pytest.approx(student_t.cdf(-0.15 / error, 2))
    assert found.upper - found.difference == pytest.approx(error * student_t.ppf(0.95, 2))
    assert found.significant == (found.upper < 0.0)


@given(shift=st.floats(-2.0, 2.0), scale=st.floats(0.01, 5.0), seed=st.integers(0, 1000))
def test_the_interval_excludes_zero_exactly_where_the_test_rejects_and_swapping_turns_it_round(
    shift: float, scale: float, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    one, two = draw.normal(size=(2, 15)) * scale, draw.normal(size=(2, 15)) * scale + shift
    found, swapped = compare(one, two), compare(two, one)
    assert found is not None
    assert swapped is not None
    assert (found.upper < 0.0) == (found.p_value < SIGNIFICANCE)
    assert found.difference == pytest.approx(-swapped.difference)
    assert found.p_value == pytest.approx(1.0 - swapped.p_value)
    assert found.lower <= found.difference <= found.upper


def test_a_day_counts_for_a_series_only_where_both_are_scored() -> None:
    own, champion = np.ones((2, 10)), np.full((2, 10), 2.0)
    own[0, 3], champion[1, 5], own[:, 9] = np.nan, np.nan, np.nan
    champion[0, 3] = 1e9
    found = compare(own, champion)
    assert found is not None
    assert (found.days, found.challenger, found.champion) == (9, 1.0, 2.0)
    assert found.significant


def test_few_days_and_twins_promote_nobody() -> None:
    few = np.zeros((1, MINIMUM_DAYS - 1))
    assert compare(few, few + 1.0) is None
    twins = compare(np.ones((1, 20)), np.ones((1, 20)))
    assert twins is not None
    assert not decide(twins)[0]
    assert not decide(twins, doubt="It is old.")[0]
    with pytest.raises(ValueError, match="same series and days"):
        compare(np.ones((1, 20)), np.ones((2, 20)))


def test_a_doubted_champion_has_to_be_ahead_to_stay() -> None:
    lucky = Comparison(21, 0.050, 0.052, -0.002, -0.005, 0.001, 0.12)
    stays, said = decide(lucky)
    assert not stays
    assert "it may be luck" in said
    taken, why = decide(lucky, doubt="Its forecasts drifted.")
    assert taken
    assert why.endswith("Its forecasts drifted.")
    behind = Comparison(21, 0.053, 0.052, 0.001, -0.005, 0.007, 0.6)
    assert not decide(behind, doubt="Its forecasts drifted.")[0]
