"""The words of reasons: digits by an asset's size, what a storage is, when load is called, what a rule settled."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from grid.cases.folder import read_folder
from grid.dispatch import DispatchPlan, plan_dispatch
from grid.dispatch.fallback import fallback_plan
from grid.words import decimals, in_decimals


def planned(network: dict[str, Any], periods: dict[str, Any]) -> DispatchPlan:
    problem = read_folder(json.dumps(network), json.dumps(periods), matpower=False)
    return plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=0.0)


def texts(plan: DispatchPlan, name: str) -> list[str]:
    return [reason.text for reason in plan.reasons if reason.asset_id == name]


def unit(minimum: float, capacity: float, cost: float, bus: str = "a") -> dict[str, Any]:
    segments = [{"width_mw": capacity - minimum, "cost_per_mwh": cost}]
    told = {"bus": bus, "minimum_mw": minimum, "capacity_mw": capacity, "minimum_cost_per_hour": minimum * cost}
    return {**told, "segments": segments}


@pytest.mark.parametrize(
    ("size", "digits"), [(0.0, 3), (0.03, 3), (0.25, 3), (5.0, 2), (20.0, 1), (100.0, 0), (9e4, 0)]
)
def test_three_digits_are_told_of_a_size(size: float, digits: int) -> None:
    assert decimals(size, most=3) == digits


def test_nothing_has_no_sign() -> None:
    assert in_decimals(-0.0004, 3) == "0.000"
    assert in_decimals(-1234.5, 0) == "-1234"


def test_a_system_of_kilowatts_is_told_to_the_kilowatt() -> None:
    """The battery and the unit hold 30 kW of reserve together; the rest of the unit would beat an import at 200."""
    network = {"buses": {"a": {}}, "branches": {}, "units": {"chp": unit(0.08, 0.25, 110)}}
    periods = {
        "periods": 2,
        "loads": {"a": [0.31, 0.42]},
        "exchanges": {"grid": {"bus": "a", "import_mw": 0.5, "import_price": [100, 200]}},
        "storages": {"cell": {"bus": "a", "power_mw": 0.04, "energy_mwh": 0.04, "initial_mwh": 0.04}},
        "reserves": {"up_mw": 0.03},
    }
    plan = planned(network, periods)
    assert texts(plan, "chp")[-1].startswith("held at 0.220 MW for upward reserve, worth 90.0 USD/MW and hour")
    assert texts(plan, "cell")[-1].startswith("discharging 0.040 MW")
    assert texts(plan, "grid")[-1].startswith("importing 0.160 to 0.310 MW of 0.500")
    assert texts(plan, "upward reserve")[-1] == "0.030 MW, held by chp 0.030; 1 kW less would save 0.0900 USD/h"


def test_a_minimum_time_of_a_period_keeps_nothing_off_or_on() -> None:
    network = {"buses": {"a": {}}, "branches": {}, "units": {"dear": unit(5, 20, 50), "base": unit(0, 50, 10)}}
    periods = {"periods": 3, "loads": {"a": [50, 60, 40]}, "units": {"dear": {"minimum_down_hours": 1}}}
    plan = planned(network, periods)
    assert plan.schedule.on[0].tolist() == [False, True, False]
    assert not any("minimum" in text.split(";")[0].replace("at minimum", "") for text in texts(plan, "dear"))
    assert texts(plan, "dear")[-1].startswith("off: average cost 50.0 at full output is above the bus price 10.0")


def test_a_ramp_from_before_the_plan_is_named() -> None:
    network = {"buses": {"a": {}}, "branches": {}, "units": {"base": unit(5, 60, 10), "dear": unit(0, 50, 40)}}
    state = {"initial": {"on": True, "hours": 9, "power_mw": 20}, "ramp_mw_per_hour": 8}
    (told,) = texts(planned(network, {"periods": 1, "loads": {"a": [50]}, "units": {"base": state}}), "base")
    assert told.startswith("raises output as fast as it can, 8.0 MW a period; bus price 40.0, marginal cost 10.0")


def test_a_demand_response_is_called_or_not() -> None:
    network = {"buses": {"a": {}}, "branches": {}, "units": {"base": unit(0, 50, 10), "dear": unit(0, 50, 90)}}
    periods = {
        "periods": 3,
        "loads": {"a": [40, 60, 30]},
        "demand_response": {
            "smelter": {"bus": "a", "power_mw": 4, "rebound": 0, "cost_per_mwh": 70},
            "cold": {"bus": "a", "power_mw": 2, "energy_mwh": 4, "cost_per_mwh": 5},
        },
    }
    plan = planned(network, periods)
    assert texts(plan, "smelter")[:2] == [
        "not called: bus price 10.0 is not above the 70.0 that it costs",
        "called in full, 4.00 MW: bus price 90.0 beats the 70.0 that it costs; 1 MW more would save 20.0 USD/h",
    ]
    waiting, called, serving = texts(plan, "cold")
    assert waiting.startswith("not called, nothing is owed: bus price 10.0; reducing load pays from ")
    assert called.startswith("reducing load by 2.00 MW (power rating reached): bus price 90.0, worth it from ")
    assert serving.startswith("serving 2.00 MW of what it owes (power rating and energy limit reached): bus price 10.0")


def test_a_reservoir_never_speaks_of_charging() -> None:
    network = {"buses": {"a": {}}, "branches": {}, "units": {"base": unit(0, 50, 10)}}
    lake = {"bus": "a", "power_mw": 4, "energy_mwh": 9, "initial_mwh": 5, "inflow_mwh": [1, 1, 1]}
    periods = {"periods": 3, "loads": {"a": [40, 45, 50]}, "reservoirs": {"lake": lake}}
    for end in (0.0, 5.0, 8.0):
        told = {**periods, "reservoirs": {"lake": {**lake, "end_minimum_mwh": end}}}
        assert not any("charg" in text for text in texts(planned(network, told), "lake"))


def test_a_fleet_without_cars_says_so() -> None:
    network = {"buses": {"a": {}}, "branches": {}, "units": {"base": unit(0, 50, 10)}}
    vans = {"bus": "a", "charge_mw": [5, 0], "energy_mwh": [20, 0], "departures_mwh": [0, 3]}
    plan = planned(network, {"periods": 2, "loads": {"a": [20, 20]}, "ev_fleets": {"vans": vans}})
    assert texts(plan, "vans")[1:] == ["no car is plugged in"]


def test_what_a_rule_left_off_is_not_explained_by_prices() -> None:
    """The rule knows no branches: what is dear behind the full one stays off, whatever its bus price is."""
    network = {
        "buses": {"a": {}, "b": {}},
        "branches": {"ab": {"from": "a", "to": "b", "reactance_pu": 0.1, "limit_mw": 15}},
        "units": {"g": unit(5, 60, 25), "q": unit(2, 30, 60, "b")},
    }
    on = {"initial": {"on": True, "hours": 3, "power_mw": 6}, "minimum_down_hours": 2}
    periods = {"periods": 3, "loads": {"a": [10] * 3, "b": [30] * 3}, "units": {"q": on}}
    problem = planned(network, periods).problem
    plan = fallback_plan(problem, previous=None, why="for want of time")
    assert not plan.schedule.on[1].any()
    assert np.max(plan.prices.lmp) > 1000.0
    (left_off,) = texts(plan, "q")
    assert left_off.startswith("off: the rule left it off; average cost 60.0 at full output, bus price 3025.0")


def planned_texts(periods: dict[str, Any], name: str, **units: dict[str, Any]) -> list[str]:
    return texts(planned({"buses": {"a": {}}, "branches": {}, "units": units}, {"periods": 1, **periods}), name)


def test_a_little_beside_much_is_not_told_as_nothing() -> None:
    periods = {"loads": {"a": [400.3]}, "reserves": {"up_mw": 299.9}}
    grid = {"exchanges": {"grid": {"bus": "a", "import_mw": 100, "import_price": 100}}}
    units = {"base": unit(0, 400, 20), "peak": unit(0, 300, 70)}
    (peak,) = planned_texts(periods | grid, "peak", **units)
    assert peak.startswith("held at 0.1 MW for upward reserve")
    (bought,) = planned_texts(periods | grid, "grid", **units)
    assert bought.startswith("importing 0.200 MW of 100: ")
    (short,) = planned_texts(
        {"loads": {"a": [200.3]}, "reserves": {"up_mw": 300}}, "upward reserve", g=unit(0, 500, 20)
    )
    assert short.startswith("short by 0.3 of 300 MW, held by g 300; ")


def test_a_price_that_equals_a_cost_does_not_beat_it() -> None:
    (told,) = planned_texts(
        {"loads": {"a": [0.25]}, "exchanges": {"grid": {"bus": "a", "import_mw": 1, "import_price": 90}}},
        "chp",
        chp=unit(0, 0.25, 90),
    )
    assert told.startswith("on at capacity 0.250 MW: bus price 90.0 equals its marginal cost 90.0; ")
    assert "; 1 kW more capacity would save 0 USD/h; " in told


def test_a_unit_of_less_than_a_kilowatt_that_gives_nothing_is_not_at_capacity() -> None:
    plant = {"renewables": {"pv": {"bus": "a", "available_mw": [0.01]}}}
    (told,) = planned_texts({"loads": {"a": [0.005]}, **plant}, "g", g=unit(0, 0.0008, 90))
    assert "capacity" not in told


@pytest.mark.parametrize(("days", "told"), [(6, "Tue 00:00 CET"), (7, "Tue 03 Nov 00:00 CET")])
def test_a_day_is_told_by_its_date_where_its_name_may_come_twice(days: int, told: str) -> None:
    periods = {"periods": days * 24, "timezone": "Europe/Berlin", "start": "2026-11-02T00:00:00+01:00"}
    network = {"buses": {"a": {}}, "branches": {}, "units": {}}
    problem = read_folder(json.dumps(network), json.dumps({**periods, "loads": {"a": 1}}), matpower=False)
    assert problem.clock(24) == told


def product(direction: str, required_mw: float) -> dict[str, Any]:
    return {"product": "spin", "direction": direction, "minutes": 10, "required_mw": required_mw}


def test_what_is_held_for_a_product_is_told_as_that_at_its_worth() -> None:
    """The slow unit holds reserve for net load for nothing; a MW of spin keeps a MW at 20 from replacing one at 90."""
    network = {"buses": {"a": {}}, "branches": {}, "units": {"cheap": unit(0, 100, 20), "slow": unit(0, 60, 90)}}
    periods = {
        "periods": 2,
        "loads": {"a": [100, 90]},
        "units": {"cheap": {"ramp_mw_per_hour": 600}, "slow": {"ramp_mw_per_hour": 12}},
        "reserves": {"up_mw": 10, "requirements": [product("up", 40)]},
    }
    (held,) = [reason for reason in planned(network, periods).reasons if reason.asset_id == "cheap"]
    assert held.binding == ("spin up",)
    assert held.shadow_price_per_mwh == pytest.approx(70.0)
    assert held.text.startswith("held at 62 MW for spin up, worth 70.0 USD/MW and hour; bus price 90.0")


def test_what_is_kept_up_for_a_product_is_told_as_that_at_its_worth() -> None:
    network = {"buses": {"a": {}}, "branches": {}, "units": {"cheap": unit(0, 100, 20), "dear": unit(0, 60, 90)}}
    periods = {
        "periods": 1,
        "loads": {"a": [100]},
        "units": {"cheap": {"ramp_mw_per_hour": 60}},
        "reserves": {"requirements": [product("down", 15)]},
    }
    (held,) = texts(planned(network, periods), "dear")
    assert held.startswith("kept up at 5.0 MW for spin down, worth 70.0 USD/MW and hour; bus price 20.0")


def test_a_storage_and_a_plant_name_the_product_that_they_hold() -> None:
    """The battery charges to hold more of a product that is short: a MW of it is worth the penalty."""
    network = {"buses": {"a": {}}, "branches": {}, "units": {"cheap": unit(0, 100, 20)}}
    periods = {
        "periods": 2,
        "loads": {"a": [100, 90]},
        "exchanges": {"grid": {"bus": "a", "import_mw": 200, "import_price": 100}},
        "storages": {"bat": {"bus": "a", "power_mw": 10, "energy_mwh": 40, "initial_mwh": 40}},
        "reserves": {"requirements": [product("up", 105)]},
    }
    reason = [reason for reason in planned(network, periods).reasons if reason.asset_id == "bat"][-1]
    assert (reason.binding, reason.shadow_price_per_mwh) == (("spin up",), pytest.approx(1000.0))
    del periods["storages"]
    periods |= {"periods": 1, "loads": {"a": [100]}, "renewables": {"wind": {"bus": "a", "available_mw": [60]}}}
    periods |= {"reserves": {"from_plants": True, "requirements": [product("up", 40)]}}
    assert texts(planned(network, periods), "wind") == [
        "curtailed by 23.3 MW, held ready as spin up; bus price 20.0",
    ]
