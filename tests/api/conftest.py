"""The real application behind a real server, on a real database that holds a small town's site and its data."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import psycopg
import pytest
import uvicorn
from fastapi import FastAPI

from api import cli
from api.app import create_app
from api.planning import PlanLimits
from forecasting.engine.format import FORMAT
from grid.forecasts import DEFAULT_LEVELS, Forecast
from grid.readings import ReadingBlock, Source
from grid.site import Site
from grid.site_file import EXAMPLE_SITE, read_site_file
from grid.store.forecasts import BASELINE, PRIMARY, save_forecasts
from grid.store.keys import Role, create_key
from grid.store.models import promote, save_model
from grid.store.saving import save_readings
from grid.store.sites import load_site, save_site
from grid.time_axis import FloatArray, TimeAxis
from grid.units import Channel

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLAN_HOURS = 24
RECEIVED = datetime(2026, 3, 2, 6, 1, tzinfo=UTC)
LIMITS = PlanLimits(horizon_hours=PLAN_HOURS, time_limit_seconds=10.0, gap=0.01, threads=1)


@dataclass(frozen=True)
class Api:
    """A running service and the keys of every role; ``meter`` may write m-17."""

    url: str
    database_url: str
    keys: dict[str, str]
    app: FastAPI = field(repr=False)

    def client(self, role: str | None = "operator") -> httpx.Client:
        headers = {} if role is None else {"Authorization": f"Bearer {self.keys[role]}"}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=30.0)

    def get(self, path: str, role: str | None = "operator", **options: object) -> httpx.Response:
        with self.client(role) as client:
            return client.get(path, **options)  # type: ignore[arg-type]

    def post(self, path: str, role: str | None = "operator", **options: object) -> httpx.Response:
        with self.client(role) as client:
            return client.post(path, **options)  # type: ignore[arg-type]


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Serve ``app`` on a free port of this machine; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            assert not thread.is_alive()


@contextmanager
def serving(database_url: str, *, kafka_bootstrap: str | None = None) -> Iterator[Api]:
    """The application on a database, with a fresh key of every role."""
    with psycopg.connect(database_url) as conn:
        keys = {
            role.value: create_key(
                conn, role=role, name=f"test-{role}", meter_id="m-17" if role is Role.METER else None
            )
            for role in Role
        }
    app = create_app(database_url=database_url, kafka_bootstrap=kafka_bootstrap, clock="telemetry", plan_limits=LIMITS)
    with running(app) as url:
        yield Api(url, database_url, keys, app)


@pytest.fixture(scope="session")
def api(postgres_url: str, _migrated_template: str) -> Iterator[Api]:
    """A service for tests that only read: its database holds the site, two days of readings, forecasts and models."""
    name = "api_for_readers"
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {_migrated_template} STRATEGY FILE_COPY")
    url = f"{postgres_url.rsplit('/', 1)[0]}/{name}"
    with psycopg.connect(url) as conn:
        fill(conn, read_site_file(EXAMPLE_SITE))
    with serving(url) as service:
        yield service


@pytest.fixture
def town_url(database_url: str) -> str:
    """URL of a database of the test's own that holds the same; no plan yet."""
    with psycopg.connect(database_url) as conn:
        fill(conn, read_site_file(EXAMPLE_SITE))
    return database_url


@pytest.fixture
def own_api(town_url: str) -> Iterator[Api]:
    """A service on a database of the test's own, to be written to."""
    with serving(town_url) as service:
        yield service


@pytest.fixture
def taught(own_api: Api) -> Api:
    """The same with six weeks of the town's load and weather, a model trained on them for a second, its forecast."""
    from forecasting.site.service import ForecastService  # most of these tests need no torch

    hours, draw = np.arange(42.0 * 24), np.random.default_rng(5)
    start = NOW - len(hours) * HOUR
    celsius = 5.0 + 4.0 * np.sin((hours - 3.0) / 12.0 * np.pi) + np.repeat(draw.normal(0.0, 3.0, 42), 24)
    kw = load_kw(hours) - 800.0 * celsius + draw.normal(0.0, 500.0, len(hours))
    weather = block("harbour-weather", Channel.AIR_TEMPERATURE, celsius, start=start)
    with psycopg.connect(own_api.database_url) as conn:
        site, service = load_site(conn), ForecastService()
        blocks = [block("town", Channel.LOAD, kw, start=start), replace(weather, source=Source.WEATHER)]
        save_readings(conn, blocks, received_at=RECEIVED)
        (report,) = service.train(conn, site, issued_at=NOW, seed=1, budget_seconds=1.0, kinds=("load",))
        assert report.model_id is not None, report.reason
        promote(conn, report.model_id)
        service.forecast(conn, site, issued_at=NOW, periods=60)
    return own_api


