from __future__ import annotations

import copy
import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.faults import Fault, InputError
from grid.site_file import EXAMPLE_SITE, parse_site, read_site_file, site_to_document


@pytest.fixture
def document() -> dict[str, Any]:
    return tomllib.loads(EXAMPLE_SITE)


def faults(document: dict[str, Any]) -> list[str]:
    """Every fault of the document as the user reads it, in order."""
    with pytest.raises(InputError) as caught:
        parse_site(document)
    return [str(fault) for fault in caught.value.faults]


def only_fault(document: dict[str, Any]) -> str:
    (fault,) = faults(document)
    return fault


def test_example_is_a_whole_site() -> None:
    site = read_site_file(EXAMPLE_SITE)
    assert 3 <= len(site.network.buses) <= 5
    assert [unit.unit_id for unit in site.thermal_units] == ["steam", "turbine"]
    assert [meter.kind for meter in site.meters] == ["load", "solar"]
    assert site.storages[0].energy_mwh == 20.0
    assert sum(load.mw_per_kw for load in site.loads) == pytest.approx(0.001)


def test_document_of_a_site_is_read_back_as_the_same_site_through_json() -> None:
    site = read_site_file(EXAMPLE_SITE)
    assert parse_site(json.loads(json.dumps(site_to_document(site)))) == site


def test_series_are_forecast_every_hour_unless_the_site_says_otherwise(document: dict[str, Any]) -> None:
    assert parse_site(document).forecasts.interval_minutes == 60
    document["forecasts"] = {"interval_minutes": 30}
    site = parse_site(document)
    assert site.forecasts.interval_minutes == 30
    assert parse_site(site_to_document(site)) == site


def test_intervals_of_forecasts_are_those_that_meters_tell(document: dict[str, Any]) -> None:
    document["forecasts"] = {"interval_minutes": 20}
    assert only_fault(document).startswith("forecasts: interval_minutes: 20 minutes are no interval of forecasts")
    document["forecasts"] = {"interval_minutes": 15}
    document["meters"][0]["interval_minutes"] = 30
    told = 'meters "town": interval_minutes: intervals of 30 minutes cannot be forecast every 15'
    assert only_fault(document).startswith(told)


def test_broken_toml_tells_the_line() -> None:
    with pytest.raises(InputError, match=r"is no TOML: .*line 2"):
        read_site_file('site_id = "x"\nname = \n')


def test_all_faults_of_a_file_are_told_at_once(document: dict[str, Any]) -> None:
    document["timezone"] = "Europe/Atlantis"
    document["thermal_units"][0]["minimum_up_hours"] = -1.0
    document["thermal_units"][1]["capcity_mw"] = document["thermal_units"][1].pop("capacity_mw")
    document["loads"][0]["bus_id"] = "nowhere"
    document["storages"][0]["charge_efficiency"] = 1.5
    document["meters"].append(document["meters"][0])
    found = faults(document)
    assert len(found) == 7
    text = "\n".join(found)
    for part in (
        "timezone: no such time zone: 'Europe/Atlantis'",
        'thermal_units "steam": minimum_up_hours: must be at least 0, got -1',
        'thermal_units[1] "turbine": capcity_mw: no such setting; did you mean capacity_mw?',
        'thermal_units[1] "turbine": capacity_mw: is missing',
        "loads \"nowhere\": bus_id: no such bus: 'nowhere'",
        'storages "harbour-battery": charge_efficiency: must be above 0 and at most 1, got 1.5',
        "meter 'town' with channel 'load' is named twice",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("section", "field", "value", "expected"),
    [
        (
            "thermal_units",
            "capacity_mw",
            "much",
            "thermal_units[0] \"steam\": capacity_mw: must be a number, got 'much'",
        ),
        ("thermal_units", "capacity_mw", True, "must be a number, got True"),
        ("thermal_units", "capacity_mw", float("nan"), "must be a number, got nan"),
        ("thermal_units", "must_run", 1, "must_run: must be true or false, got 1"),
        ("thermal_units", "unit_id", 7, "unit_id: must be a text in quotes, got 7"),
        ("thermal_units", "bus_id", "moon", "thermal_units \"steam\": bus_id: no such bus: 'moon'"),
        ("thermal_units", "start_costs", [], 'thermal_units "steam": start_costs: there must be at least one'),
        ("thermal_units", "start_ramp_mw", 10.0, "start_ramp_mw: 10 MW does not reach minimum_mw 30"),
        ("thermal_units", "ramp_up_mw_per_hour", 0.0, "ramp_up_mw_per_hour: must be above 0, got 0"),
        ("renewable_plants", "kind", "tidal", "kind: must be one of solar, wind, hydro, got 'tidal'"),
        ("renewable_plants", "series_id", "x:load", "series_id: no meter gives series 'x:load'"),
        ("renewable_plants", "capacity_mw", -1.0, "capacity_mw: must be above 0, got -1"),
        ("storages", "initial_mwh", 21.0, "initial_mwh: 21 MWh exceed energy_mwh 20"),
        ("storages", "storage_id", "steam", "the id 'steam' is used 2 times"),
        ("loads", "mw_per_kw", 0.0, "mw_per_kw: must be above 0, got 0"),
        ("loads", "bus_id", "east", "series 'town:load' is put on this bus twice"),
        ("meters", "interval_minutes", 7, "interval_minutes: 7 minutes do not divide a day"),
        ("meters", "interval_minutes", 15.0, "interval_minutes: must be a whole number, got 15.0"),
        ("meters", "kind", "gas", "kind: no such kind: 'gas'; use one of load, solar, external"),
    ],
)
def test_wrong_value_is_named_with_its_place(
    document: dict[str, Any], section: str, field: str, value: object, expected: str
) -> None:
    document[section][0][field] = value
    assert expected in only_fault(document)


