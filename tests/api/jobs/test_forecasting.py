"""``gridpilot forecast``: with nothing to forecast from it says so; it follows the site that is loaded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg
import pytest

from api.jobs import forecasting
from api.settings import ForecastProcess
from grid.site_file import EXAMPLE_SITE, read_site_file
from grid.store.sites import save_site

Command = Callable[..., tuple[int, str]]
SITE = read_site_file(EXAMPLE_SITE)


def test_once_without_a_reading_knows_capacities_only_and_says_so(database_url: str, command: Command) -> None:
    with psycopg.connect(database_url) as conn:
        save_site(conn, SITE)
    status, said = command(database_url, "forecast", "--once")
    assert status == 0
    assert "on fallbacks" in said


def test_once_without_a_reading_or_a_capacity_is_a_fault_with_its_remedy(database_url: str, command: Command) -> None:
    with psycopg.connect(database_url) as conn:
        save_site(conn, replace(SITE, meters=tuple(replace(meter, capacity_kw=None) for meter in SITE.meters)))
    status, said = command(database_url, "forecast", "--once")
    assert status == 2
    assert "no series has a known hour to forecast from" in said
    assert "gridpilot ingest" in said


def test_each_step_forecasts_the_site_that_is_loaded_by_then(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    class Service:
        def forecast(self, conn: psycopg.Connection, site: Any, *, issued_at: datetime, periods: int) -> None:
            seen.append(site.name)

    def two_steps(now: Callable[[], datetime], **_options: Any) -> Iterator[datetime]:
        yield now()
        with psycopg.connect(database_url) as other:
            save_site(other, replace(SITE, name="renamed"))
        yield now()

    monkeypatch.setattr(forecasting, "ForecastService", Service)
    monkeypatch.setattr(forecasting, "ticks", two_steps)
    with psycopg.connect(database_url) as conn:
        save_site(conn, SITE)
    forecasting.forecast_forever(ForecastProcess(database_url=database_url), stop=threading.Event())
    assert seen == [SITE.name, "renamed"]
