"""A small finished chain to look at: the demo's site and data of a few weeks, real models, forecasts and a plan."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
import pytest

from api.demo.server_process import HOST, ServerProcess, free_port
from api.demo.site import load_demo_site
from api.demo.telemetry import DEMO_START, history_messages, load_telemetry
from api.planning import PlanLimits, make_plan
from forecasting.service import ForecastService
from grid.readings import ReadingBlock, Source
from grid.store.keys import Role, create_key
from grid.store.saving import save_readings
from grid.store.sites import save_site
from ingest.messages import decode_reading
from ingest.topics import READINGS_TOPIC

HISTORY = timedelta(days=90)
HOURS = 24
LIMITS = PlanLimits(horizon_hours=HOURS, time_limit_seconds=4.0, gap=0.05)


@dataclass(frozen=True)
class Service:
    """Where the API is, and an analyst's key."""

    url: str
    key: str


@pytest.fixture
def finished_chain(database_url: str, demo_cache: Path, tmp_path: Path) -> Iterator[Service]:
    """``gridpilot serve`` on a database with everything in it that a first look wants to see."""
    with psycopg.connect(database_url) as conn:
        telemetry = load_telemetry(demo_cache)
        site = load_demo_site(demo_cache, telemetry)
        save_site(conn, site)
        sent = history_messages(telemetry, since=DEMO_START - HISTORY)
        decoded = [
            decode_reading(message.payload, Source.METER if message.topic == READINGS_TOPIC else Source.WEATHER)
            for message in sent
        ]
        blocks = [block for block in decoded if isinstance(block, ReadingBlock)]
        assert len(blocks) == len(decoded)
        save_readings(conn, blocks, received_at=DEMO_START)
        service = ForecastService()
        day_before = DEMO_START - timedelta(days=1)
        service.train(conn, site, issued_at=day_before, budget_seconds=2.0)
        for issued_at in (day_before, DEMO_START):
            service.forecast(conn, site, issued_at=issued_at, periods=2 * HOURS)
        make_plan(conn, site, limits=LIMITS)
        key = create_key(conn, role=Role.ANALYST, name="notebook")
        conn.commit()
    port = free_port()
    environment = {
        **os.environ,
        "GRIDPILOT_DATABASE_URL": database_url,
        "GRIDPILOT_CLOCK": "telemetry",
        "GRIDPILOT_PORT": str(port),
    }
    process = ServerProcess(
        [sys.executable, "-m", "api.cli", "serve"],
        log_path=tmp_path / "serve.log",
        stop_signal="TERM",
        environment=environment,
    )
    try:
        url = f"http://{HOST}:{port}"
        wait_until_ready(url, process)
        yield Service(url, key)
    finally:
        process.stop()


def wait_until_ready(url: str, process: ServerProcess) -> None:
    """Return when the API answers; fail with its log if it ends or takes too long."""
    deadline = time.monotonic() + 60.0
    while True:
        try:
            if httpx.get(f"{url}/health/ready", timeout=2.0).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        assert process.running, process.log_tail()
        assert time.monotonic() < deadline, process.log_tail()
        time.sleep(0.1)
