"""A quantile forest: many trees of random splits, each leaf of which remembers how its samples were spread.

Boosted trees sharpen a forecast step by step; a forest averages over what resembled it. It errs in other places, knows
nothing by heart, and takes a tenth of the work, so that the two are worth more together than either alone.

References:
    Meinshausen, "Quantile Regression Forests", Journal of Machine Learning Research 7, 2006 (here the trees' quantiles
    are averaged, not their samples pooled).
    Geurts, Ernst and Wehenkel, "Extremely randomized trees", Machine Learning 63(1), 2006.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.tree._tree import Tree

from forecasting.members.trees import TREE_LEVELS, learnt_from
from forecasting.nouns import Float32Array, IndexArray
from forecasting.quantiles.mixing import at_levels
from grid.time_axis import FloatArray

_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class ForestOptions:
    """How a forest is grown.

    Attributes:
        leaf_samples: Fewer samples than this are not split off.
        features: Share of the features that a split may choose from.
        most_samples: A random part of so many samples is learnt from where there are more.
    """

    seed: int = 0
    trees: int = 60
    leaf_samples: int = 25
    features: float = 0.7
    most_samples: int = 60_000


@dataclass(frozen=True, slots=True, eq=False)
class QuantileForest:
    """Trained trees as plain arrays over the nodes of all of them.

    Attributes:
        roots: Node at which each tree begins, shape (trees,).
        feature, threshold: A sample goes left whose feature is not above the threshold, both of shape (nodes,).
        unknown_left: A sample goes left whose feature is NaN, shape (nodes,).
        left, right: The next node; a leaf's is itself, shape (nodes,).
        value: Quantiles of a leaf's samples at :data:`~forecasting.members.trees.TREE_LEVELS`, shape (nodes, levels).
        depth: Steps from a root to the furthest leaf.
    """

    roots: IndexArray
    feature: IndexArray
    threshold: FloatArray
    unknown_left: npt.NDArray[np.bool_]
    left: IndexArray
    right: IndexArray
    value: Float32Array
    depth: int

    def quantiles(self, columns: Sequence[Float32Array], *, levels: Sequence[float]) -> FloatArray:
        """Non-decreasing along levels, shape (samples, levels), for features of shape (samples,) each, or NaN."""
        shown = np.stack(columns, axis=-1)
        parts = [self._predict(shown[begin : begin + _CHUNK]) for begin in range(0, len(shown), _CHUNK)]
        said = np.concatenate(parts or [np.empty((0, len(TREE_LEVELS)))])
        return at_levels(said, levels=TREE_LEVELS, wanted=levels)

    def _predict(self, features: Float32Array) -> FloatArray:
        """Mean over the trees, shape (samples, levels)."""
        own = np.arange(len(features))
        total = np.zeros((len(features), len(TREE_LEVELS)))
        for root in self.roots:
            node = np.full(len(features), root)
            for _ in range(self.depth):
                value = features[own, self.feature[node]]
                goes_left = np.where(np.isnan(value), self.unknown_left[node], value <= self.threshold[node])
                node = np.where(goes_left, self.left[node], self.right[node])
            total += self.value[node]
        return total / len(self.roots)


def fit_forest(
    features: Float32Array, target: FloatArray, weight: FloatArray, *, options: ForestOptions
) -> QuantileForest:
    """Grow the forest; the same seed, samples and machine give the same one.

    Args:
        features: Shape (samples, features). NaN where unknown.
        target: Shape (samples,). NaN where unknown.
        weight: What an error costs, shape (samples,).

    Raises:
        ShortHistoryError: If no sample has a known target.
    """
    chosen = learnt_from(target, weight, most_samples=options.most_samples, seed=options.seed)
    shown, wanted, cost = features[chosen], target[chosen], weight[chosen]
    grown = ExtraTreesRegressor(
        options.trees,
        min_samples_leaf=options.leaf_samples,
        max_features=options.features,
        random_state=options.seed,
        n_jobs=1,
    ).fit(shown, wanted, sample_weight=cost)
    trees: list[Tree] = [one.tree_ for one in grown.estimators_]
    values = [_spreads(one.apply(shown), wanted, cost, nodes=one.node_count) for one in trees]
    roots = np.cumsum([0, *(one.node_count for one in trees)])[:-1]
    first = np.repeat(roots, [one.node_count for one in trees])
    left, right = (
        np.concatenate([getattr(one, name) for one in trees]) for name in ("children_left", "children_right")
    )
    leaf, own = left < 0, np.arange(len(left))
    return QuantileForest(
        roots=roots.astype(np.int64),
        feature=np.where(leaf, 0, np.concatenate([one.feature for one in trees])).astype(np.int64),
        threshold=np.concatenate([one.threshold for one in trees]),
        unknown_left=np.concatenate([one.missing_go_to_left for one in trees]).astype(bool),
        left=np.where(leaf, own, first + left),
        right=np.where(leaf, own, first + right),
        value=np.concatenate(values),
        depth=max(one.max_depth for one in trees),
    )


def _spreads(leaves: IndexArray, target: FloatArray, weight: FloatArray, *, nodes: int) -> Float32Array:
    """Weighted quantiles of the samples in each leaf, shape (nodes, levels); 0 where a node is no leaf."""
    order = np.lexsort((target, leaves))
    leaves, target, weight = leaves[order], target[order], weight[order]
    made = np.zeros((nodes, len(TREE_LEVELS)), dtype=np.float32)
    begins = np.flatnonzero(np.diff(leaves, prepend=-1))
    for begin, end in zip(begins, [*begins[1:], len(leaves)], strict=True):
        share = np.cumsum(weight[begin:end])
        place = (share - 0.5 * weight[begin:end]) / share[-1]
        made[leaves[begin]] = np.interp(TREE_LEVELS, place, target[begin:end])
    return made
