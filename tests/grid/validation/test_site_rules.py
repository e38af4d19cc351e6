"""What a site file says about validation: rules by kind, sum checks, registers."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from grid.faults import InputError
from grid.site_file import EXAMPLE_SITE, parse_site, read_site_file, site_to_document
from grid.validation import DEFAULT_RULES


@pytest.fixture
def document() -> dict[str, Any]:
    return tomllib.loads(EXAMPLE_SITE)


def faults(document: dict[str, Any]) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_site(document)
    return [str(fault) for fault in caught.value.faults]


def test_site_that_says_nothing_has_the_default_rules(document: dict[str, Any]) -> None:
    del document["validation"]
    assert parse_site(document).validation == DEFAULT_RULES


def test_override_keeps_what_it_leaves_out_of_its_kind(document: dict[str, Any]) -> None:
    document["validation"] = {"solar": {"range": {"times_capacity": 1.05}, "sun": {"drift_minutes": 40.0}}}
    rules = parse_site(document).validation
    assert rules.solar.range.times_capacity == 1.05
    assert rules.solar.range.own_use_share == DEFAULT_RULES.solar.range.own_use_share == 0.02
    assert rules.solar.sun.drift_minutes == 40.0
    assert rules.solar.spike == DEFAULT_RULES.solar.spike
    assert rules.load == DEFAULT_RULES.load


def test_kinds_without_rules_of_their_own_have_the_generic_ones() -> None:
    assert DEFAULT_RULES.for_kind("external") is DEFAULT_RULES.generic
    assert DEFAULT_RULES.for_kind("solar") is DEFAULT_RULES.solar


def test_wrong_rules_are_told_with_their_place(document: dict[str, Any]) -> None:
    document["validation"] = {
        "load": {"spike": {"times_chage": 2.0}},
        "solar": {"runs": {"flat_hours": 50.0}},
        "wind": {},
    }
    text = "\n".join(faults(document))
    assert "validation.load.spike.times_chage: no such setting; did you mean times_change?" in text
    assert "validation.wind: no such setting" in text
    document["validation"] = {"solar": {"runs": {"flat_hours": 50.0}}}
    assert faults(document) == ["validation.solar.runs: flat_hours: must be above 0 and at most 48, got 50; correct it"]


def test_example_shows_sum_checks_and_registers_that_can_be_read() -> None:
    switched_on = "\n".join(
        line.removeprefix("# ")
        if line.startswith(("# [[sum", "# total", "# parts", "# tolerance", "# register"))
        else line
        for line in EXAMPLE_SITE.splitlines()
    )
    site = read_site_file(switched_on)
    (check,) = site.sum_checks
    assert check.total == "town:load"
    assert check.parts == ("west-feeder:load", "east-feeder:load")
    assert site.meters[0].register_kwh == 1_000_000.0
    assert parse_site(site_to_document(site)) == site


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ({"total": "town", "parts": ["a:load"]}, "'town' is no series of power"),
        ({"total": "town:load", "parts": ["a:voltage"]}, "'a:voltage' is no series of power"),
        ({"total": "town:load", "parts": []}, "there must be at least one part"),
        ({"total": "town:load", "parts": ["a:load", "a:load"]}, "a series stands twice in the sum"),
        ({"total": "town:load", "parts": ["town:load"]}, "a series stands twice in the sum"),
        ({"total": "town:load", "parts": ["a:load"], "tolerance": 2.0}, "tolerance: must be at least 0 and at most 1"),
    ],
)
def test_wrong_sum_checks_are_told(document: dict[str, Any], check: dict[str, Any], expected: str) -> None:
    document["sum_checks"] = [check]
    (fault,) = faults(document)
    assert expected in fault


def test_register_must_wrap_somewhere(document: dict[str, Any]) -> None:
    document["meters"][0]["register_kwh"] = 0.0
    assert faults(document) == ['meters "town": register_kwh: must be above 0, got 0; correct it']


def test_base_of_the_network_must_be_positive(document: dict[str, Any]) -> None:
    document["network"]["base_mva"] = 0.0
    assert faults(document) == ["network.base_mva: must be above 0, got 0; correct it; 100 is common"]


@pytest.mark.parametrize(("section", "field"), [("meters", "interval_minutes"), ("storages", "energy_mwh")])
def test_number_of_400_digits_is_a_fault(document: dict[str, Any], section: str, field: str) -> None:
    document[section][0][field] = 10**400
    (fault,) = faults(document)
    assert f"{field}: must be a" in fault


def test_number_of_5000_digits_is_a_fault_of_the_file() -> None:
    with pytest.raises(InputError, match="is no TOML"):
        read_site_file(EXAMPLE_SITE.replace("base_mva = 100.0", f"base_mva = 1{'0' * 5000}"))


def test_sums_that_go_round_in_a_circle_or_share_a_total_are_told(document: dict[str, Any]) -> None:
    def check(total: str, part: str) -> dict[str, Any]:
        return {"total": f"{total}:load", "parts": [f"{part}:load"]}

    document["sum_checks"] = [check("a", "b"), check("b", "c"), check("c", "a"), check("c", "d")]
    told = faults(document)
    assert told[0] == 'sum_checks "c:load": stands twice as a total; put all of its parts into one sum'
    document["sum_checks"].pop()
    (told_circle,) = faults(document)
    assert told_circle.startswith("sum_checks, donors: rest on each other in a circle: ")
    assert {name for name in ("a:load", "b:load", "c:load") if name in told_circle} == {"a:load", "b:load", "c:load"}


def test_donors_are_other_series_of_power_and_rest_on_nothing_that_rests_on_them(document: dict[str, Any]) -> None:
    (town, solar) = document["meters"]
    town["donors"] = ["harbour:load", "town:load", "harbour:voltage", "harbour"]
    told = faults(document)
    assert [fault.split(" is no ")[0] for fault in told] == [
        f'meters "town": donors: {series!r}' for series in ("town:load", "harbour:voltage", "harbour")
    ]
    town["donors"], solar["donors"] = ["dune-solar:generation"], ["town:load"]
    (circle,) = faults(document)
    assert "in a circle: " in circle
    solar["donors"] = ["harbour:load"]
    assert parse_site(document).meters[1].donors == ("harbour:load",)
    document["sum_checks"] = [{"total": "dune-solar:generation", "parts": ["town:load"]}]
    (circle,) = faults(document)
    assert "in a circle: " in circle


def test_donor_that_could_never_be_followed_is_refused(document: dict[str, Any]) -> None:
    (town, solar) = document["meters"]
    for minutes, taken in ((5, True), (15, True), (10, False), (60, False)):
        town["interval_minutes"], solar["interval_minutes"] = 15, minutes
        town["donors"] = ["dune-solar:generation"]
        if taken:
            assert parse_site(document).meters[0].donors == ("dune-solar:generation",)
        else:
            (told,) = faults(document)
            assert f"intervals of {minutes} minutes, which do not divide this meter's of 15" in told


def test_donor_is_named_once(document: dict[str, Any]) -> None:
    document["meters"][0]["donors"] = ["harbour:load", "harbour:load"]
    (told,) = faults(document)
    assert told.startswith("meters \"town\": donors: 'harbour:load' is named twice")