def test_channel_that_no_power_meter_has_is_refused(document: dict[str, Any]) -> None:
    document["meters"][0]["channel"] = "voltage"
    text = "\n".join(faults(document))
    assert "meters \"town\": channel: 'voltage' is no power channel" in text
    assert "no meter gives series 'town:load'" in text


def test_solar_meter_without_its_place_is_refused(document: dict[str, Any]) -> None:
    del document["meters"][1]["latitude"]
    assert "a solar meter must have its place" in only_fault(document)


def test_what_a_storage_loses_and_is_worth_is_kept_within_its_range(document: dict[str, Any]) -> None:
    battery = document["storages"][0]
    battery |= {"standing_loss_per_hour": 0.02, "end_value_per_mwh": 40.0}
    site = parse_site(document)
    assert (site.storages[0].standing_loss_per_hour, site.storages[0].end_value_per_mwh) == (0.02, 40.0)
    assert parse_site(site_to_document(site)) == site
    document["storages"][0] = {**battery, "standing_loss_per_hour": 2.0}
    assert "standing_loss_per_hour: must be at least 0 and at most 0.999, got 2" in only_fault(document)
    document["storages"][0] = {**battery, "rebound_hours": 4.0}
    assert "a demand response loses nothing while it waits" in only_fault(document)


def test_zero_reactance_is_refused(document: dict[str, Any]) -> None:
    document["network"]["branches"][0]["reactance_pu"] = 0
    assert 'network.branches "plant-west": reactance_pu: must not be 0' in only_fault(document)


def test_islanded_bus_is_named(document: dict[str, Any]) -> None:
    del document["network"]["branches"][3]
    assert "no branch joins bus dunes to the rest of the network" in only_fault(document)


def test_island_is_not_reported_while_a_branch_is_unreadable(document: dict[str, Any]) -> None:
    document["network"]["branches"][3]["limit_mw"] = "forty"
    assert 'network.branches[3] "dunes-east": limit_mw: must be a number' in only_fault(document)


def test_branch_to_itself_and_to_an_unknown_bus_are_refused(document: dict[str, Any]) -> None:
    branch = {"branch_id": "b", "from_bus": "west", "to_bus": "west", "reactance_pu": 0.1}
    document["network"]["branches"] += [branch, {**branch, "branch_id": "c", "to_bus": "moon"}]
    assert len(faults(document)) == 2


def test_negative_capacity_is_refused(document: dict[str, Any]) -> None:
    document["thermal_units"][0]["capacity_mw"] = -100.0
    assert 'thermal_units "steam": capacity_mw: must be above 0, got -100' in faults(document)[0]


def test_cost_curve_that_gets_cheaper_is_refused(document: dict[str, Any]) -> None:
    document["thermal_units"][0]["segments"][1]["cost_per_mwh"] = 40.0
    assert 'thermal_units "steam": segments[1]: the curve gets cheaper, from 58 to 40 per MWh' in only_fault(document)


