"""From a site and forecasts to the problem: loads, available power, reserves by hand, what a plan inherits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from grid.assets import CostSegment, RenewableKind, RenewablePlant, StartCost, Storage, ThermalUnit
from grid.dispatch import UnitState, assemble_problem, check_plan, plan_dispatch, plan_document
from grid.faults import InputError
from grid.fleets import EvFleet, Stay
from grid.forecasts import Forecast
from grid.network import Bus, Network
from grid.site import BusLoad, Contingency, ProductPolicy, ReservePolicy, Site
from grid.tariffs import TariffExchange
from grid.time_axis import TimeAxis

HOUR = timedelta(hours=1)
ISSUED = datetime(2026, 3, 1, 5, 40, tzinfo=UTC)
START = datetime(2026, 3, 1, 6, tzinfo=UTC)
PERIODS = 4

UNIT = ThermalUnit(
    unit_id="u",
    bus_id="b",
    minimum_mw=10.0,
    capacity_mw=60.0,
    minimum_cost_per_hour=200.0,
    segments=(CostSegment(50.0, 20.0),),
    start_costs=(StartCost(0.0, 100.0),),
    minimum_up_hours=3.0,
    minimum_down_hours=2.0,
    ramp_up_mw_per_hour=60.0,
    ramp_down_mw_per_hour=60.0,
    start_ramp_mw=60.0,
    stop_ramp_mw=60.0,
)
SITE = Site(
    site_id="s",
    name="",
    timezone="UTC",
    holidays="",
    currency="EUR",
    meters=(),
    loads=(BusLoad("b", "zone:load", 0.001),),
    network=Network((Bus("b"),), ()),
    thermal_units=(UNIT, replace(UNIT, unit_id="v")),
    renewable_plants=(
        RenewablePlant("p1", "b", RenewableKind.SOLAR, 30.0, "sun:generation", 3.0),
        RenewablePlant("p2", "b", RenewableKind.SOLAR, 10.0, "sun:generation", 3.0),
    ),
    storages=(Storage("battery", "b", 5.0, 20.0, 1.0, 1.0, 8.0, 8.0),),
    reserve=ReservePolicy(0.9, 0.1),
)


def forecast(series_id: str, low: float, median: float, high: float, **changes: Any) -> Forecast:
    axis = changes.pop("axis", TimeAxis(START - HOUR, HOUR, PERIODS + 2))
    quantiles = np.tile([low, median, high], (axis.periods, 1))
    return Forecast(series_id, axis, ISSUED, (0.1, 0.5, 0.9), quantiles, "model-1", "test", **changes)


def forecasts() -> dict[str, Forecast]:
    made = (
        forecast("zone:load", 30_000.0, 50_000.0, 90_000.0),
        forecast("site:load", 46_000.0, 50_000.0, 53_000.0),
        forecast("sun:generation", 1.2, 1.5, 1.9),
    )
    return {made.series_id: made for made in made}


def test_load_and_available_power_are_scaled_medians() -> None:
    problem, inputs = assemble_problem(SITE, forecasts(), issued_at=ISSUED, periods=PERIODS)
    assert problem.axis == TimeAxis(START, HOUR, PERIODS)
    np.testing.assert_allclose(problem.load_mw, np.full((1, PERIODS), 50.0))
    np.testing.assert_allclose(problem.available_mw, [[15.0] * PERIODS, [5.0] * PERIODS])
    assert problem.currency == "EUR"
    assert {told["series_id"] for told in inputs["forecasts"]} == {"zone:load", "site:load", "sun:generation"}


def test_forecasts_of_shorter_intervals_count_with_the_mean_of_each_hour() -> None:
    axis = TimeAxis(START - HOUR / 4, HOUR / 4, 4 * PERIODS + 2)
    quarters = forecast("zone:load", 0.0, 0.0, 0.0, axis=axis)
    medians = np.concatenate([[9e9], 1000.0 * np.arange(4 * PERIODS), [9e9]])  # hours that are not whole are left out
    quarters = replace(quarters, quantiles=medians[:, None] + [-1.0, 0.0, 1.0])
    problem, _ = assemble_problem(SITE, {**forecasts(), "zone:load": quarters}, issued_at=ISSUED, periods=PERIODS)
    np.testing.assert_allclose(problem.load_mw[0], 4.0 * np.arange(PERIODS) + 1.5)
    same = quarters.averaged(HOUR)
    assert same.axis == TimeAxis(START, HOUR, PERIODS)
    assert same.averaged(HOUR) is same


def test_available_power_stays_within_the_plant() -> None:
    bright = {**forecasts(), "sun:generation": forecast("sun:generation", -0.5, 3.6, 4.0)}
    problem, _ = assemble_problem(SITE, bright, issued_at=ISSUED, periods=PERIODS)
    np.testing.assert_allclose(problem.available_mw[:, 0], [30.0, 10.0])
    dark = {**forecasts(), "sun:generation": forecast("sun:generation", -0.5, -0.1, 0.2)}
    problem, _ = assemble_problem(SITE, dark, issued_at=ISSUED, periods=PERIODS)
    np.testing.assert_allclose(problem.available_mw, 0.0)


def test_reserve_combines_independent_sources_in_quadrature() -> None:
    """Up: load 3 MW above, sun 0.3 of 3 kW below on 40 MW together, 4 MW: 5 MW. Down: 4 MW and 16/3 MW: 20/3 MW."""
    problem, inputs = assemble_problem(SITE, forecasts(), issued_at=ISSUED, periods=PERIODS)
    np.testing.assert_allclose(problem.reserve_up_mw, 5.0)
    np.testing.assert_allclose(problem.reserve_down_mw, 20.0 / 3.0)
    assert inputs["reserve"]["sources"]["sun:generation"]["up_mw"] == [4.0] * PERIODS
    assert inputs["reserve"]["sources"]["site:load"]["down_mw"] == [4.0] * PERIODS


def test_every_missing_forecast_is_named() -> None:
    with pytest.raises(InputError) as caught:
        assemble_problem(SITE, {}, issued_at=ISSUED, periods=PERIODS)
    assert {fault.place.removeprefix("forecast of ") for fault in caught.value.faults} == set(forecasts())


@pytest.mark.parametrize(
    "axis",
    [
        TimeAxis(START, HOUR, PERIODS - 1),
        TimeAxis(START + HOUR, HOUR, PERIODS + 5),
        TimeAxis(START + HOUR / 4, HOUR / 4, 4 * PERIODS),
        TimeAxis(START - HOUR, 2 * HOUR, PERIODS),
        TimeAxis(START - HOUR / 2, HOUR, PERIODS + 2),
    ],
)
def test_forecast_that_does_not_cover_the_plan_is_refused(axis: TimeAxis) -> None:
    short = {**forecasts(), "zone:load": forecast("zone:load", 1.0, 2.0, 3.0, axis=axis)}
    with pytest.raises(InputError, match="forecast of zone:load: it must cover"):
        assemble_problem(SITE, short, issued_at=ISSUED, periods=PERIODS)


def test_reserve_level_beyond_the_forecast_is_refused() -> None:
    greedy = replace(SITE, reserve=ReservePolicy(0.99, 0.1))
    with pytest.raises(InputError, match="milder reserve levels"):
        assemble_problem(greedy, forecasts(), issued_at=ISSUED, periods=PERIODS)


def previous_plan() -> dict[str, Any]:
    problem, inputs = assemble_problem(SITE, forecasts(), issued_at=ISSUED, periods=PERIODS)
    problem = replace(
        problem,
        initial={"u": UnitState(True, 2.0, 30.0), "v": UnitState(False, 7.0, 0.0)},
        initial_mwh={"battery": 10.0},
    )
    inputs["initial"] = {
        "u": {"on": True, "hours": 2.0, "power_mw": 30.0},
        "v": {"on": False, "hours": 7.0, "power_mw": 0.0},
    }
    inputs["initial_mwh"] = {"battery": 10.0}
    plan = plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=0.0)
    assert check_plan(plan) == []
    assert plan.schedule.on.tolist() == [[True] * PERIODS, [False] * PERIODS]
    return plan_document(plan, plan_id="first", site_id="s", issued_at=ISSUED, inputs=inputs)


def test_the_next_plan_begins_where_the_last_one_has_its_units() -> None:
    document = previous_plan()
    later = {name: replace(made, issued_at=ISSUED + 2 * HOUR) for name, made in forecasts().items()}
    problem, inputs = assemble_problem(SITE, later, issued_at=ISSUED + 2 * HOUR, periods=2, previous=document)
    assert problem.axis.start == START + 2 * HOUR
    assert problem.initial["u"] == UnitState(True, 4.0, document["units"]["u"][1]["power_mw"], within_mw=5e-4)
    assert problem.initial["v"] == UnitState(False, 9.0, 0.0)
    assert problem.initial_mwh == {"battery": document["storages"]["battery"][1]["state_of_charge_mwh"]}
    assert inputs["initial"]["u"]["hours"] == 4.0


def test_a_plan_of_the_same_hour_passes_on_what_it_inherited() -> None:
    problem, _ = assemble_problem(SITE, forecasts(), issued_at=ISSUED, periods=2, previous=previous_plan())
    assert problem.initial == {"u": UnitState(True, 2.0, 30.0, within_mw=5e-4), "v": UnitState(False, 7.0, 0.0)}
    assert problem.initial_mwh == {"battery": 10.0}


def test_a_plan_that_ended_long_ago_tells_nothing() -> None:
    late = ISSUED + timedelta(days=3)
    axis = TimeAxis(START + timedelta(days=3), HOUR, PERIODS)
    fresh = {name: forecast(name, 1.0, 2.0, 3.0, axis=axis) for name in forecasts()}
    problem, _ = assemble_problem(SITE, fresh, issued_at=late, periods=PERIODS, previous=previous_plan())
    assert (problem.initial, problem.initial_mwh) == ({}, {})


def test_telemetry_of_a_battery_counts_more_than_the_last_plan() -> None:
    problem, _ = assemble_problem(
        SITE,
        forecasts(),
        issued_at=ISSUED,
        periods=2,
        previous=previous_plan(),
        state_of_charge_mwh={"battery": 3.0},
    )
    assert problem.initial_mwh == {"battery": 3.0}


def test_a_site_asks_for_products_of_its_areas_and_for_security() -> None:
    needs = (ProductPolicy("spinning", areas=("north",), mw=2.0, load_share=0.1), ProductPolicy("spinning", mw=1.0))
    site = replace(
        SITE,
        network=Network((Bus("b", area="north"),), ()),
        reserve=replace(SITE.reserve, requirements=needs, deliverable=True, from_plants=True),
        n_1=(Contingency.UNITS,),
    )
    problem, _ = assemble_problem(site, forecasts(), issued_at=ISSUED, periods=PERIODS)
    assert (problem.secure, problem.secure_units, problem.deliverable) == (False, True, True)
    assert problem.reserve_from_plants
    assert [need.title for need in problem.requirements] == ["spinning up in area north", "spinning up"]
    np.testing.assert_allclose(problem.requirements[0].required_mw, 2.0 + 0.1 * 50.0)


def test_cars_go_on_from_what_the_last_plan_gave_them() -> None:
    """Ten cars come at 5:40 with 20 kWh each, and 45 are due at nine: a plan two hours later finds what was charged."""
    cars = EvFleet("cars", "b", 10, 10.0, 50.0, (Stay("05:40", "09:00", 10, 20.0, 45.0),))
    site = replace(SITE, ev_fleets=(cars,), exchanges=(TariffExchange("supplier", "b", 5.0, 90.0),))
    problem, inputs = assemble_problem(site, forecasts(), issued_at=ISSUED, periods=PERIODS)
    assert [storage.storage_id for storage in problem.storages] == ["battery", "cars"]
    assert [exchange.import_price.tolist() for exchange in problem.exchanges] == [[90.0] * PERIODS]
    np.testing.assert_allclose(problem.storages[1].initial_mwh, 10 * (20.0 + 10.0 / 3.0) / 1000.0)
    plan = plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=0.0)
    assert check_plan(plan) == []
    first = plan_document(plan, plan_id="first", site_id="s", issued_at=ISSUED, inputs=inputs)
    charged = first["storages"]["cars"][1]["state_of_charge_mwh"]
    later = {name: replace(made, issued_at=ISSUED + 2 * HOUR) for name, made in forecasts().items()}
    problem, _ = assemble_problem(site, later, issued_at=ISSUED + 2 * HOUR, periods=2, previous=first)
    assert problem.initial_mwh["cars"] == charged
    assert problem.storage_profiles["cars"].due_mwh.tolist() == [pytest.approx(0.45), 0.0]
    plan = plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=0.0)
    assert check_plan(plan) == []
    assert [violation.what for violation in plan.violations] == []


def test_cars_that_are_not_there_leave_nothing_to_the_next_plan() -> None:
    """The last plan was made for cars that came at 5:40; those of the edited site come at half past eight."""
    cars = EvFleet("cars", "b", 10, 10.0, 50.0, (Stay("05:40", "09:00", 10, 20.0, 45.0),))
    problem, inputs = assemble_problem(replace(SITE, ev_fleets=(cars,)), forecasts(), issued_at=ISSUED, periods=PERIODS)
    plan = plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=0.0)
    first = plan_document(plan, plan_id="first", site_id="s", issued_at=ISSUED, inputs=inputs)
    assert first["storages"]["cars"][1]["state_of_charge_mwh"] > 0.2
    edited = replace(SITE, ev_fleets=(replace(cars, stays=(Stay("08:30", "12:00", 10, 45.0, 45.0),)),))
    later = {name: replace(made, issued_at=ISSUED + 2 * HOUR) for name, made in forecasts().items()}
    problem, _ = assemble_problem(edited, later, issued_at=ISSUED + 2 * HOUR, periods=2, previous=first)
    assert problem.initial_mwh["cars"] == 0.0
    assert check_plan(plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=0.0)) == []
