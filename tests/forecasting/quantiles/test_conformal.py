"""Conformal calibration: bands that did not hold are widened where they did not, held back, and never cross."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from forecasting.quantiles.conformal import CELLS, Bands, cells, learn_bands, normal_scores

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
NORMAL = ndtri(np.array(LEVELS))
HOURS = 48


def backtest(spread: float, *, origins: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal values, and quantiles that hold them for ``spread`` times as wide."""
    actual = np.random.default_rng(0).normal(size=(1, origins, HOURS))
    return actual, np.broadcast_to(spread * NORMAL, (*actual.shape, len(LEVELS)))


def covered(actual: np.ndarray, quantiles: np.ndarray) -> tuple[float, float]:
    """Share of the values in the central half, and in the central 90 %."""
    half, most = (
        float(np.mean((actual >= quantiles[..., low]) & (actual <= quantiles[..., 4 - low]))) for low in (1, 0)
    )
    return half, most


def bands(inner: float, outer: float) -> Bands:
    """Alike in all cells."""
    return Bands(np.tile([inner, outer], (CELLS, 1)))


@pytest.mark.parametrize("spread", [0.7, 1.0, 1.35])
def test_what_a_backtest_teaches_holds_in_the_next(spread: float) -> None:
    actual, said = backtest(spread)
    half = actual.shape[1] // 2
    taught = learn_bands(actual[:, :half], said[:, :half], levels=LEVELS)
    assert covered(actual[:, half:], taught.calibrated(said[:, half:], levels=LEVELS)) == pytest.approx(
        (0.5, 0.9), abs=0.03
    )


def test_errors_of_heavy_tails_widen_the_outer_band_alone() -> None:
    _, said = backtest(1.0)
    student = np.random.default_rng(1).standard_t(3, size=(1, 400, HOURS))
    actual = student * NORMAL[3] / np.quantile(student, 0.75)  # the central half holds as it is
    taught = learn_bands(actual[:, :200], said[:, :200], levels=LEVELS)
    assert taught.factors.mean(axis=0) == pytest.approx((1.0, 1.26), abs=0.04)
    assert covered(actual[:, 200:], taught.calibrated(said[:, 200:], levels=LEVELS)) == pytest.approx(
        (0.5, 0.9), abs=0.02
    )


def test_bands_that_held_widen_a_little_while_few_origins_have_said_so() -> None:
    few, many = (
        learn_bands(*backtest(1.0, origins=origins), levels=LEVELS).factors[:, 1].mean() for origins in (6, 400)
    )
    assert 1.02 < few < 1.08
    assert many == pytest.approx(1.0, abs=0.01)


def test_a_skewed_forecast_is_stretched_by_its_own_sides() -> None:
    said = np.tile([8.0, 9.0, 10.0, 14.0, 20.0], (HOURS, 1))
    made = bands(1.1, 1.5).calibrated(said, levels=LEVELS)
    assert made[0].tolist() == pytest.approx([7.0, 8.9, 10.0, 14.4, 25.0])


def test_bands_that_may_only_widen_leave_what_would_become_narrower() -> None:
    assert bands(0.8, 1.2).only_wider().factors.tolist() == [[1.0, 1.2]] * CELLS


def test_only_the_hours_whose_bands_failed_are_widened_much() -> None:
    actual, said = backtest(1.0)
    night = np.arange(HOURS) % 24 < 6
    actual = np.where(night, 1.8 * actual, actual)
    factors = learn_bands(actual, said, levels=LEVELS).factors[cells(HOURS)]
    assert factors[night].min() > 1.4
    assert factors[~night].max() < 1.15


def test_little_seen_changes_little() -> None:
    few, many = (learn_bands(*backtest(0.5, origins=origins), levels=LEVELS).factors.mean() for origins in (4, 400))
    assert 1.0 < few < 1.2 < 1.6 < many


def test_a_recent_failure_counts_for_more_than_an_old_one() -> None:
    actual, said = backtest(1.0, origins=60)
    old, new = actual.copy(), actual.copy()
    old[:, :30] *= 2.0
    new[:, 30:] *= 2.0
    assert (
        learn_bands(new, said, levels=LEVELS).factors.mean()
        > learn_bands(old, said, levels=LEVELS).factors.mean() + 0.02
    )


def test_nothing_known_and_bands_without_width_leave_all_as_it_was() -> None:
    actual, said = backtest(1.0, origins=30)
    unknown = learn_bands(np.full_like(actual, np.nan), said, levels=LEVELS)
    night = learn_bands(actual, np.zeros_like(said), levels=LEVELS)
    assert unknown.factors.tolist() == night.factors.tolist() == [[1.0, 1.0]] * CELLS


@given(st.lists(st.floats(-100.0, 100.0), min_size=5, max_size=5), st.floats(0.7, 2.0), st.floats(0.7, 2.0))
@settings(max_examples=60, deadline=None)
def test_calibrated_quantiles_never_cross_and_keep_their_median(
    values: list[float], inner: float, outer: float
) -> None:
    quantiles = np.broadcast_to(np.sort(values), (HOURS, 5))
    made = bands(inner, outer).calibrated(quantiles, levels=LEVELS)
    assert (np.diff(made, axis=-1) >= -1e-9).all()
    assert made[:, 2] == pytest.approx(quantiles[:, 2])


@given(st.floats(-2.0, 2.0), st.floats(0.1, 10.0))
@settings(max_examples=60, deadline=None)
def test_the_normal_score_of_a_normal_forecast_is_the_standardised_value(value: float, spread: float) -> None:
    found = normal_scores(np.array([spread * value]), (spread * NORMAL)[None], levels=LEVELS)
    assert found[0] == pytest.approx(value, abs=1e-6)


def test_scores_tell_where_in_its_forecast_an_outcome_lay() -> None:
    quantiles = np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [3.0, 3.0, 3.0], [0.0, 1.0, 2.0]])
    actual = np.array([1.0, 2.0, 90.0, 3.0, np.nan])
    scores = normal_scores(actual, quantiles, levels=(0.1, 0.5, 0.9))
    assert scores[:3].tolist() == pytest.approx([0.0, 1.2815515655446004, 4.0])
    assert np.isnan(scores[3:]).all()  # no spread, and no outcome
