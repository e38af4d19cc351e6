"""The price decomposition: its bound holds at any prices, is as good as it should be, and leads to the same plans."""

from __future__ import annotations

import json
import time
from typing import Any

import highspy
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grid.cases import read_pglib_uc
from grid.checking.check import check_plan
from grid.dispatch import DispatchProblem, Status, plan_dispatch
from grid.formulation.build import build_model
from grid.formulation.linear import new_highs
from grid.formulation.model import DispatchModel
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import UnsolvedError, solve_with_lines
from grid.formulation.unit_schedules import ABOVE, ON, START, STOP, UnitSchedules
from grid.formulation.unit_terms import UnitTerms, identical_units, unit_terms
from grid.searching import pricing
from grid.searching.marginals import least_costs
from grid.searching.priced import PricedModel
from grid.searching.pricing import relax_by_prices

PERIODS = 6


def unit(draw: st.DrawFn, *, ramps: bool) -> dict[str, Any]:
    minimum, span, on = draw(st.integers(2, 12)), draw(st.integers(1, 20)), draw(st.booleans())
    slope, hours, down = draw(st.integers(5, 30)), draw(st.integers(1, 9)), draw(st.integers(1, 3))
    costs = sorted(draw(st.lists(st.integers(0, 200), min_size=2, max_size=2)))
    knee = slope * minimum + draw(st.integers(0, 80)) + slope * span / 2
    steep = slope + draw(st.integers(0, 9))
    limits = [draw(st.integers(2, 20)) if ramps else 50 for _ in range(4)]
    return {
        "must_run": int(on and draw(st.integers(0, 5)) == 0),
        "power_output_minimum": minimum,
        "power_output_maximum": minimum + span,
        "ramp_up_limit": limits[0],
        "ramp_down_limit": limits[1],
        "ramp_startup_limit": minimum + limits[2],
        "ramp_shutdown_limit": minimum + limits[3],
        "time_up_minimum": draw(st.integers(1, 4)),
        "time_down_minimum": down,
        "power_output_t0": minimum + draw(st.integers(0, span)) if on else 0.0,
        "unit_on_t0": int(on),
        "time_up_t0": hours if on else 0,
        "time_down_t0": 0 if on else hours,
        "startup": [{"lag": down, "cost": costs[0]}, {"lag": down + draw(st.integers(1, 4)), "cost": costs[1]}],
        "piecewise_production": [
            {"mw": minimum, "cost": knee - slope * span / 2},
            {"mw": minimum + span / 2, "cost": knee},
            {"mw": minimum + span, "cost": knee + steep * span / 2},
        ],
    }


def model_of(problem: DispatchProblem) -> tuple[DispatchModel, list[UnitTerms]]:
    terms = [unit_terms(unit, step_hours=problem.axis.step_hours) for unit in problem.thermal_units]
    return build_model(problem, terms, identical_units(problem), ptdf=Ptdf(problem.network)), terms


@st.composite
def models(draw: st.DrawFn, ramps: bool = True) -> tuple[DispatchModel, list[UnitTerms]]:
    fleet = {f"u{i}": unit(draw, ramps=ramps) for i in range(draw(st.integers(1, 4)))}
    capacity = sum(float(u["power_output_maximum"]) for u in fleet.values())
    instance = {
        "time_periods": PERIODS,
        "demand": [round(capacity * draw(st.integers(1, 8)) / 10, 1) for _ in range(PERIODS)],
        "reserves": [round(capacity * draw(st.integers(0, 1)) / 20, 1) for _ in range(PERIODS)],
        "thermal_generators": fleet,
        "renewable_generators": {
            "wind": {
                "power_output_minimum": [0.0] * PERIODS,
                "power_output_maximum": [draw(st.integers(0, 30)) for _ in range(PERIODS)],
            }
        },
    }
    problem = read_pglib_uc(json.dumps(instance))
    return model_of(problem)


def optimum(model: DispatchModel) -> float | None:
    """Of the whole model by branch and cut; None if it has no solution."""
    highs = new_highs(gap=0.0)
    model.linear.load(highs, integer=True)
    highs.run()
    solved = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return float(highs.getInfo().objective_function_value) if solved else None


@settings(max_examples=25, deadline=None)
@given(made=models(), data=st.data())
def test_at_any_prices_the_bound_is_below_the_optimum(made: tuple[DispatchModel, list[UnitTerms]], data: Any) -> None:
    model, terms = made
    best = optimum(model)
    assume(best is not None)
    assert best is not None
    level = data.draw(st.lists(st.integers(-10, 60), min_size=PERIODS, max_size=PERIODS))
    held = data.draw(st.lists(st.integers(0, 20), min_size=PERIODS, max_size=PERIODS))
    prices = np.zeros(model.linear.row_count)
    prices[model.balance_rows], prices[model.reserves.up_rows] = level, held
    offers = PricedModel(model, terms).at(prices)
    assert offers.bound <= best + 1e-6 * abs(best)


@settings(max_examples=25, deadline=None)
@given(made=models(), data=st.data())
def test_a_schedule_costs_what_was_said_and_keeps_minimum_times(
    made: tuple[DispatchModel, list[UnitTerms]], data: Any
) -> None:
    model, terms = made
    schedules, shape = UnitSchedules(model.problem, terms), (6, len(terms), PERIODS)
    drawn = data.draw(st.lists(st.integers(-300, 300), min_size=len(terms) * PERIODS, max_size=len(terms) * PERIODS))
    prices = np.zeros(shape)
    prices[ON] = np.reshape(drawn, shape[1:])
    prices[START], prices[ABOVE] = 40.0, -15.0
    valued = schedules.value(prices)
    values = schedules.schedules(valued, prices)
    assert set(np.unique(values[[ON, START, STOP]])) <= {0.0, 1.0}
    for i, term in enumerate(terms):
        for t in np.flatnonzero(values[START, i]):
            assert values[ON, i, t : t + term.minimum_up].all()
        for t in np.flatnonzero(values[STOP, i]):
            assert not values[ON, i, t : t + term.minimum_down].any()
    on, off = least_costs(valued, prices[START])
    assert np.minimum(on, off) == pytest.approx(np.broadcast_to(valued.cost[:, None], on.shape))
    assert np.where(values[ON] > 0.5, on, off) == pytest.approx(np.broadcast_to(valued.cost[:, None], on.shape))


