"""What a forecaster costs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from grid.dispatch import DispatchProblem
from grid.simulation import GivenForecasts, Operation, Regret, perfect_foresight, regret, simulate

MakeSystem = Callable[..., DispatchProblem]
HOUR = timedelta(hours=1)
SHORT = Operation(plan_every=6 * HOUR, lead=2 * HOUR, horizon=8 * HOUR, relative_gap=0.0, time_limit_seconds=10.0)
LOAD = [90.0, 90.0, 120.0, 120.0, 90.0, 90.0]


def test_perfect_foresight_regrets_nothing(make_system: MakeSystem) -> None:
    actual = make_system(LOAD)

    assert regret(actual, perfect_foresight(actual), operation=SHORT).money == pytest.approx(0.0)


def test_a_forecast_too_high_costs_the_unit_that_ran_for_nothing(make_system: MakeSystem) -> None:
    actual, expected = make_system([90.0] * 6), make_system(LOAD)

    result = regret(actual, GivenForecasts(expected), operation=SHORT)

    assert result.money == pytest.approx(100.0 + 2 * 10.0 * (50.0 - 10.0))  # a start, and 10 MW at 50 instead of 10
    assert result.share == pytest.approx(result.money / (6 * 900.0))


def test_a_forecast_too_low_costs_the_load_that_is_not_served(make_system: MakeSystem) -> None:
    actual = make_system(LOAD)
    known = simulate(actual, perfect_foresight(actual), operation=SHORT)

    result = regret(actual, GivenForecasts(make_system([90.0] * 6)), operation=SHORT, foresight=known)

    assert result.money == pytest.approx(2 * 20.0 * (10_000.0 - 50.0) - 100.0)


def test_a_reserve_that_is_never_needed_is_regretted(make_system: MakeSystem) -> None:
    actual = make_system([90.0] * 6)

    assert regret(actual, GivenForecasts(make_system([90.0] * 6, reserve_up_mw=30.0)), operation=SHORT).money > 0.0


def test_an_interval_covers_days_that_differ_and_has_no_width_where_they_do_not() -> None:
    alike = Regret(np.full(7, 102.0), np.full(7, 100.0))
    differing = Regret(np.array([101.0, 100.0, 108.0, 103.0]), np.full(4, 100.0))

    assert alike.interval() == (pytest.approx(0.02), pytest.approx(0.02))
    low, high = differing.interval(level=0.9, seed=1)
    assert 0.0 <= low < differing.share < high <= 0.08
    assert differing.interval(level=0.9, seed=1) == (low, high)
    assert differing.interval(level=0.5)[1] < high


def test_a_share_of_nothing_is_not_told() -> None:
    free = Regret(np.array([0.0, 5.0]), np.zeros(2))

    assert free.money == 5.0
    assert np.isnan([free.share, *free.interval()]).all()
