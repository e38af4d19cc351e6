"""Meters, feeders, substations and the system forecast so that they add up: in the mean, and scenario by scenario.

Every node that is measured has a forecast of its own, and these do not add up by themselves. The reconciled forecast is
the nearest that does, near as the nodes' errors in the backtest measure it: a node that errs little moves little, and a
new one without a backtest as much as the width of its own forecast allows, or, if nothing was ever read of it, before
all others. Joint
scenarios of the leaves move with their means and are summed, so that the quantiles of every node come from one joint
distribution that adds up.

A child without a forecast is not taken for nothing: what its parent holds beyond the children that are known becomes a
leaf of its own, the rest.

References:
    Wickramasuriya, Athanasopoulos and Hyndman, "Optimal Forecast Reconciliation for Hierarchical and Grouped Time
    Series Through Trace Minimization", Journal of the American Statistical Association 114(526), 2019 (MinT).
    Schäfer and Strimmer, "A Shrinkage Approach to Large-Scale Covariance Matrix Estimation", Statistical Applications
    in Genetics and Molecular Biology 4(1), 2005.
    Ben Taieb, Taylor and Hyndman, "Hierarchical Probabilistic Forecasting of Electricity Demand With Smart Meter Data",
    Journal of the American Statistical Association 116(533), 2021 (joint samples by an empirical copula).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import numpy as np
import numpy.typing as npt

from grid.time_axis import FloatArray

REST = "rest of "
"""How the leaf is called that stands for a node's children without a forecast."""
_TINY, _VAST = 1e-9, 1e4
_LEAST_DRAWN = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """Nodes and what each is the sum of.

    Attributes:
        forecast: The nodes that have a forecast of their own, in the order of its rows.
        nodes: Every node that can be told, the leaves last: those of ``forecast``, sums, and rests.
        summing: Which leaves each node is the sum of, 0 or 1, shape (nodes, leaves).
        untold: Nodes without a forecast of their own and with a child that nobody can tell.
    """

    forecast: tuple[str, ...]
    nodes: tuple[str, ...]
    summing: FloatArray
    untold: tuple[str, ...]

    @property
    def leaves(self) -> tuple[str, ...]:
        return self.nodes[len(self.nodes) - self.summing.shape[1] :]


def make_tree(parents: Mapping[str, str | None], forecast: Sequence[str], *, beyond: Collection[str] = ()) -> Tree:
    """The tree of some nodes, given which of them have a forecast.

    Args:
        parents: By node, the node that it is a part of; None or absent for those at the top.
        forecast: Nodes with a forecast of their own.
        beyond: Nodes of ``forecast`` that hold more than all of their children, such as a feeder with unmetered homes.

    Raises:
        ValueError: If the tree goes round in a circle.

    Example:
        >>> make_tree({"a": "feeder", "b": "feeder"}, ["feeder", "a"]).leaves
        ('a', 'rest of feeder')
    """
    above = {name: parent for name, parent in parents.items() if parent is not None}
    order = _parents_first(above, [*forecast, *parents])
    children: dict[str, list[str]] = {name: [] for name in order}
    for name in order:
        if name in above:
            children[above[name]].append(name)
    leaves, untold = _leaves(order, children, set(forecast), set(beyond))
    bottom = list(dict.fromkeys(leaf for name in order if name not in above for leaf in leaves[name]))
    inner = [name for name in order if name not in untold and leaves[name] != [name]]
    nodes = (*inner, *bottom)
    summing = np.array([[float(leaf in leaves.get(name, [name])) for leaf in bottom] for name in nodes])
    kept = tuple(name for name in order if name in untold and children[name])
    return Tree(tuple(forecast), nodes, summing.reshape(len(nodes), len(bottom)), kept)


