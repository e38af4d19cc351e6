"""Reading back onto an axis: channels keep their places, gaps stay gaps, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from grid.readings import ReadingBlock, Source
from grid.store.database import connect
from grid.store.readings import (
    latest_interval_end,
    load_channels,
    load_power_matrix,
    parse_series_id,
)
from grid.store.saving import save_readings
from grid.store.series import list_series, register_meters, unregistered
from grid.store.weather import load_weather_forecast
from grid.time_axis import EPOCH, FloatArray, TimeAxis
from grid.units import Channel

START = datetime(2026, 3, 29, tzinfo=UTC)
HOURLY = TimeAxis(START, timedelta(hours=1), 3)
nan = float("nan")


def us(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(microseconds=1)


def block(
    owner: str,
    values: FloatArray,
    *,
    minutes: int = 60,
    start: datetime = START,
    source: Source = Source.METER,
    channel: Channel = Channel.LOAD,
    issued_at: datetime | None = None,
) -> ReadingBlock:
    starts = us(start) + np.arange(len(values), dtype=np.int64) * minutes * 60_000_000
    return ReadingBlock(source, owner, channel, minutes, starts, values, 0, issued_at)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        yield connection


def save(conn: psycopg.Connection, *blocks: ReadingBlock) -> None:
    with conn.transaction():
        save_readings(conn, blocks, received_at=START + timedelta(days=1))


def test_many_series_come_back_in_the_order_asked_for_and_an_unknown_one_is_missing(conn: psycopg.Connection) -> None:
    save(conn, block("a", np.array([1.0, nan, 3.0])), block("b", np.arange(12.0), minutes=15))
    matrix = load_power_matrix(conn, ["b:load", "nobody:load", "a:load", "b:load"], HOURLY)
    np.testing.assert_equal(matrix, [[1.5, 5.5, 9.5], [nan] * 3, [1.0, nan, 3.0], [1.5, 5.5, 9.5]])
    assert load_power_matrix(conn, [], HOURLY).shape == (0, 3)


def test_a_meter_and_a_weather_site_of_the_same_name_are_kept_apart(conn: psycopg.Connection) -> None:
    save(conn, block("x", np.array([1.0])), block("x", np.array([2.0]), source=Source.WEATHER))
    both = [(source, "x", Channel.LOAD) for source in (Source.METER, Source.WEATHER)]
    assert load_channels(conn, both, HOURLY)[:, 0].tolist() == [1.0, 2.0]


def test_a_register_comes_back_as_its_last_count_and_power_as_its_mean(conn: psycopg.Connection) -> None:
    counts = np.array([100.0, 101.0, 102.0, 104.0, 105.0])
    save(conn, block("a", counts, minutes=15, channel=Channel.IMPORT_REGISTER), block("a", counts, minutes=15))
    both = [(Source.METER, "a", channel) for channel in (Channel.IMPORT_REGISTER, Channel.LOAD)]
    np.testing.assert_equal(load_channels(conn, both, HOURLY), [[104.0, 105.0, nan], [101.75, nan, nan]])


def test_a_temperature_is_not_asked_for_as_power(conn: psycopg.Connection) -> None:
    with pytest.raises(ValueError, match="not in kW"):
        load_power_matrix(conn, ["x:air_temperature"], HOURLY)


@pytest.mark.parametrize("series", ["zone-1", ":load", "zone-1:", "zone-1:heat"])
def test_a_series_id_that_names_no_channel_is_refused(series: str) -> None:
    with pytest.raises(ValueError, match="<owner_id>:<channel>"):
        parse_series_id(series)


def test_an_owner_may_have_colons_in_its_id() -> None:
    assert parse_series_id("urn:dev:7:load") == ("urn:dev:7", Channel.LOAD)


def test_the_clock_of_the_data_is_the_newest_end_of_a_known_value(conn: psycopg.Connection) -> None:
    assert latest_interval_end(conn, ["a:load"]) is None
    save(conn, block("a", np.array([1.0, 2.0, nan])), block("b", np.array([1.0] * 5), minutes=15))
    assert latest_interval_end(conn, ["a:load", "b:load"]) == START + timedelta(hours=2)
    assert latest_interval_end(conn, ["b:load"]) == START + timedelta(minutes=75)


def test_the_newest_issue_not_after_the_instant_is_used_and_only_that_one(conn: psycopg.Connection) -> None:
    first, second = START - timedelta(hours=24), START - timedelta(hours=12)
    kind = {"source": Source.WEATHER, "channel": Channel.AIR_TEMPERATURE}
    save(conn, block("s", np.array([1.0, 2.0, 3.0]), issued_at=first, **kind))
    save(conn, block("s", np.array([7.0, nan]), issued_at=second, **kind))

    def at(issued_by: datetime) -> tuple[datetime | None, list[float]]:
        issued_at, values = load_weather_forecast(conn, "s", Channel.AIR_TEMPERATURE, issued_by=issued_by, axis=HOURLY)
        return issued_at, values.tolist()

    np.testing.assert_equal(at(first - timedelta(seconds=1)), (None, [nan] * 3))
    assert at(second - timedelta(seconds=1)) == (first, [1.0, 2.0, 3.0])
    np.testing.assert_equal(at(second), (second, [7.0, nan, nan]))


def test_series_are_listed_with_their_span(conn: psycopg.Connection) -> None:
    save(conn, block("b", np.array([1.0, 2.0])), block("a", np.array([1.0]), source=Source.WEATHER, issued_at=START))
    a, b = list_series(conn)
    assert (a.series_id, a.first_interval_start, a.last_interval_end) == ("a:load", None, None)
    assert (b.series_id, b.unit) == ("b:load", "kW")
    assert (b.first_interval_start, b.last_interval_end) == (START, START + timedelta(hours=2))
    assert [s.series_id for s in list_series(conn, source=Source.METER)] == ["b:load"]


def test_a_meter_first_seen_in_the_stream_is_accepted_but_not_registered(conn: psycopg.Connection) -> None:
    save(conn, block("m", np.array([1.0])))
    assert unregistered(conn, ["m", "n"]) == {"m", "n"}
    register_meters(conn, ["m"])
    assert unregistered(conn, ["m", "n"]) == {"n"}


def test_a_stamp_in_the_future_does_not_set_the_clock_of_the_data(conn: psycopg.Connection) -> None:
    received = START + timedelta(hours=3, minutes=-5)
    with conn.transaction():
        save_readings(conn, [block("a", np.array([1.0, 2.0, 3.0]))], received_at=received)
        late = block("a", np.array([4.0]), start=START + timedelta(days=700))
        save_readings(conn, [late], received_at=received)
    assert latest_interval_end(conn, ["a:load"]) == START + timedelta(hours=3)
