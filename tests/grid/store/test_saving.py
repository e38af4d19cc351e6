"""The higher revision wins, then the later message; losers are in history; what is known is not written again."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grid.readings import ReadingBlock, Source
from grid.store.database import connect
from grid.store.reading_rows import rows_of_blocks, settle
from grid.store.saving import ConcurrentSaveError, SaveReport, save_readings
from grid.units import Channel

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR_US = 3_600_000_000


def block(
    values: list[float | None],
    *,
    owner: str = "m-1",
    first_hour: int = 0,
    revision: int = 0,
    issued_at: datetime | None = None,
) -> ReadingBlock:
    source = Source.METER if issued_at is None else Source.WEATHER
    starts = (first_hour + np.arange(len(values), dtype=np.int64)) * HOUR_US
    return ReadingBlock(
        source, owner, Channel.LOAD, 60, starts, np.array(values, dtype=np.float64), revision, issued_at
    )


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        yield connection


def save(conn: psycopg.Connection, *blocks: ReadingBlock, at: datetime = NOW) -> SaveReport:
    with conn.transaction():
        return save_readings(conn, blocks, received_at=at)


def stored(conn: psycopg.Connection, owner: str = "m-1") -> list[tuple[float | None, int, int]]:
    return conn.execute(
        "SELECT value, revision, quality FROM v_reading WHERE meter_id = %s ORDER BY interval_start", (owner,)
    ).fetchall()


def history(conn: psycopg.Connection) -> list[tuple[float | None, int]]:
    return conn.execute(
        "SELECT value, revision FROM reading_history ORDER BY interval_start, revision, value"
    ).fetchall()


def test_missing_and_corrected_readings_carry_their_quality_bits(conn: psycopg.Connection) -> None:
    assert save(conn, block([1.0, None])) == SaveReport(added=2)
    assert save(conn, block([None], revision=3, first_hour=2)) == SaveReport(added=1)
    assert stored(conn) == [(1.0, 0, 0), (None, 0, 128), (None, 3, 384)]


def test_a_replayed_batch_writes_nothing(conn: psycopg.Connection) -> None:
    blocks = [block([1.0, 2.0, None]), block([5.0], revision=1), block([4.0], first_hour=0), block([7.0], owner="m-2")]
    save(conn, *blocks)
    before = conn.execute("SELECT xmin, * FROM reading ORDER BY 2, 3").fetchall(), history(conn)
    again = save(conn, *blocks, at=NOW + timedelta(hours=1))
    after = conn.execute("SELECT xmin, * FROM reading ORDER BY 2, 3").fetchall(), history(conn)
    assert after == before
    assert (again.added, again.replaced, again.readings) == (0, 0, 6)


def test_a_higher_revision_wins_and_the_loser_is_in_history(conn: psycopg.Connection) -> None:
    save(conn, block([1.0]))
    assert save(conn, block([2.0], revision=1)) == SaveReport(replaced=1)
    assert save(conn, block([3.0], revision=0)) == SaveReport(late=1)
    assert stored(conn) == [(2.0, 1, 256)]
    assert history(conn) == [(1.0, 0), (3.0, 0)]


def test_of_equal_revisions_the_later_message_wins(conn: psycopg.Connection) -> None:
    save(conn, block([1.0]))
    assert save(conn, block([2.0])) == SaveReport(replaced=1)
    assert save(conn, block([None])) == SaveReport(replaced=1)
    assert stored(conn) == [(None, 0, 128)]
    assert history(conn) == [(1.0, 0), (2.0, 0)]


def test_history_knows_until_when_a_reading_was_believed(conn: psycopg.Connection) -> None:
    save(conn, block([1.0]))
    save(conn, block([2.0]), at=NOW + timedelta(hours=5))
    row = conn.execute("SELECT received_at, superseded_at FROM reading_history").fetchone()
    assert row == (NOW, NOW + timedelta(hours=5))


def test_issued_forecasts_go_by_their_issue_and_never_into_readings(conn: psycopg.Connection) -> None:
    first, second = NOW, NOW + timedelta(days=1)
    assert save(conn, block([1.0, 2.0], issued_at=first), block([3.0, 4.0], issued_at=second)) == SaveReport(added=4)
    assert save(conn, block([9.0], issued_at=first)) == SaveReport(replaced=1)
    rows = conn.execute("SELECT issued_at, value FROM v_weather_forecast ORDER BY 1, interval_start").fetchall()
    assert rows == [(first, 9.0), (first, 2.0), (second, 3.0), (second, 4.0)]
    assert conn.execute("SELECT issued_at, value FROM reading_history").fetchall() == [(first, 1.0)]
    assert conn.execute("SELECT count(*) FROM reading").fetchone() == (0,)


@pytest.mark.parametrize("known", [False, True])
def test_two_transactions_that_save_the_same_interval_lose_nothing(database_url: str, known: bool) -> None:
    with connect(database_url, application_name="a") as a, connect(database_url, application_name="b") as b:
        save(a, block([0.0], first_hour=1))  # lies between what both save: they will take the judged way
        if known:
            save(a, block([0.0]))
        outcome: list[SaveReport | Exception] = []

        def save_behind() -> None:
            try:
                outcome.append(save(b, block([2.0, 0.0])))
            except ConcurrentSaveError as error:
                outcome.append(error)

        with a.transaction():
            save_readings(a, [block([1.0, 0.0])], received_at=NOW)
            thread = threading.Thread(target=save_behind)
            thread.start()
            thread.join(0.3)
            assert thread.is_alive(), "the second must wait for the first"
        thread.join(5)
        assert isinstance(outcome[0], ConcurrentSaveError)
        assert save(b, block([2.0, 0.0])) == SaveReport(replaced=1, duplicates=1)
        assert history(b) == ([(0.0, 0)] if known else []) + [(1.0, 0)]


_messages = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from([None, 1.0, 2.0])), min_size=1, max_size=12
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=_messages, cuts=st.sets(st.integers(1, 11), max_size=4))
def test_however_messages_are_batched_the_same_readings_win(
    conn: psycopg.Connection, messages: list[tuple[int, int, float | None]], cuts: set[int]
) -> None:
    conn.execute("TRUNCATE reading, reading_history")
    conn.commit()
    winners: dict[int, tuple[int, float | None]] = {}
    for hour, revision, value in messages:
        if hour not in winners or revision >= winners[hour][0]:
            winners[hour] = revision, value
    edges = [0, *sorted(c for c in cuts if c < len(messages)), len(messages)]
    total = SaveReport()
    for begin, end in itertools.pairwise(edges):
        blocks = [block([v], first_hour=hour, revision=revision) for hour, revision, v in messages[begin:end]]
        total += save(conn, *blocks)
    assert [(revision, value) for value, revision, _ in stored(conn)] == [winners[hour] for hour in sorted(winners)]
    assert total.readings == len(messages)
    # Every distinct thing that was said is still there, as a winner or in history.
    kept = set(conn.execute("SELECT interval_start, revision, value FROM reading").fetchall())
    kept |= set(conn.execute("SELECT interval_start, revision, value FROM reading_history").fetchall())
    said = {(datetime(1970, 1, 1, hour, tzinfo=UTC), revision, value) for hour, revision, value in messages}
    assert kept == said


def test_settling_a_batch_keeps_one_winner_an_interval_and_sorts_by_key() -> None:
    blocks = [block([1.0, 2.0]), block([5.0], revision=1), block([3.0, 2.0])]
    winners, beaten, repeats = settle(rows_of_blocks(blocks, [7, 7, 7]))
    assert winners.value.tolist() == [5.0, 2.0]
    assert beaten.value.tolist() == [1.0, 3.0]
    assert repeats == 1


def test_a_stamp_in_the_future_does_not_slow_down_what_comes_after_it(conn: psycopg.Connection) -> None:
    save(conn, block([1.0], first_hour=1_000_000))
    assert save(conn, block([1.0, 2.0]), block([3.0], first_hour=5)) == SaveReport(added=3)
    assert conn.execute("SELECT to_regclass('pg_temp.incoming_reading')").fetchone() == (None,), "copied straight in"
    assert save(conn, block([4.0], first_hour=2)) == SaveReport(added=1)
    assert save(conn, block([4.0, 5.0], first_hour=2)) == SaveReport(added=1, duplicates=1)


def test_rows_of_a_channel_cannot_be_deleted_from_under_their_readings(conn: psycopg.Connection) -> None:
    save(conn, block([1.0]))
    with pytest.raises(psycopg.errors.RestrictViolation):
        conn.execute("DELETE FROM channel")


def test_without_a_transaction_to_save_in_nothing_is_said_to_be_saved(conn: psycopg.Connection) -> None:
    conn.autocommit = True
    with pytest.raises(ValueError, match="one transaction"):
        save_readings(conn, [block([1.0])], received_at=NOW)
    assert save(conn, block([1.0])).added == 1
    assert save(conn, block([2.0])).replaced == 1
