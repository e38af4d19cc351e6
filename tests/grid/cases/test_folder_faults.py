"""Folder cases: every fault of both files at once, each told once."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from grid.cases import read_folder
from grid.faults import InputError

NETWORK: dict[str, Any] = {
    "buses": {"a": {"load_mw": 10}, "b": {}},
    "branches": {"ab": {"from": "a", "to": "b", "reactance_pu": 0.1, "limit_mw": 50}},
    "units": {"u": {"bus": "b", "capacity_mw": 35, "segments": [{"width_mw": 35, "cost_per_mwh": 12}]}},
}


def faults_of(periods: dict[str, Any], network: dict[str, Any]) -> str:
    with pytest.raises(InputError) as raised:
        read_folder(json.dumps(network), json.dumps(periods), matpower=False)
    return str(raised.value)


def test_every_fault_of_both_files_comes_at_once() -> None:
    network = deepcopy(NETWORK)
    network["branches"]["ab"]["reactance_pu"] = "x"
    network["units"]["u"]["colour"] = "red"
    told = faults_of(
        {
            "periods": 2,
            "start": "2026-03-01T00:00:00",
            "load_scale": [1.0],
            "loads": {"c": 5, "a": {"quantiles": {"0.1": [1, 2], "1.5": [1, 2]}}},
            "renewables": {"w": {"bus": "b", "kind": "tide", "available_mw": [1, -1]}},
            "units": {"v": {"must_run": True}, "u": {"must_run": "yes", "initial": {"on": 1}}},
            "demand_response": {"heat": {"bus": "a", "power_mw": 1, "energy_mwh": 1, "rebound": -0.5}},
            "reserves": {"up_mw": [1, None]},
            "penalties": {"shading": 1},
            "n_1": "yes",
        },
        network,
    )
    for words in (
        "ab: reactance_pu: must be a finite number, got 'x'",
        "u: colour: is not known",
        "start: must be an instant with its offset",
        "load_scale: must have 2 values",
        "loads: c: is no bus of the network",
        "1.5: must be a level between 0 and 1",
        "must have the level 0.5",
        "w: kind: must be one of solar, wind, hydro",
        "w: available_mw: no value may be negative",
        "v: name: is no unit of the network",
        "u: must_run: must be true or false",
        "u: initial: on: must be true or false",
        "heat: rebound: must be at least 0, got -0.5",
        "reserves: up_mw[1]: must be a finite number",
        "penalties: shading: is not known",
        "n_1: must be true or false",
    ):
        assert words in told


def test_faults_of_reading_and_of_what_was_read_come_together_and_without_echoes() -> None:
    network = deepcopy(NETWORK)
    network["branches"]["ab"]["reactance_pu"] = 0
    network["branches"]["ba"] = {"from": "b", "reactance_pu": 0.1}
    network["units"]["u"]["segments"] = [{"width_mw": 35, "cost_per_mwh": "cheap"}]
    network["units"]["v"] = {"bus": "sea", "segments": []}
    need = {"product": "spin", "areas": ["east"], "minutes": -1, "required_mw": -5, "direction": "sideways"}
    periods = {
        "periods": 2,
        "load_scale": [1, None],
        "storages": {"s": {"bus": "a", "power_mw": -1, "energy_mwh": 5, "initial_mwh": 9}},
        "units": {"u": {"ramp_mw_per_hour": 0, "start_costs": [{"offline_hours": 0, "cost": -1}]}},
        "reserves": {"requirements": [need], "up_level": 0.3},
    }
    told = sorted(line.partition(",")[0].partition(";")[0] for line in faults_of(periods, network).split("\n"))
    assert told == sorted([
        "ab: reactance_pu must not be zero",
        "ba: to: is missing",
        "load_scale[1]: must be a finite number",
        "reserve spin down in area east: minutes must be above 0",
        "reserve spin down in area east: no bus lies in area 'east'",
        "reserve spin down in area east: required_mw must be finite and not negative",
        "reserves: requirements[0]: direction: must be up or down",
        "reserves: up_level: must be between 0.5 and 1",
        "s: initial_mwh must lie between 0 and energy_mwh 5.0",
        "s: power_mw: must be at least 0",
        "u: ramp_mw_per_hour must be positive",
        "u: segments[0]: cost_per_mwh: must be a finite number",
        "u: start_costs must not be negative: it would pay to start for nothing",
        "v: capacity_mw: is missing",
        "v: its bus must be one of the network's",
    ])  # fmt: skip


def test_a_file_that_is_no_json_is_one_fault() -> None:
    with pytest.raises(InputError) as raised:
        read_folder(json.dumps(NETWORK), '{"periods": 1, "periods": 2}', matpower=False)
    assert [fault.place for fault in raised.value.faults] == ["periods.json"]


@pytest.mark.parametrize(
    ("periods", "words"),
    [
        ({"periods": 1, "loads": {"a": {"quantiles": {"0.4": [9], "0.5": [8]}}}}, "cross in period 0"),
        ({"periods": 1, "loads": {"a": {"quantiles": {"0.5": [8]}}}, "reserves": {"up_level": 0.9}}, "level 0.9"),
        ({"periods": 1, "loads": {"a": {"scenarios": [[1], [2]]}, "b": {"scenarios": [[1]]}}}, "as many everywhere"),
        ({"periods": 1, "loads": {"a": {"scenarios": []}}}, "must be a list of lists"),
        ({"periods": 1, "loads": {"a": {}}}, "must have either quantiles or scenarios"),
        ({"periods": 0}, "periods: must be 1 to 100000, got 0"),
        ({"periods": 10**9}, "periods: must be 1 to 100000, got 1000000000"),
        ({"periods": 1, "step_minutes": 10**12}, "step_minutes: must be 1 to 527040"),
    ],
)
def test_profiles_that_do_not_fit_are_refused(periods: dict[str, Any], words: str) -> None:
    assert words in faults_of(periods, NETWORK)


def test_a_network_file_that_cannot_be_read_is_told_once_and_not_by_its_echoes() -> None:
    with pytest.raises(InputError) as raised:
        read_folder("function mpc = x", '{"periods": 1, "loads": {"9": 1}, "units": {"gen-1": {}}}', matpower=True)
    assert all(fault.place.startswith("mpc.") for fault in raised.value.faults)