def test_segments_must_fill_the_unit(document: dict[str, Any]) -> None:
    document["thermal_units"][0]["segments"][1]["width_mw"] = 20.0
    assert "their widths sum to 60 MW, capacity_mw - minimum_mw is 70" in only_fault(document)


def test_start_costs_go_from_hot_to_cold(document: dict[str, Any]) -> None:
    document["thermal_units"][0]["start_costs"].reverse()
    text = "\n".join(faults(document))
    assert "a start after minimum_down_hours 4 has no cost" in text
    assert "offline_hours must increase" in text


def test_missing_section_and_misspelt_section_are_told(document: dict[str, Any]) -> None:
    document["storage"] = document.pop("storages")
    assert faults(document) == [
        "storage: no such setting; did you mean storages?",
        "storages: is missing; add it: a list",
    ]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("holidays", "ZZ", "no holiday calendar for country 'ZZ'"),
        ("currency", "Euro", "must be an ISO 4217 code, got 'Euro'"),
        ("network", [], "network: must be a table, got []"),
        ("meters", {}, "meters: must be a list, got {}"),
        ("reserve", {"up_level": 0.999}, "up_level: must be at least 0.5 and at most 0.99, got 0.999"),
    ],
)
def test_wrong_general_setting_is_told(document: dict[str, Any], field: str, value: object, expected: str) -> None:
    document[field] = value
    assert any(expected in fault for fault in faults(document))


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(junk=_JUNK, data=st.data())
def test_any_wrong_document_is_an_input_error_and_never_a_crash(junk: object, data: st.DataObject) -> None:
    document = copy.deepcopy(tomllib.loads(EXAMPLE_SITE))
    target: Any = document
    while True:
        keys: list[Any] = list(target) if isinstance(target, dict) else list(range(len(target)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(target[key], dict | list) and target[key] and data.draw(st.booleans()):
            target = target[key]
        else:
            break
    target[key] = junk
    faults: tuple[Fault, ...] = ()
    try:
        site = parse_site(document)
    except InputError as error:
        faults = error.faults
    assert bool(faults) or parse_site(site_to_document(site)) == site
    assert all(fault.place and fault.problem and fault.remedy for fault in faults)


def test_a_branch_without_a_limit_is_read_and_written_back() -> None:
    site = read_site_file(EXAMPLE_SITE.replace("limit_mw = 120.0\n", "", 1))
    assert site.network.branches[0].limit_mw is None
    assert parse_site(site_to_document(site)) == site


def test_reserve_products_and_contingencies_of_a_site_are_read(document: dict[str, Any]) -> None:
    document["network"]["buses"][0]["area"] = "north"
    need = {"product": "spinning", "areas": ["north"], "load_share": 0.03}
    document["reserve"] = {"requirements": [need], "deliverable": True}
    document["n_1"] = ["branches", "units"]
    site = parse_site(document)
    assert site.n_1 == ("branches", "units")
    assert site.reserve.requirements[0].minutes == 10.0
    assert parse_site(json.loads(json.dumps(site_to_document(site)))) == site


def test_faults_of_reserve_products_are_named(document: dict[str, Any]) -> None:
    need = {"product": "spinning", "load_share": 0.03}
    document["reserve"]["requirements"] = [need, need, {**need, "areas": ["nowhere"], "minutes": 5.0, "mw": -1.0}]
    document["n_1"] = ["weather"]
    text = "\n".join(faults(document))
    for part in (
        "n_1[0]: must be one of branches, units, got 'weather'",
        'reserve.requirements "spinning" up: is required twice',
        'reserve.requirements "spinning" up nowhere: areas: no bus lies in area',
        "minutes: must be the same wherever the product is required, got 10 and 5",
        "mw: must be at least 0, got -1",
    ):
        assert part in text


def test_interfaces_of_a_site_are_read_and_their_faults_named(document: dict[str, Any]) -> None:
    interface = {"interface_id": "from the plant", "limit_mw": 150.0, "branches": ["plant-west", "plant-east"]}
    document["network"]["interfaces"] = [interface]
    assert parse_site(document).network.interfaces[0].branches == ("plant-west", "plant-east")
    document["network"]["interfaces"] = [{**interface, "limit_mw": -1.0}, {**interface, "branches": ["moon"]}]
    text = "\n".join(faults(document))
    assert 'network.interfaces "from the plant": limit_mw: must be at least 0, got -1' in text
    assert "no such branch: 'moon'" in text
    assert "the id 'from the plant' is used 2 times" in text
