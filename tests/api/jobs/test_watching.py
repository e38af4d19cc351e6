"""Issued forecasts are held against the promise of their model; drift is told everywhere and trains a challenger."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import psycopg
import pytest

from api.jobs.retraining import COOL_DOWN, watch_once
from api.jobs.watching import watch_champions
from api.settings import TrainProcess
from grid.forecasts import DEFAULT_LEVELS, Forecast, KnownInputs, Voice
from grid.readings import ReadingBlock, Source
from grid.site import BusLoad, Meter
from grid.site_file import EXAMPLE_SITE, read_site_file
from grid.store.database import connect
from grid.store.events import events_after
from grid.store.forecasts import save_forecasts
from grid.store.models import promote, save_model
from grid.store.saving import save_readings
from grid.store.scores import load_drifts, load_scores
from grid.store.sites import save_site
from grid.time_axis import TimeAxis
from grid.units import Channel

Command = Callable[..., tuple[int, str]]
HOUR = timedelta(hours=1)
FIRST = datetime(2026, 2, 20, 5, tzinfo=UTC)  # midnight in New York
PRESENT = FIRST + timedelta(days=9, hours=3)
EXAMPLE = read_site_file(EXAMPLE_SITE)
SITE = replace(
    EXAMPLE,
    timezone="America/New_York",
    meters=(*EXAMPLE.meters, Meter("a", "load", "load", 60), Meter("b", "load", "load", 60)),
    loads=(BusLoad(EXAMPLE.loads[0].bus_id, "a:load", 0.001),),
)
LOSS = 0.005
PROMISE = {"mean_kw": 100.0, "days": 21, "loss": LOSS, "loss_spread": 0.1 * LOSS, "missed": 0.1, "missed_spread": 0.05}


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    """A load champion with a promise, ten days of two meters at 100 kW, and no forecast yet."""
    with connect(database_url, application_name="test") as connection:
        save_site(connection, SITE)
        manifest = {"promise": {"*": {**PROMISE, "mean_kw": 1.0}, "a:load": PROMISE, "b:load": PROMISE}}
        save_model(connection, model_id="load-1", kind="load", manifest=manifest, weights=b"")
        promote(connection, "load-1")
        starts = int(FIRST.timestamp()) * 1_000_000 + 3_600_000_000 * np.arange(24 * 10, dtype=np.int64)
        blocks = [
            ReadingBlock(Source.METER, name, Channel.LOAD, 60, starts, np.full(len(starts), 100.0), 0)
            for name in ("a", "b")
        ]
        save_readings(connection, blocks, received_at=PRESENT)
        connection.commit()
        connection.autocommit = True
        yield connection


def speak(conn: psycopg.Connection, series_id: str, *, off_kw: Callable[[datetime], float], level: int = 0) -> None:
    """An issue an hour, each of 48 hours, off by so much at the start of each interval, within a band of 1 kW."""
    made = []
    for hour in range(24 * 9):
        axis = TimeAxis(FIRST + hour * HOUR, HOUR, 48)
        middle = np.array([100.0 + off_kw(start) for start in axis.interval_starts])
        quantiles = middle[:, None] + np.linspace(-0.5, 0.5, len(DEFAULT_LEVELS))
        voices = (Voice("lstm-attention", "load-1" if level == 0 else "seasonal-naive", level),) * 48
        inputs = KnownInputs(axis.start, None, 1.0)
        made.append(
            Forecast(
                series_id,
                axis,
                axis.start,
                DEFAULT_LEVELS,
                quantiles,
                voices[0].model_id,
                voices[0].method,
                spoken_by=voices,
                inputs=inputs,
            )
        )
    save_forecasts(conn, made, role="primary")


def true(start: datetime) -> float:
    return 0.0


def far(start: datetime) -> float:
    return 40.0


def test_a_champion_that_keeps_its_promise_is_left_alone(conn: psycopg.Connection) -> None:
    speak(conn, "a:load", off_kw=true)
    speak(conn, "b:load", off_kw=true)
    assert watch_champions(conn, SITE, present=PRESENT) == {}
    drift = load_drifts(conn)["load"]
    assert (drift.model_id, drift.checked_at, drift.declared) == ("load-1", PRESENT, False)
    assert drift.document["*"]["days"] == 7
    assert drift.document["*"]["missed"] == 0.0
    assert [event.kind for event in events_after(conn, event_id=0) if event.kind == "alarm"] == []


def test_scores_are_of_local_days_and_worked_by_hand(conn: psycopg.Connection) -> None:
    def half_wrong(start: datetime) -> float:
        return 10.0 if start < FIRST + timedelta(days=5) else 0.0

    speak(conn, "a:load", off_kw=half_wrong)
    watch_champions(conn, SITE, present=PRESENT)
    scores = load_scores(conn, "load-1", since=date(2026, 1, 1))
    assert [score.day for score in scores] == [date(2026, 2, 22) + timedelta(days=k) for k in range(7)]
    wrong, right = scores[2], scores[3]  # the last day that was off, and the first that was not
    quantiles = 110.0 + np.linspace(-0.5, 0.5, len(DEFAULT_LEVELS))
    expected = np.mean((1.0 - np.array(DEFAULT_LEVELS)) * (quantiles - 100.0))
    assert wrong.pinball_kw == pytest.approx(expected)
    assert (wrong.missed, right.missed) == (1.0, 0.0)
    assert right.pinball_kw < 0.1
    # An issue in seven hours reaches over a day from two days before: each hour is told six or seven times.
    assert 24 * 6 <= right.intervals <= 24 * 7


def test_drift_is_declared_alarmed_once_and_shown(
    conn: psycopg.Connection, database_url: str, command: Command
) -> None:
    speak(conn, "a:load", off_kw=far)
    speak(conn, "b:load", off_kw=true)
    drifted = watch_champions(conn, SITE, present=PRESENT)
    assert list(drifted) == ["load"]
    assert drifted["load"].startswith("The loss of the last 7 scored days is ")
    watch_champions(conn, SITE, present=PRESENT + HOUR)
    alarms = [event.payload for event in events_after(conn, event_id=0) if event.kind == "alarm"]
    assert len(alarms) == 1
    assert alarms[0]["model_id"] == "load-1"
    document = load_drifts(conn)["load"].document
    assert {name: one["declared"] for name, one in document.items()} == {"*": True, "a:load": True, "b:load": False}

    status, said = command(database_url, "models", "drift", "--json")
    assert status == 0
    told = json.loads(said)["load"]
    assert (told["model_id"], told["declared"]) == ("load-1", True)
    status, said = command(database_url, "models", "list", "--json")
    assert json.loads(said)[0]["drift"]["declared"] is True
    assert command(database_url, "models", "drift")[0] == command(database_url, "models", "list")[0] == 0


def test_stand_ins_do_not_count_against_the_champion(conn: psycopg.Connection) -> None:
    speak(conn, "a:load", off_kw=far, level=3)
    assert watch_champions(conn, SITE, present=PRESENT) == {}
    assert load_drifts(conn)["load"].document["*"]["reason"] == "Too early to tell: 0 of the last 7 days are scored."


def test_readings_that_come_late_change_the_score(conn: psycopg.Connection) -> None:
    speak(conn, "a:load", off_kw=true)
    watch_champions(conn, SITE, present=PRESENT)
    yesterday = int((PRESENT - timedelta(hours=10)).timestamp()) * 1_000_000
    late = ReadingBlock(Source.METER, "a", Channel.LOAD, 60, np.array([yesterday]), np.array([500.0]), 1)
    with conn.transaction():
        assert save_readings(conn, [late], received_at=PRESENT + HOUR).replaced == 1
    before = load_scores(conn, "load-1", since=date(2026, 1, 1))[-1]
    watch_champions(conn, SITE, present=PRESENT + HOUR)
    after = load_scores(conn, "load-1", since=date(2026, 1, 1))[-1]
    assert (after.day, after.intervals) == (before.day, before.intervals)
    assert after.pinball_kw > before.pinball_kw + 1.0


def test_the_load_of_a_site_that_has_none_any_more_is_not_scored_against_nothing(conn: psycopg.Connection) -> None:
    speak(conn, "site:load", off_kw=true)
    watch_champions(conn, replace(SITE, loads=()), present=PRESENT)
    assert load_scores(conn, "load-1", since=date(2026, 1, 1)) == []


def test_what_drifted_is_trained_at_once_unless_it_was_trained_within_a_day(
    conn: psycopg.Connection, database_url: str
) -> None:
    speak(conn, "a:load", off_kw=far)
    speak(conn, "b:load", off_kw=far)
    settings = TrainProcess(database_url=database_url, clock="telemetry")
    created = conn.execute("SELECT created_at FROM model").fetchone()
    assert created is not None
    assert watch_once(settings, now=created[0] + COOL_DOWN - HOUR) == []
    assert watch_once(settings, now=created[0] + COOL_DOWN + HOUR) == ["load"]


def test_a_champion_without_a_promise_is_not_watched(conn: psycopg.Connection) -> None:
    conn.execute("UPDATE model SET manifest = '{}'")
    assert watch_champions(conn, SITE, present=PRESENT) == {}
    assert load_drifts(conn) == {}
