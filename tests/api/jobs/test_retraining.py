"""When the nightly training is due, clock changes included, and what of it is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from api.jobs import retraining
from api.jobs.retraining import next_occurrence, parse_hour, retrain_daily, train_once
from api.settings import TrainProcess
from forecasting.site.service import ForecastService
from grid.faults import InputError
from grid.site_file import EXAMPLE_SITE, read_site_file
from grid.store.models import find_champion, promote, save_model
from grid.store.sites import save_site

NEW_YORK = "America/New_York"


def test_the_next_night_is_today_if_the_hour_is_still_to_come() -> None:
    assert next_occurrence(datetime(2026, 1, 5, 5, tzinfo=UTC), time(2, 30), NEW_YORK) == datetime(
        2026, 1, 5, 7, 30, tzinfo=UTC
    )


def test_an_hour_that_has_just_struck_is_due_tomorrow() -> None:
    assert next_occurrence(datetime(2026, 1, 5, 7, 30, tzinfo=UTC), time(2, 30), NEW_YORK) == datetime(
        2026, 1, 6, 7, 30, tzinfo=UTC
    )


def test_the_hour_that_the_clock_change_leaves_out_is_the_one_after_it() -> None:
    # On 2026-03-08 clocks in New York go from 02:00 to 03:00: 02:30 is taken as 03:30 daylight time.
    assert next_occurrence(datetime(2026, 3, 8, 5, tzinfo=UTC), time(2, 30), NEW_YORK) == datetime(
        2026, 3, 8, 7, 30, tzinfo=UTC
    )


@pytest.mark.parametrize("text", ["2", "25:00", "two", "02:30:10", ""])
def test_an_hour_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(InputError, match="--daily-at"):
        parse_hour(text)


SITE = read_site_file(EXAMPLE_SITE)


@pytest.fixture
def settings(database_url: str) -> TrainProcess:
    with psycopg.connect(database_url) as conn:
        save_site(conn, replace(SITE, timezone=NEW_YORK))
    return TrainProcess(database_url=database_url)


def test_what_was_promoted_stays_if_a_later_kind_fails_and_training_holds_no_transaction(
    settings: TrainProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []

    def train(_self: ForecastService, conn: psycopg.Connection, _site: Any, **_options: Any) -> None:
        save_model(conn, model_id="fresh", kind="load", manifest={}, weights=b"")
        promote(conn, "fresh")
        held.append(conn.info.transaction_status)
        raise RuntimeError("solar broke")

    monkeypatch.setattr(ForecastService, "train", train)
    with pytest.raises(RuntimeError):
        train_once(settings)
    assert held == [psycopg.pq.TransactionStatus.IDLE]
    with psycopg.connect(settings.database_url) as conn:
        champion = find_champion(conn, "load")
    assert champion is not None
    assert champion.model_id == "fresh"


def nights(
    settings: TrainProcess,
    monkeypatch: pytest.MonkeyPatch,
    clock: Iterator[datetime],
    drifted: Callable[[datetime], list[str]] = lambda now: [],
) -> list[tuple[datetime, list[str]]]:
    """Instants and kinds of the trainings while the wall clock shows the instants of ``clock``, one a look."""
    trained: list[tuple[datetime, list[str]]] = []
    stop = threading.Event()
    shown = [datetime(2026, 1, 5, tzinfo=UTC)]

    def now() -> datetime:
        try:
            shown[0] = next(clock)
        except StopIteration:
            stop.set()
        return shown[0]

    def train(_settings: TrainProcess, *, kinds: Sequence[str], **_options: Any) -> list[Any]:
        trained.append((shown[0], list(kinds)))
        if len(trained) == 1:
            raise RuntimeError("the first night fails")
        return []

    monkeypatch.setattr(retraining, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(retraining, "train_once", train)
    monkeypatch.setattr(retraining, "watch_once", lambda _settings, *, now: drifted(now))
    retrain_daily(settings, at="02:30", stop=stop, now=now)
    return trained


def test_it_trains_once_a_night_and_goes_on_after_one_that_failed(
    settings: TrainProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = datetime(2026, 1, 5, 6, 50, tzinfo=UTC)  # 01:50 in New York
    trained = nights(settings, monkeypatch, (start + timedelta(minutes=30 * i) for i in range(84)))
    assert [(instant.date().day, kinds) for instant, kinds in trained] == [
        (5, ["load", "solar"]),
        (6, ["load", "solar"]),
    ]
    for instant, _ in trained:
        assert timedelta(0) <= instant - instant.replace(hour=7, minute=30) < timedelta(hours=1)


def test_what_drifts_between_the_nights_is_trained_at_once_and_a_look_that_fails_is_survived(
    settings: TrainProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[datetime] = []

    def drifted(now: datetime) -> list[str]:
        looks.append(now)
        if len(looks) == 2:
            raise psycopg.OperationalError("the database is away")
        return ["solar"] if len(looks) != 1 else ["load"]

    start = datetime(2026, 1, 5, 12, tzinfo=UTC)
    trained = nights(settings, monkeypatch, (start + timedelta(minutes=10 * i) for i in range(36)), drifted)
    assert [kinds for _, kinds in trained] == [["load"], ["solar"]], "then both rest for a day"
    assert trained[1][0] - trained[0][0] == timedelta(hours=2)
    assert all(later - earlier == timedelta(hours=1) for earlier, later in pairwise(looks))


def test_a_site_loaded_meanwhile_brings_its_own_clock(settings: TrainProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    def clock() -> Iterator[datetime]:
        start = datetime(2026, 1, 5, 12, tzinfo=UTC)
        for i in range(80):
            if i == 10:
                with psycopg.connect(settings.database_url) as conn:
                    save_site(conn, replace(SITE, timezone="Asia/Tokyo"))  # 02:30 there is 17:30 UTC
            yield start + timedelta(minutes=6 * i)

    ((first, _),) = nights(settings, monkeypatch, clock())
    assert first - datetime(2026, 1, 5, 17, 30, tzinfo=UTC) < timedelta(minutes=30)
