"""Gradient-boosted trees that answer in quantiles: one ensemble per level, put in order, and read off at the others.

Trees cannot leave the range that they saw: they are asked for what is left over or for a share, never for a level.

References:
    Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of Statistics 29(5), 2001.
    Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 2017 (histograms; here as in
    scikit-learn's HistGradientBoostingRegressor).
    Lucchese et al., "QuickScorer: A Fast Algorithm to Rank Documents with Additive Ensembles of Regression Trees",
    SIGIR 2015 (trees as bits of the leaves that may still be reached).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from forecasting.nouns import Float32Array, IndexArray, ShortHistoryError
from forecasting.quantiles.mixing import at_levels
from grid.time_axis import FloatArray

LeafBits = npt.NDArray[np.unsignedinteger]
TREE_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
_CHUNK = 288
"""Samples that walk together: what they reach fits into the processor's cache."""
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


@dataclass(frozen=True, eq=False)
class QuantileTrees:
    """Trained trees, one ensemble per level of :data:`TREE_LEVELS`, as plain arrays over the nodes of all of them.

    Attributes:
        roots: Node at which each tree begins, shape (levels, trees).
        base: What each ensemble starts from, shape (levels,).
        feature, threshold: A sample goes left whose feature is not above the threshold, both of shape (nodes,).
        missing_left: A sample whose feature is unknown goes left, shape (nodes,).
        left, right: The next node; a leaf's is itself, shape (nodes,).
        value: Of the leaves, shape (nodes,).
        depth: Steps from a root to the furthest leaf.
    """

    roots: IndexArray
    base: FloatArray
    feature: IndexArray
    threshold: FloatArray
    missing_left: IndexArray
    left: IndexArray
    right: IndexArray
    value: FloatArray
    depth: int

    def quantiles(self, columns: Sequence[FloatArray | Float32Array], *, levels: Sequence[float]) -> FloatArray:
        """Shape (..., levels), non-decreasing along levels.

        Args:
            columns: One for each feature, NaN where unknown. They broadcast against each other, to the shape (...):
                what many samples have in common is compared with the thresholds once.
        """
        shape = np.broadcast_shapes(*(column.shape for column in columns))
        alike: dict[tuple[int, ...], list[_Question]] = {}  # columns of one shape
        for splits in self._scorer.splits:
            column = np.asarray(columns[splits.feature], dtype=np.float32)
            wide = column.reshape((1,) * (len(shape) - column.ndim) + column.shape)
            alike.setdefault(wide.shape, []).append((splits.masks, splits.places(wide)))
        common = [_left_over(alike.pop(wide)) for wide in list(alike) if wide[0] == 1 < shape[0]]
        step = max(_CHUNK // max(int(np.prod(shape[1:])), 1), 1)
        said = np.empty((*shape, len(self.base)))
        for begin in range(0, shape[0], step):
            part = slice(begin, begin + step)
            own = [_left_over([(masks, places[part]) for masks, places in asked]) for asked in alike.values()]
            said[part] = self._reached([*own, *common], shape=(len(said[part]), *shape[1:]))
        return at_levels(np.sort(said, axis=-1), levels=TREE_LEVELS, wanted=levels)

    def _reached(self, left: Sequence[LeafBits], *, shape: tuple[int, ...]) -> FloatArray:
        """What every ensemble says, shape (..., levels), by the leaves that groups of features leave over."""
        scorer = self._scorer
        reached = np.full((*shape, self.roots.size), ~scorer.leaf_type(0))  # leaves that may still be reached
        for one in left:
            reached &= one
        exit_leaf = np.bitwise_count(~reached & (reached - scorer.leaf_type(1)))  # the lowest bit that is left
        leaves = scorer.values.ravel().take(scorer.first + exit_leaf, mode="clip")  # clip, since it copies the least
        return np.asarray(self.base + leaves.reshape(*shape, *self.roots.shape).sum(axis=-1))

    @cached_property
    def _scorer(self) -> _Scorer:
        return _make_scorer(self)


@dataclass(frozen=True, slots=True, eq=False)
class _Splits:
    """What one feature says in all trees, by where its value stands among their thresholds.

    Attributes:
        thresholds: Increasing, shape (thresholds,).
        masks: Bits of the leaves that remain when so many thresholds lie below a value, and last when it is unknown,
            shape (thresholds + 2, trees).
    """

    feature: int
    thresholds: FloatArray
    masks: LeafBits

    def places(self, values: Float32Array) -> IndexArray:
        """Which of the masks values ask for, of their shape."""
        return np.where(np.isnan(values), len(self.thresholds) + 1, np.searchsorted(self.thresholds, values))


_Question = tuple[LeafBits, IndexArray]
"""The masks of a feature, and the places in them that samples ask for."""


def _left_over(asked: Sequence[_Question]) -> LeafBits:
    """Leaves that remain by some features whose values have one shape, shape (..., trees)."""
    (masks, places), *others = asked
    left = masks.take(places, axis=0, mode="clip")  # clip, since it copies the least
    own = np.empty_like(left)
    for masks, places in others:
        left &= masks.take(places, axis=0, mode="clip", out=own)
    return left


@dataclass(frozen=True, slots=True, eq=False)
class _Scorer:
    """Trees as bits: each split that sends a sample to the right strikes out the leaves on its left.

    Attributes:
        leaf_type: Unsigned integer with a bit for each leaf of a tree, the leftmost first.
        values: Of the leaves, shape (trees, leaves).
    """

    leaf_type: type[np.unsignedinteger]
    splits: tuple[_Splits, ...]
    values: FloatArray

    @property
    def first(self) -> IndexArray:
        """Where the leaves of each tree begin among all, shape (trees,)."""
        return np.arange(0, self.values.size, self.values.shape[1], dtype=np.int64)


def _make_scorer(trees: QuantileTrees) -> _Scorer:
    roots = trees.roots.ravel().tolist()
    struck = np.zeros(len(trees.value), dtype=np.uint64)  # leaves on the left of each split
    owner = np.zeros(len(trees.value), dtype=np.int64)
    leaves = [_number_leaves(trees, root, tree, struck, owner) for tree, root in enumerate(roots)]
    most = max(len(own) for own in leaves)
    if most > 64:
        raise ValueError(f"trees may have 64 leaves, got {most}")
    leaf_type = next(one for one in (np.uint8, np.uint16, np.uint32, np.uint64) if np.iinfo(one).bits >= most)
    values = np.stack([np.pad(trees.value[own], (0, most - len(own))) for own in leaves])
    kept = (~struck).astype(leaf_type)
    splits = []
    inner = np.flatnonzero(struck)
    for feature in np.unique(trees.feature[inner]).tolist():
        own = inner[trees.feature[inner] == feature]
        thresholds, place = np.unique(trees.threshold[own], return_inverse=True)
        masks = np.full((len(thresholds) + 2, len(roots)), np.iinfo(leaf_type).max, dtype=leaf_type)
        np.bitwise_and.at(masks, (place + 1, owner[own]), kept[own])
        masks[:-1] = np.bitwise_and.accumulate(masks[:-1], axis=0)
        right = own[trees.missing_left[own] == 0]
        np.bitwise_and.at(masks[-1], owner[right], kept[right])
        splits.append(_Splits(feature, thresholds, masks))
    return _Scorer(leaf_type, tuple(splits), values)


def _number_leaves(
    trees: QuantileTrees, root: int, tree: int, struck: npt.NDArray[np.uint64], owner: IndexArray
) -> list[int]:
    """The leaves of a tree from left to right; notes at each split which of them lie on its left, and whose it is."""
    found: list[int] = []

    def walk(node: int) -> None:
        left = int(trees.left[node])
        if left == node:
            found.append(node)
            return
        first = len(found)
        walk(left)
        struck[node], owner[node] = (1 << len(found)) - (1 << first), tree
        walk(int(trees.right[node]))

    walk(root)
    return found


def as_arrays(ensembles: Sequence[HistGradientBoostingRegressor]) -> QuantileTrees:
    """The nodes of fitted ensembles of numerical features, all of one number of trees."""
    trees = [[stage[0].nodes for stage in one._predictors] for one in ensembles]
    roots = np.cumsum([0, *(len(nodes) for one in trees for nodes in one)])[:-1].reshape(len(trees), -1)
    nodes = np.concatenate([nodes for one in trees for nodes in one])
    first = np.repeat(roots.ravel(), [len(nodes) for one in trees for nodes in one])
    leaf, own = nodes["is_leaf"] > 0, np.arange(len(nodes))
    return QuantileTrees(
        roots=roots.astype(np.int64),
        base=np.array([float(one._baseline_prediction.item()) for one in ensembles]),
        feature=np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64),
        threshold=nodes["num_threshold"].astype(np.float64),
        missing_left=nodes["missing_go_to_left"].astype(np.int64),
        left=np.where(leaf, own, first + nodes["left"]).astype(np.int64),
        right=np.where(leaf, own, first + nodes["right"]).astype(np.int64),
        value=np.where(leaf, nodes["value"], 0.0),
        depth=int(nodes["depth"].max()),
    )


