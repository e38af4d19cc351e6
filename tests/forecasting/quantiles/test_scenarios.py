"""Joint scenarios: exact marginals whatever hangs together, and the dependence that was put in comes out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.quantiles.mixing import at_levels
from forecasting.quantiles.scenarios import Dependence, draw_scenarios, fit_dependence
from grid.joint_scores import energy_score, variogram_score
from grid.time_axis import FloatArray

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def normal_quantiles(series: int, intervals: int) -> FloatArray:
    return np.broadcast_to(
        at_levels(np.array([-1.0, 1.0]), levels=(0.158655, 0.841345), wanted=LEVELS), (series, intervals, 5)
    )


def past(count: int, *, decay: float, shared: float) -> FloatArray:
    """Scores of two series whose neighbours correlate by ``decay`` and which correlate by ``shared``."""
    draw = np.random.default_rng(1)
    root = np.linalg.cholesky(np.array([[1.0, shared], [shared, 1.0]]))
    made = np.empty((2, count, 24))
    made[:, :, 0] = root @ draw.standard_normal((2, count))
    for i in range(1, 24):
        made[:, :, i] = decay * made[:, :, i - 1] + np.sqrt(1 - decay**2) * (root @ draw.standard_normal((2, count)))
    return made


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(1, 40),
    decay=st.floats(0.0, 0.99),
    shared=st.floats(-1.0, 1.0),
    seed=st.integers(0, 9),
)
def test_marginals_are_exactly_the_quantiles_at_even_levels(count: int, decay: float, shared: float, seed: int) -> None:
    quantiles = np.sort(np.random.default_rng(seed).normal(size=(2, 5, len(LEVELS))).cumsum(axis=0), axis=-1)
    dependence = Dependence(np.array([decay, decay / 2]), np.array([[1.0, shared], [shared, 1.0]]))
    drawn = draw_scenarios(dependence, quantiles, levels=LEVELS, count=count, seed=seed)
    even = ((np.arange(count) + 0.5) / count).tolist()
    expected = at_levels(quantiles, levels=LEVELS, wanted=even)
    np.testing.assert_array_equal(np.sort(drawn, axis=0), np.moveaxis(expected, -1, 0))


def test_what_hangs_together_in_the_past_hangs_together_in_the_scenarios() -> None:
    fitted = fit_dependence(past(200, decay=0.8, shared=0.6))
    assert fitted.decay == pytest.approx([0.8, 0.8], abs=0.05)
    assert fitted.correlation[0, 1] == pytest.approx(0.6, abs=0.08)
    drawn = draw_scenarios(fitted, normal_quantiles(2, 24), levels=LEVELS, count=2000, seed=0)
    assert np.corrcoef(drawn[:, 0, 10], drawn[:, 0, 11])[0, 1] == pytest.approx(0.8, abs=0.06)
    assert np.corrcoef(drawn[:, 0, 5], drawn[:, 0, 8])[0, 1] == pytest.approx(0.8**3, abs=0.08)
    assert np.corrcoef(drawn[:, 0, 20], drawn[:, 1, 20])[0, 1] == pytest.approx(0.6, abs=0.08)


def test_without_a_past_nothing_hangs_together() -> None:
    fitted = fit_dependence(np.full((3, 4, 24), np.nan))
    assert fitted.decay.tolist() == [0.0, 0.0, 0.0]
    np.testing.assert_array_equal(fitted.correlation, np.eye(3))


def test_joint_scores_prefer_scenarios_that_hang_together() -> None:
    quantiles, outcomes = normal_quantiles(1, 24), past(60, decay=0.95, shared=0.0)[0]
    none, some = (Dependence(np.array([decay]), np.eye(1)) for decay in (0.0, 0.95))
    apart, together = (draw_scenarios(d, quantiles, levels=LEVELS, count=200, seed=0)[:, 0] for d in (none, some))
    for score in (energy_score, variogram_score):
        assert np.mean([score(one, together) for one in outcomes]) < np.mean([score(one, apart) for one in outcomes])


def test_energy_score_of_one_value_is_its_crps() -> None:
    scenarios = np.array([[1.0], [3.0], [8.0]])
    by_hand = np.mean([1.0, 1.0, 6.0]) - 0.5 * np.mean([0, 2, 7, 2, 0, 5, 7, 5, 0])
    assert energy_score(np.array([2.0]), scenarios) == pytest.approx(by_hand)
    assert np.isnan(energy_score(np.array([np.nan]), scenarios))


def test_an_impossible_count_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        draw_scenarios(Dependence(np.zeros(1), np.eye(1)), normal_quantiles(1, 2), levels=LEVELS, count=0, seed=0)
