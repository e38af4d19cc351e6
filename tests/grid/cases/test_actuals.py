"""What happened, beside a folder case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grid.cases import read_folder
from grid.cases.actuals import read_actuals
from grid.dispatch import DispatchProblem
from grid.faults import InputError

DAY = Path(__file__).parent / "three_bus_day"


@pytest.fixture(scope="module")
def forecast() -> DispatchProblem:
    return read_folder((DAY / "network.m").read_text(), (DAY / "periods.json").read_text(), matpower=True)


def test_what_is_told_happened_and_all_else_was_as_forecast(forecast: DispatchProblem) -> None:
    told = {"loads": {"3": [60, 70, 92, 99, 80, 60]}, "renewables": {"gen-3": 7}}

    actual = read_actuals(json.dumps(told), forecast)

    bus = [bus.bus_id for bus in forecast.network.buses].index("3")
    assert actual.load_mw[bus].tolist() == told["loads"]["3"]
    assert actual.available_mw[0].tolist() == [7.0] * 6
    others = [i for i in range(len(forecast.load_mw)) if i != bus]
    assert (actual.load_mw[others] == forecast.load_mw[others]).all()


def test_every_fault_comes_at_once_with_its_place(forecast: DispatchProblem) -> None:
    told = {"loads": {"9": 1, "3": [1, 2]}, "renewables": {"gen-3": -1, "sun": 1}, "weather": 1}

    with pytest.raises(InputError) as raised:
        read_actuals(json.dumps(told), forecast)

    assert {fault.place for fault in raised.value.faults} == {
        "actuals.json: weather",
        "actuals.json: loads: 9",
        "actuals.json: loads: 3",
        "actuals.json: renewables: gen-3",
        "actuals.json: renewables: sun",
    }


def test_what_is_no_json_says_so(forecast: DispatchProblem) -> None:
    with pytest.raises(InputError, match="no JSON"):
        read_actuals("{", forecast)
