"""The mixture: who counts for how much before a backtest has spoken."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from forecasting.engine.mixture import learn_blend
from forecasting.members.course import CLIMATOLOGY, LEVELS, NETWORKS, REGRESSION, TREES

ORIGINS, HOURS = 30, 24


@pytest.mark.parametrize("networks", [list(NETWORKS), ["lstm"]])
def test_networks_together_count_for_one_member(networks: list[str]) -> None:
    actual = np.random.default_rng(0).normal(10.0, size=(1, ORIGINS, HOURS))
    alike = np.broadcast_to(10.0 + ndtri(np.array(LEVELS)), (*actual.shape, len(LEVELS)))
    blend = learn_blend(dict.fromkeys([REGRESSION, TREES, *networks], alike), actual, trust=0.0, seed=0)
    assert sum(blend.weights[name] for name in networks) == pytest.approx(1 / 3)
    assert blend.weights[REGRESSION] == pytest.approx(1 / 3)


def test_a_plain_member_counts_half_of_a_fitted_one() -> None:
    actual = np.random.default_rng(0).normal(10.0, size=(1, ORIGINS, HOURS))
    alike = np.broadcast_to(10.0 + ndtri(np.array(LEVELS)), (*actual.shape, len(LEVELS)))
    blend = learn_blend(dict.fromkeys([REGRESSION, CLIMATOLOGY], alike), actual, trust=0.0, seed=0)
    assert blend.weights == pytest.approx({REGRESSION: 2 / 3, CLIMATOLOGY: 1 / 3})
