"""Retention drops what an operator names, whole days of the site, and never a total."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from grid.faults import InputError
from grid.readings import ReadingBlock, Source
from grid.store import retention
from grid.store.database import connect
from grid.store.retention import LEAST_AGE, drop_readings, judged_from, newest_reading, plan_retention
from grid.store.rollups import roll_up_all, set_rollup_zone
from grid.store.saving import save_readings
from grid.store.storage import storage_state
from grid.store.validation_due import fold_done
from grid.time_axis import EPOCH
from grid.units import Channel

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def save(conn: psycopg.Connection, start: datetime, kw: list[float], *, revision: int = 0, judged: bool = True) -> None:
    starts = (start - EPOCH) // timedelta(microseconds=1) + np.arange(len(kw), dtype=np.int64) * 900_000_000
    block = ReadingBlock(Source.METER, "m", Channel.LOAD, 15, starts, np.array(kw), revision)
    with conn.transaction():
        save_readings(conn, [block], received_at=start + len(kw) * timedelta(minutes=15))
        if judged:
            conn.execute("DELETE FROM validation_due")  # as validation does


def count(conn: psycopg.Connection, what: str) -> int:
    row = conn.execute(f"SELECT count(*) FROM {what}".encode()).fetchone()
    conn.commit()
    assert row is not None
    return int(row[0])


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
        save(conn, START, [1.0] * 96 * 150)
        save(conn, START, [2.0] * 4, revision=1)  # leaves history
        before = totals(conn)
        report = drop_readings(conn, before=START + 60 * DAY + timedelta(hours=12))
        assert START + 59 * DAY < report.before <= START + 60 * DAY + timedelta(hours=12)
        assert report.dropped >= 1
        left = conn.execute("SELECT min(interval_start), max(interval_start) FROM reading").fetchone()
        assert left == (report.before, START + 150 * DAY - timedelta(minutes=15))
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
        assert drop_readings(conn, before=START - LEAST_AGE).dropped == 0
        assert conn.execute("SELECT count(*) FROM reading").fetchone() == (1200,)
        state = storage_state(conn)
        assert state.partitions >= 1
        assert state.bytes > 1_000_000
        assert state.due == 0


def test_a_stamp_in_the_future_is_not_the_newest_reading(database_url: str) -> None:
    with connect(database_url, application_name="test") as conn:
        save(conn, START, [1.0] * 96 * 80)
        starts = np.array([(datetime(2099, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)])
        wrong = ReadingBlock(Source.METER, "m", Channel.LOAD, 15, starts, np.ones(1), 0)
        save_readings(conn, [wrong], received_at=START + 80 * DAY)
        conn.execute("DELETE FROM validation_due")
        assert newest_reading(conn) == START + 80 * DAY - timedelta(minutes=15)
        conn.commit()
        with pytest.raises(InputError, match="74 days"):
            drop_readings(conn, before=START + 40 * DAY)
        assert count(conn, "reading") == 96 * 80 + 1
        plan = plan_retention(conn, before=START + 5 * DAY)
        assert (plan.before, plan.readings, plan.kept) == (START + 5 * DAY, 5 * 96, 75 * 96 + 1)


def test_nothing_is_dropped_while_marks_that_bear_upon_it_wait_for_validation(database_url: str) -> None:
    with connect(database_url, application_name="test") as conn:
        save(conn, START, [1.0] * 96 * 100, judged=False)
        before = totals(conn)
        with pytest.raises(InputError, match="gridpilot validate"):
            drop_readings(conn, before=START + 20 * DAY)
        assert count(conn, "reading") == 96 * 100
        assert judged_from(conn) is None
        conn.execute("DELETE FROM validation_due")
        conn.commit()
        save(conn, START + 20 * DAY + LEAST_AGE, [1.0], judged=False)  # far enough behind
        assert drop_readings(conn, before=START + 20 * DAY).before == START + 20 * DAY
        assert totals(conn) == before


def test_retention_waits_for_whoever_is_rolling_up(database_url: str) -> None:
    with (
        connect(database_url, application_name="test") as conn,
        connect(database_url, application_name="busy") as busy,
        connect(database_url, application_name="watch") as watch,
    ):
        save(conn, START, [1.0] * 96 * 100)
        before = totals(conn)
        busy.execute("SELECT pg_advisory_lock(hashtext('gridpilot roll-up'))")
        watch.autocommit = True
        dropping = threading.Thread(target=lambda: drop_readings(conn, before=START + 20 * DAY))
        dropping.start()
        while not count(watch, "pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert dropping.is_alive()
        assert count(watch, "reading") == 96 * 100
        busy.execute("SELECT pg_advisory_unlock(hashtext('gridpilot roll-up'))")
        dropping.join(timeout=30)
        assert count(watch, "reading") == 96 * 80
        assert totals(conn) == before


def test_rows_are_deleted_while_others_read_and_write_readings(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[str] = []
    with connect(database_url, application_name="test") as conn, connect(database_url, application_name="w") as watch:
        watch.autocommit = True
        save(conn, START, [1.0] * 96 * 150)
        delete = retention._delete_rows

        def watched(conn: psycopg.Connection, table: str, condition: str, day: datetime) -> int:
            deleted = delete(conn, table, condition, day)
            locks = watch.execute("SELECT mode FROM pg_locks WHERE relation = 'reading'::regclass").fetchall()
            held.extend(mode for (mode,) in locks)
            assert judged_from(watch) is not None, "the horizon comes first"
            return deleted

        monkeypatch.setattr(retention, "_delete_rows", watched)
        assert drop_readings(conn, before=START + 75 * DAY).dropped >= 1
        assert "AccessExclusiveLock" not in held


def test_who_holds_readings_for_long_is_not_waited_for_in_a_queue(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_LOCK_TRIES", 2)
    monkeypatch.setattr(retention, "_LOCK_PAUSE_SECONDS", 0.0)
    with connect(database_url, application_name="test") as conn, connect(database_url, application_name="r") as reader:
        save(conn, START, [1.0] * 96 * 150)
        before = totals(conn)
        reader.execute("SELECT count(*) FROM reading")
        with pytest.raises(InputError, match="could not be locked"):
            drop_readings(conn, before=START + 75 * DAY)
        reader.commit()
        assert totals(conn) == before, "the horizon stands already"
        assert drop_readings(conn, before=START + 75 * DAY).dropped >= 1
        assert count(conn, "reading") == 96 * 75
        assert totals(conn) == before


def test_totals_of_dropped_days_are_not_given_up_for_another_zone(database_url: str) -> None:
    with connect(database_url, application_name="test") as conn:
        set_rollup_zone(conn, "Europe/Amsterdam")
        conn.commit()
        save(conn, START, [1.0] * 96 * 100)
        drop_readings(conn, before=START + 20 * DAY)
        before = totals(conn)
        with pytest.raises(InputError, match="days of Europe/Amsterdam, and readings before 2026-01-20"):
            set_rollup_zone(conn, "Asia/Kolkata")
        set_rollup_zone(conn, "Europe/Amsterdam")
        conn.commit()
        assert totals(conn) == before


def test_forecasts_of_others_are_kept_with_their_history_and_what_was_judged_goes(database_url: str) -> None:
    with connect(database_url, application_name="test") as conn:
        save(conn, START, [1.0] * 96 * 100)
        save(conn, START, [2.0] * 4, revision=1)
        hours = (START - EPOCH) // timedelta(microseconds=1) + np.arange(24, dtype=np.int64) * 3_600_000_000
        for revision in (0, 1):
            issue = ReadingBlock(
                Source.WEATHER, "w", Channel.AIR_TEMPERATURE, 60, hours, np.arange(24.0) + revision, revision, START
            )
            save_readings(conn, [issue], received_at=START + revision * timedelta(hours=1))
        conn.execute("DELETE FROM validation_due")
        conn.execute(
            "INSERT INTO validation_done SELECT 1, at, at + interval '2 days', at, at"
            " FROM unnest(%s::timestamptz[]) AS at",
            ([START + days * DAY for days in (0, 18, 19)],),
        )
        fold_done(conn, judged_before=START + 19 * DAY)  # the first two
        conn.commit()
        drop_readings(conn, before=START + 20 * DAY)
        assert count(conn, "validation_done_folded") == 0
        assert (count(conn, "weather_forecast"), count(conn, "reading_history WHERE issued_at IS NOT NULL")) == (24, 24)
        assert count(conn, "reading_history WHERE issued_at IS NULL") == 0
        assert conn.execute("SELECT interval_from FROM validation_done").fetchall() == [(START + 19 * DAY,)]
