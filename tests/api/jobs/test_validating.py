"""``gridpilot validate``: what may be asked for, and what it says when that does not exist."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import psycopg
import pytest

from api.demo.server_process import free_port
from api.jobs.validating import mark_again, validate_stream
from api.reports import describe_validation
from api.settings import ValidateProcess
from grid.faults import InputError
from grid.readings import ReadingBlock, Source
from grid.site_file import EXAMPLE_SITE, read_site_file
from grid.store.database import connect
from grid.store.saving import save_readings
from grid.store.sites import save_site
from grid.time_axis import EPOCH
from grid.units import Channel

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def settings(database_url: str) -> ValidateProcess:
    """Ten days of the example's town, and a thermometer that fell silent two days before their end."""
    noise = np.random.default_rng(0).uniform(0.9, 1.1, 240)
    values = 1000.0 * noise * (1.5 + np.sin(np.arange(240) * np.pi / 12))
    starts = (START - EPOCH) // timedelta(microseconds=1) + np.arange(240, dtype=np.int64) * 3_600_000_000
    blocks = [
        ReadingBlock(Source.METER, "town", Channel.LOAD, 60, starts, values, 0),
        ReadingBlock(
            Source.WEATHER, "harbour-weather", Channel.AIR_TEMPERATURE, 60, starts[:192], values[:192] / 100, 0
        ),
    ]
    with connect(database_url, application_name="test") as conn:
        save_site(conn, read_site_file(EXAMPLE_SITE))
        save_readings(conn, blocks, received_at=START + 241 * HOUR)
    return ValidateProcess(database_url=database_url, clock="telemetry", gap_hours=12.0)


def ask(settings: ValidateProcess, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(settings.database_url) as conn:
        return conn.execute(query.encode()).fetchall()


def test_in_a_replay_what_is_overdue_goes_by_the_clock_of_the_data(settings: ValidateProcess) -> None:
    total = validate_stream(settings, until_caught_up=True, stop=threading.Event())
    gaps = ask(settings, "SELECT min(interval_start), max(interval_start) FROM verdict WHERE quality & 512 <> 0")
    assert gaps == [(START + 192 * HOUR, START + (240 - 12 - 1) * HOUR)]
    assert total.reasons["GAP"] == 36
    assert describe_validation(total).startswith("432 intervals judged in ")
    assert "gap 36" in describe_validation(total)


def test_one_series_and_a_span_of_it_are_judged_again(settings: ValidateProcess) -> None:
    validate_stream(settings, until_caught_up=True, stop=threading.Event())
    begin, until = "2026-03-03T01:00:00+01:00", "2026-03-04T00:00:00Z"
    assert mark_again(settings, ["town:load"], begin=begin, until=until) == 1
    due = ask(settings, "SELECT interval_from, interval_until FROM validation_due")
    assert due == [(START + 24 * HOUR, START + 48 * HOUR)]
    assert mark_again(settings, None, begin=None, until=None) == 2


def test_every_fault_of_what_is_asked_for_is_named(settings: ValidateProcess) -> None:
    with pytest.raises(InputError) as caught:
        mark_again(settings, ["nobody:load", "town"], begin="yesterday", until="2026-03-01T00:00:00")
    assert [fault.place for fault in caught.value.faults] == ["--from", "--until", "--series", "--series"]
    assert ask(settings, "SELECT count(*) FROM validation_due WHERE marked_at > now()") == [(0,)]


def test_prometheus_is_told_what_was_judged_and_what_waits(settings: ValidateProcess) -> None:
    port = free_port()
    served = settings.model_copy(update={"metrics_port": port})
    stop = threading.Event()
    thread = threading.Thread(target=lambda: validate_stream(served, until_caught_up=False, stop=stop))
    thread.start()
    try:
        told, deadline = "", time.monotonic() + 30.0
        while "gridpilot_validate_intervals_total 432.0" not in told:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            try:
                told = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5.0).text
            except httpx.TransportError:
                stop.wait(0.05)
    finally:
        stop.set()
        thread.join(20)
    assert 'gridpilot_validate_verdicts_total{bit="gap"} 36.0' in told
    assert 'gridpilot_validate_verdicts_total{bit="spike"} 0.0' in told
    assert "gridpilot_validate_connected 1.0" in told
    assert "gridpilot_validate_batch_seconds_count 1.0" in told
    assert "gridpilot_validate_oldest_due_seconds" in told
