"""Folder cases: what becomes of both files, reserves from quantiles and scenarios, and every fault at once."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grid.cases import read_folder
from grid.checking.outage_check import check_outages
from grid.dispatch import DispatchProblem, check_plan, plan_dispatch
from grid.faults import InputError

DAY = Path(__file__).parent / "three_bus_day"
NETWORK: dict[str, Any] = {
    "buses": {"a": {"load_mw": 10}, "b": {}},
    "branches": {"ab": {"from": "a", "to": "b", "reactance_pu": 0.1, "limit_mw": 50, "emergency_mw": 60}},
    "links": {"dc": {"from": "a", "to": "b", "limit_mw": 5}},
    "units": {"u": {"bus": "b", "minimum_mw": 5, "capacity_mw": 40, "minimum_cost_per_hour": 90,
                    "segments": [{"width_mw": 35, "cost_per_mwh": 12}]}},
}  # fmt: skip


def read(periods: dict[str, Any], network: dict[str, Any] | None = None) -> DispatchProblem:
    return read_folder(json.dumps(NETWORK if network is None else network), json.dumps(periods), matpower=False)


def faults_of(periods: dict[str, Any], network: dict[str, Any] | None = None) -> str:
    with pytest.raises(InputError) as raised:
        read(periods, network)
    return str(raised.value)


@pytest.fixture(scope="module")
def day() -> DispatchProblem:
    return read_folder((DAY / "network.m").read_text(), (DAY / "periods.json").read_text(), matpower=True)


def test_the_example_is_planned_secure_and_sound(day: DispatchProblem) -> None:
    plan = plan_dispatch(day, time_limit_seconds=10.0, relative_gap=0.0)
    assert check_plan(plan) == []
    assert check_outages(plan) == []
    assert plan.violations == ()
    flows = np.abs(plan.schedule.branch_flow_mw[:2]).sum(
        axis=0
    )  # after the outage of one line from bus 1 the other has it all
    assert flows.max() == pytest.approx(105.0)
    assert plan.prices.branches.max() > 0.0


def test_the_example_says_what_its_files_say(day: DispatchProblem) -> None:
    assert day.axis.start.isoformat() == "2026-02-28T23:00:00+00:00"
    assert (day.currency, day.timezone, day.secure, day.penalties.overload) == ("EUR", "Europe/Berlin", True, 2000.0)
    assert day.load_mw[1].tolist() == pytest.approx([28.0, 32.0, 40.0, 44.0, 40.0, 32.0])
    assert day.load_mw[2].tolist() == [56.0, 64.0, 80.0, 88.0, 80.0, 64.0]
    units = {unit.unit_id: unit for unit in day.thermal_units}
    assert set(units) == {"gen-1", "gen-2", "smelter"}
    assert units["gen-1"].start_ramp_mw == 60.0
    assert units["gen-1"].minimum_cost_per_hour == pytest.approx(0.02 * 40**2 + 12 * 40 + 200)
    assert day.initial["gen-1"].power_mw == 70.0
    ring = {branch.branch_id: branch for branch in day.network.branches}
    assert (ring["branch-3"].tap_ratio, ring["branch-3"].emergency_mw) == (0.98, 80.0)
    store = next(storage for storage in day.storages if storage.storage_id == "cold-store")
    assert (store.initial_mwh, store.end_minimum_mwh, store.charge_efficiency) == (8.0, 8.0, pytest.approx(1 / 1.1))


def test_quantiles_are_combined_in_quadrature(day: DispatchProblem) -> None:
    """Load 7 MW above its median, wind 20 MW below, at the first hour; 5 MW are asked for at least."""
    assert day.reserve_up_mw[0] == pytest.approx(math.hypot(7.0, 20.0))
    assert day.reserve_down_mw[0] == pytest.approx(math.hypot(6.0, 15.0))


def test_scenarios_are_wrong_together() -> None:
    """Load and wind rise together in one scenario: their errors cancel, and the net load hardly moves."""
    loads = {"a": {"scenarios": [[10.0], [30.0]]}}
    together = {"w": {"bus": "b", "available_mw": {"scenarios": [[5.0], [25.0]]}}}
    against = {"w": {"bus": "b", "available_mw": {"scenarios": [[25.0], [5.0]]}}}
    reserves = {"up_level": 1.0}
    one = read({"periods": 1, "loads": loads, "renewables": together, "reserves": reserves})
    other = read({"periods": 1, "loads": loads, "renewables": against, "reserves": reserves})
    assert one.load_mw[0].tolist() == [20.0]
    assert one.reserve_up_mw.tolist() == [0.0]
    assert other.reserve_up_mw.tolist() == [20.0]


def test_demand_that_is_shifted_comes_back_with_its_rebound() -> None:
    shift = {"bus": "a", "power_mw": 4, "energy_mwh": 4, "rebound": 1.25}
    periods = {"periods": 3, "load_scale": [1.0, 4.2, 1.0], "demand_response": {"heat": shift}}
    plan = plan_dispatch(read(periods), time_limit_seconds=5.0, relative_gap=0.0)
    assert plan.schedule.discharge_mw[0].tolist() == pytest.approx(
        [0.0, 2.0, 0.0], abs=1e-6
    )  # 42 MW of load, 40 of capacity
    assert plan.schedule.charge_mw[0].sum() == pytest.approx(2.5)


def test_a_limit_of_price_null_is_never_relaxed_and_its_conflict_is_named() -> None:
    problem = read({"periods": 1, "load_scale": 9, "penalties": {"shedding": None, "overload": None}})
    plan = plan_dispatch(problem, time_limit_seconds=5.0)
    assert plan.status == "infeasible"
    assert "load shed at bus a, up to 50.0 MW for 60 min in period 0" in plan.message


def test_conflicting_limits_are_irreducible_and_each_has_its_way_out() -> None:
    """40 MW must come over a line of 30: less load or a hotter line, either is enough."""
    network = deepcopy(NETWORK)
    network["branches"]["ab"].update(limit_mw=30, emergency_mw=30)
    network["links"] = {}
    none = {"shedding": None, "overload": None, "surplus": None, "reserve_up": None}
    plan = plan_dispatch(read({"periods": 2, "load_scale": [1, 4], "penalties": none}, network), time_limit_seconds=5.0)
    assert plan.status == "infeasible"
    assert {reason.asset_id for reason in plan.reasons} == {"load served in full", "rating of branch ab"}
    assert all("up to 10.0 MW" in reason.text and "for 60 min in period 1" in reason.text for reason in plan.reasons)
    assert plan.message.index("overload of branch ab, up to") < plan.message.index("load shed at bus a, up to")


def test_a_former_plan_is_kept_where_moving_saves_pennies() -> None:
    network = deepcopy(NETWORK)
    network["units"] = {
        name: {"bus": "b", "capacity_mw": 40, "segments": [{"width_mw": 40, "cost_per_mwh": cost}]}
        for name, cost in (("u", 12.1), ("v", 12.0))
    }
    periods = {"periods": 2, "storages": {"s": {"bus": "a", "power_mw": 5, "energy_mwh": 5}}}
    free = read(periods, network)
    assert free.earlier is None
    said = {"u": [{"on": True, "power_mw": 10, "reserve_mw": 0}], "v": [{"on": False, "power_mw": 0}]}
    told = {"units": said, "storages": {"s": [{"charge_mw": 0, "discharge_mw": 0}]}}
    steady = read({**periods, "previous": told, "change_prices": {"per_mwh": 1}}, network)
    assert steady.earlier is not None
    assert (steady.earlier.prices.per_mwh, steady.earlier.prices.per_commitment_hour) == (1.0, 10.0)
    assert [plan_dispatch(one, relative_gap=0.0).schedule.power_mw.tolist() for one in (free, steady)] == [
        [[0.0, 0.0], [10.0, 10.0]],
        [[10.0, 0.0], [0.0, 10.0]],
    ]


def test_faults_of_a_former_plan_are_named() -> None:
    told = {"units": {"x": [], "u": [{"on": 1}, {"on": True, "power_mw": 5}, {}]}, "plants": {}}
    text = faults_of({"periods": 2, "previous": told, "change_prices": {"per_mwh": -1}})
    for place in ("previous: plants", "previous: units: x", "u[0]: on", "u[0]: power_mw", "at most 2", "per_mwh"):
        assert place in text


def test_reserve_products_and_contingencies_are_read() -> None:
    areas = {**NETWORK, "buses": {"a": {"load_mw": 10, "area": "west"}, "b": {"load_mw": 30, "area": "east"}}}
    need = {"product": "spinning", "areas": ["east"], "required_mw": [2, 4], "load_share": 0.1}
    down = {"product": "regulation", "direction": "down", "minutes": 5, "load_share": 0.5}
    reserves = {"requirements": [need, down], "deliverable": True, "from_plants": True}
    problem = read({"periods": 2, "reserves": reserves, "n_1": ["branches", "units"]}, areas)
    assert (problem.secure, problem.secure_units, problem.deliverable) == (True, True, True)
    assert problem.reserve_from_plants
    spinning, regulation = problem.requirements
    assert (spinning.title, spinning.minutes) == ("spinning up in area east", 10.0)
    assert spinning.required_mw.tolist() == [5.0, 7.0]
    assert (regulation.title, regulation.minutes, regulation.required_mw.tolist()) == ("regulation down", 5.0, [20, 20])
    only_branches = read({"periods": 1, "n_1": True})
    assert (only_branches.secure, only_branches.secure_units) == (True, False)


def test_every_fault_of_reserves_and_contingencies_is_told() -> None:
    needs = [{"product": "spinning", "areas": ["nowhere"], "direction": "sideways"}, {"areas": 7, "minuets": 3}]
    told = faults_of({"periods": 1, "reserves": {"requirements": needs}, "n_1": ["weather"]})
    for fault in (
        "reserve spinning down in area nowhere: no bus lies in area 'nowhere'",
        "direction: must be up or down, got 'sideways'",
        "requirements[1]: areas: must be a list of texts",
        "minuets: is not known",
        "requirements[1]: product: is missing",
        "n_1: must name branches or units, got 'weather'",
    ):
        assert fault in told


def test_scenarios_of_profiles_are_planned_for_together() -> None:
    wind = {"bus": "a", "available_mw": {"scenarios": [[30, 30], [0, 10]]}}
    asked = {"method": "two-stage", "risk_weight": 0.5, "risk_level": 0.8, "probabilities": [0.75, 0.25]}
    problem = read({"periods": 2, "renewables": {"w": wind}, "uncertainty": asked})
    assert problem.scenarios is not None
    assert problem.renewable_plants[0].capacity_mw == 30.0  # of the scenarios, not of their mean
    np.testing.assert_array_equal(problem.scenarios.available_mw[:, 0], [[30, 30], [0, 10]])
    np.testing.assert_array_equal(problem.scenarios.load_mw, [problem.load_mw] * 2)
    assert problem.scenarios.weight.tolist() == [0.75, 0.25]
    plan = plan_dispatch(problem, time_limit_seconds=5.0, relative_gap=0.0)
    assert check_plan(plan) == []
    assert plan.outlook is not None
    assert plan.outlook.unserved_mwh.tolist() == [0.0, 0.0]


def test_faults_of_an_uncertainty_are_named() -> None:
    some = {"quantiles": {"0.5": [1, 1]}}
    asked = {"method": "guess", "most_scenarios": 0, "risk": 1}
    text = faults_of({"periods": 2, "loads": {"a": some}, "uncertainty": asked})
    for place in ("uncertainty: method", "most_scenarios", "risk: is not known", "quantiles of a", "there are none"):
        assert place in text
    drawn = {"periods": 2, "loads": {"a": {"scenarios": [[1, 1], [2, 2]]}}}
    for probabilities in ([0, 0], [0.9, 0.9], [1.5, -0.5]):
        asked = {"method": "two-stage", "probabilities": probabilities}
        assert "probabilities: must not be negative and sum to 1" in faults_of({**drawn, "uncertainty": asked})


def test_areas_shifts_and_interfaces_are_read() -> None:
    branch = {**NETWORK["branches"]["ab"], "phase_shift_deg": 2.5, "tap_ratio": 0.97}
    interfaces = {"both": {"limit_mw": 30, "branches": ["ab"], "reversed_branches": []}}
    problem = read({"periods": 1, "interfaces": interfaces}, {**NETWORK, "branches": {"ab": branch}})
    (line,), (both,) = problem.network.branches, problem.network.interfaces
    assert (line.phase_shift_deg, line.tap_ratio) == (2.5, 0.97)
    assert (both.interface_id, both.limit_mw, both.branches) == ("both", 30.0, ("ab",))
    assert "interfaces" not in faults_of({"periods": 0, "interfaces": {}})
    assert "both: branches: must be a list of texts" in faults_of(
        {"periods": 1, "interfaces": {"both": {"limit_mw": 3, "branches": "ab"}}}
    )


def test_fleets_reservoirs_and_partial_rebounds_are_read() -> None:
    cars = {"bus": "a", "charge_mw": [5, 5], "energy_mwh": 20, "arrivals_mwh": [3, 0], "departures_mwh": [0, 9]}
    lake = {"bus": "b", "power_mw": 8, "inflow_mwh": [1, 2], "initial_mwh": 10, "cost_per_mwh": 0.5}
    shift = {"bus": "a", "power_mw": 4, "energy_mwh": 6, "rebound": 0.8, "within_hours": 3}
    problem = read(
        {"periods": 2, "ev_fleets": {"cars": cars}, "reservoirs": {"lake": lake}, "demand_response": {"shift": shift}}
    )
    stored = {storage.storage_id: storage for storage in problem.storages}
    assert (stored["cars"].power_mw, stored["cars"].energy_mwh) == (5.0, 20.0)
    assert problem.storage_profiles["cars"].due_mwh.tolist() == [0.0, 9.0]
    assert problem.storage_profiles["lake"].charge_mw.tolist() == [0.0, 0.0]
    assert problem.storage_profiles["lake"].energy_mwh.tolist() == [13.0, 13.0]
    assert problem.storage_profiles["lake"].spills
    assert (stored["shift"].charge_efficiency, stored["shift"].rebound_hours) == (1.25, 3.0)
    assert check_plan(plan_dispatch(problem, relative_gap=0.0)) == []


def test_faults_of_fleets_and_reservoirs_are_told() -> None:
    cars = {"bus": "a", "charge_mw": [5, -5], "enrgy_mwh": 20}
    shift = {"bus": "a", "power_mw": 4, "energy_mwh": 6, "within_hours": 0}
    told = faults_of({"periods": 2, "ev_fleets": {"cars": cars}, "demand_response": {"shift": shift}})
    for fault in (
        "cars: charge_mw: no value may be negative",
        "cars: enrgy_mwh: is not known",
        "cars: energy_mwh: is missing",
        "shift: within_hours: must be above 0",
    ):
        assert fault in told


def test_scenarios_of_the_example_are_planned_secure_and_with_losses() -> None:
    periods = json.loads((DAY / "periods.json").read_text())
    wind, load = periods["renewables"]["gen-3"], periods["loads"]
    wind["available_mw"] = {"scenarios": list(wind["available_mw"]["quantiles"].values())}
    load["3"] = {"scenarios": list(reversed(load["3"]["quantiles"].values()))}
    periods |= {"uncertainty": {"method": "two-stage", "risk_weight": 0.5, "risk_level": 0.6}, "reserves": {}}
    problem = read_folder((DAY / "network.m").read_text(), json.dumps(periods), matpower=True)
    plan = plan_dispatch(replace(problem, losses=True), time_limit_seconds=20.0, relative_gap=1e-4)
    assert check_plan(plan) == []
    assert check_outages(plan) == []
    assert plan.status == "optimal"
    assert plan.outlook is not None
    assert plan.objective <= plan.outlook.central_objective
    assert plan.schedule.losses_mw.min() > 0.0


def test_exchanges_are_read() -> None:
    market = {"bus": "b", "import_mw": 20, "import_price": [30, 60], "export_mw": 5, "export_price": 10}
    (exchange,) = read({"periods": 2, "exchanges": {"market": market}}).exchanges
    assert exchange.import_price.tolist() == [30.0, 60.0]
    assert exchange.export_mw.tolist() == [5.0, 5.0]
    assert "market: import_price: is missing" in faults_of({"periods": 1, "exchanges": {"market": {"bus": "b"}}})
