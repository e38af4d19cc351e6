"""Errors of the hours most like the one to come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.simulation.analogues import analogue_quantiles


def test_only_the_nearest_hours_count() -> None:
    wind = np.array([[0.0], [1.0], [2.0], [100.0], [101.0], [102.0]])
    errors = np.array([0.0, 1.0, 2.0, 50.0, 60.0, 70.0])

    quantiles = analogue_quantiles(wind, errors, np.array([[1.0], [101.0]]), levels=(0.5, 1.0), neighbours=3)

    assert quantiles.tolist() == [[1.0, 60.0], [2.0, 70.0]]


def test_one_more_error_drawn_alike_lies_beyond_a_quantile_as_often_as_promised() -> None:
    errors = np.array([5.0, 1.0, 4.0, 2.0, 3.0, 9.0, 8.0, 6.0, 7.0])
    alike = np.zeros((9, 1))

    quantiles = analogue_quantiles(alike, errors, alike[:1], levels=(0.1, 0.5, 0.9))

    # A tenth one is as likely to be the highest of the ten as any other.
    assert quantiles[:, 0] == pytest.approx([1.0, 5.0, 9.0])


def test_features_count_by_their_own_spread() -> None:
    situations = np.array([[0.0, 1000.0], [1.0, 0.0]])  # an hour apart in wind, and a GW apart in load

    nearest = analogue_quantiles(
        situations, np.array([1.0, 2.0]), np.array([[0.9, 400.0]]), levels=(0.5,), neighbours=1
    )

    assert nearest.tolist() == [[2.0]]


def test_a_feature_that_never_changed_tells_nothing() -> None:
    situations = np.array([[5.0, 0.0], [5.0, 10.0]])

    nearest = analogue_quantiles(situations, np.array([1.0, 2.0]), np.array([[5.0, 9.0]]), levels=(0.5,), neighbours=1)

    assert nearest.tolist() == [[2.0]]


@given(st.lists(st.tuples(st.floats(0.0, 500.0), st.floats(-300.0, 300.0)), min_size=1, max_size=40))
def test_quantiles_rise_with_their_level_and_stay_among_the_errors(past: list[tuple[float, float]]) -> None:
    situations, errors = np.array([[wind] for wind, _ in past]), np.array([error for _, error in past])

    quantiles = analogue_quantiles(situations, errors, np.array([[0.0], [250.0]]), levels=(0.1, 0.5, 0.9), neighbours=9)

    assert (np.diff(quantiles, axis=0) >= -1e-9).all()
    assert quantiles.min() >= errors.min() - 1e-9
    assert quantiles.max() <= errors.max() + 1e-9


def test_without_a_past_or_with_shapes_that_do_not_fit_there_is_no_answer() -> None:
    with pytest.raises(ValueError, match="a past hour"):
        analogue_quantiles(np.zeros((0, 1)), np.zeros(0), np.zeros((2, 1)), levels=(0.5,))
    with pytest.raises(ValueError, match="must fit"):
        analogue_quantiles(np.zeros((3, 1)), np.zeros(2), np.zeros((2, 1)), levels=(0.5,))
    with pytest.raises(ValueError, match="must fit"):
        analogue_quantiles(np.zeros((3, 1)), np.zeros(3), np.zeros((2, 2)), levels=(0.5,))