@settings(max_examples=15, deadline=None)
@given(made=models(ramps=False))
def test_without_ramps_the_bound_is_as_good_as_the_linear_relaxation(
    made: tuple[DispatchModel, list[UnitTerms]],
) -> None:
    """Schedules are whole: their blends cost no less than the linear relaxation, but for how far prices settle."""
    model, terms = made
    best = optimum(model)
    assume(best is not None)
    assert best is not None
    linear = solve_with_lines(model).objective
    bound = relax_by_prices(model, terms, deadline=time.monotonic() + 30.0).objective
    assert linear - 6e-4 * abs(linear) - 1e-6 <= bound <= best + 1e-6 * abs(best)


def test_what_no_plan_can_keep_has_no_relaxation() -> None:
    short = {
        "must_run": 0,
        "power_output_minimum": 5.0,
        "power_output_maximum": 9.0,
        "ramp_up_limit": 9.0,
        "ramp_down_limit": 9.0,
        "ramp_startup_limit": 9.0,
        "ramp_shutdown_limit": 9.0,
        "time_up_minimum": 1,
        "time_down_minimum": 1,
        "power_output_t0": 5.0,
        "unit_on_t0": 1,
        "time_up_t0": 3,
        "time_down_t0": 0,
        "startup": [{"lag": 1, "cost": 10.0}],
        "piecewise_production": [{"mw": 5.0, "cost": 50.0}, {"mw": 9.0, "cost": 90.0}],
    }
    instance = {
        "time_periods": 2,
        "demand": [500.0, 500.0],
        "reserves": [0.0, 0.0],
        "thermal_generators": {"short": short},
        "renewable_generators": {},
    }
    problem = read_pglib_uc(json.dumps(instance))
    model, terms = model_of(problem)
    with pytest.raises(UnsolvedError):
        relax_by_prices(model, terms, deadline=time.monotonic() + 15.0)


COAL = {"bus": "b", "minimum_mw": 10.0, "capacity_mw": 100.0, "cost_per_mwh": 20.0, "minimum_cost_per_hour": 100.0}


@pytest.mark.parametrize("seconds", [30.0, -1.0])
def test_the_bound_knows_what_a_short_system_costs_and_comes_in_time(make_problem: Any, seconds: float) -> None:
    model, terms = model_of(make_problem({"load_mw": {"b": [120.0] * 4}, "units": {"coal": COAL}}))
    linear = solve_with_lines(model).objective
    relaxed = relax_by_prices(model, terms, deadline=time.monotonic() + seconds)
    assert linear > 4 * 20.0 * 1_000.0
    assert relaxed.objective <= linear * (1.0 + 1e-6)
    assert relaxed.values.shape == relaxed.reduced_costs.shape == (model.linear.column_count,)
    assert relaxed.row_duals.shape == (model.linear.row_count,)
    if seconds > 0.0:
        assert relaxed.objective == pytest.approx(linear, rel=1e-3)


def test_a_relaxation_that_is_not_solved_in_time_leaves_what_the_prices_proved(
    make_problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, terms = model_of(make_problem({"load_mw": {"b": [50.0, 80.0]}, "units": {"coal": COAL}}))
    linear = solve_with_lines(model).objective

    def too_slow(*_args: object, seconds: float, **_options: object) -> None:
        assert 0.0 < seconds <= 15.0
        raise UnsolvedError("Time limit reached")

    monkeypatch.setattr(pricing, "solve_with_lines", too_slow)
    relaxed = relax_by_prices(model, terms, deadline=time.monotonic() + 30.0)
    assert relaxed.objective == pytest.approx(linear, rel=1e-3)
    assert relaxed.values[model.thermal[0].on] == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("units", [{}, {"coal": {**COAL, "ramp_mw_per_hour": 10.0, "start_ramp_mw": 10.0}}])
@pytest.mark.parametrize("periods", [1, 2, 3])
def test_large_models_without_units_or_with_ramps_longer_than_the_plan(
    make_problem: Any, units: dict[str, Any], periods: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_runs = {name: {**data, "stop_ramp_mw": 10.0, "minimum_up_hours": 16} for name, data in units.items()}
    problem = make_problem({"load_mw": {"b": [40.0] * periods}, "units": long_runs})
    usual = plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=1e-6)
    monkeypatch.setattr(pricing, "_LARGE", -1)
    plan = plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=1e-6)
    assert plan.status is usual.status is Status.OPTIMAL
    assert plan.objective == pytest.approx(usual.objective)


@settings(max_examples=10, deadline=None)
@given(made=models())
def test_a_model_that_counts_as_large_comes_to_the_same_plan(made: tuple[DispatchModel, list[UnitTerms]]) -> None:
    problem = made[0].problem
    usual = plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=1e-6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pricing, "_LARGE", 0)
        priced = plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=1e-6)
    assert priced.status == usual.status
    if priced.status is not Status.INFEASIBLE:
        assert priced.objective == pytest.approx(usual.objective, rel=1e-5)
        assert priced.best_bound <= usual.objective * (1.0 + 1e-6)
        assert check_plan(priced) == []
