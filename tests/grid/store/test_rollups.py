"""Hourly and daily totals are exact at any moment: while due, at rest, after corrections, on both clock-change days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grid.local_days import local_date, local_midnight
from grid.readings import Quality, ReadingBlock, Source
from grid.resampling import without_overlaps
from grid.store.database import connect
from grid.store.rollups import roll_up, roll_up_all
from grid.store.saving import save_readings
from grid.time_axis import EPOCH
from grid.units import Channel

ZONE = "Europe/Amsterdam"
SPRING = datetime(2026, 3, 29, tzinfo=UTC)  # clocks go forward at 01:00 UTC
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
Totals = dict[tuple[str, datetime], tuple[float | None, int, int, int, int]]


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        connection.execute("SELECT set_rollup_zone(%s)", (ZONE,))
        connection.commit()
        yield connection


def save(
    conn: psycopg.Connection,
    values: list[float],
    *,
    start: datetime = SPRING,
    minutes: int = 15,
    revision: int = 0,
    channel: Channel = Channel.LOAD,
    owner: str = "m",
) -> None:
    starts = (start - EPOCH) // timedelta(microseconds=1) + np.arange(
        len(values), dtype=np.int64
    ) * minutes * 60_000_000
    block = ReadingBlock(Source.METER, owner, channel, minutes, starts, np.array(values), revision)
    with conn.transaction():
        save_readings(conn, [block], received_at=SPRING)


def judge(conn: psycopg.Connection, *verdicts: tuple[datetime, int, float | None, Quality]) -> None:
    """What a validator does: write verdicts, and take away the marks, in one transaction."""
    with conn.transaction():
        conn.execute("DELETE FROM validation_due")
        for start, minutes, value, quality in verdicts:
            conn.execute(
                "INSERT INTO verdict SELECT channel_key, %s, %s, %s, %s, now() FROM channel WHERE channel = 'load'",
                (start, minutes, value, int(quality)),
            )


def settle(conn: psycopg.Connection) -> None:
    """Judge and roll up, until nothing is due."""
    judge(conn)
    roll_up_all(conn)
    assert conn.execute("SELECT count(*) FROM rollup_due").fetchone() == (0,)
    conn.commit()


def totals(conn: psycopg.Connection, view: str, owner: str = "m") -> Totals:
    rows = conn.execute(
        f"SELECT channel, interval_start, round(energy_kwh::numeric, 6)::float8, known_minutes, readings, estimated,"
        f" missing FROM {view} WHERE meter_id = '{owner}'".encode()
    ).fetchall()
    conn.commit()
    found = {(channel, start): tuple(counted) for channel, start, *counted in rows}
    assert len(found) == len(rows)
    return found


def worked_out(conn: psycopg.Connection, view: str, owner: str) -> Totals:
    """The same from the validated readings, by the rules of grid.resampling, in Python."""
    rows = conn.execute(
        "SELECT channel, interval_start, interval_minutes, value, quality FROM v_validated_reading WHERE meter_id = %s",
        (owner,),
    ).fetchall()
    conn.commit()
    buckets: dict[tuple[str, datetime], list[Any]] = {}
    for channel, start, minutes, value, quality in rows:
        if view == "v_reading_hourly":
            bucket = start.replace(minute=0, second=0, microsecond=0)
            behind = bucket + HOUR
        else:
            day = local_date(start, ZONE)
            bucket, behind = local_midnight(day, ZONE), local_midnight(day + timedelta(days=1), ZONE)
        if start + minutes * MINUTE <= behind:
            buckets.setdefault((channel, bucket), []).append((start, minutes, value, quality))
    result: Totals = {}
    for key, held in buckets.items():
        known = [row for row in held if row[2] is not None]
        starts = np.array([(row[0] - EPOCH) // MINUTE for row in known], dtype=np.int64)
        lengths = np.array([row[1] for row in known], dtype=np.int64)
        counting = [row for row, kept in zip(known, without_overlaps(starts, lengths), strict=True) if kept]
        energy = round(sum(row[2] * row[1] for row in counting) / 60, 6) if counting else None
        estimated = sum(
            bool(row[3] & (Quality.ESTIMATED_LINEARLY | Quality.ESTIMATED_BY_REFERENCE_DAYS)) for row in counting
        )
        minutes = sum(row[1] for row in counting)
        result[key] = (energy, minutes, len(counting), estimated, len(held) - len(known))
    return result


def check(conn: psycopg.Connection, owner: str = "m") -> None:
    for view in ("v_reading_hourly", "v_reading_daily"):
        found, wanted = totals(conn, view, owner), worked_out(conn, view, owner)
        assert found.keys() == wanted.keys()
        for key, row in wanted.items():
            assert found[key] == pytest.approx(row, abs=2e-6), (view, key)


@pytest.mark.parametrize(
    ("start", "minutes", "kwh"),
    [(datetime(2026, 3, 28, 23, tzinfo=UTC), 1380, 23.0), (datetime(2026, 10, 24, 22, tzinfo=UTC), 1500, 25.0)],
)
def test_a_day_of_one_kilowatt_is_as_many_kilowatt_hours_as_the_clock_change_leaves_it(
    conn: psycopg.Connection, start: datetime, minutes: int, kwh: float
) -> None:
    save(conn, [1.0] * (30 * 4), start=start)
    for at_rest in (False, True):
        if at_rest:
            settle(conn)
        row = conn.execute(
            "SELECT day, interval_start, interval_minutes, known_minutes, energy_kwh, value, unit"
            " FROM v_reading_daily ORDER BY day LIMIT 1"
        ).fetchone()
        day = date(2026, 3, 29) if start.month == 3 else date(2026, 10, 25)
        assert row == (day, start, minutes, minutes, kwh, 1.0, "kW")


def test_totals_follow_new_late_and_corrected_readings_before_and_after_each_roll_up(conn: psycopg.Connection) -> None:
    save(conn, [1.0, 2.0, 3.0, 4.0, 5.0])
    check(conn)
    settle(conn)
    check(conn)
    save(conn, [9.0], start=SPRING + HOUR / 4, revision=1)  # a correction behind the newest
    save(conn, [7.0], start=SPRING - 400 * 24 * HOUR)  # and a straggler of long ago
    check(conn)
    assert totals(conn, "v_reading_hourly")["load", SPRING][0] == (1 + 9 + 3 + 4) / 4
    settle(conn)
    check(conn)


def test_an_estimate_a_flag_and_its_withdrawal_are_in_the_totals_at_once(conn: psycopg.Connection) -> None:
    save(conn, [1.0, 2.0, float("nan"), 4.0])
    settle(conn)
    assert totals(conn, "v_reading_hourly")["load", SPRING] == (1.75, 45, 3, 0, 1)
    estimate = (SPRING + HOUR / 2, 15, 3.0, Quality.ESTIMATED_LINEARLY | Quality.GAP)
    refused = (SPRING + HOUR / 4, 15, None, Quality.SPIKE)
    never_came = (SPRING + 2 * HOUR, 15, 8.0, Quality.ESTIMATED_LINEARLY | Quality.GAP)
    judge(conn, estimate, refused, never_came)
    for at_rest in (False, True):
        if at_rest:
            settle(conn)
        hours = totals(conn, "v_reading_hourly")
        assert hours["load", SPRING] == (2.0, 45, 3, 1, 1)
        assert hours["load", SPRING + 2 * HOUR] == (2.0, 15, 1, 1, 0)
        check(conn)
    conn.execute("DELETE FROM verdict")
    conn.commit()
    check(conn)
    settle(conn)
    check(conn)
    assert ("load", SPRING + 2 * HOUR) not in totals(conn, "v_reading_hourly")


def test_a_register_shows_what_it_ended_with_and_has_no_energy(conn: psycopg.Connection) -> None:
    save(conn, [100.0, 101.0, 103.0, float("nan")], channel=Channel.IMPORT_REGISTER)
    for at_rest in (False, True):
        if at_rest:
            settle(conn)
        row = conn.execute("SELECT value, energy_kwh, missing, unit FROM v_reading_hourly").fetchone()
        assert row == (103.0, None, 1, "kWh")


readings = st.lists(
    st.tuples(
        st.integers(-300, 300).map(lambda fives: 5 * fives) | st.integers(-200, 200).map(lambda sevens: 7 * sevens),
        st.sampled_from([5, 15, 30, 60, 1440]),
        st.none() | st.integers(-50, 50).map(float),
    ),
    max_size=60,
    unique_by=lambda reading: reading[:2],
)


numbers = count(1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(readings, readings)
def test_readings_of_any_length_and_phase_total_as_worked_out_in_python(
    conn: psycopg.Connection, first: list[tuple[int, int, float | None]], then: list[tuple[int, int, float | None]]
) -> None:
    owner = f"m-{next(numbers)}"
    for revision, chosen in enumerate((first, then)):
        for minute, length, value in chosen:
            kw = float("nan") if value is None else value
            save(conn, [kw], start=SPRING + minute * MINUTE, minutes=length, revision=revision, owner=owner)
        check(conn, owner)
        settle(conn)
        check(conn, owner)


def test_days_of_another_zone_are_made_anew(conn: psycopg.Connection) -> None:
    save(conn, [1.0] * 96)
    settle(conn)
    conn.execute("SELECT set_rollup_zone('Asia/Kolkata')")
    conn.commit()
    for _ in range(2):
        days = conn.execute("SELECT day, known_minutes FROM v_reading_daily ORDER BY day").fetchall()
        assert days == [(date(2026, 3, 29), 18 * 60 + 30), (date(2026, 3, 30), 5 * 60 + 30)]
        settle(conn)


@pytest.mark.parametrize(("zone", "past"), [("Asia/Kolkata", 30), ("Asia/Kathmandu", 15), ("Europe/London", 0)])
def test_hours_are_those_of_the_sites_clock(conn: psycopg.Connection, zone: str, past: int) -> None:
    first = SPRING + past * MINUTE
    save(conn, [1.0, 2.0, 3.0], start=first, minutes=60)
    settle(conn)
    conn.execute("SELECT set_rollup_zone(%s::text)", (zone,))
    conn.commit()
    for _ in range(2):
        wanted = {("load", first + i * HOUR): (i + 1.0, 60, 1, 0, 0) for i in range(3)}
        assert totals(conn, "v_reading_hourly") == wanted
        settle(conn)
    conn.execute("SELECT set_rollup_zone(%s::text)", (ZONE,))
    conn.commit()
    for _ in range(2):
        assert len(totals(conn, "v_reading_hourly")) == (0 if past else 3)
        settle(conn)


def test_the_hour_that_autumn_repeats_is_two_hours(conn: psycopg.Connection) -> None:
    first = datetime(2026, 10, 25, 0, tzinfo=UTC)  # 02:00 in summer time; an hour later it is 02:00 again
    save(conn, [1.0] * 4 + [2.0] * 4, start=first)
    for _ in range(2):
        hours = totals(conn, "v_reading_hourly")
        assert hours == {("load", first): (1.0, 60, 4, 0, 0), ("load", first + HOUR): (2.0, 60, 4, 0, 0)}
        settle(conn)


def test_what_is_committed_while_another_rolls_up_stays_due(conn: psycopg.Connection, database_url: str) -> None:
    save(conn, [1.0] * 4)
    judge(conn)
    with connect(database_url, application_name="slow") as slow:
        slow.execute("SELECT 1")
        block_start = (SPRING - EPOCH) // timedelta(microseconds=1)
        block = ReadingBlock(Source.METER, "m", Channel.LOAD, 15, np.array([block_start]), np.array([5.0]), 1)
        save_readings(slow, [block], received_at=SPRING)
        slow.execute("DELETE FROM validation_due")
        roll_up_all(conn)
        check(conn)
        slow.commit()
    check(conn)
    assert totals(conn, "v_reading_hourly")["load", SPRING][0] == 2.0
    settle(conn)
    check(conn)


def test_only_one_process_rolls_up_at_a_time(conn: psycopg.Connection, database_url: str) -> None:
    save(conn, [1.0] * 4)
    judge(conn)
    with connect(database_url, application_name="busy") as busy:
        busy.execute("SELECT pg_advisory_lock(hashtext('gridpilot roll-up'))")
        assert roll_up(conn) is None, "busy is not the same as nothing due"
        busy.execute("SELECT pg_advisory_unlock(hashtext('gridpilot roll-up'))")
    assert roll_up(conn) == 1
    check(conn)
