"""What a channel is judged by, as the site file tells it."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from grid.basis import site_basis
from grid.readings import Source
from grid.site import Meter, SumCheck
from grid.site_file import EXAMPLE_SITE, read_site_file
from grid.units import Channel

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
EXAMPLE = read_site_file(EXAMPLE_SITE)
nan = float("nan")


def test_a_part_of_a_sum_has_its_total_judged_again() -> None:
    checks = (SumCheck("a:load", ("b:load",)), SumCheck("b:load", ("c:load",)))
    basis = site_basis(dataclasses.replace(EXAMPLE, sum_checks=checks))
    assert basis.dependents((Source.METER, "c", Channel.LOAD)) == [(Source.METER, "b", Channel.LOAD)]


def test_a_meter_of_the_site_is_judged_by_what_the_site_says() -> None:
    basis = site_basis(EXAMPLE)
    solar = next(meter for meter in EXAMPLE.meters if meter.kind == "solar")
    found = basis.of((Source.METER, solar.meter_id, Channel(solar.channel)))
    assert (found.profile.kind, found.profile.capacity, found.profile.latitude) == (
        "solar",
        solar.capacity_kw,
        solar.latitude,
    )
    assert found.rules == EXAMPLE.validation.for_kind("solar")
    assert found.register == (Source.METER, solar.meter_id, Channel.GENERATION_REGISTER)
    stranger = basis.of((Source.METER, "stranger", Channel.VOLTAGE))
    assert (stranger.profile.kind, stranger.profile.timezone) == ("generic", EXAMPLE.timezone)
    assert (stranger.register, stranger.parts) == (None, ())
    weather = basis.of((Source.WEATHER, solar.meter_id, Channel(solar.channel)))
    assert weather.profile.capacity is None


def test_where_a_register_wraps_is_known_to_the_register_and_to_what_it_counts() -> None:
    meter = Meter("m", "import", "load", 60, register_kwh=99_999.0)
    basis = site_basis(dataclasses.replace(EXAMPLE, meters=(meter,)))
    for channel in (Channel.IMPORT, Channel.IMPORT_REGISTER):
        assert basis.of((Source.METER, "m", channel)).profile.register_kwh == 99_999.0


def test_a_plants_gaps_may_follow_its_own_light_its_weather_sites_and_the_meters_that_it_names() -> None:
    plant = Meter("plant", "generation", "solar", 15, weather_site_id="hill", donors=("sister:generation",))
    home = Meter("home", "load", "load", 15, weather_site_id="hill", donors=("street:load",))
    basis = site_basis(dataclasses.replace(EXAMPLE, meters=(plant, home)))
    own, sister = (Source.METER, "plant", Channel.IRRADIANCE), (Source.METER, "sister", Channel.GENERATION)
    hill, street = (Source.WEATHER, "hill", Channel.IRRADIANCE), (Source.METER, "street", Channel.LOAD)
    plant_power, home_load = (Source.METER, "plant", Channel.GENERATION), (Source.METER, "home", Channel.LOAD)
    assert basis.of(plant_power).donors == (own, hill, sister)
    assert basis.of(plant_power).rests_on == (
        (Source.METER, "plant", Channel.GENERATION_REGISTER),
        own,
        hill,
        sister,
    )
    assert basis.of(home_load).donors == (street,)
    assert basis.of((Source.METER, "stranger", Channel.LOAD)).donors == ()
    for donor in (own, hill, sister):
        assert basis.dependents(donor) == [plant_power]
    assert basis.dependents(street) == [home_load]
