"""``gridpilot serve``: uvicorn around the application, one or many processes."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from datetime import timedelta

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.logs import start_logging
from api.planning import PlanLimits
from api.settings import LogSettings, ServeProcess, read_settings
from grid.faults import Fault, InputError
from grid.store.database import connect
from grid.store.migrate import check_schema


def application() -> FastAPI:
    """The application as the environment describes it; each of uvicorn's workers builds its own."""
    start_logging(read_settings(LogSettings))
    settings = read_settings(ServeProcess)
    return create_app(
        database_url=settings.database_url,
        kafka_bootstrap=settings.kafka_bootstrap,
        clock=settings.clock,
        plan_limits=PlanLimits(settings.plan_horizon_hours, settings.plan_now_time_limit_seconds, settings.plan_gap),
        forecast_every=timedelta(minutes=settings.forecast_every_minutes),
    )


def serve_forever(settings: ServeProcess) -> None:
    """Serve until SIGTERM or Ctrl-C; requests in hand are finished first.

    Raises:
        InputError: If the port cannot be listened on, the database cannot be reached, or its schema is not ours.
    """
    _require_port(settings.host, settings.port)
    if settings.workers > 1:  # one scrape must show all workers: they count in files of a common folder
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="gridpilot-metrics-"))
    with connect(settings.database_url, application_name="gridpilot-serve") as conn:
        check_schema(conn)
    uvicorn.run(
        "api.serving:application",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=None,
        log_level=read_settings(LogSettings).log_level.lower(),
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


def _require_port(host: str, port: int) -> None:
    place, remedy = f"{host}:{port}", "stop the program that uses it, or set GRIDPILOT_HOST and GRIDPILOT_PORT"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        problem = "another program listens on it" if taken else f"cannot be listened on: {error.strerror}"
        raise InputError([Fault(place, problem, remedy)]) from None
