"""The site's clock: each step is served once, a missed one is not queued."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import islice

import psycopg
import pytest

from api.jobs import clock
from api.jobs.clock import present, ticks
from grid.faults import InputError
from grid.site_file import EXAMPLE_SITE, read_site_file

HOUR = timedelta(hours=1)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2008, 6, 16, hour, minute, tzinfo=UTC)


def test_each_step_is_served_once_and_missed_ones_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "POLL_SECONDS", 0.0)
    readings = iter([at(10, 5), at(10, 40), at(11), at(14, 59), at(14, 59), at(15, 1)])
    served = list(islice(ticks(lambda: next(readings), every=HOUR, stop=threading.Event()), 4))
    assert served == [at(10), at(11), at(14), at(15)]


def test_a_step_that_was_served_before_a_restart_is_not_served_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "POLL_SECONDS", 0.0)
    readings = iter([at(10, 30), at(11, 2)])
    assert next(ticks(lambda: next(readings), every=HOUR, stop=threading.Event(), last=at(10))) == at(11)


def test_a_set_stop_ends_the_clock() -> None:
    stop = threading.Event()
    stop.set()
    assert list(ticks(lambda: at(10), every=HOUR, stop=stop)) == []


def test_the_telemetry_clock_without_telemetry_says_what_to_do(database_url: str) -> None:
    site = read_site_file(EXAMPLE_SITE)
    with psycopg.connect(database_url) as conn, pytest.raises(InputError, match="gridpilot ingest"):
        present(conn, site, "telemetry")


def test_the_wall_clock_needs_no_telemetry(database_url: str) -> None:
    site = read_site_file(EXAMPLE_SITE)
    with psycopg.connect(database_url) as conn:
        before = datetime.now(UTC)
        assert before <= present(conn, site, "wall") <= datetime.now(UTC)
