"""What a plan promises about net load beyond its reach, and how often that came true."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from grid.dispatch import DispatchProblem, Scenarios, plan_dispatch, plan_document, realised
from grid.dispatch.shortfall import promised, reach_mw
from grid.problem.spread import NetLoadSpread

LEVELS = np.array([0.6, 0.8, 0.95])
SIGMA_MW = np.array([10.0, 0.0])
NORMAL = NetLoadSpread(LEVELS, norm.ppf(LEVELS)[:, None] * SIGMA_MW, norm.ppf(LEVELS)[:, None] * SIGMA_MW)
SYSTEM = {
    "load_mw": {"b": [100.0, 100.0]},
    "units": {
        "coal": {"bus": "b", "minimum_mw": 20, "capacity_mw": 100, "cost_per_mwh": 10, "ramp_mw_per_hour": 15},
        "gas": {"bus": "b", "minimum_mw": 20, "capacity_mw": 60, "cost_per_mwh": 50, "minimum_cost_per_hour": 1000},
    },
    "initial": {"coal": {"on": True, "hours": 5, "power_mw": 80}, "gas": {"on": False, "hours": 5, "power_mw": 0}},
    "plants": {"wind": {"bus": "b", "available_mw": [20.0, 30.0]}},
}


@pytest.fixture
def problem(make_problem: Any) -> DispatchProblem:
    return make_problem(SYSTEM)


@given(reach=st.floats(-40.0, 60.0))
def test_quantiles_of_a_normal_distribution_promise_its_tails(reach: float) -> None:
    up = NORMAL.beyond(np.array([reach, reach]), up=True)
    assert up[0] == pytest.approx(norm.sf(reach / 10.0), abs=1e-9)
    assert NORMAL.beyond(np.array([reach, 0.0]), up=False)[0] == pytest.approx(up[0], abs=1e-12)
    if reach != 0.0:
        assert up[1] == (reach < 0.0), "what is certain lies beyond a negative reach and within any other"


def test_a_level_is_promised_where_its_quantile_lies() -> None:
    skewed = NetLoadSpread(LEVELS, np.array([[1.0], [9.0], [30.0]]), np.array([[2.0], [3.0], [4.0]]))
    for level, up, down in zip(LEVELS, (1.0, 9.0, 30.0), (2.0, 3.0, 4.0), strict=True):
        assert skewed.beyond(np.array([up]), up=True)[0] == pytest.approx(1.0 - level)
        assert skewed.beyond(np.array([down]), up=False)[0] == pytest.approx(1.0 - level)
        assert skewed.beyond(np.array([-down]), up=True)[0] == pytest.approx(level)


def test_reach_is_what_units_within_their_ramps_and_plants_can_follow(problem: DispatchProblem) -> None:
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert plan.schedule.power_mw[0].tolist() == pytest.approx([80.0, 70.0])
    up, down = reach_mw(plan)
    np.testing.assert_allclose(up, [15.0, 25.0])  # from 80 MW by the ramp of 15 to 95, twice
    np.testing.assert_allclose(down, [15.0 + 20.0, 5.0 + 30.0])


def test_must_take_power_that_is_spilt_shortens_the_way_down_and_lengthens_the_way_up(make_problem: Any) -> None:
    river = {"bus": "b", "kind": "hydro", "available_mw": [80.0, 40.0], "curtailable": False}
    plan = plan_dispatch(make_problem({"load_mw": {"b": [50.0, 50.0]}, "plants": {"river": river}}), relative_gap=0.0)
    up, down = reach_mw(plan)
    np.testing.assert_allclose(up, [30.0, -10.0])  # 30 MW are spilt, then 10 MW are not served
    np.testing.assert_allclose(down, [-30.0, 0.0])


def test_reach_of_a_storage_ends_with_its_power_and_its_energy(make_problem: Any) -> None:
    battery = {"bus": "b", "power_mw": 10, "energy_mwh": 12, "initial_mwh": 4, "end_minimum_mwh": 4,
               "charge_efficiency": 0.5, "discharge_efficiency": 0.5, "cycle_cost_per_mwh": 1000}  # fmt: skip
    plan = plan_dispatch(make_problem({**SYSTEM, "storages": {"battery": battery}}), relative_gap=0.0)
    assert plan.schedule.discharge_mw.max() == 0.0
    up, down = reach_mw(plan)
    np.testing.assert_allclose(up, [15.0 + 2.0, 25.0 + 2.0])  # 4 MWh give 2 MW for an hour
    np.testing.assert_allclose(down, [35.0 + 10.0, 35.0 + 10.0])


def test_quantiles_bound_and_scenarios_tell_the_probability_of_any_shortfall(problem: DispatchProblem) -> None:
    spread = NetLoadSpread(LEVELS, np.array([[5.0] * 2, [10.0] * 2, [15.0] * 2]), np.zeros((3, 2)))
    by_quantiles = promised(plan_dispatch(replace(problem, spread=spread), relative_gap=0.0))
    assert by_quantiles is not None
    assert by_quantiles["net_load_mw"] == [80.0, 70.0]
    first, second = by_quantiles["up"]["probability"]
    assert first == pytest.approx(0.05)
    assert by_quantiles["up"]["any"] == {"at_least": first, "at_most": pytest.approx(first + second)}
    assert by_quantiles["down"]["expected_periods"] == 0.0

    load = np.array([[[100.0, 100.0]], [[116.0, 126.0]], [[100.0, 126.0]], [[100.0, 100.0]]])
    wind = np.repeat(problem.available_mw[None], 4, axis=0)
    cheap = replace(problem.penalties, shedding=20.0, overload=20.0)  # gas is dearer than not to serve
    scenarios = Scenarios(load, wind, np.full(4, 0.25), most=2)
    plan = plan_dispatch(replace(problem, penalties=cheap, scenarios=scenarios), relative_gap=0.0)
    told = promised(plan)
    assert told is not None
    assert told["up"]["probability"] == [0.25, 0.5], "of all four that were drawn, not of the two that were kept"
    assert told["up"]["any"] == {"at_least": 0.5, "at_most": 0.5}


def test_nothing_is_promised_where_nothing_tells_how_uncertain_net_load_is(problem: DispatchProblem) -> None:
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert promised(plan) is None
    assert plan_document(plan, plan_id="p", site_id="s", issued_at=problem.axis.start)["shortfall"] is None


def test_a_plan_that_sheds_load_promises_that_it_falls_short(problem: DispatchProblem) -> None:
    spread = NetLoadSpread(LEVELS, NORMAL.up_mw, NORMAL.down_mw)
    plan = plan_dispatch(replace(problem, load_mw=3.0 * problem.load_mw, spread=spread), relative_gap=0.0)
    assert plan.schedule.shed_mw.min() > 0.0
    told = promised(plan)
    assert told is not None
    assert told["up"]["probability"] == [pytest.approx(1.0, abs=1e-4), 1.0]


def test_what_came_is_counted_by_the_plan_in_force(problem: DispatchProblem) -> None:
    spread = NetLoadSpread(LEVELS, np.array([[5.0] * 2, [10.0] * 2, [15.0] * 2]), np.ones((3, 2)))
    start, hour = problem.axis.start, timedelta(hours=1)
    documents = []
    for k in range(3):  # each tells of two hours, the later one is in force in the hour that both tell of
        axis = replace(problem.axis, start=start + k * hour)
        plan = plan_dispatch(replace(problem, axis=axis, spread=spread), relative_gap=0.0)
        documents.append(plan_document(plan, plan_id=str(k), site_id="s", issued_at=axis.start))
    silent = {**documents[0], "shortfall": None, "issued_at": "2027-01-01T00:00:00Z"}
    net_load = {start: 95.0, start + hour: 95.1, start + 2 * hour: 30.0}  # reach is 15 MW above 80 and 35 below
    up, down = realised([*reversed(documents), silent], net_load)
    assert (up.direction, up.periods, up.came, down.came) == ("up", 3, 1, 1)
    assert up.promised == pytest.approx(3 * 0.05)
    assert up.luck == pytest.approx(binom.sf(0, 3, 0.05))
    nothing, _ = realised(documents, {})
    assert (nothing.periods, nothing.promised, nothing.came, nothing.luck) == (0, 0.0, 0, 1.0)
