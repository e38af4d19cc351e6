"""Short gaps follow the channels that the site file names, whenever their readings come."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from grid.readings import Quality, ReadingBlock, Source
from grid.site import Site
from grid.site_file import EXAMPLE_SITE, read_site_file
from grid.store.saving import save_readings
from grid.store.sites import save_site
from grid.time_axis import FloatArray, to_us
from grid.units import Channel

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
EXAMPLE = read_site_file(EXAMPLE_SITE)
BY_DONOR = Quality.MISSING | Quality.ESTIMATED_LINEARLY | Quality.DERIVED
LINEAR = Quality.MISSING | Quality.ESTIMATED_LINEARLY
nan = float("nan")


def with_donors(*donors: str) -> Site:
    """The example site, whose town may follow others."""
    town, *others = EXAMPLE.meters
    return dataclasses.replace(EXAMPLE, meters=(dataclasses.replace(town, donors=donors), *others))


@pytest.fixture
def street(meters: Any) -> FloatArray:
    """Thirty days of a donor, restless from hour to hour."""
    course: FloatArray = meters.course(30) * np.random.default_rng(2).uniform(0.8, 1.2, 30 * 24)
    return course


def test_a_donor_that_arrives_later_takes_the_line_out_of_the_gap(meters: Any, street: FloatArray) -> None:
    save_site(meters.conn, with_donors("street:load"))
    town = 3.0 * street
    town[[500, 501]] = nan
    now = START + timedelta(days=31)
    meters.save(town, owner="town", at=now)
    meters.save(street[:500], owner="street", at=now)
    meters.validate()
    assert {quality for _, quality in meters.verdicts("town").values()} == {LINEAR}
    meters.save(street[500:503], owner="street", start=START + 500 * HOUR, at=now)
    meters.validate()
    found = meters.verdicts("town")
    assert [quality for _, quality in found.values()] == [BY_DONOR, BY_DONOR]
    np.testing.assert_allclose([value for value, _ in found.values()], 3.0 * street[[500, 501]])
    meters.save(np.array([1.1 * street[501]]), owner="street", start=START + 501 * HOUR, at=now, revision=1)
    meters.validate()
    assert meters.verdicts("town")[START + 501 * HOUR][0] == pytest.approx(3.3 * street[501])


def test_a_donor_without_a_sound_reading_is_not_followed(meters: Any, street: FloatArray) -> None:
    save_site(meters.conn, with_donors("street:load"))
    town = 3.0 * street
    town[500] = nan
    meters.save(town, owner="town")
    street[500] = 9000.0
    meters.save(street, owner="street")
    meters.validate()
    assert meters.verdicts("street")[START + 500 * HOUR][1] & Quality.ESTIMATED_LINEARLY
    assert meters.verdicts("town")[START + 500 * HOUR][1] == LINEAR


def test_a_donor_that_a_new_site_names_is_followed_from_then_on(meters: Any, street: FloatArray) -> None:
    save_site(meters.conn, EXAMPLE)
    town = 3.0 * street
    town[500] = nan
    for owner, values in (("town", town), ("street", street)):
        meters.save(values, owner=owner)
    meters.validate()
    assert meters.verdicts("town")[START + 500 * HOUR][1] == LINEAR
    save_site(meters.conn, with_donors("street:load"))
    meters.validate()
    assert meters.verdicts("town")[START + 500 * HOUR] == (pytest.approx(3.0 * street[500]), BY_DONOR)


def test_a_plant_follows_the_irradiance_of_its_weather_site(meters: Any) -> None:
    save_site(meters.conn, EXAMPLE)
    hour = np.arange(30 * 24) % 24
    clouds = np.random.default_rng(4).uniform(0.2, 1.0, len(hour))
    light = np.maximum(0.0, 700.0 * np.sin((hour - 5.5) * np.pi / 12.0)) * clouds
    power = 20.0 * light
    noon = 25 * 24 + 12
    power[noon] = nan
    starts = to_us(START) + 3_600_000_000 * np.arange(len(light), dtype=np.int64)
    block = ReadingBlock(Source.WEATHER, "harbour-weather", Channel.IRRADIANCE, 60, starts, light, 0)
    with meters.conn.transaction():
        save_readings(meters.conn, [block], received_at=START + timedelta(days=31))
    meters.save(power, owner="dune-solar", channel=Channel.GENERATION)
    meters.validate()
    value, quality = meters.verdicts("dune-solar", "generation")[START + noon * HOUR]
    assert quality == BY_DONOR
    assert value == pytest.approx(20.0 * light[noon], rel=1e-6)


def test_piece_by_piece_in_order_of_arrival_gives_what_validating_at_once_gives(
    meters: Any, street: FloatArray
) -> None:
    """The donor runs two days behind, then two days ahead; both have gaps, and values that are rejected."""
    site = with_donors("street:load")
    at_once = dataclasses.replace(site.meters[0], meter_id="at-once", donors=("lane:load",))
    save_site(meters.conn, dataclasses.replace(site, meters=(*site.meters, at_once)))
    rng = np.random.default_rng(6)
    own = 3.0 * street * rng.uniform(0.98, 1.02, len(street))
    own[rng.integers(300, len(own), 25)] = nan
    street[rng.integers(300, len(own), 12)] = nan
    street[rng.integers(300, len(own), 3)] = 5000.0
    arrival = START + timedelta(days=31)
    for day in range(0, 32, 4):
        for owner, values, shift in (("town", own, 0), ("street", street, -2 if day < 16 else 2)):
            first, last = (max(0, 24 * (day + part + shift)) for part in (0, 4))
            if day == 16 and owner == "street":
                first = 24 * 14
            if len(values[first:last]):
                meters.save(values[first:last], owner=owner, start=START + first * HOUR, at=arrival)
        meters.validate()
    meters.save(street, owner="lane", at=arrival)
    meters.save(own, owner="at-once", at=arrival)
    meters.validate()
    pieces, whole = meters.verdicts("town"), meters.verdicts("at-once")
    assert {start: quality for start, (_, quality) in pieces.items()} == {
        start: quality for start, (_, quality) in whole.items()
    }
    np.testing.assert_array_equal(
        np.array([value for value, _ in pieces.values()], dtype=float),
        np.array([value for value, _ in whole.values()], dtype=float),
    )
    assert {bool(quality & Quality.DERIVED) for _, quality in whole.values()} == {True, False}
