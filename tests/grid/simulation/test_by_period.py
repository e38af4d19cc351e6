"""The closed loop of systems in which more than load and wind changes from period to period."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from grid.assets import Storage
from grid.dispatch import DispatchProblem, Penalties, Scenarios, check_plan
from grid.faults import InputError
from grid.problem.exchanges import Exchange
from grid.problem.requirements import Product, ReserveRequirement
from grid.problem.storage_profiles import StorageProfile
from grid.simulation import GivenForecasts, Operation, perfect_foresight, score, simulate

MakeSystem = Callable[..., DispatchProblem]
HOUR, HALF = timedelta(hours=1), timedelta(minutes=30)
DAILY = Operation(horizon=36 * HOUR, relative_gap=0.0, time_limit_seconds=10.0)


def with_product(problem: DispatchProblem, mw: float) -> DispatchProblem:
    """The same with a product to be held in every period."""
    required = np.full(problem.axis.periods, mw)
    return replace(problem, requirements=(ReserveRequirement(Product("spin", True), 10.0, required),))


def with_cars(problem: DispatchProblem, due_mwh: dict[int, float], charge_mw: float) -> DispatchProblem:
    """The same with a fleet that begins empty, from which energy is due in some periods."""
    due, ones = np.zeros(problem.axis.periods), np.ones(problem.axis.periods)
    due[list(due_mwh)] = list(due_mwh.values())
    profile = StorageProfile(charge_mw * ones, 0.0 * ones, 50.0 * ones, 0.0 * ones, due)
    cars = Storage("cars", "b", charge_mw, 50.0, 1.0, 1.0, 0.0, 0.0)
    return replace(problem, storages=(cars,), storage_profiles={"cars": profile})


@pytest.mark.parametrize("step", [HOUR, HALF])
def test_plans_of_several_days_hold_the_products_of_their_own_hours(make_system: MakeSystem, step: timedelta) -> None:
    forecast = with_product(make_system([80.0] * 48), 5.0)
    actual = make_system([82.0] * round(48 * HOUR / step), step=step)

    simulated = simulate(actual, GivenForecasts(forecast), operation=DAILY)

    assert [made.plan.problem.axis.periods for made in simulated.made] == [36, 24]
    for made in simulated.made:
        (held,) = made.plan.schedule.products
        assert held.unit_mw.sum(axis=0).min() >= 5.0 - 1e-6
        assert check_plan(made.plan) == []
    assert check_plan(simulated.realised) == []


def test_what_a_product_lacks_is_short(make_system: MakeSystem) -> None:
    forecast = with_product(make_system([90.0] * 4, reserve_up_mw=50.0), 15.0)

    result = score(simulate(make_system([90.0] * 4), GivenForecasts(forecast), operation=DAILY))

    assert result.short_mwh == pytest.approx(4 * 5.0)  # of 150 MW there are 60 above the load


def test_who_knows_what_happens_plans_without_products_scenarios_and_cover(make_system: MakeSystem) -> None:
    plain = make_system([80.0] * 6)
    told = Scenarios(np.stack([plain.load_mw, 1.2 * plain.load_mw]), np.zeros((2, 1, 6)), np.array([0.5, 0.5]))
    actual = replace(with_product(plain, 5.0), scenarios=told, secure_units=True)

    forecast, known = (
        simulate(actual, way, operation=DAILY).made[0].plan
        for way in (GivenForecasts(actual), perfect_foresight(actual))
    )

    assert known.problem.requirements == ()
    assert (known.problem.scenarios, known.outlook, known.problem.secure_units) == (None, None, False)
    assert forecast.problem.requirements
    assert forecast.problem.secure_units
    assert forecast.outlook is not None


@pytest.mark.parametrize("step", [HOUR, HALF])
def test_cars_leave_charged_on_the_second_day_too(make_system: MakeSystem, step: timedelta) -> None:
    hourly = with_cars(make_system([60.0] * 30), {7: 30.0, 28: 30.0}, 10.0)
    per_hour = round(HOUR / step)
    actual = make_system([60.0] * 30 * per_hour, step=step)
    actual = with_cars(actual, {8 * per_hour - 1: 30.0, 29 * per_hour - 1: 30.0}, 10.0)

    simulated = simulate(actual, GivenForecasts(hourly), operation=DAILY)

    assert check_plan(simulated.realised) == []
    assert simulated.realised.violations == ()
    assert simulated.realised.schedule.charge_mw.sum() / per_hour == pytest.approx(60.0)


@pytest.mark.parametrize("step", [HOUR, HALF])
def test_energy_that_cars_leave_without_is_paid_per_megawatt_hour(make_system: MakeSystem, step: timedelta) -> None:
    actual = with_cars(make_system([60.0] * 8, step=step), {3: 12.0}, 0.0)

    simulated = simulate(actual, perfect_foresight(actual), operation=replace(DAILY, plan_step=step))

    assert score(simulated).relaxed == pytest.approx(12.0 * 500.0)
    assert simulated.realised.objective == pytest.approx(score(simulated).total)
    assert check_plan(simulated.realised) == []


@pytest.mark.parametrize("step", [HOUR, HALF])
def test_a_demand_response_puts_back_in_time_what_it_took(make_system: MakeSystem, step: timedelta) -> None:
    per_hour = round(HOUR / step)
    load = np.repeat(np.where(np.isin(np.arange(26), [4, 5, 18, 19]), 120.0, 80.0), per_hour)
    shift = Storage("shift", "b", 10.0, 40.0, 1.0 / 1.2, 1.0, 40.0, 40.0, rebound_hours=3.0)
    actual = replace(make_system(load, step=step), storages=(shift,))

    simulated = simulate(actual, perfect_foresight(actual), operation=DAILY)

    assert simulated.realised.schedule.discharge_mw.sum() > 0.0
    assert check_plan(simulated.realised) == []


def test_trade_is_part_of_what_is_paid(make_system: MakeSystem) -> None:
    ones = np.ones(6)
    market = Exchange("market", "b", 30.0 * ones, 0.0 * ones, 20.0 * ones, 0.0 * ones)
    actual = replace(make_system([110.0] * 6), exchanges=(market,))

    simulated = simulate(actual, perfect_foresight(actual), operation=DAILY)

    result = score(simulated)
    assert result.trade == pytest.approx(6 * 10.0 * 20.0)
    assert simulated.realised.objective == pytest.approx(result.total)
    assert check_plan(simulated.realised) == []


def test_limits_that_are_never_relaxed_are_refused(make_system: MakeSystem) -> None:
    actual = replace(make_system([90.0] * 4), penalties=Penalties(shedding=float("inf")))

    with pytest.raises(InputError, match="never relaxed"):
        simulate(actual, perfect_foresight(actual), operation=DAILY)
