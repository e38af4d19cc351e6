"""Mixing: better members weigh more, plain ones less beforehand, and quantiles are read off at any level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from forecasting.quantiles.mixing import at_levels, learn_weights, mean_of

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
NORMAL = ndtri(np.array(LEVELS))


def members(*biases: float, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """What happened, and members of one spread that are off by so much."""
    middle = np.random.default_rng(0).normal(size=2000)
    actual = middle + np.random.default_rng(1).normal(size=2000)
    return actual, np.stack([middle[:, None] + bias + spread * NORMAL for bias in biases])


def test_a_better_member_weighs_more_and_weights_sum_to_one() -> None:
    actual, said = members(0.0, 0.8, 3.0)
    weights = learn_weights(actual, said, levels=LEVELS, seed=0)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[0] > weights[1] > weights[2] >= 0.0


def test_a_member_that_counts_less_beforehand_weighs_less() -> None:
    actual, said = members(0.0, 0.0)
    free, held = (
        learn_weights(actual, said, levels=LEVELS, seed=0, trust=0.0, prior=prior) for prior in (None, (1.0, 0.5))
    )
    assert free == pytest.approx([0.5, 0.5])
    assert held == pytest.approx([2 / 3, 1 / 3])


def test_where_the_average_makes_no_error_the_worse_member_weighs_nothing() -> None:
    said = np.stack([np.zeros((50, len(LEVELS))), np.full((50, len(LEVELS)), 9.0)])
    prior = (1.0, 1e-300)
    assert learn_weights(np.zeros(50), said, levels=LEVELS, seed=0, prior=prior).tolist() == [1.0, 0.0]
    assert learn_weights(np.zeros(50), said[::-1], levels=LEVELS, seed=0, prior=prior[::-1]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(("share", "left_out"), [(0.015, True), (0.03, False)])
def test_a_member_that_would_hardly_count_is_left_out(share: float, left_out: bool) -> None:
    actual, said = members(0.0, 0.0)
    weights = learn_weights(actual, said, levels=LEVELS, seed=0, trust=0.0, prior=(1.0 - share, share))
    assert weights == pytest.approx([1.0, 0.0] if left_out else [1.0 - share, share])


def test_without_anything_known_the_prior_decides() -> None:
    actual, said = members(0.0, 1.0)
    weights = learn_weights(np.full_like(actual, np.nan), said, levels=LEVELS, seed=0, prior=(3.0, 1.0))
    assert weights.tolist() == [0.75, 0.25]


@given(
    st.lists(st.floats(-5.0, 5.0), min_size=5, max_size=5),
    st.lists(st.floats(0.001, 0.999), min_size=1, max_size=6, unique=True),
)
@settings(max_examples=50, deadline=None)
def test_quantiles_read_off_never_cross(values: list[float], wanted: list[float]) -> None:
    ordered = np.sort(np.array(values))
    assert (np.diff(at_levels(ordered, levels=LEVELS, wanted=sorted(wanted))) >= -1e-9).all()


def test_the_mean_of_a_symmetric_forecast_is_its_median() -> None:
    assert mean_of(7.0 + NORMAL, levels=LEVELS) == pytest.approx(7.0)