def learnt_from(target: FloatArray, weight: FloatArray | None, *, most_samples: int, seed: int) -> IndexArray:
    """Which samples trees are grown from, in order: those that are known and count, a random part of too many.

    Args:
        target: Shape (samples,). NaN where unknown.
        weight: What an error costs, same shape; None where all cost alike.

    Raises:
        ShortHistoryError: If no sample has a known target.
    """
    known = np.isfinite(target) if weight is None else np.isfinite(target) & (weight > 0.0)
    chosen = np.flatnonzero(known)
    if not len(chosen):
        raise ShortHistoryError("trees need samples whose target is known")
    if len(chosen) <= most_samples:
        return chosen
    return np.sort(np.random.default_rng(seed).choice(chosen, most_samples, replace=False))


def fit_trees(
    features: Float32Array, target: FloatArray, weight: FloatArray | None = None, *, options: TreeOptions
) -> QuantileTrees:
    """Grow the trees; the same seed, samples and machine give the same trees.

    Args:
        features: Shape (samples, features). NaN where unknown.
        target: Shape (samples,). NaN where unknown.
        weight: What an error costs, shape (samples,).

    Raises:
        ShortHistoryError: If no sample has a known target.
    """
    chosen = learnt_from(target, weight, most_samples=options.most_samples, seed=options.seed)
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
    return as_arrays(ensembles)
