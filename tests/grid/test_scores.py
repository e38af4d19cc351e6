"""Scores against hand-worked answers."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grid.scores
from grid.scores import (
    central_coverage,
    coverage,
    crps_from_quantiles,
    mean_pinball_loss,
    peak_threshold,
    peak_weighted_losses,
    pinball_loss,
    pinball_losses,
    skill_score,
    weighted_quantile_loss,
)


def test_the_examples_in_the_docstrings_hold() -> None:
    finder = doctest.DocTestFinder()
    runner = doctest.DocTestRunner()
    for example in finder.find(grid.scores, extraglobs={"np": np}):
        runner.run(example)
    assert runner.summarize(verbose=False).failed == 0
    assert runner.tries >= 8


def test_pinball_loss_charges_each_side_by_its_level() -> None:
    actual = np.array([10.0, 10.0])
    assert pinball_loss(actual, np.array([8.0, 12.0]), quantile=0.9) == pytest.approx((0.9 * 2 + 0.1 * 2) / 2)
    assert pinball_loss(actual, np.array([8.0, 8.0]), quantile=0.1) == pytest.approx(0.2)


def test_unknown_intervals_do_not_count() -> None:
    actual, quantiles = np.array([10.0, np.nan]), np.array([[8.0], [1e9]])
    assert mean_pinball_loss(actual, quantiles, levels=(0.5,)) == pytest.approx(1.0)
    assert coverage(np.array([np.nan]), np.array([0.0]), np.array([1.0])) != coverage(
        np.array([0.5]), np.array([0.0]), np.array([1.0])
    )


def test_nothing_known_scores_nan() -> None:
    unknown = np.full(3, np.nan)
    assert np.isnan(mean_pinball_loss(unknown, np.zeros((3, 1)), levels=(0.5,)))
    assert np.isnan(weighted_quantile_loss(unknown, np.zeros((3, 1)), levels=(0.5,)))
    assert np.isnan(coverage(unknown, np.zeros(3), np.ones(3)))


@given(st.lists(st.floats(0.0, 100.0), min_size=3, max_size=3), st.floats(0.0, 100.0), st.floats(0.0, 100.0))
def test_errors_below_a_peak_cost_nothing_and_above_it_what_they_cost_anyway(
    quantiles: list[float], actual: float, peak: float
) -> None:
    said, came, levels = np.sort(quantiles)[None], np.array([actual]), (0.1, 0.5, 0.9)
    plain = pinball_losses(came, said, levels=levels)
    weighted = peak_weighted_losses(came, said, levels=levels, peak_kw=np.array(peak))
    assert (weighted <= plain + 1e-9).all()
    np.testing.assert_allclose(
        weighted[:, (said[0] >= peak) & (actual >= peak)], plain[:, (said[0] >= peak) & (actual >= peak)]
    )
    assert (weighted[:, (said[0] <= peak) & (actual <= peak)] == 0.0).all()


def test_by_the_peak_weighted_loss_nobody_gains_by_saying_more_than_is_so() -> None:
    came, levels = np.random.default_rng(0).gamma(4.0, 25.0, size=20_000), (0.1, 0.5, 0.9)
    true = np.quantile(came, levels)
    losses = [
        peak_weighted_losses(came, np.tile(times * true, (len(came), 1)), levels=levels, peak_kw=np.array(160.0)).mean()
        for times in (0.8, 1.0, 1.2)
    ]
    assert losses[1] == min(losses)
    assert losses[1] < losses[0]


def test_a_peak_is_what_a_tenth_of_the_last_weeks_lay_above() -> None:
    past = np.concatenate([np.full(24, 1e6), np.tile(np.arange(24.0), 28)])  # older than four weeks: the million
    assert peak_threshold(past, day=24, periods=48) == pytest.approx(np.quantile(past[24:], 0.9))
    assert peak_threshold(past, day=24, periods=len(past)) == pytest.approx(np.quantile(past, 0.9))
    known = np.where(past < 12.0, np.nan, past)
    assert peak_threshold(known, day=24, periods=48) == np.quantile(np.arange(12.0, 24.0).repeat(28), 0.9)
    assert np.isnan(peak_threshold(np.full(9, np.nan), day=24, periods=48))
    assert np.isnan(peak_threshold(np.empty(0), day=24, periods=48))


@given(st.floats(0.01, 0.99), st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20))
def test_the_true_value_costs_nothing_and_any_other_something(level: float, values: list[float]) -> None:
    actual = np.array(values)
    assert pinball_loss(actual, actual, quantile=level) == 0.0
    assert pinball_loss(actual, actual + 1.0, quantile=level) > 0.0


def test_crps_and_weighted_quantile_loss_are_twice_the_pinball_loss() -> None:
    actual, quantiles = np.array([10.0, 20.0]), np.array([[8.0, 11.0], [19.0, 25.0]])
    mean = mean_pinball_loss(actual, quantiles, levels=(0.1, 0.9))
    assert crps_from_quantiles(actual, quantiles, levels=(0.1, 0.9)) == pytest.approx(2 * mean)
    assert weighted_quantile_loss(actual, quantiles, levels=(0.1, 0.9)) == pytest.approx(2 * mean / 15.0)


def test_central_coverage_takes_the_two_levels_of_the_share() -> None:
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    quantiles = np.tile([0.0, 4.0, 5.0, 6.0, 10.0], (4, 1))
    actual = np.array([5.0, 5.5, 9.0, 11.0])
    assert central_coverage(actual, quantiles, levels=levels, share=0.5) == 0.5
    assert central_coverage(actual, quantiles, levels=levels, share=0.9) == 0.75
    with pytest.raises(ValueError, match=r"needs level 0\.1"):
        central_coverage(actual, quantiles, levels=levels, share=0.8)


def test_skill_is_zero_beside_itself_and_nan_beside_nothing() -> None:
    assert skill_score(2.0, reference=2.0) == 0.0
    assert skill_score(3.0, reference=2.0) < 0.0
    assert np.isnan(skill_score(1.0, reference=0.0))


def test_shapes_that_do_not_agree_are_refused() -> None:
    with pytest.raises(ValueError, match="must have shape"):
        pinball_loss(np.zeros(2), np.zeros(3), quantile=0.5)
    with pytest.raises(ValueError, match="levels must lie"):
        mean_pinball_loss(np.zeros(2), np.zeros((2, 1)), levels=(1.0,))
