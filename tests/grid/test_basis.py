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
