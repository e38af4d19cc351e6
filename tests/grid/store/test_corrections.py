"""What was corrected since an instant is undone as an answer as of that instant would have it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from grid.readings import Layer, Quality, ReadingBlock, Source
from grid.store.corrections import load_corrections
from grid.store.database import connect
from grid.store.reading_versions import load_channels_known_by
from grid.store.readings import load_channels
from grid.store.saving import save_readings
from grid.store.series import ChannelId, find_channel_keys
from grid.store.verdicts import VerdictChanges, write_changes
from grid.time_axis import FloatArray, TimeAxis, to_us
from grid.units import Channel
from grid.validation.nouns import Verdicts

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
AXIS = TimeAxis(START, HOUR, 6)
CHANNELS: list[ChannelId] = [(Source.METER, "a", Channel.LOAD), (Source.METER, "b", Channel.LOAD)]


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        yield connection


def save(
    conn: psycopg.Connection, values: FloatArray, *, owner: str, first: int, at: datetime, revision: int = 0
) -> None:
    """Quarter hours from the number ``first`` on."""
    starts = to_us(START) + (first + np.arange(len(values), dtype=np.int64)) * 900_000_000
    block = ReadingBlock(Source.METER, owner, Channel.LOAD, 15, starts, values, revision)
    save_readings(conn, [block], received_at=at)


def judge(
    conn: psycopg.Connection, owner: str, quarter: int, value: float | None, *, at: datetime, replaces: bool
) -> None:
    """A verdict on a quarter hour, or its withdrawal if the value is None."""
    (key,) = find_channel_keys(conn, [(Source.METER, owner, Channel.LOAD)])
    assert key is not None
    start = np.array([to_us(START) + quarter * 900_000_000])
    none = np.empty(0, dtype=np.int64)
    values = np.array([] if value is None else [value])
    added = Verdicts(start[: len(values)], values, np.full(len(values), int(Quality.EDITED)))
    write_changes(conn, {(key, 15): VerdictChanges(start if replaces else none, added)}, judged_at=at)


def as_of(conn: psycopg.Connection, instant: datetime, *, first: datetime, last: datetime) -> FloatArray:
    """What stands now, with the corrections undone."""
    values = load_channels(conn, CHANNELS, AXIS, layer=Layer.VALIDATED)
    for channel, (at, then) in (
        load_corrections(conn, CHANNELS, AXIS, first=first, last=last).undone_at(instant).items()
    ):
        values[CHANNELS.index(channel), at] = then
    return values


def test_what_is_undone_is_what_an_answer_as_of_that_instant_says(conn: psycopg.Connection) -> None:
    draw, heard = np.random.default_rng(3), START + 7 * HOUR
    for owner in ("a", "b"):
        save(conn, draw.uniform(1.0, 9.0, 24), owner=owner, first=0, at=heard)
    judged: set[tuple[str, int]] = set()
    instants = [heard + timedelta(minutes=1)]
    for turn in range(40):
        owner, quarter, at = str(draw.choice(["a", "b"])), int(draw.integers(24)), heard + (turn + 1) * HOUR
        if draw.random() < 0.5:
            value = np.array([np.nan if draw.random() < 0.3 else draw.uniform(1.0, 9.0)])
            save(conn, value, owner=owner, first=quarter, at=at, revision=int(draw.integers(3)))
        else:
            known = (owner, quarter) in judged
            value_or_none = None if known and draw.random() < 0.5 else float(draw.choice([np.nan, 5.0, 6.0]))
            judge(conn, owner, quarter, value_or_none, at=at, replaces=known)
            (judged.discard if value_or_none is None else judged.add)((owner, quarter))
        instants.append(at + timedelta(minutes=1))
    conn.commit()
    asked = [load_channels_known_by(conn, CHANNELS, AXIS, known_by=one, layer=Layer.VALIDATED) for one in instants]
    assert len({values.tobytes() for values in asked}) > 20, "the turns must differ, or nothing was asked"
    for instant, expected in zip(instants, asked, strict=True):
        np.testing.assert_allclose(as_of(conn, instant, first=instants[0], last=instants[-1]), expected)
        np.testing.assert_allclose(as_of(conn, instant, first=instant, last=instant), expected)


def test_of_what_was_first_heard_of_later_todays_value_stands(conn: psycopg.Connection) -> None:
    late = START + 100 * HOUR
    save(conn, np.full(24, 2.0), owner="a", first=0, at=late)
    save(conn, np.full(4, 3.0), owner="a", first=0, at=late + HOUR, revision=1)
    judge(conn, "a", 8, 7.0, at=late + 2 * HOUR, replaces=False)
    conn.commit()
    known = as_of(conn, START + 50 * HOUR, first=START, last=late + 9 * HOUR)
    np.testing.assert_array_equal(known, load_channels(conn, CHANNELS, AXIS, layer=Layer.VALIDATED))
    assert as_of(conn, late, first=START, last=late)[0, 0] == 2.0


def test_a_replay_that_was_loaded_long_after_it_was_measured_has_nothing_to_undo(conn: psycopg.Connection) -> None:
    late = START + 100 * HOUR
    save(conn, np.full(24, 2.0), owner="a", first=0, at=late)
    save(conn, np.full(4, 3.0), owner="a", first=0, at=late + HOUR, revision=1)
    conn.commit()
    assert not load_corrections(conn, CHANNELS, AXIS, first=START, last=START + 50 * HOUR).versions