@pytest.fixture
def empty_api(database_url: str) -> Iterator[Api]:
    """A service on a migrated database that holds nothing."""
    with serving(database_url) as service:
        yield service


@pytest.fixture
def serve() -> Callable[..., AbstractContextManager[Api]]:
    """For tests that need a service of another make: ``with serve(database_url, kafka_bootstrap=…) as api``."""
    return serving


def load_kw(hours: FloatArray) -> FloatArray:
    """The town's load at hours since NOW. [kW]"""
    return np.asarray(70_000.0 + 20_000.0 * np.sin(hours / 24.0 * 2.0 * np.pi), dtype=np.float64)


def block(meter: str, channel: Channel, values: FloatArray, *, start: datetime, minutes: int = 60) -> ReadingBlock:
    """Consecutive readings of one meter."""
    first = int(start.timestamp()) * 1_000_000
    starts = first + np.arange(len(values), dtype=np.int64) * minutes * 60_000_000
    return ReadingBlock(Source.METER, meter, channel, minutes, starts, values, 0)


def fill(conn: psycopg.Connection, site: Site) -> None:
    """Two days of the town's readings up to NOW, forecasts of 48 hours behind it, and a champion."""
    save_site(conn, site)
    back = np.arange(-48.0, 0.0)
    sun = np.maximum(0.0, 20_000.0 * np.sin((np.arange(48) % 24 - 6.0) / 12.0 * np.pi))
    blocks = [
        block("town", Channel.LOAD, load_kw(back), start=NOW - 48 * HOUR),
        block("dune-solar", Channel.GENERATION, sun, start=NOW - 48 * HOUR),
    ]
    save_readings(conn, blocks, received_at=RECEIVED)
    load = load_kw(np.arange(48.0))
    for role, factor in ((PRIMARY, 1.0), (BASELINE, 0.98)):
        forecasts = [
            forecast("town:load", factor * load, spread=0.05),
            forecast("dune-solar:generation", factor * sun, spread=0.3),
            forecast("site:load", factor * load, spread=0.05),
        ]
        save_forecasts(conn, forecasts, role=role)
    manifest = {"format": FORMAT, "scores": {"skill": 0.3}}
    save_model(conn, model_id="load-1", kind="load", manifest=manifest, weights=b"weights")
    manifest = {"format": FORMAT, "scores": {"skill": 0.4}}
    save_model(conn, model_id="load-2", kind="load", manifest=manifest, weights=b"weights")
    promote(conn, "load-1")


def forecast(series_id: str, median: FloatArray, *, spread: float, issued_at: datetime = NOW) -> Forecast:
    """Quantiles that spread in proportion to the median."""
    levels = np.array(DEFAULT_LEVELS)
    quantiles = median[:, None] * (1.0 + spread * (levels - 0.5)[None, :])
    axis = TimeAxis(issued_at, HOUR, len(median))
    return Forecast(series_id, axis, issued_at, DEFAULT_LEVELS, quantiles, "load-1", "lstm-attention")


@pytest.fixture
def planned(own_api: Api) -> tuple[Api, str]:
    """A service of the test's own after its first plan, and that plan's id."""
    response = own_api.post("/plans", json={})
    assert response.status_code == 201, response.text
    return own_api, response.json()["plan_id"]


Problem = Callable[[httpx.Response, int], dict[str, object]]
Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs ``gridpilot ARGUMENTS`` on a database in this process; gives the exit status and what was printed."""

    def run(database_url: str, *arguments: str) -> tuple[int, str]:
        monkeypatch.setenv("GRIDPILOT_DATABASE_URL", database_url)
        monkeypatch.setattr(sys, "argv", ["gridpilot", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out + said.err

    return run


@pytest.fixture
def problem() -> Problem:
    """Check that a response is a problem document of this status, and return it."""

    def check(response: httpx.Response, status: int) -> dict[str, object]:
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/problem+json"
        document: dict[str, object] = response.json()
        assert document["status"] == status
        assert document["title"]
        assert document["detail"]
        return document

    return check
