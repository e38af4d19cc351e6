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


def covered(actual: np.ndarray, quantiles: np.ndarray) -> float:
    """Share of the values in the central half."""
    return float(np.mean((actual >= quantiles[..., 1]) & (actual <= quantiles[..., 3])))


@pytest.mark.parametrize("spread", [0.6, 1.0, 1.35])
def test_what_a_backtest_teaches_holds_in_the_next(spread: float) -> None:
    actual, said = backtest(spread)
    half = actual.shape[1] // 2
    bands = learn_bands(actual[:, :half], said[:, :half], levels=LEVELS)
    before, after = (
        abs(covered(actual[:, half:], quantiles) - 0.5)
        for quantiles in (said[:, half:], bands.calibrated(said[:, half:], levels=LEVELS))
    )
    assert after < 0.04
    assert after <= before + 0.01


def test_only_the_hours_whose_bands_failed_are_widened_much() -> None:
    actual, said = backtest(1.0)
    night = np.arange(HOURS) % 24 < 6
    actual = np.where(night, 1.8 * actual, actual)
    scale = learn_bands(actual, said, levels=LEVELS).scale[cells(HOURS)]
    assert scale[night].min() > 1.4
    assert scale[~night].max() < 1.15


def test_little_seen_changes_little() -> None:
    few, many = (learn_bands(*backtest(0.5, origins=origins), levels=LEVELS).scale.mean() for origins in (4, 400))
    assert 1.0 < few < 1.2 < 1.6 < many


def test_a_recent_failure_counts_for_more_than_an_old_one() -> None:
    actual, said = backtest(1.0, origins=60)
    old, new = actual.copy(), actual.copy()
    old[:, :30] *= 2.0
    new[:, 30:] *= 2.0
    assert (
        learn_bands(new, said, levels=LEVELS).scale.mean() > learn_bands(old, said, levels=LEVELS).scale.mean() + 0.02
    )


def test_nothing_known_and_bands_without_width_leave_all_as_it_was() -> None:
    actual, said = backtest(1.0, origins=30)
    unknown = learn_bands(np.full_like(actual, np.nan), said, levels=LEVELS)
    night = learn_bands(actual, np.zeros_like(said), levels=LEVELS)
    assert unknown.scale.tolist() == night.scale.tolist() == [1.0] * CELLS


@given(st.lists(st.floats(-100.0, 100.0), min_size=5, max_size=5), st.floats(0.7, 2.0))
@settings(max_examples=60, deadline=None)
def test_calibrated_quantiles_never_cross_and_keep_their_median(values: list[float], scale: float) -> None:
    quantiles = np.broadcast_to(np.sort(values), (HOURS, 5))
    made = Bands(np.full(CELLS, scale)).calibrated(quantiles, levels=LEVELS)
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
