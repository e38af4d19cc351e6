"""Forecasts of a hierarchy: they add up in mean and scenarios, and what adds up already stays as it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.quantiles.hierarchy import (
    REST,
    Tree,
    beyond_children,
    make_tree,
    quantiles_of,
    reconciled,
    reconciler,
    shrunk_covariance,
)
from grid.time_axis import FloatArray

PARENTS: Mapping[str, str | None] = {
    "a": "feeder 1", "b": "feeder 1", "c": "feeder 2", "d": "feeder 2",
    "feeder 1": "substation", "feeder 2": "substation", "substation": "system", "e": "system", "system": None,
}  # fmt: skip
LEVELS = (0.1, 0.5, 0.9)


def base(names: tuple[str, ...], seed: int, *, coherent: bool = False) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Means, scenarios and errors of the nodes."""
    draw = np.random.default_rng(seed)
    mean = draw.uniform(1.0, 9.0, (len(names), 6))
    scenarios = mean + draw.normal(0.0, 0.4, (50, len(names), 6))
    if coherent:
        tree = make_tree(PARENTS, names)
        rows = [tree.nodes.index(name) for name in names]
        leaf = np.array([names.index(name) for name in tree.leaves])
        mean = tree.summing[rows] @ mean[leaf]
        scenarios = np.einsum("nl,sli->sni", tree.summing[rows], scenarios[:, leaf])
    return mean, scenarios, draw.normal(0.0, draw.uniform(0.1, 2.0, (len(names), 1, 1)), (len(names), 20, 6))


def assert_adds_up(tree: Tree, told: FloatArray) -> None:
    """Every node is the sum of the nodes next below it, along the last axis but one."""
    parents: dict[str, str | None] = {
        **PARENTS,
        **{leaf: leaf.removeprefix(REST) for leaf in tree.leaves if leaf.startswith(REST)},
    }
    parts: dict[str | None, list[int]] = {}
    for row, name in enumerate(tree.nodes):
        above = parents[name]
        while above is not None and above not in tree.nodes:
            above = parents[above]
        parts.setdefault(above, []).append(row)
    for name, rows in parts.items():
        if name is not None:
            whole = told[..., tree.nodes.index(name), :]
            np.testing.assert_allclose(whole, told[..., rows, :].sum(axis=-2), atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), lacking=st.sets(st.sampled_from(["a", "b", "c", "d", "e", "feeder 1", "feeder 2"])))
def test_every_node_is_the_sum_of_its_parts_whatever_is_missing(seed: int, lacking: set[str]) -> None:
    names = tuple(name for name in PARENTS if name not in lacking)
    tree = make_tree(PARENTS, names)
    mean, scenarios, errors = base(names, seed)
    means, told = reconciled(tree, reconciler(tree, errors, np.ones(len(errors))), mean, scenarios)
    assert means.shape == (len(tree.nodes), 6)
    assert_adds_up(tree, means)
    assert_adds_up(tree, told)
    assert (np.diff(quantiles_of(told, levels=LEVELS), axis=-1) >= 0.0).all()
    assert set(names) <= set(tree.nodes)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_what_adds_up_already_stays_as_it_is(seed: int) -> None:
    names = tuple(PARENTS)
    tree = make_tree(PARENTS, names)
    mean, scenarios, errors = base(names, seed, coherent=True)
    means, told = reconciled(tree, reconciler(tree, errors, np.ones(len(errors))), mean, scenarios)
    rows = [tree.nodes.index(name) for name in names]
    np.testing.assert_allclose(means[rows], mean, atol=1e-6)
    np.testing.assert_allclose(told[:, rows], scenarios, atol=1e-6)


def test_a_missing_child_becomes_a_rest_and_biases_nobody() -> None:
    names = ("system", "a", "b")
    parents = {"a": "system", "b": "system", "c": "system"}
    tree = make_tree(parents, names)
    assert tree.leaves == ("a", "b", "rest of system")
    mean = np.array([[100.0], [30.0], [20.0]])
    errors = np.random.default_rng(0).normal(size=(3, 40, 4))
    means, told = reconciled(tree, reconciler(tree, errors, np.ones(len(errors))), mean, np.tile(mean, (5, 1, 1)))
    assert means[:, 0].tolist() == pytest.approx([100.0, 30.0, 20.0, 50.0])
    assert told[0, :, 0].tolist() == pytest.approx([100.0, 30.0, 20.0, 50.0])


def test_a_sum_that_nobody_measures_and_a_child_lacks_is_left_out() -> None:
    tree = make_tree({"a": "feeder", "b": "feeder", "feeder": "system"}, ["system", "a"])
    assert tree.untold == ("feeder",)
    assert tree.nodes == ("system", "a", "rest of system")
    whole = make_tree({"a": "feeder", "b": "feeder", "feeder": "system"}, ["system", "a", "b"])
    assert set(whole.nodes) == {"system", "feeder", "a", "b"}


def test_a_node_that_errs_little_moves_little() -> None:
    tree = make_tree({"a": "t", "b": "t"}, ["t", "a", "b"])
    draw = np.random.default_rng(5)
    errors = draw.normal(size=(3, 200, 2)) * np.array([1.0, 0.1, 3.0])[:, None, None]
    mean = np.array([[13.0], [5.0], [5.0]])
    scenarios = mean + np.array([-1.0, 1.0])[:, None, None]
    means, _ = reconciled(tree, reconciler(tree, errors, np.ones(len(errors))), mean, scenarios)
    moved = np.abs(means[[tree.nodes.index(name) for name in "tab"]] - mean)[:, 0]
    assert moved[1] < 0.05 < moved[0] < moved[2]


