"""Trees that answer in quantiles: order, sameness, and what they learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from forecasting.members.trees import TREE_LEVELS, TreeOptions, as_arrays, fit_trees

QUICK = TreeOptions(rounds=40, leaf_samples=30)
LEVELS = (0.05, 0.5, 0.95)


def samples(count: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """A target whose middle and spread both hang on the features; one column is never known."""
    draw = np.random.default_rng(0)
    features = draw.uniform(-1.0, 1.0, (count, 3)).astype(np.float32)
    target = 2.0 * features[:, 0] + (0.2 + np.abs(features[:, 1])) * draw.normal(size=count)
    features[:, 2] = np.nan
    return features, target


def test_quantiles_are_in_order_and_follow_middle_and_spread() -> None:
    features, target = samples()
    told = fit_trees(features, target, options=QUICK).quantiles(features.T, levels=LEVELS)
    assert (np.diff(told, axis=1) >= 0.0).all()
    assert np.corrcoef(told[:, 1], features[:, 0])[0, 1] > 0.9
    width = told[:, 2] - told[:, 0]
    assert width[np.abs(features[:, 1]) > 0.8].mean() > 1.3 * width[np.abs(features[:, 1]) < 0.2].mean()
    assert np.mean((target > told[:, 0]) & (target < told[:, 2])) == pytest.approx(0.9, abs=0.04)


def test_the_same_seed_gives_the_same_trees() -> None:
    features, target = samples(800)
    first, again = (fit_trees(features, target, options=QUICK).quantiles(features.T, levels=LEVELS) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_unknown_targets_and_weightless_samples_do_not_count() -> None:
    features, target = samples(1200)
    weight = np.ones(1200)
    spoilt = target.copy()
    spoilt[:100], weight[100:200] = np.nan, 0.0
    spoilt[100:200] = 1e6
    told = fit_trees(features, spoilt, weight, options=QUICK).quantiles(features.T, levels=(0.98,))
    assert told.max() < 10.0


def test_without_a_known_target_there_are_no_trees() -> None:
    features, target = samples(50)
    with pytest.raises(ValueError, match="known"):
        fit_trees(features, np.full_like(target, np.nan), options=QUICK)


def test_the_arrays_of_trees_say_what_the_trees_said() -> None:
    features, target = samples()
    features[::5, 0] = np.nan
    grown = [
        HistGradientBoostingRegressor(loss="quantile", quantile=level, max_iter=20, early_stopping=False).fit(
            features[:, :2], target
        )
        for level in TREE_LEVELS
    ]
    told = as_arrays(grown).quantiles(features[:, :2].T, levels=TREE_LEVELS)
    expected = np.sort(np.stack([one.predict(features[:, :2]) for one in grown], axis=-1), axis=-1)
    np.testing.assert_allclose(told, expected, atol=1e-12)


def test_what_samples_have_in_common_may_be_told_once() -> None:
    features, target = samples()
    trees = fit_trees(features, target, options=QUICK)
    first, second = features[:40, 0], features[:30, 1]
    first[3] = np.nan
    grid = np.stack([np.repeat(first, 30), np.tile(second, 40), np.full(1200, np.nan)])
    told = trees.quantiles([first[:, None], second, np.full((1, 1), np.nan)], levels=LEVELS)
    np.testing.assert_array_equal(told.reshape(1200, -1), trees.quantiles(grid, levels=LEVELS))
