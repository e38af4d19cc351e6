"""What a training of a stored site comes to: why there is none, whose fault that is, and who is promoted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import psycopg
import pytest

from forecasting.engine.model import KnownAt
from forecasting.engine.registry import SealedModel
from forecasting.judging.stakes import Stakes
from forecasting.nouns import ShortHistoryError
from forecasting.site.service import ForecastService
from grid.network import Bus, Network
from grid.readings import ReadingBlock, Source
from grid.site import BusLoad, Meter, PromotionCriterion, PromotionPolicy, Site
from grid.store.database import connect
from grid.store.models import list_models, promote, save_model
from grid.store.saving import save_readings
from grid.units import Channel

SITE = Site(
    site_id="test",
    name="Test",
    timezone="America/New_York",
    holidays="US",
    currency="USD",
    meters=(Meter("m-0", "load", "load", 60), Meter("pv", "generation", "solar", 60, 3.4)),
    loads=(),
    network=Network((Bus("b"),), ()),
    thermal_units=(),
    renewable_plants=(),
    storages=(),
)
HOURS = 21 * 24


@pytest.fixture
def conn(made: Any, database_url: str) -> Iterator[psycopg.Connection]:
    """A database with three weeks of one load."""
    starts = np.array([int(start.timestamp()) * 1_000_000 for start in made.load.axis.interval_starts], dtype=np.int64)
    block = ReadingBlock(Source.METER, "m-0", Channel.LOAD, 60, starts[:HOURS], made.load.kw[0, :HOURS], 0, None)
    with connect(database_url, application_name="test") as connection:
        save_readings(connection, [block], received_at=datetime(2026, 1, 1, tzinfo=UTC))
        yield connection


@pytest.fixture
def present(made: Any) -> datetime:
    return made.load.axis.start + timedelta(hours=HOURS)  # type: ignore[no-any-return]


def test_too_short_a_history_trains_nothing_and_says_why(conn: psycopg.Connection, present: datetime) -> None:
    reports = ForecastService().train(conn, SITE, issued_at=present)
    assert [(report.kind, report.model_id, report.promoted) for report in reports] == [
        ("load", None, False),
        ("solar", None, False),
    ]
    assert "at least 28 days" in reports[0].reason
    assert reports[1].reason == "There is no reading to train on."


def test_a_fault_of_the_training_is_no_lack_of_history(
    conn: psycopg.Connection, present: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def misfit(*_: object, **_options: object) -> None:
        raise ValueError("shapes do not fit")

    monkeypatch.setattr("forecasting.site.service.hold_contest", misfit)
    with pytest.raises(ValueError, match="shapes do not fit"):
        ForecastService().train(conn, SITE, issued_at=present)


@pytest.mark.parametrize("criterion", PromotionCriterion)
def test_where_regret_decides_a_contest_is_told_what_the_weeks_before_it_came_to(
    made: Any,
    conn: psycopg.Connection,
    present: datetime,
    monkeypatch: pytest.MonkeyPatch,
    criterion: PromotionCriterion,
) -> None:
    told: list[Stakes | None] = []

    def hold(*_: object, stakes: Stakes | None, **_options: object) -> None:
        told.append(stakes)
        raise ShortHistoryError("enough seen")

    monkeypatch.setattr("forecasting.site.service.hold_contest", hold)
    site = replace(SITE, loads=(BusLoad("b", "m-0:load", 0.002),), promotion=PromotionPolicy(criterion))
    ForecastService().train(conn, site, issued_at=present, kinds=["load"])
    (stakes,) = told
    if criterion is PromotionCriterion.PINBALL:
        assert stakes is None
        return
    assert stakes is not None
    assert stakes.axis.end == present
    assert stakes.kw.keys() == {"m-0:load", "site:load"}
    np.testing.assert_allclose(stakes.kw["m-0:load"][-HOURS:], made.load.kw[0, :HOURS], rtol=1e-6)
    np.testing.assert_allclose(stakes.kw["site:load"], 2.0 * stakes.kw["m-0:load"])  # on the network's scale


def test_a_contest_is_told_what_was_known_before_a_correction(
    made: Any, database_url: str, present: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[KnownAt] = []

    def hold(*_: object, known_at: KnownAt, **_options: object) -> None:
        told.append(known_at)
        raise ShortHistoryError("enough seen")

    monkeypatch.setattr("forecasting.site.service.hold_contest", hold)
    starts = np.array([int(start.timestamp()) * 1_000_000 for start in made.load.axis.interval_starts], dtype=np.int64)
    first = ReadingBlock(Source.METER, "m-0", Channel.LOAD, 60, starts[:HOURS], made.load.kw[0, :HOURS], 0, None)
    again = ReadingBlock(Source.METER, "m-0", Channel.LOAD, 60, starts[300:301], np.array([7.0]), 1, None)
    with connect(database_url, application_name="test") as connection:
        save_readings(connection, [first], received_at=present - timedelta(days=9))
        save_readings(connection, [again], received_at=present - timedelta(days=2))
        ForecastService().train(connection, SITE, issued_at=present, kinds=["load"])
    (known_at,) = told
    (before,) = known_at(present - timedelta(days=3)) or ()
    assert before.values[300] == pytest.approx(made.load.kw[0, 300])
    assert known_at(present - timedelta(days=1)) is None


def test_a_champion_that_cannot_be_opened_need_only_be_overtaken(
    conn: psycopg.Connection, present: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(conn, model_id="load-old", kind="load", manifest={"format": 0}, weights=b"")
    promote(conn, "load-old")
    doubts: list[str] = []

    def verdict(doubt: str) -> None:
        doubts.append(doubt)
        raise InterruptedError

    monkeypatch.setattr(
        "forecasting.site.service.hold_contest", lambda *_, **_options: SimpleNamespace(verdict=verdict)
    )
    with pytest.raises(InterruptedError):
        ForecastService().train(conn, SITE, issued_at=present, kinds=["load"])
    assert len(doubts) == 1
    assert doubts[0].startswith("The champion cannot be used: load-old: format must be ")


def test_nobody_else_promotes_between_the_look_at_the_champion_and_the_promotion(
    conn: psycopg.Connection, database_url: str, present: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("load-other", "load-before"):
        save_model(conn, model_id=name, kind="load", manifest={"format": 0}, weights=b"")
    promote(conn, "load-before")
    conn.commit()
    conn.autocommit = True
    won = SimpleNamespace(model=None, scores=None, champion_scores=None, comparison=None, regret=None)
    won.verdict, won.about = lambda doubt: (True, "Better."), lambda axis: {}

    def seal_while_somebody_promotes(model: None, **_: object) -> SealedModel:
        with connect(database_url, application_name="other") as other:
            other.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                promote(other, "load-other")
        return SealedModel("load-new", "load", {"format": 0}, b"")

    monkeypatch.setattr("forecasting.site.service.hold_contest", lambda *_, **_options: won)
    monkeypatch.setattr("forecasting.site.service.seal", seal_while_somebody_promotes)
    (report,) = ForecastService().train(conn, SITE, issued_at=present, kinds=["load"])
    assert (report.model_id, report.promoted) == ("load-new", True)
    status = {model.model_id: model.status for model in list_models(conn)}
    assert status == {"load-new": "champion", "load-before": "retired", "load-other": "challenger"}
