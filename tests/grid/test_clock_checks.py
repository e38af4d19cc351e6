"""Exchanges, fleets and reservoirs in a site file: the example as it stands, and every fault with its place."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from grid.faults import InputError
from grid.local_days import clock_minutes, is_clock_time
from grid.site_file import parse_site, read_site_file, site_to_document


@pytest.fixture
def document(trading_example: str) -> dict[str, Any]:
    return tomllib.loads(trading_example)


def faults(document: dict[str, Any]) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_site(document)
    return [str(fault) for fault in caught.value.faults]


def test_the_example_is_read_and_kept_as_the_same_site(trading_example: str) -> None:
    site = read_site_file(trading_example)
    assert [window.import_price for window in site.exchanges[0].windows] == [190.0, 75.0]
    assert [stay.midnights for stay in site.ev_fleets[0].stays] == [1, 3]
    assert (site.ev_fleets[0].power_mw, site.ev_fleets[0].energy_mwh) == (1.32, 4.5)
    assert site.reservoirs[0].inflow_mw == 1.5
    assert parse_site(json.loads(json.dumps(site_to_document(site)))) == site


@pytest.mark.parametrize(
    ("section", "path", "value", "expected"),
    [
        ("exchanges", ["bus_id"], "moon", "exchanges \"supplier\": bus_id: no such bus: 'moon'"),
        ("exchanges", ["exchange_id"], "steam", "the id 'steam' is used 2 times"),
        ("exchanges", ["import_mw"], -1.0, "import_mw: must be at least 0, got -1"),
        ("exchanges", ["windows", 1, "start"], "25:00", "windows[1]: start: is no time of day: '25:00'"),
        ("exchanges", ["windows", 1, "start"], "24:00", "windows[1]: start: is no time of day: '24:00'"),
        ("exchanges", ["windows", 0, "days"], ["monday"], "days[0]: must be one of mon, tue, wed"),
        ("exchanges", ["windows", 0, "months"], [0], "windows[0]: months: there is no month 0"),
        ("exchanges", ["windows", 0, "import_price"], None, "windows[0]: tells no price"),
        (
            "exchanges",
            ["windows", 1, "export_price"],
            80.0,
            "exports earn 80 where imports cost 75 (mon 00:00, January)",
        ),
        ("ev_fleets", ["bus_id"], "moon", "ev_fleets \"depot-vans\": bus_id: no such bus: 'moon'"),
        ("ev_fleets", ["fleet_id"], "supplier", "the id 'supplier' is used 2 times"),
        ("ev_fleets", ["charge_efficiency"], 1.1, "charge_efficiency: must be above 0 and at most 1, got 1.1"),
        ("ev_fleets", ["stays"], [], "stays: there must be at least one"),
        ("ev_fleets", ["stays", 0, "leaves"], "6:30", "stays[0]: leaves: is no time of day: '6:30'"),
        ("ev_fleets", ["stays", 0, "due_kwh"], 76.0, "stays[0]: due_kwh: 76 kWh exceed battery_kwh 75"),
        ("ev_fleets", ["stays", 0, "nights"], 0, "stays[0]: nights: they would leave before they come"),
        ("ev_fleets", ["stays", 0, "leaves"], "19:00", "70 kWh cannot be reached: from 20 its charger gets to 50.4"),
        ("ev_fleets", ["stays", 1, "nights"], 4, "120 vehicles would be plugged in on mon 17:30, the fleet has 60"),
        ("ev_fleets", ["vehicles"], 59, "60 vehicles would be plugged in on mon 00:00, the fleet has 59"),
        ("reservoirs", ["bus_id"], "moon", "reservoirs \"upper-lake\": bus_id: no such bus: 'moon'"),
        ("reservoirs", ["initial_mwh"], 121.0, "initial_mwh: 121 MWh exceed energy_mwh 120"),
        ("reservoirs", ["monthly_inflow_mw"], [1.0] * 12, "inflow_mw: monthly_inflow_mw tells it already"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(
    document: dict[str, Any], section: str, path: list[str | int], value: object, expected: str
) -> None:
    target: Any = document[section][0]
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    if value is None:
        del target[path[-1]]
    assert expected in "\n".join(faults(document))


@pytest.mark.parametrize(
    ("windows", "calendar", "when"),
    [
        ([{"days": ["sun"], "export_price": 150.0}, {"days": ["fri"], "import_price": 120.0}], "DE", None),
        (
            [{"days": ["sun"], "export_price": 150.0}, {"days": ["fri"], "start": "22:00", "end": "06:00"}],
            "DE",
            "holiday 00:00, January",
        ),
        (
            [{"days": ["mon"], "export_price": 150.0}, {"days": ["sun"], "start": "22:00", "end": "06:00"}],
            "",
            "mon 00:00, January",
        ),
        (
            [{"days": ["wed"], "export_price": 150.0}, {"days": ["sun"], "start": "22:00", "end": "06:00"}],
            "DE",
            "wed 00:00, January, after a holiday",
        ),
        ([{"days": ["wed"], "export_price": 150.0}, {"days": ["sun"], "start": "22:00", "end": "06:00"}], "", None),
        (
            [
                {"months": [5], "export_price": 150.0},
                {"days": ["fri"], "months": [4], "start": "22:00", "end": "06:00"},
            ],
            "",
            "sat 00:00, May, its first day",
        ),
    ],
)
def test_prices_that_pay_to_buy_and_sell_are_found_on_holidays_and_at_the_edges_of_months(
    document: dict[str, Any], windows: list[dict[str, Any]], calendar: str, when: str | None
) -> None:
    """A holiday comes after any weekday, and what began the evening before goes on in it; so do months."""
    document["holidays"] = calendar
    exchange = document["exchanges"][0] | {"import_price": 200.0, "export_price": 40.0, "export_mw": 5.0}
    document["exchanges"] = [exchange | {"windows": [windows[0], {"import_price": 120.0} | windows[1]]}]
    if when is None:
        parse_site(document)
    else:
        assert f"({when}): buying to sell would pay" in "\n".join(faults(document))


def test_all_faults_come_at_once(document: dict[str, Any]) -> None:
    document["exchanges"][0]["windows"][0]["end"] = "noon"
    document["ev_fleets"][0]["stays"][0]["arrives"] = "evening"
    document["reservoirs"][0]["inflow_mw"] = 0.0
    document["reservoirs"][0]["monthly_inflow_mw"] = [1.0] * 11
    assert [fault.split(": ")[0] for fault in faults(document)] == [
        'exchanges "supplier"', 'ev_fleets "depot-vans"', 'reservoirs "upper-lake"',
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "minutes"), [("00:00", 0), ("07:05", 425), ("23:59", 1439), ("24:00", 1440)])
def test_a_clock_time_is_its_minutes_since_midnight(text: str, minutes: int) -> None:
    assert is_clock_time(text)
    assert clock_minutes(text) == minutes


@pytest.mark.parametrize("text", ["", "7:00", "07:60", "24:01", "07:00:00", "٠٧:٠٠", "07:00\n"])
def test_what_no_clock_shows_is_no_clock_time(text: str) -> None:
    assert not is_clock_time(text)
