"""A site's series as they were known at an earlier instant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from forecasting.series.request import Covariate, FileSeries, SeriesSettings
from forecasting.site.as_known import AsKnown, channels_read
from forecasting.site.data import load_load_history
from forecasting.site.series import load_series
from grid.network import Bus, Network
from grid.readings import ReadingBlock, Source
from grid.site import SITE_LOAD, BusLoad, Meter, Site
from grid.store.corrections import load_corrections
from grid.store.database import connect
from grid.store.saving import save_readings
from grid.time_axis import FloatArray, TimeAxis, to_us
from grid.units import Channel

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
AXIS = TimeAxis(START, HOUR, 240)
SITE = Site(
    site_id="test",
    name="Test",
    timezone="Europe/Berlin",
    holidays="DE",
    currency="EUR",
    meters=tuple(Meter(name, "load", "load", 60, weather_site_id="hill") for name in ("a", "b")),
    loads=(BusLoad("bus", "a:load", 0.001), BusLoad("bus", "b:load", 0.003)),
    network=Network((Bus("bus"),), ()),
    thermal_units=(),
    renewable_plants=(),
    storages=(),
)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    """Ten days that came hour by hour; a correction of ``a`` after five days, of the temperature after six."""
    with connect(database_url, application_name="test") as connection:
        for hour in range(AXIS.periods):
            at = START + (hour + 1) * HOUR
            save(connection, "a", hour, [10.0], at=at)
            save(connection, "b", hour, [20.0], at=at)
            save(connection, "hill", hour, [5.0], at=at, channel=Channel.AIR_TEMPERATURE)
        save(connection, "a", 30, [11.0, 12.0], at=START + 120 * HOUR, revision=1)
        save(connection, "hill", 40, [9.0], at=START + 144 * HOUR, channel=Channel.AIR_TEMPERATURE, revision=1)
        yield connection


def save(
    conn: psycopg.Connection,
    owner: str,
    hour: int,
    values: list[float],
    *,
    at: datetime,
    channel: Channel = Channel.LOAD,
    revision: int = 0,
) -> None:
    source = Source.WEATHER if channel is Channel.AIR_TEMPERATURE else Source.METER
    starts = to_us(START) + (hour + np.arange(len(values), dtype=np.int64)) * 3_600_000_000
    block = ReadingBlock(source, owner, channel, 60, starts, np.array(values), revision)
    save_readings(conn, [block], received_at=at)


def known(conn: psycopg.Connection) -> tuple[AsKnown, dict[str, FileSeries]]:
    history = load_load_history(conn, SITE, AXIS, issued_at=AXIS.end)
    series = load_series(SITE, history, periods=48)
    channels = channels_read(SITE, list(series.values()))
    corrections = load_corrections(conn, channels, AXIS, first=START + 72 * HOUR, last=AXIS.end)
    return AsKnown(SITE, list(series.values()), corrections.undone_at), series


def at(asked: AsKnown, hours: int) -> dict[str, FileSeries]:
    found = asked.at(START + hours * HOUR)
    assert found is not None
    return {one.series_id: one for one in found}


def test_a_correction_is_unknown_before_it_came_and_so_is_what_it_adds_to_the_sites_load(
    conn: psycopg.Connection,
) -> None:
    asked, now = known(conn)
    assert now["a:load"].values[29:33].tolist() == [10.0, 11.0, 12.0, 10.0]
    before = at(asked, 119)
    assert before["a:load"].values[29:33].tolist() == [10.0] * 4
    np.testing.assert_allclose(before[SITE_LOAD].values[29:33], 70.0)
    np.testing.assert_allclose(now[SITE_LOAD].values[29:33], [70.0, 71.0, 72.0, 70.0])
    assert before["a:load"].covariates["hill"][40] == 5.0
    np.testing.assert_array_equal(before["b:load"].values, now["b:load"].values)


def test_of_what_came_in_between_only_what_had_come_is_known(conn: psycopg.Connection) -> None:
    asked, now = known(conn)
    between = at(asked, 130)
    np.testing.assert_array_equal(between["a:load"].values, now["a:load"].values)
    assert [one.covariates["hill"][40] for one in between.values()] == [5.0] * 3
    assert [one.covariates["hill"][40] for one in now.values()] == [9.0] * 3
    assert asked.at(START + 150 * HOUR) is None


def test_horizons_stay_unknown_and_other_hours_as_they_are(conn: psycopg.Connection) -> None:
    asked, now = known(conn)
    for name, one in at(asked, 100).items():
        elsewhere: FloatArray = np.setdiff1d(np.arange(one.axis.periods), [30, 31])
        np.testing.assert_array_equal(one.values[elsewhere], now[name].values[elsewhere])
        assert np.isnan(one.values[one.origin :]).all()


def test_an_hour_of_weather_is_undone_in_all_its_parts() -> None:
    settings = SeriesSettings(
        kind="load",
        interval_minutes=30,
        covariates={"hill": Covariate(means="air_temperature", unit="degC")},
    )
    axis = TimeAxis(START, HOUR / 2, 8)
    one = FileSeries("a:load", settings, axis, np.arange(8.0), 6, np.arange(6, 8), {"hill": np.full(8, 9.0)})
    undone = {
        (Source.METER, "a", Channel.LOAD): (np.array([3]), np.array([30.0])),
        (Source.WEATHER, "hill", Channel.AIR_TEMPERATURE): (np.array([1]), np.array([5.0])),
    }
    found = AsKnown(SITE, [one], lambda _: undone).at(START)
    assert found is not None
    assert found[0].values.tolist() == [0.0, 1.0, 2.0, 30.0, 4.0, 5.0, 6.0, 7.0]
    assert found[0].covariates["hill"].tolist() == [9.0, 9.0, 5.0, 5.0, 9.0, 9.0, 9.0, 9.0]