@pytest.mark.parametrize(("variance", "share"), [(1e-6, 0.0), (9.0, 0.75), (np.inf, 1.0)])
def test_a_new_node_takes_of_a_gap_what_the_width_of_its_own_forecast_says(variance: float, share: float) -> None:
    tree = make_tree({"a": "t", "b": "t", "new": "t"}, ["t", "a", "b", "new"])
    errors = np.random.default_rng(5).choice([-1.0, 1.0], size=(4, 400, 2))
    errors[3] = np.nan
    mean = np.array([[10.0], [5.0], [5.0], [4.0]])
    scenarios = mean + np.array([-1.0, 1.0])[:, None, None]
    means, _ = reconciled(tree, reconciler(tree, errors, np.full(4, variance)), mean, scenarios)
    others = 4.0 * (1.0 - share) / 3.0  # the total and the two that have a backtest err alike
    assert tree.nodes == ("t", "a", "b", "new")
    assert (means - mean)[:, 0].tolist() == pytest.approx([others, -others, -others, -4.0 * share], abs=0.15)


def test_a_new_node_leaves_the_correlations_of_the_others_as_they_were() -> None:
    draw = np.random.default_rng(2)
    errors = draw.normal(size=(1, 60, 4)) + 0.5 * draw.normal(size=(4, 60, 4))
    errors[3] = np.nan
    made = shrunk_covariance(errors, np.full(4, 9.0))
    np.testing.assert_allclose(made[:3, :3], shrunk_covariance(errors[:3], np.zeros(3)), rtol=1e-12)
    assert made[3].tolist() == pytest.approx([0.0, 0.0, 0.0, 9.0])


def test_bounds_hold_and_the_sums_follow() -> None:
    tree = make_tree({"a": "t", "b": "t"}, ["t", "a", "b"])
    mean = np.array([[1.0], [2.0], [2.0]])
    scenarios = mean + np.linspace(-2.0, 2.0, 9)[:, None, None]
    means, told = reconciled(
        tree,
        reconciler(tree, np.ones((3, 3, 1)), np.ones(3)),
        mean,
        scenarios,
        lowest=np.zeros(2),
        highest=np.full(2, 2.5),
    )
    assert told[:, 1:].min() == 0.0
    assert told[:, 1:].max() <= 2.5
    np.testing.assert_allclose(told[:, 0], told[:, 1:].sum(axis=1))
    np.testing.assert_allclose(means[0], means[1:].sum(axis=0))


def test_scenarios_near_their_bound_keep_the_mean_that_adds_up() -> None:
    tree = make_tree({"a": "t", "new": "t"}, ["t", "a", "new"])
    errors = np.random.default_rng(5).choice([-1.0, 1.0], size=(3, 400, 2))
    errors[2] = np.nan
    mean = np.array([[10.0], [9.5], [4.0]])
    scenarios = mean + np.linspace(-3.0, 3.0, 9)[:, None, None]
    guess = reconciler(tree, errors, np.full(3, np.inf))
    means, told = reconciled(tree, guess, mean, scenarios, lowest=np.zeros(2))
    assert means[:, 0].tolist() == pytest.approx([10.0, 9.5, 0.5], abs=0.01)
    np.testing.assert_allclose(told.mean(axis=0), means, atol=1e-9)
    assert told.min() >= 0.0


def test_correlations_that_are_seen_seldom_are_drawn_to_none() -> None:
    draw = np.random.default_rng(2)
    shared = draw.normal(size=(1, 400, 4))
    errors = shared + 0.5 * draw.normal(size=(3, 400, 4))
    much, little = (shrunk_covariance(errors[:, :count], np.ones(3)) for count in (400, 3))
    assert much[0, 1] / np.sqrt(much[0, 0] * much[1, 1]) == pytest.approx(0.8, abs=0.06)
    assert little[0, 1] < np.sqrt(little[0, 0] * little[1, 1])
    assert (np.linalg.eigvalsh(shrunk_covariance(np.full((3, 5, 2), np.nan), np.zeros(3))) > 0.0).all()


def test_unmetered_homes_are_told_by_what_the_feeder_holds_beyond() -> None:
    values = {"t": np.array([10.0, 11.0, np.nan]), "a": np.array([4.0, 4.0, 4.0]), "b": np.array([6.0, 7.0, 1.0])}
    parents = {"a": "t", "b": "t"}
    assert list(beyond_children(parents, values)) == []
    assert list(beyond_children(parents, values | {"b": np.array([2.0, 3.0, 1.0])})) == ["t"]


def test_a_child_without_readings_hides_nothing_of_what_the_feeder_holds_beyond() -> None:
    values = {"t": np.array([10.0, 11.0]), "a": np.array([4.0, 4.0]), "new": np.full(2, np.nan)}
    assert list(beyond_children({"a": "t", "new": "t"}, values)) == ["t"]
    assert list(beyond_children({"a": "t", "new": "t"}, values | {"t": values["a"]})) == []
    assert list(beyond_children({"new": "t"}, values)) == ["t"]
    late = values | {"new": np.array([np.nan, 7.0])}
    assert list(beyond_children({"a": "t", "new": "t"}, late)) == [], "judged when all are known"


def test_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="circle"):
        make_tree({"a": "b", "b": "a"}, ["a"])
