"""A stretch of a problem, perhaps in longer periods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from grid.dispatch import DispatchProblem, Scenarios
from grid.problem.exchanges import Exchange
from grid.problem.requirements import Product, ReserveRequirement
from grid.problem.spread import NetLoadSpread
from grid.problem.storage_profiles import StorageProfile
from grid.problem.validate import require_valid
from grid.problem.window import window
from grid.time_axis import TimeAxis

MakeSystem = Callable[..., DispatchProblem]
HOUR, HALF = timedelta(hours=1), timedelta(minutes=30)
COUNT = np.arange(8.0)


@pytest.fixture
def told(make_system: MakeSystem) -> DispatchProblem:
    """Eight half hours in which everything that can change does."""
    return replace(
        make_system(COUNT, COUNT, step=HALF, battery_mwh=100.0),
        storage_profiles={"battery": StorageProfile(COUNT, COUNT, 10.0 + COUNT, COUNT, COUNT, leaves=COUNT == 4.0)},
        requirements=(ReserveRequirement(Product("spin", True), 10.0, COUNT),),
        exchanges=(Exchange("market", "a", COUNT, COUNT, COUNT, COUNT),),
        scenarios=Scenarios(np.tile(COUNT, (2, 2, 1)), np.tile(COUNT, (2, 1, 1)), np.array([0.5, 0.5])),
        spread=NetLoadSpread(np.array([0.9]), np.ones((1, 8)), np.ones((1, 8))),
    )


def test_everything_is_cut_to_the_span(told: DispatchProblem) -> None:
    cut = window(told, TimeAxis(told.axis.start + HOUR, HALF, 3))

    require_valid(cut)
    assert cut.load_mw[1].tolist() == [2.0, 3.0, 4.0]
    assert cut.requirements[0].required_mw.tolist() == [2.0, 3.0, 4.0]
    assert cut.storage_profiles["battery"].energy_mwh.tolist() == [12.0, 13.0, 14.0]
    assert cut.scenarios is not None
    assert cut.scenarios.available_mw[1, 0].tolist() == [2.0, 3.0, 4.0]
    assert cut.spread is None


def test_in_a_longer_period_power_is_a_mean_and_energy_a_sum(told: DispatchProblem) -> None:
    cut = window(told, TimeAxis(told.axis.start + HOUR, HOUR, 2))

    require_valid(cut)
    (exchange,), profile = cut.exchanges, cut.storage_profiles["battery"]
    for power in (cut.load_mw[1], cut.available_mw[0], exchange.import_mw, exchange.export_price, profile.charge_mw):
        assert power.tolist() == [2.5, 4.5]
    assert (profile.inflow_mwh.tolist(), profile.due_mwh.tolist()) == ([5.0, 9.0], [5.0, 9.0])
    assert profile.energy_mwh.tolist() == [13.0, 15.0]
    assert profile.leaves is not None
    assert profile.leaves.tolist() == [False, True]


def test_beyond_the_end_the_last_period_goes_on(told: DispatchProblem) -> None:
    cut = window(told, TimeAxis(told.axis.start + 3 * HOUR, HALF, 4))

    assert cut.load_mw[1].tolist() == [6.0, 7.0, 7.0, 7.0]


@pytest.mark.parametrize(("shift", "step"), [(-HOUR, HALF), (4 * HOUR, HALF), (0 * HOUR, timedelta(minutes=45))])
def test_a_span_that_does_not_match_is_refused(told: DispatchProblem, shift: timedelta, step: timedelta) -> None:
    with pytest.raises(ValueError, match="whole multiples"):
        window(told, TimeAxis(told.axis.start + shift, step, 2))
