"""A new meter is forecast on its first day, from an untrained site's database to the stored forecast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from forecasting.site.fallbacks import Level
from forecasting.site.service import ForecastService
from grid.forecasts import Forecast
from grid.network import Bus, Network
from grid.readings import ReadingBlock, Source
from grid.site import BusLoad, Meter, Site
from grid.store.database import connect
from grid.store.forecasts import load_forecast
from grid.store.saving import save_readings
from grid.time_axis import FloatArray
from grid.units import Channel

PRESENT = datetime(2026, 3, 2, 6, tzinfo=UTC)
DAYS = 40
OLD = (Meter("m-0", "load", "load", 60, 50.0), Meter("m-1", "load", "load", 60, 200.0))
SUN = Meter("pv-0", "generation", "solar", 60, 10.0, None, 50.1, 8.7)
SITE = Site(
    site_id="test",
    name="Test",
    timezone="Europe/Berlin",
    holidays="DE",
    currency="EUR",
    meters=(*OLD, SUN),
    loads=(BusLoad("b", "m-0:load", 0.001), BusLoad("b", "m-1:load", 0.001)),
    network=Network((Bus("b"),), ()),
    thermal_units=(),
    renewable_plants=(),
    storages=(),
)
NEW = replace(
    SITE,
    meters=(*OLD, SUN, Meter("m-2", "load", "load", 60, 100.0), replace(SUN, meter_id="pv-1", capacity_kw=5.0)),
    loads=(*SITE.loads, BusLoad("b", "m-2:load", 0.001)),
)


def shape(hours: int, *, seed: int) -> FloatArray:
    """Share of capacity of a load that has days."""
    noise = np.random.default_rng(seed).normal(size=hours)
    return 0.4 + 0.2 * np.sin(2 * np.pi * np.arange(hours) / 24) + 0.01 * noise


def block(meter_id: str, channel: Channel, kw: FloatArray) -> ReadingBlock:
    """Hours that end at the present."""
    first = int(PRESENT.timestamp()) - 3600 * len(kw)
    starts = (first + 3600 * np.arange(len(kw), dtype=np.int64)) * 1_000_000
    return ReadingBlock(Source.METER, meter_id, channel, 60, starts, kw, 0)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    hours = 24 * DAYS
    by_day = np.maximum(np.sin(2 * np.pi * (np.arange(hours) - 1) / 24), 0.0)  # up from 7 to 17 UTC
    with connect(database_url, application_name="test") as connection:
        blocks = [
            block("m-0", Channel.LOAD, 50.0 * shape(hours, seed=0)),
            block("m-1", Channel.LOAD, 200.0 * shape(hours, seed=1)),
            block("pv-0", Channel.GENERATION, 8.0 * by_day),
        ]
        save_readings(connection, blocks, received_at=PRESENT)
        yield connection


def issue(conn: psycopg.Connection, site: Site, issued_at: datetime = PRESENT) -> dict[str, Forecast]:
    return {one.series_id: one for one in ForecastService().forecast(conn, site, issued_at=issued_at)}


def test_a_meter_without_a_reading_and_the_site_it_belongs_to_are_forecast(conn: psycopg.Connection) -> None:
    made = issue(conn, NEW)
    new, site = made["m-2:load"], made["site:load"]
    assert {voice.fallback_level for voice in new.spoken_by} == {Level.NEIGHBOURS}
    assert "The profile of 2 neighbours, scaled by capacity, stands in." in new.reasons
    assert (new.inputs and new.inputs.readings_until, new.inputs and new.inputs.completeness) == (None, 0.0)
    np.testing.assert_allclose(new.median, made["m-0:load"].median * 2.0, rtol=0.05)
    assert np.all(new.quantiles[:, -1] > 1.01 * new.quantiles[:, 0])
    total = sum(made[name].median for name in ("m-0:load", "m-1:load", "m-2:load"))
    np.testing.assert_allclose(site.median, total, rtol=1e-6)
    assert "The sum of the meters' forecasts stands in." in site.reasons
    stored = load_forecast(conn, "m-2:load", issued_at=PRESENT)
    assert stored is not None
    assert (stored.spoken_by, stored.inputs, stored.reasons) == (new.spoken_by, new.inputs, new.reasons)
    assert load_forecast(conn, "m-2:load", role="baseline") is None


def test_a_new_plant_is_dark_by_night_and_within_its_capacity(conn: psycopg.Connection) -> None:
    made = issue(conn, NEW)
    new, old = made["pv-1:generation"], made["pv-0:generation"]
    assert {voice.fallback_level for voice in new.spoken_by} == {Level.NEIGHBOURS}
    night = np.array([start.hour in (19, 20, 21, 22, 23, 0, 1, 2, 3, 4) for start in new.axis.interval_starts])
    assert np.all(new.quantiles[night] == 0.0)
    assert 0.0 < new.quantiles.max() <= 5.0
    np.testing.assert_allclose(new.median, old.median / 2.0, atol=0.1)
    alone = replace(SITE, meters=(*OLD, replace(SUN, meter_id="pv-1", capacity_kw=5.0)))
    band = issue(conn, alone)["pv-1:generation"]
    assert {voice.method for voice in band.spoken_by} == {"capacity-band"}
    assert np.all(band.quantiles[night] == 0.0)
    assert 0.0 < band.quantiles.max() <= 5.0


def test_neighbours_scaled_to_its_readings_speak_until_a_regression_of_its_own_can(conn: psycopg.Connection) -> None:
    own = 33.0 * shape(24 * DAYS, seed=7)
    save_readings(conn, [block("m-2", Channel.LOAD, own[-24:])], received_at=PRESENT)
    young = issue(conn, NEW)["m-2:load"]
    assert "The profile of 2 neighbours, scaled to 24 hours of its readings, stands in." in young.reasons
    np.testing.assert_allclose(young.median, 33.0 * shape(48, seed=7), rtol=0.12)
    save_readings(conn, [block("m-2", Channel.LOAD, own[-24 * 8 :])], received_at=PRESENT)
    grown = issue(conn, NEW)["m-2:load"]
    assert {voice.method for voice in grown.spoken_by} == {"neighbours"}
    assert "The profile of 2 neighbours, scaled to 192 hours of its readings, stands in." in grown.reasons
    save_readings(conn, [block("m-2", Channel.LOAD, own[-24 * 30 :])], received_at=PRESENT)
    refitted = issue(conn, NEW)["m-2:load"]
    assert {voice.method for voice in refitted.spoken_by} == {"regression-refit"}


def test_a_meter_that_is_unlike_the_others_repeats_its_own_days(conn: psycopg.Connection) -> None:
    lamps = np.where(np.arange(24 * 16) % 24 < 12, 0.0, 20.0)
    save_readings(conn, [block("m-2", Channel.LOAD, lamps[24 * 13 :])], received_at=PRESENT)
    young = issue(conn, NEW)["m-2:load"]
    assert {voice.fallback_level for voice in young.spoken_by} == {Level.SHORT_HISTORY}
    assert "Its neighbours' profile is not its own: yesterday's hours tell more of its readings." in young.reasons
    save_readings(conn, [block("m-2", Channel.LOAD, lamps)], received_at=PRESENT)
    grown = issue(conn, NEW)["m-2:load"]
    assert {voice.fallback_level for voice in grown.spoken_by} == {Level.SEASONAL_NAIVE}
    np.testing.assert_allclose(grown.median, lamps[:48])


def test_a_series_of_which_nothing_is_known_is_left_out_and_told(
    conn: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    lonely = replace(SITE, meters=(*OLD, Meter("wind", "generation", "external", 60)))
    made = issue(conn, lonely, PRESENT + timedelta(minutes=20))
    assert sorted(made) == ["m-0:load", "m-1:load", "site:load"]
    assert "wind:generation is not forecast" in caplog.text
