"""Dead letters are chosen by what they are, replayed once whatever is killed, and never win over what came later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from grid.readings import Rejection, Source
from grid.store.database import connect
from grid.store.dead_letters import Which, add_dead_letter, count_dead_letters, list_dead_letters
from grid.store.saving import save_readings
from grid.store.series import list_meters, register_meters
from grid.time_axis import EPOCH
from grid.units import Channel
from ingest.dead_letters import discard, rehearse, replay
from ingest.encoding import encode_message
from ingest.messages import decode_reading

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        yield connection


def payload(*values: float, meter: str = "m", hour: int = 0, revision: int = 0) -> bytes:
    return encode_message(
        Source.METER,
        meter,
        Channel.LOAD,
        unit="kW",
        interval_minutes=60,
        start=EPOCH + timedelta(hours=hour),
        values=np.array(values),
        revision=revision,
    )


def letter(
    conn: psycopg.Connection,
    offset: int,
    message: bytes,
    *,
    error_class: str = "unknown_meter",
    topic: str = "t",
    key: bytes | None = b"m",
    at: datetime | None = None,
) -> int:
    with conn.transaction():
        add_dead_letter(
            conn,
            topic=topic,
            partition=0,
            offset=offset,
            message_key=key,
            payload=message,
            rejection=Rejection(error_class, "meter_id", "a test"),
            received_at=at or START + offset * MINUTE,
        )
        found = conn.execute("SELECT max(dead_letter_id) FROM dead_letter").fetchone()
    assert found is not None
    return int(found[0])


def store(conn: psycopg.Connection, message: bytes, *, at: datetime) -> None:
    block = decode_reading(message, Source.METER)
    assert not isinstance(block, Rejection)
    with conn.transaction():
        save_readings(conn, [block], received_at=at)


def values(conn: psycopg.Connection) -> list[float]:
    with conn.transaction():
        return [row[0] for row in conn.execute("SELECT value FROM reading ORDER BY channel_key, interval_start")]


def history(conn: psycopg.Connection) -> list[float]:
    with conn.transaction():
        return [row[0] for row in conn.execute("SELECT value FROM reading_history ORDER BY value")]


def test_they_are_chosen_by_class_topic_meter_and_time(conn: psycopg.Connection) -> None:
    first = letter(conn, 0, payload(1.0))
    second = letter(conn, 1, b"{", error_class="not_json", key=b"n")
    third = letter(conn, 2, payload(1.0, meter="n"), key=None, topic="u")
    for which, expected in [
        (Which(), [first, second, third]),
        (Which(error_class="not_json"), [second]),
        (Which(topic="u"), [third]),
        (Which(meter_id="m"), [first]),
        (Which(meter_id="n"), [second, third]),
        (Which(since=START + MINUTE), [second, third]),
        (Which(until=START + MINUTE), [first]),
        (Which(since=START + MINUTE, until=START + 2 * MINUTE, error_class="unknown_meter"), []),
    ]:
        assert [x.dead_letter_id for x in list_dead_letters(conn, which)] == expected, which
        assert sum(count_dead_letters(conn, which).values()) == len(expected)
    assert count_dead_letters(conn) == {"unknown_meter": 2, "not_json": 1}


def test_a_rehearsal_says_what_would_happen_and_changes_nothing(conn: psycopg.Connection) -> None:
    letter(conn, 0, payload(1.0, 2.0))
    letter(conn, 1, b"{", error_class="not_json")
    outcome, refused = rehearse(conn)
    assert (outcome.stored, outcome.detail, refused.stored) == (True, "2 readings would be stored", False)
    assert "not registered" in rehearse(conn, hold_unknown_meters=True)[0].detail
    assert values(conn) == []
    assert len(list_dead_letters(conn)) == 2


def test_replaying_twice_changes_nothing_more(conn: psycopg.Connection) -> None:
    ids = [letter(conn, i, payload(float(i), hour=i)) for i in range(3)]
    assert [o.stored for o in replay(conn)] == [True] * 3
    before = conn.execute("SELECT max(xmin::text::bigint) FROM reading").fetchone()
    conn.commit()
    assert replay(conn) == []
    assert not any(o.stored for o in replay(conn, ids))
    assert conn.execute("SELECT max(xmin::text::bigint) FROM reading").fetchone() == before
    assert values(conn) == [0.0, 1.0, 2.0]


def test_a_letter_does_not_win_over_what_came_after_it(conn: psycopg.Connection) -> None:
    letter(conn, 0, payload(1.0, 1.0, 1.0))
    store(conn, payload(2.0, hour=1), at=START - MINUTE)  # before the letter
    store(conn, payload(3.0, hour=2), at=START + MINUTE)  # after it
    (outcome,) = replay(conn)
    assert outcome.detail == "replayed: 1 added, 1 replaced, 1 late, 0 known"
    assert values(conn) == [1.0, 1.0, 3.0]
    assert history(conn) == [1.0, 2.0], "what lost is kept"


def test_a_higher_revision_wins_whenever_it_came(conn: psycopg.Connection) -> None:
    letter(conn, 0, payload(1.0, revision=1))
    store(conn, payload(3.0), at=START + MINUTE)
    replay(conn)
    assert values(conn) == [1.0]


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
@pytest.mark.parametrize("one_by_one", [True, False])
def test_of_two_letters_the_one_that_came_later_wins_in_whatever_order_they_are_replayed(
    conn: psycopg.Connection, order: list[int], one_by_one: bool
) -> None:
    ids = [letter(conn, 0, payload(1.0)), letter(conn, 1, payload(2.0))]
    chosen = [ids[i] for i in order]
    for some in [[one] for one in chosen] if one_by_one else [chosen]:
        assert all(outcome.stored for outcome in replay(conn, some))
    assert values(conn) == [2.0]
    assert history(conn) == [1.0]


def test_a_replay_that_is_killed_and_run_again_stores_each_letter_once(
    conn: psycopg.Connection, database_url: str
) -> None:
    count = 200
    with conn.transaction():
        conn.cursor().executemany(
            'INSERT INTO dead_letter (topic, "partition", "offset", message_key, payload, error_class, detail,'
            " received_at) VALUES ('t', 0, %s, 'm', %s, 'unknown_meter', '', %s)",
            [(i, payload(float(i), hour=i), START + i * MINUTE) for i in range(count)],
        )
    command = [sys.executable, "-m", "api.cli", "dlq", "replay"]
    environment = os.environ | {"GRIDPILOT_DATABASE_URL": database_url}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30.0
    while not values(conn):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    waiting = len(list_dead_letters(conn, limit=count))
    assert 0 < waiting < count, "killed in between"
    assert len(values(conn)) == count - waiting, "a letter is resolved if and only if its reading is there"
    conn.commit()
    assert len(replay(conn)) == waiting
    assert values(conn) == [float(i) for i in range(count)]
    assert history(conn) == []


def test_some_are_discarded_by_what_they_are_and_stay_for_the_record(conn: psycopg.Connection) -> None:
    letter(conn, 0, payload(1.0))
    letter(conn, 1, b"{", error_class="not_json")
    conn.commit()
    assert discard(conn, Which(error_class="not_json"), reason="a test of the crew") == 1
    assert count_dead_letters(conn) == {"unknown_meter": 1}
    assert count_dead_letters(conn, include_resolved=True) == {"not_json": 1, "unknown_meter": 1}


def test_registering_tells_which_meters_were_new(conn: psycopg.Connection) -> None:
    store(conn, payload(1.0, meter="stranger"), at=START)
    assert register_meters(conn, ["b", "a", "stranger"]) == ["a", "b", "stranger"]
    assert register_meters(conn, ["a", "c"]) == ["c"]
    assert [meter.meter_id for meter in list_meters(conn, registered=True)] == ["a", "b", "c", "stranger"]
    assert list_meters(conn, registered=False) == []
