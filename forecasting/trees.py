"""Gradient-boosted trees that answer in quantiles: one ensemble per level, put in order, and read off at the others.

Trees cannot leave the range that they saw: they are asked for what is left over or for a share, never for a level.

References:
    Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of Statistics 29(5), 2001.
    Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 2017 (histograms; here as in
    scikit-learn's HistGradientBoostingRegressor).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from forecasting.mixing import at_levels
from forecasting.windows import Float32Array
from grid.time_axis import FloatArray

TREE_LEVELS = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
_THREADS = 1
"""On a shared machine several threads wait for each other longer than they work."""


@dataclass(frozen=True, slots=True)
class TreeOptions:
    """How trees are grown.

    Attributes:
        rounds: Trees per level.
        leaves: Of one tree at most.
        leaf_samples: Fewer samples than this are not split off.
        most_samples: A random part of so many samples is learnt from where there are more.
    """

    seed: int = 0
    rounds: int = 120
    learning_rate: float = 0.06
    leaves: int = 8
    leaf_samples: int = 150
    l2: float = 10.0
    most_samples: int = 60_000


@dataclass(frozen=True, slots=True, eq=False)
class QuantileTrees:
    """Trained trees, one ensemble per level of :data:`TREE_LEVELS`."""

    ensembles: tuple[HistGradientBoostingRegressor, ...]

    def quantiles(self, features: Float32Array, *, levels: Sequence[float]) -> FloatArray:
        """Shape (samples, levels), non-decreasing along levels, for features of shape (samples, features)."""
        with threadpool_limits(_THREADS):
            said = np.stack([one.predict(features) for one in self.ensembles], axis=-1)
        return at_levels(np.sort(said, axis=-1), levels=TREE_LEVELS, wanted=levels)


def fit_trees(
    features: Float32Array, target: FloatArray, weight: FloatArray | None = None, *, options: TreeOptions
) -> QuantileTrees:
    """Grow the trees; the same seed, samples and machine give the same trees.

    Args:
        features: Shape (samples, features). NaN where unknown.
        target: Shape (samples,). NaN where unknown.
        weight: What an error costs, shape (samples,).

    Raises:
        ValueError: If no sample has a known target.
    """
    usable = np.isfinite(target) if weight is None else np.isfinite(target) & (weight > 0.0)
    chosen = np.flatnonzero(usable)
    if not len(chosen):
        raise ValueError("trees need samples whose target is known")
    if len(chosen) > options.most_samples:
        draw = np.random.default_rng(options.seed)
        chosen = np.sort(draw.choice(chosen, options.most_samples, replace=False))
    shown, wanted = features[chosen], target[chosen]
    shown[:, np.isnan(shown).all(axis=0)] = 0.0  # the trees' binning needs one known value in every column
    cost = None if weight is None else weight[chosen]
    ensembles = []
    for level in TREE_LEVELS:
        one = HistGradientBoostingRegressor(
            loss="quantile",
            quantile=level,
            max_iter=options.rounds,
            learning_rate=options.learning_rate,
            max_leaf_nodes=options.leaves,
            min_samples_leaf=options.leaf_samples,
            l2_regularization=options.l2,
            max_features=0.5,
            early_stopping=False,
            random_state=options.seed,
        )
        with threadpool_limits(_THREADS):
            ensembles.append(one.fit(shown, wanted, sample_weight=cost))
    return QuantileTrees(tuple(ensembles))
