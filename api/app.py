"""The web application: routes, shared parts, and the order in which a request passes through them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import psycopg
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from psycopg_pool import ConnectionPool
from starlette.middleware.gzip import GZipMiddleware

from api import pages
from api.auth import RequireKey, publish_roles
from api.events import EventStream
from api.file_forecasts import FileForecaster
from api.jobs.clock import ClockName
from api.metrics import CountRequests
from api.planner import Planner
from api.planning import PlanLimits
from api.problems import ProblemDocument, install_problem_handlers
from api.redispatching import Redispatcher
from api.routes import (
    PREFIX,
    audit,
    edits,
    events,
    explanations,
    file_forecasts,
    forecasts,
    health,
    models,
    plans,
    quality,
    readings,
    scenarios,
    series,
    site,
)
from api.schemas import ReadingMessage, WeatherMessage
from api.security import BodyLimit, SecurityHeaders
from api.sender import Sender
from api.service import Service

POOL_SIZE = 10
POOL_WAIT_SECONDS = 3.0
STATEMENT_TIMEOUT_MS = 20_000
DEFAULT_LIMITS = PlanLimits(time_limit_seconds=30.0)  # somebody is waiting
FORECASTS = (forecasts, explanations, scenarios, file_forecasts)
RESOURCES = (site, readings, series, quality, edits, *FORECASTS, plans, models, events, audit)

DESCRIPTION = """\
Telemetry, probabilistic forecasts and network-constrained dispatch, each with its reason.

Every request needs `Authorization: Bearer gp_…`; `x-roles` says which roles a route admits. Instants are RFC 3339, in
UTC. Errors are `application/problem+json` (RFC 9457) and list every fault at once.
"""


def create_app(
    *,
    database_url: str,
    kafka_bootstrap: str | None = None,
    clock: ClockName = "wall",
    plan_limits: PlanLimits = DEFAULT_LIMITS,
    forecast_every: timedelta = timedelta(hours=1),
) -> FastAPI:
    """Build the application of one process. Nothing is opened before it starts; several processes share nothing.

    Args:
        database_url: ``postgresql://user:password@host:port/database``, migrated.
        kafka_bootstrap: ``host:port``, several separated by commas; without it readings are refused with 503.
        clock: ``wall``, or ``telemetry`` for a replay.
        plan_limits: Horizon, time limit and gap of the plans that ``POST /plans`` makes.
        forecast_every: Between two issues of forecasts: what is older than two of them counts as stale.
    """
    pool = _pool(database_url)
    service = Service(
        pool=pool,
        clock=clock,
        events=EventStream(pool, database_url=database_url),
        planner=Planner(pool=pool, limits=plan_limits),
        redispatcher=Redispatcher(pool),
        files=FileForecaster(),
        sender=Sender(kafka_bootstrap) if kafka_bootstrap else None,
        forecast_every=forecast_every,
    )

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        pool.open(wait=False)  # a database that is away makes requests fail, not the start
        listener = asyncio.create_task(service.events.listen())
        try:
            yield
        finally:
            listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listener
            if service.sender is not None:
                service.sender.close()
            pool.close(timeout=2)

    app = FastAPI(
        title="gridpilot",
        version=version("gridpilot"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    for resource in RESOURCES:
        publish_roles(resource.router.routes)
        app.include_router(resource.router, prefix=PREFIX)
    app.include_router(health.router)
    app.include_router(pages.router)
    app.mount("/static", pages.static_files(), name="static")
    install_problem_handlers(app)
    _document_by_hand(app)
    # The last one added sees a request first.
    app.add_middleware(BodyLimit)
    app.add_middleware(RequireKey, pool=pool)
    app.add_middleware(GZipMiddleware, minimum_size=2_000, compresslevel=4)
    app.add_middleware(CountRequests)
    app.add_middleware(SecurityHeaders)
    return app


def _pool(database_url: str) -> ConnectionPool[psycopg.Connection[Any]]:
    def configure(conn: psycopg.Connection[Any]) -> None:
        conn.execute("SET timezone = 'UTC'")
        conn.execute("SET jit = off")  # compiling costs more than these queries
        conn.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}")
        conn.commit()

    return ConnectionPool(
        database_url,
        min_size=1,
        max_size=POOL_SIZE,
        timeout=POOL_WAIT_SECONDS,
        reconnect_timeout=POOL_WAIT_SECONDS,  # its pauses double: give up soon, the next request tries afresh
        kwargs={"application_name": "gridpilot-api", "connect_timeout": 5},
        configure=configure,
        check=ConnectionPool.check_connection,
        open=False,
    )


def _document_by_hand(app: FastAPI) -> None:
    """Add to OpenAPI what FastAPI cannot see: problem documents, and messages that the stream's own decoder checks."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for model in (ProblemDocument, ReadingMessage, WeatherMessage, readings.ReadingsRefused):
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas.update({**schema.pop("$defs", {}), **schemas})
                schemas[model.__name__] = schema
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
