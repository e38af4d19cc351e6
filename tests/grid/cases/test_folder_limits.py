"""Folder cases: numbers, instants and names that no case can mean are told by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from grid.cases import read_folder
from grid.faults import InputError

NETWORK: dict[str, Any] = {"buses": {"a": {"load_mw": 10}}}


def faults_of(network: dict[str, Any], told: dict[str, Any]) -> str:
    with pytest.raises(InputError) as raised:
        read_folder(json.dumps(network), json.dumps({"periods": 1, **told}), matpower=False)
    return str(raised.value)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"start": "2026-01-01T00:00:00Z", "timezone": "No/Where"}, "timezone: there is no time zone 'No/Where'"),
        ({"start": "2026-01-01T00:00:00Z", "timezone": "../etc/passwd"}, "timezone: there is no time zone"),
        ({"start": "0001-01-01T00:00:00+05:00"}, "start: must be an instant"),
        ({"start": "9999-12-31T23:00:00Z"}, "start: must lie in the years 1900 to 2199"),
        ({"load_scale": 10**400}, "load_scale: must be at most 1e+12 in size"),
        ({"load_scale": [1e30]}, "load_scale[0]: must be at most 1e+12 in size"),
        ({"step_minutes": 10**400}, "step_minutes: must be a whole number"),
        (
            {"demand_response": {"d": {"bus": "a", "power_mw": 1, "energy_mwh": 1, "rebound": 1e-320}}},
            "d: rebound: must be 0, or lie between 0.001 and 1000",
        ),
        ({"renewables": {"w": {"bus": "a", "available_mw": {"scenarios": [[-1], [9]]}}}}, "w: available_mw: no value"),
    ],
)
def test_what_no_case_can_mean_is_a_fault_by_name(told: dict[str, Any], words: str) -> None:
    assert words in faults_of(NETWORK, told)


def test_a_base_of_none_is_refused() -> None:
    assert "network: base_mva: must be above 0, got 0" in faults_of({**NETWORK, "base_mva": 0}, {})


@pytest.mark.parametrize("periods", [0, "two", None])
def test_a_number_of_periods_that_is_none_is_not_told_again_of_every_profile(periods: Any) -> None:
    told = faults_of(NETWORK, {"periods": periods, "load_scale": [1, 1], "loads": {"a": [3, 4]}})
    assert told.startswith("periods: ")
    assert len(told.splitlines()) == 1
