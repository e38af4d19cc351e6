"""What is asked as of an instant is answered once nobody is still writing what that instant has, and never changes."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from grid.readings import ReadingBlock, Source
from grid.store.database import DatabaseUnavailableError, connect, server_clock
from grid.store.reading_versions import readings_known_by
from grid.store.saving import save_readings
from grid.store.settled import stamp, wait_until_settled
from grid.units import Channel

SOON = timedelta(milliseconds=50)
START, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC)


def block(hour: int, owner: str = "m-1") -> ReadingBlock:
    return ReadingBlock(Source.METER, owner, Channel.LOAD, 60, np.array([hour * 3_600_000_000]), np.ones(1), 0)


def known(conn: psycopg.Connection, at: datetime, owner: str = "m-1") -> int:
    channel = (Source.METER, owner, Channel.LOAD)
    rows = readings_known_by(conn, channel, start=START, end=END, known_by=at, limit=10_000)
    conn.commit()
    return len(rows)


def test_who_asks_waits_for_a_batch_that_was_stamped_before_and_for_no_other(database_url: str) -> None:
    with connect(database_url, application_name="w") as writer, connect(database_url, application_name="r") as reader:
        save_readings(writer, [block(0)], received_at=START)
        writer.commit()
        answers: list[int] = []
        with writer.transaction():
            at = stamp(writer)
            save_readings(writer, [block(1)], received_at=at)
            asking = threading.Thread(target=lambda: answers.append(known(reader, at)))
            asking.start()
            asking.join(0.2)
            assert asking.is_alive()
        asking.join(10)
        assert answers == [2]
        with writer.transaction():
            stamp(writer)
            wait_until_settled(reader, at - timedelta(seconds=1), patience=SOON)
            wait_until_settled(writer, server_clock(writer), patience=SOON)  # its own batch, which it sees


def test_who_has_waited_long_enough_is_told_to_come_back(database_url: str) -> None:
    with connect(database_url, application_name="w") as writer, connect(database_url, application_name="r") as reader:
        at = stamp(writer)
        with pytest.raises(DatabaseUnavailableError, match="is not settled"):
            wait_until_settled(reader, at, patience=SOON)
        writer.rollback()
        wait_until_settled(reader, at, patience=SOON)


def test_an_instant_in_the_future_waits_for_what_is_being_written_and_for_no_later_batch(database_url: str) -> None:
    done = threading.Event()

    def relay(conn: psycopg.Connection, other: psycopg.Connection) -> None:
        """Two writers in turn, each of whom begins before the other has ended: never is nobody writing."""
        while not done.is_set():
            time.sleep(0.6)
            stamp(other)
            conn.commit()
            conn, other = other, conn
        conn.commit()

    with (
        connect(database_url, application_name="w-1") as first,
        connect(database_url, application_name="w-2") as second,
        connect(database_url, application_name="r") as reader,
    ):
        at = stamp(first)
        with pytest.raises(DatabaseUnavailableError, match="is not settled"):
            wait_until_settled(reader, at + timedelta(days=1), patience=SOON)
        writing = threading.Thread(target=relay, args=(first, second))
        writing.start()
        try:
            wait_until_settled(reader, at + timedelta(days=1), patience=timedelta(seconds=3))
        finally:
            done.set()
            writing.join(10)


def test_answers_as_of_an_instant_are_the_same_ever_after_while_others_write(database_url: str) -> None:
    stop = threading.Event()

    def write(owner: str) -> None:
        with connect(database_url, application_name=owner) as conn:
            hour = 0
            while not stop.is_set():
                with conn.transaction():
                    save_readings(conn, [block(hour, owner)], received_at=stamp(conn))
                    time.sleep(0.02)
                hour += 1

    owners = ["m-1", "m-2"]
    with connect(database_url, application_name="r") as reader:
        for owner in owners:
            save_readings(reader, [block(-1, owner)], received_at=START)
        reader.commit()
        writers = [threading.Thread(target=write, args=(owner,)) for owner in owners]
        for thread in writers:
            thread.start()
        first: list[tuple[datetime, str, int]] = []
        while len(first) < 20 or first[-1][2] < 5:
            at, owner = server_clock(reader), owners[len(first) % 2]
            first.append((at, owner, known(reader, at, owner)))
        stop.set()
        for thread in writers:
            thread.join(10)
        assert [(at, owner, known(reader, at, owner)) for at, owner, _ in first] == first
