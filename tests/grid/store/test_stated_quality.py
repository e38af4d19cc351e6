"""What a sender says of its values is stored with them, and is reason enough to store the same value again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import psycopg
import pytest

from grid.readings import NOTHING_STATED, Quality, ReadingBlock, Source
from grid.store.database import connect
from grid.store.saving import SaveReport, save_readings
from grid.units import Channel

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MEASURED = ReadingBlock(
    Source.METER, "m", Channel.LOAD, 60, np.arange(2) * 3_600_000_000, np.array([1.0, np.nan]), revision=0
)
ESTIMATED = replace(MEASURED, quality=Quality.ESTIMATED_LINEARLY | Quality.EDITED)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        yield connection


def save(conn: psycopg.Connection, *blocks: ReadingBlock) -> SaveReport:
    with conn.transaction():
        return save_readings(conn, blocks, received_at=NOW)


def stored(conn: psycopg.Connection, table: str = "reading") -> list[Quality]:
    with conn.transaction():
        rows = conn.execute(f"SELECT quality FROM {table} ORDER BY interval_start".encode()).fetchall()
    return [Quality(row[0]) for row in rows]


def test_it_stands_beside_each_value(conn: psycopg.Connection) -> None:
    save(conn, ESTIMATED)
    assert stored(conn) == [ESTIMATED.quality, ESTIMATED.quality | Quality.MISSING]


@pytest.mark.parametrize(("first", "second"), [(ESTIMATED, MEASURED), (MEASURED, ESTIMATED)])
@pytest.mark.parametrize("at_once", [True, False])
def test_the_later_word_on_the_same_value_holds_and_the_earlier_is_in_history(
    conn: psycopg.Connection, first: ReadingBlock, second: ReadingBlock, at_once: bool
) -> None:
    if at_once:
        assert save(conn, first, second) == SaveReport(added=2, late=2)
    else:
        assert save(conn, first) == SaveReport(added=2)
        assert save(conn, second) == SaveReport(replaced=2)
    assert [quality & ~Quality.MISSING for quality in stored(conn)] == [second.quality] * 2
    assert [quality & ~Quality.MISSING for quality in stored(conn, "reading_history")] == [first.quality] * 2


def test_the_same_word_again_changes_nothing(conn: psycopg.Connection) -> None:
    save(conn, ESTIMATED)
    assert save(conn, ESTIMATED, ESTIMATED) == SaveReport(duplicates=4)
    assert save(conn, replace(MEASURED, quality=NOTHING_STATED)) == SaveReport(replaced=2)