def _parents_first(above: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """All nodes, each after the one ``above`` it; those that have neither parent nor child last."""
    try:
        order = list(TopologicalSorter({name: [parent] for name, parent in above.items()}).static_order())
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise ValueError(f"the hierarchy goes round in a circle: {circle}, each the parent of the next") from error
    return list(dict.fromkeys((*order, *names)))


def _leaves(
    order: Sequence[str], children: Mapping[str, Sequence[str]], told: Collection[str], open_ended: Collection[str]
) -> tuple[dict[str, list[str]], set[str]]:
    """The leaves that each node is the sum of, and the nodes that cannot be told, from the children up."""
    leaves, untold = dict[str, list[str]](), set[str]()
    for name in reversed(order):
        parts = [leaf for child in children[name] for leaf in leaves[child]]
        lacking = name in open_ended or any(child in untold for child in children[name])
        if name in told:
            rest = [REST + name] if lacking else []
            parts = parts + rest if parts else [name]
        elif lacking or not parts:
            untold.add(name)
        leaves[name] = parts
    return leaves, untold


def reconciler(tree: Tree, errors: FloatArray, said: FloatArray) -> FloatArray:
    """The matrix that turns means of ``tree.forecast`` into those of ``tree.leaves``, by generalised least squares.

    Args:
        errors: Of each mean in the backtest, shape (forecasts, origins, intervals). NaN where unknown.
        said: The variance that each forecast gives itself, shape (forecasts,), for one without a backtest; infinite
            for a mere guess, which moves before all others.

    Returns:
        Shape (leaves, forecasts); means that add up come out as they were.
    """
    shown = tree.summing[[tree.nodes.index(name) for name in tree.forecast]]  # (forecasts, leaves)
    weight = np.linalg.inv(shrunk_covariance(errors, said))
    return np.asarray(np.linalg.pinv(shown.T @ weight @ shown) @ shown.T @ weight)


def reconciled(
    tree: Tree,
    matrix: FloatArray,
    mean: FloatArray,
    scenarios: FloatArray,
    *,
    lowest: FloatArray | None = None,
    highest: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Mean and scenarios of every node, which add up: each scenario of a leaf moves as its mean does.

    A leaf whose scenarios are all the same, such as a plant at night, stays where it is.

    Args:
        matrix: From :func:`reconciler`.
        mean: Of ``tree.forecast``, shape (forecasts, intervals).
        scenarios: Joint ones of the same, shape (scenarios, forecasts, intervals).
        lowest, highest: Bounds of each of the leaves, shape (leaves,); none if None.

    Returns:
        Shapes (nodes, intervals) and (scenarios, nodes, intervals). What is left for a rest is its own scenario by
        scenario, because it has no forecast that could be moved.
    """
    leaves = matrix @ mean  # (leaves, intervals)
    low = np.full((len(leaves), 1), -np.inf) if lowest is None else lowest[:, None]
    courses = np.einsum("lf,sfi->sli", matrix, scenarios)
    for row, leaf in enumerate(tree.leaves):
        if leaf in tree.forecast:
            own = tree.forecast.index(leaf)
            leaves[row] = np.where(np.ptp(scenarios[:, own], axis=0) > 0.0, leaves[row], mean[own])
            courses[:, row] = _moved(scenarios[:, own], mean[own], leaves[row], lowest=float(low[row, 0]))
    high = np.inf if highest is None else highest[:, None]
    leaves, courses = np.clip(leaves, low, high), np.clip(courses, low, high)
    return tree.summing @ leaves, np.einsum("nl,sli->sni", tree.summing, courses)


def _moved(courses: FloatArray, mean: FloatArray, wanted: FloatArray, *, lowest: float) -> FloatArray:
    """Scenarios of a leaf, shape (scenarios, intervals), moved as its mean is.

    Where one would fall below the bound, all come nearer to it in proportion; cut off, it would raise the mean.
    """
    shifted = courses + (wanted - mean)
    if not np.isfinite(lowest):
        return shifted
    share = np.maximum(wanted - lowest, 0.0) / np.maximum(mean - lowest, _TINY)
    return np.where(shifted.min(axis=0) < lowest, lowest + (courses - lowest) * share, shifted)


def quantiles_of(scenarios: FloatArray, *, levels: Sequence[float]) -> FloatArray:
    """Empirical quantiles, shape (nodes, intervals, levels), of scenarios of shape (scenarios, nodes, intervals)."""
    return np.moveaxis(np.quantile(scenarios, levels, axis=0, method="hazen"), 0, -1)


def shrunk_covariance(errors: FloatArray, said: FloatArray) -> FloatArray:
    """Covariance about zero, its correlations drawn towards none as far as they differ from origin to origin.

    Args:
        errors: Shape (nodes, origins, intervals); errors of one origin are much alike, so that it is the origins that
            count. NaN where unknown.
        said: Variance of a node none of whose errors is known, shape (nodes,); it errs apart from all others, and
            ``_VAST`` times the largest known variance is infinite enough.

    Returns:
        Shape (nodes, nodes), positive definite.
    """
    known = np.isfinite(errors)
    filled = np.where(known, errors, 0.0)
    judged = known.any(axis=(1, 2))
    own = np.where(judged, (filled**2).sum(axis=(1, 2)) / np.maximum(known.sum(axis=(1, 2)), 1), said)  # (nodes,)
    largest = max(float(own[np.isfinite(own)].max(initial=0.0)), _TINY)
    own = np.clip(own, largest * _TINY, largest * _VAST)
    root = np.sqrt(own)
    correlation = np.eye(len(own))
    correlation[np.ix_(judged, judged)] = _shrunk_correlation(filled[judged] / root[judged, None, None], known[judged])
    return np.asarray(correlation * root[:, None] * root[None, :])


def _shrunk_correlation(scaled: FloatArray, known: npt.NDArray[np.bool_]) -> FloatArray:
    """Of errors of variance one, 0 where unknown, both of shape (nodes, origins, intervals)."""
    by_origin = np.einsum("aoi,boi->oab", scaled, scaled)
    both = np.einsum("aoi,boi->oab", known.astype(np.float64), known.astype(np.float64))
    by_origin = (by_origin / np.maximum(both, 1.0))[both.min(axis=(1, 2), initial=np.inf) > 0.0]
    count = len(by_origin)  # (origins, nodes, nodes)
    if count < 2:
        return np.eye(len(scaled))
    correlation = by_origin.mean(axis=0)
    apart = ~np.eye(len(scaled), dtype=bool)
    uncertain = float(by_origin.var(axis=0)[apart].sum()) / (count - 1)
    total = float((correlation[apart] ** 2).sum())
    share = min(max(uncertain / total, _LEAST_DRAWN), 1.0) if total > 0.0 else 1.0
    drawn = np.where(apart, (1.0 - share) * correlation, 1.0)
    values, vectors = np.linalg.eigh(drawn)
    return np.asarray((vectors * np.maximum(values, _LEAST_DRAWN**2)) @ vectors.T)


def beyond_children(parents: Mapping[str, str | None], values: Mapping[str, FloatArray]) -> Iterator[str]:
    """Nodes that have measured clearly more than all of their children together, one without readings being nothing.

    Args:
        values: By node, readings of the same intervals, each of shape (intervals,). NaN where unknown.
    """
    for name, own in values.items():
        parts = [values[child] for child, parent in parents.items() if parent == name and child in values]
        if parts:
            left = own - np.sum([part for part in parts if np.isfinite(part).any()], axis=0)
            known = np.isfinite(left)
            if known.any() and float(left[known].mean()) > 0.02 * float(np.abs(own[known]).mean()):
                yield name
