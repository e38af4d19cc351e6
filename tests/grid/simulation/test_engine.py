"""The closed loop on a system whose costs are worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.dispatch import DispatchProblem, check_plan, plan_dispatch
from grid.faults import InputError
from grid.simulation import Expected, GivenForecasts, Operation, perfect_foresight, score, simulate
from grid.time_axis import TimeAxis

MakeSystem = Callable[..., DispatchProblem]

HOUR = timedelta(hours=1)
SHORT = Operation(plan_every=6 * HOUR, lead=2 * HOUR, horizon=8 * HOUR, relative_gap=0.0, time_limit_seconds=10.0)


class Witness:
    """Passes on forecasts, and keeps what it was asked for."""

    def __init__(self, forecasts: GivenForecasts) -> None:
        self.forecasts = forecasts
        self.asked: list[tuple[datetime, TimeAxis]] = []

    def expect(self, axis: TimeAxis, *, issued_at: datetime) -> Expected:
        self.asked.append((issued_at, axis))
        return self.forecasts.expect(axis, issued_at=issued_at)


def test_load_that_nobody_expected_is_unserved_to_the_megawatt_hour(make_system: MakeSystem) -> None:
    actual, expected = make_system([90.0, 90.0, 160.0, 90.0, 90.0, 90.0]), make_system([90.0] * 6)

    simulated = simulate(actual, GivenForecasts(expected), operation=SHORT)

    result = score(simulated)
    assert result.unserved_mwh == pytest.approx(60.0)
    assert result.production == pytest.approx(10.0 * (5 * 90.0 + 100.0))
    assert result.relaxed == pytest.approx(60.0 * 10_000.0)
    assert simulated.realised.objective == pytest.approx(result.total)
    assert (result.unserved_share, result.exceeded) == (pytest.approx(1 / 6), pytest.approx(1 / 6))
    assert simulated.realised.prices.lmp[0].tolist() == pytest.approx([10.0, 10.0, 10_000.0, 10.0, 10.0, 10.0])


def test_a_quick_start_unit_is_started_in_real_time_and_stopped_when_it_is_not_needed(make_system: MakeSystem) -> None:
    actual, expected = make_system([90.0, 90.0, 160.0, 90.0, 90.0, 90.0]), make_system([90.0] * 6)
    quick = replace(SHORT, quick_start_hours=1.0)

    simulated = simulate(actual, GivenForecasts(expected), operation=quick)

    result = score(simulated)
    assert simulated.realised.schedule.on[1].tolist() == [False, False, True, False, False, False]
    assert (result.starts, result.unserved_mwh) == (pytest.approx(100.0), pytest.approx(10.0))
    assert result.production == pytest.approx(10.0 * (5 * 90.0 + 100.0) + 100.0 + 50.0 * 50.0)


def test_wind_that_nobody_expected_is_curtailed_where_units_cannot_go_lower(make_system: MakeSystem) -> None:
    actual = make_system([90.0] * 4, [0.0, 80.0, 20.0, 0.0])

    result = score(simulate(actual, GivenForecasts(make_system([90.0] * 4)), operation=SHORT))

    assert result.curtailed_mwh == pytest.approx(30.0)
    assert result.relaxed == 0.0
    assert result.no_load == pytest.approx(4 * 400.0)
    assert result.energy == pytest.approx(10.0 * (50.0 + 0.0 + 30.0 + 50.0))


def test_reserve_that_was_held_is_used_in_real_time(make_system: MakeSystem) -> None:
    actual = make_system([90.0, 115.0, 121.0, 90.0])
    expected = GivenForecasts(make_system([90.0] * 4, reserve_up_mw=30.0), promised=0.05)

    simulated = simulate(actual, expected, operation=SHORT)

    result = score(simulated)
    assert simulated.realised.schedule.on[1].all()
    assert (result.unserved_mwh, result.short_mwh, result.promised) == (0.0, 0.0, 0.05)
    assert result.exceeded == 0.25  # 121 MW lie beyond 90 + 30


def test_a_quick_start_unit_holds_reserve_without_running(make_system: MakeSystem) -> None:
    actual = make_system([90.0, 90.0, 121.0, 90.0])
    expected = GivenForecasts(make_system([90.0] * 4, reserve_up_mw=30.0), promised=0.01)

    simulated = simulate(actual, expected, operation=replace(SHORT, quick_start_hours=1.0))

    assert not simulated.made[0].plan.schedule.on[1].any()
    assert check_plan(simulated.made[0].plan) == []
    assert simulated.realised.schedule.on[1].tolist() == [False, False, True, False]
    result = score(simulated)
    assert (result.unserved_mwh, result.short_mwh, result.starts) == (0.0, 0.0, 100.0)


def test_reserve_that_the_units_cannot_hold_is_told(make_system: MakeSystem) -> None:
    expected = GivenForecasts(make_system([90.0] * 4, reserve_up_mw=70.0))

    result = score(simulate(make_system([90.0] * 4), expected, operation=SHORT))

    assert result.short_mwh == pytest.approx(4 * 10.0)  # of 150 MW there are 60 above the load


def test_a_branch_beyond_its_rating_is_told_in_megawatt_hours(make_system: MakeSystem) -> None:
    actual, expected = make_system([90.0, 97.0], limit_mw=95.0), make_system([90.0] * 2, limit_mw=95.0)

    result = score(simulate(actual, GivenForecasts(expected), operation=SHORT))

    assert result.overload_mwh == pytest.approx(2.0)
    assert result.relaxed == pytest.approx(2.0 * 3_000.0)


def test_real_time_may_be_finer_than_plans(make_system: MakeSystem) -> None:
    quarter = timedelta(minutes=15)
    load = np.full(24, 90.0)
    load[9] = 120.0
    actual = make_system(load, step=quarter)

    simulated = simulate(actual, GivenForecasts(make_system([90.0] * 6)), operation=SHORT)

    assert [made.plan.problem.axis.step for made in simulated.made] == [HOUR]
    assert simulated.realised.schedule.power_mw.shape == (2, 24)
    assert score(simulated).unserved_mwh == pytest.approx(20.0 * 0.25)


def test_plans_are_made_ahead_of_the_day_that_they_are_for(make_system: MakeSystem) -> None:
    actual = make_system([90.0] * 12)
    witness = Witness(perfect_foresight(actual))

    simulate(actual, witness, operation=SHORT)

    start = actual.axis.start
    assert [(issued, axis.start, axis.periods) for issued, axis in witness.asked] == [
        (start, start, 8),
        (start + 4 * HOUR, start + 6 * HOUR, 8),
    ]


def test_a_forecast_that_ends_before_the_next_plan_begins_is_refused(make_system: MakeSystem) -> None:
    with pytest.raises(ValueError, match="until the next plan begins"):
        simulate(make_system([90.0] * 12), GivenForecasts(make_system([90.0] * 5)), operation=SHORT)


def test_a_battery_goes_on_from_where_it_was_left(make_system: MakeSystem) -> None:
    load = [60.0, 60.0, 60.0, 110.0, 110.0, 60.0] * 2
    actual = make_system(load, battery_mwh=40.0)

    simulated = simulate(actual, perfect_foresight(actual), operation=SHORT)

    result = score(simulated)
    assert (result.unserved_mwh, result.starts) == (0.0, 0.0)  # 20 MWh in the evening come out of the battery
    assert simulated.realised.schedule.discharge_mw.sum() >= 40.0 - 1e-6
    assert check_plan(simulated.realised) == []


def test_what_is_done_knows_nothing_of_what_comes(make_system: MakeSystem) -> None:
    expected = GivenForecasts(make_system([80.0] * 12, [10.0] * 12))
    load = [80.0, 85.0, 95.0, 70.0, 60.0, 80.0, 90.0, 99.0, 80.0, 80.0, 80.0, 80.0]
    otherwise = [*load[:7], 140.0, 20.0, 150.0, 60.0, 0.0]

    one, other = (
        simulate(make_system(mw, [10.0] * 12), expected, operation=SHORT).realised.schedule.power_mw[:, :7]
        for mw in (load, otherwise)
    )

    assert np.allclose(one, other)


loads = st.lists(st.floats(0.0, 140.0), min_size=8, max_size=8)
winds = st.lists(st.floats(0.0, 100.0), min_size=8, max_size=8)


@given(loads, loads, winds, winds, st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 30.0]))
@settings(max_examples=8, deadline=None)
def test_what_is_done_is_sound_and_no_cheaper_than_the_optimum_of_the_whole_span(
    make_system: MakeSystem,
    load: list[float],
    expected_load: list[float],
    wind: list[float],
    expected_wind: list[float],
    quick_start_hours: float,
    battery_mwh: float,
) -> None:
    actual = make_system(load, wind, limit_mw=120.0, battery_mwh=battery_mwh)
    expected = make_system(expected_load, expected_wind, limit_mw=120.0, battery_mwh=battery_mwh, reserve_up_mw=10.0)
    operation = replace(SHORT, quick_start_hours=quick_start_hours)

    simulated = simulate(actual, GivenForecasts(expected), operation=operation)

    assert check_plan(simulated.realised) == []
    assert simulated.realised.objective == pytest.approx(score(simulated).total)
    optimum = plan_dispatch(actual, relative_gap=0.0, time_limit_seconds=10.0)
    assert simulated.realised.objective >= optimum.best_bound - 1e-6 * abs(optimum.best_bound) - 1e-6


@pytest.mark.parametrize(
    "operation",
    [
        replace(SHORT, lead=7 * HOUR),
        replace(SHORT, horizon=5 * HOUR),
        replace(SHORT, look_ahead=timedelta(minutes=90)),
        replace(SHORT, plan_step=timedelta(minutes=45)),
        replace(SHORT, plan_step=3 * HOUR),
    ],
)
def test_durations_that_do_not_fit_are_refused(make_system: MakeSystem, operation: Operation) -> None:
    actual = make_system([90.0] * 4)
    with pytest.raises(InputError, match="must"):
        simulate(actual, perfect_foresight(actual), operation=operation)
