"""A quantile forest: what its leaves remember, and that arrays answer as the trees they were taken from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor

from forecasting.members.forest import ForestOptions, QuantileForest, fit_forest
from forecasting.members.trees import TREE_LEVELS
from forecasting.nouns import Float32Array, ShortHistoryError
from grid.time_axis import FloatArray

OPTIONS = ForestOptions(trees=8, leaf_samples=50)


def spreading(samples: int, *, seed: int = 0) -> tuple[Float32Array, FloatArray]:
    """A target whose spread, but not its middle, goes with the first of two features."""
    draw = np.random.default_rng(seed)
    features = draw.random((samples, 2)).astype(np.float32)
    return features, draw.normal(size=samples) * (0.2 + features[:, 0])


def asked(forest: QuantileForest, features: Float32Array) -> FloatArray:
    return forest.quantiles(list(features.T), levels=TREE_LEVELS)


def test_bands_are_as_wide_as_what_resembles_a_sample_was_spread() -> None:
    features, target = spreading(6000)
    forest = fit_forest(features, target, np.ones(6000), options=OPTIONS)
    new, happened = spreading(4000, seed=1)
    told = asked(forest, new)
    within = (happened >= told[:, 0]) & (happened <= told[:, -1])
    assert within.mean() == pytest.approx(0.9, abs=0.03)
    width = told[:, -1] - told[:, 0]
    assert width[new[:, 0] > 0.9].mean() > 2.0 * width[new[:, 0] < 0.1].mean()


def test_quantiles_never_cross_even_where_a_feature_is_unknown() -> None:
    features, target = spreading(2000)
    features[::3, 1] = np.nan
    forest = fit_forest(features, target, np.ones(2000), options=OPTIONS)
    assert (np.diff(asked(forest, features), axis=1) >= 0.0).all()


def test_what_is_unknown_is_set_apart_from_all_that_is_known() -> None:
    unknown = np.arange(2000) % 2 == 1
    known = np.random.default_rng(0).uniform(-30.0, 10.0, 2000)
    features = np.where(unknown, np.nan, known).astype(np.float32)[:, None]
    forest = fit_forest(features, unknown.astype(float), np.ones(2000), options=OPTIONS)
    told = asked(forest, np.array([[np.nan], [-25.0], [-9.0], [5.0]], dtype=np.float32))[:, 2]
    assert told[0] > 0.9
    assert told[1:].max() < 0.5


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_arrays_lead_to_the_leaves_that_the_library_finds(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    fit, grown = ExtraTreesRegressor.fit, []

    def watched(self: ExtraTreesRegressor, *samples: FloatArray, **options: FloatArray) -> ExtraTreesRegressor:
        grown.append(self)
        return fit(self, *samples, **options)

    monkeypatch.setattr(ExtraTreesRegressor, "fit", watched)
    features, target = spreading(1000)
    features[np.random.default_rng(2).random(1000) < share, 1] = np.nan
    forest = fit_forest(features, target, np.ones(1000), options=replace(OPTIONS, trees=1))
    asking = spreading(500, seed=1)[0]
    asking[::3, 1] = np.nan
    leaves = grown[0].estimators_[0].tree_.apply(asking)
    np.testing.assert_allclose(asked(forest, asking), forest.value[leaves], atol=1e-6)


def test_a_sample_that_costs_nothing_teaches_nothing() -> None:
    features, target = spreading(2000)
    cost = np.ones(2000)
    cost[1000:], target[1000:] = 0.0, 99.0
    assert asked(fit_forest(features, target, cost, options=OPTIONS), features).max() < 99.0


def test_a_leaf_too_small_to_split_answers_with_weighted_quantiles_of_all() -> None:
    target, cost = np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, 1.0, 1.0, 5.0])
    features = np.zeros((4, 1), dtype=np.float32)
    forest = fit_forest(features, target, cost, options=ForestOptions(trees=2, leaf_samples=4))
    # Middles of the samples' weights lie at 1/16, 3/16, 5/16 and 11/16 of the whole.
    assert asked(forest, features)[0] == pytest.approx([0.0, 1.5, 2.5, 3.0, 3.0])


def test_the_same_seed_gives_the_same_forest_and_another_one_another() -> None:
    features, target = spreading(1000)
    said = [
        asked(fit_forest(features, target, np.ones(1000), options=ForestOptions(seed=seed, trees=4)), features)
        for seed in (0, 0, 1)
    ]
    assert (said[0] == said[1]).all()
    assert (said[0] != said[2]).any()


def test_a_forest_needs_a_known_target() -> None:
    with pytest.raises(ShortHistoryError, match="known"):
        fit_forest(np.zeros((3, 1), dtype=np.float32), np.full(3, np.nan), np.ones(3), options=OPTIONS)
