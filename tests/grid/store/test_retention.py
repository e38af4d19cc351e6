"""Retention drops what an operator names, whole days of the site, and never a total."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from grid.readings import ReadingBlock, Source
from grid.store.database import connect
from grid.store.retention import drop_readings, newest_reading
from grid.store.rollups import roll_up_all
from grid.store.saving import save_readings
from grid.store.storage import storage_state
from grid.time_axis import EPOCH
from grid.units import Channel

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def save(conn: psycopg.Connection, start: datetime, kw: list[float], *, revision: int = 0) -> None:
    starts = (start - EPOCH) // timedelta(microseconds=1) + np.arange(len(kw), dtype=np.int64) * 900_000_000
    block = ReadingBlock(Source.METER, "m", Channel.LOAD, 15, starts, np.array(kw), revision)
    with conn.transaction():
        save_readings(conn, [block], received_at=START)
        conn.execute("DELETE FROM validation_due")  # as validation does


def totals(conn: psycopg.Connection) -> list[object]:
    rows = [
        conn.execute(f"SELECT interval_start, energy_kwh, readings FROM {view} ORDER BY 1".encode()).fetchall()
        for view in ("v_reading_hourly", "v_reading_daily")
    ]
    conn.commit()
    return rows


@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "Asia/Kolkata"])
def test_old_readings_go_their_totals_stay_and_stragglers_do_not_change_them(database_url: str, zone: str) -> None:
    with connect(database_url, application_name="test") as conn:
        conn.execute("SELECT set_rollup_zone(%s)", (zone,))
        conn.commit()
        save(conn, START, [1.0] * 96 * 90)
        save(conn, START, [2.0] * 4, revision=1)  # leaves history
        before = totals(conn)
        report = drop_readings(conn, before=START + 60 * DAY + timedelta(hours=12))
        assert START + 59 * DAY < report.before <= START + 60 * DAY + timedelta(hours=12)
        assert report.dropped >= 1
        left = conn.execute("SELECT min(interval_start), max(interval_start) FROM reading").fetchone()
        assert left == (report.before, START + 90 * DAY - timedelta(minutes=15))
        assert conn.execute("SELECT count(*) FROM reading_history").fetchone() == (0,)
        conn.commit()
        assert totals(conn) == before
        save(conn, START + 30 * DAY, [500.0] * 96)
        save(conn, report.before, [3.0] * 4)
        for _ in range(2):
            after = totals(conn)
            changed = [
                (old, new)
                for a, b in zip(before, after, strict=True)
                for old, new in zip(a, b, strict=True)
                if old != new
            ]
            assert [old[0] >= report.before for old, _ in changed] == [True] * len(changed)
            assert changed
            roll_up_all(conn)


def test_nothing_is_dropped_where_nothing_is_older(database_url: str) -> None:
    with connect(database_url, application_name="test") as conn:
        assert newest_reading(conn) is None
        conn.commit()
        save(conn, START, [1.0] * 1200)
        assert newest_reading(conn) == START + 1199 * timedelta(minutes=15)
        conn.commit()
        assert drop_readings(conn, before=START).dropped == 0
        assert conn.execute("SELECT count(*) FROM reading").fetchone() == (1200,)
        state = storage_state(conn)
        assert state.partitions >= 1
        assert state.bytes > 1_000_000
        assert state.due == 0
