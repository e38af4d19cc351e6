"""Validators as processes: several at once, killed, stopped, cut off; and silent channels."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg

from grid.basis import SiteBasis, site_basis
from grid.readings import Quality
from grid.site_file import EXAMPLE_SITE, read_site_file
from grid.store.database import connect
from ingest.judging import JudgedBatch, judge_batch
from ingest.validator import run_validator

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
EXAMPLE = read_site_file(EXAMPLE_SITE)
nan = float("nan")


def fill(meters: Any, *, channels: int) -> None:
    for i in range(channels):
        values = meters.course(30)
        values[100 + i] = nan
        values[400 + i] = 900.0
        meters.save(values, owner=f"m-{i}")


def test_a_channel_that_falls_silent_has_gaps_once_they_are_overdue_and_each_is_marked_once(meters: Any) -> None:
    meters.save(meters.course(20))
    end = START + timedelta(days=20)
    meters.validate(present=end + HOUR)
    assert meters.verdicts() == {}
    meters.validate(present=end + 6 * HOUR)
    found = meters.verdicts()
    assert sorted(found) == [end + i * HOUR for i in range(5)]
    assert all(quality & Quality.GAP for _, quality in found.values())
    assert meters.validate(present=end + 6 * HOUR) == JudgedBatch()
    meters.validate(present=end + timedelta(days=60))
    assert len(meters.verdicts()) == 8 * 24, "after eight days nobody waits for it"
    assert meters.validate(present=end + timedelta(days=61)) == JudgedBatch()
    meters.save(meters.course(21)[-24:], start=end)
    meters.validate(present=end + timedelta(days=1))
    assert meters.verdicts() == {}


def test_two_validators_at_once_double_nothing(meters: Any) -> None:
    fill(meters, channels=40)
    totals: list[JudgedBatch] = []
    threads = [threading.Thread(target=lambda: totals.append(meters.validate())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(total.intervals for total in totals) == 40 * 720
    assert sum(total.written for total in totals) == meters.count("verdict") >= 80
    assert meters.count("validation_due") == 0
    assert meters.count("validation_done") == 40


def test_a_channel_that_another_validator_has_in_hand_is_left_to_it(meters: Any) -> None:
    fill(meters, channels=2)
    taken, release = threading.Event(), threading.Event()

    def hold(_: psycopg.Connection) -> SiteBasis:
        taken.set()
        assert release.wait(10)
        return site_basis(None)

    def first() -> None:
        with connect(meters.url, application_name="first") as other:
            other.autocommit = True
            judge_batch(other, hold, awaited_until=None)

    thread = threading.Thread(target=first)
    thread.start()
    assert taken.wait(10)
    meters.save(meters.course(30), owner="m-3")
    batch = judge_batch(meters.conn, lambda _: site_basis(None), awaited_until=None)
    assert (batch.channels, meters.count("validation_due")) == (1, 2)
    release.set()
    thread.join(10)
    assert meters.count("validation_due") == 0


def test_kill_nine_in_the_middle_loses_nothing(meters: Any) -> None:
    fill(meters, channels=30)
    script = (
        "import sys, time\n"
        "import ingest.judging as judging\n"
        "from ingest.validator import run_validator\n"
        "write = judging.write_changes\n"
        "def slow(*arguments, **options):\n"
        "    write(*arguments, **options)\n"
        "    print('written', flush=True)\n"
        "    time.sleep(60)\n"
        "judging.write_changes = slow\n"
        "run_validator(database_url=sys.argv[1], until_caught_up=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, meters.url], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    wait_until_gone(meters)
    assert (meters.count("verdict"), meters.count("validation_done")) == (0, 0)
    assert meters.count("validation_due") == 30
    total = meters.validate()
    assert total.intervals == 30 * 720
    assert meters.count("verdict") == total.written >= 60


def wait_until_gone(meters: Any) -> None:
    """The server notices a killed client, and rolls back, a moment later."""
    deadline = time.monotonic() + 15.0
    while meters.conn.execute(
        "SELECT FROM pg_stat_activity WHERE application_name = 'gridpilot-validate' AND datname = current_database()"
    ).rowcount:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_sigterm_lets_the_batch_in_hand_finish(meters: Any) -> None:
    fill(meters, channels=3)
    environment = {**os.environ, "GRIDPILOT_DATABASE_URL": meters.url}
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "validate"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30.0
    while meters.count("validation_due"):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    said, log = process.communicate(timeout=15)
    assert process.returncode == 0, log
    assert said.startswith("2,160 intervals judged")
    assert "3 channels, 2160 intervals" in log


def test_a_lost_connection_is_waited_for(meters: Any) -> None:
    meters.save(meters.course(5))
    stop, batches = threading.Event(), threading.Semaphore(0)
    total: list[JudgedBatch] = []
    thread = threading.Thread(
        target=lambda: total.append(
            run_validator(database_url=meters.url, stop=stop, on_progress=lambda _: batches.release())
        )
    )
    thread.start()
    try:
        assert batches.acquire(timeout=20)
        meters.conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'gridpilot-validate' AND datname = current_database()"
        )
        meters.save(meters.course(5), owner="later")
        assert batches.acquire(timeout=20)
    finally:
        stop.set()
        thread.join(20)
    assert total[0].channels == 2


def test_a_stamp_in_the_future_does_not_end_the_watch_over_its_channel(meters: Any) -> None:
    meters.save(meters.course(20))
    end = START + timedelta(days=20)
    meters.save(np.array([nan]), start=end + timedelta(days=3), at=end)
    meters.validate(present=end)
    assert list(meters.verdicts()) == [end + timedelta(days=3)]
    meters.validate(present=end + 6 * HOUR)
    assert [start for start in meters.verdicts() if start < end + 6 * HOUR] == [end + i * HOUR for i in range(5)]
