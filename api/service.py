"""What the routes of one process share, made once by ``create_app`` and handed to them as dependencies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, cast

import psycopg
from fastapi import Depends, Request
from psycopg_pool import ConnectionPool

from api.events import EventStream
from api.file_forecasts import FileForecaster
from api.jobs.clock import ClockName, present
from api.planner import Planner
from api.problems import Problem
from api.redispatching import Redispatcher
from api.schemas import Freshness, SiteFreshness
from api.sender import Sender
from grid.faults import InputError
from grid.site import Site
from grid.store.freshness import ChainState, chain_state
from grid.store.readings import latest_interval_end
from grid.store.sites import load_site

STALE_AFTER = {
    "telemetry": timedelta(hours=3),
    "forecast": timedelta(hours=3),
    "plan": timedelta(hours=3),
}
REPLAY_SILENT_AFTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Service:
    """One process's shared parts.

    Attributes:
        sender: Where readings go; None without a broker, and then readings are refused.
        explaining: Held while a forecast is explained.
    """

    pool: ConnectionPool[psycopg.Connection[Any]]
    clock: ClockName
    events: EventStream
    planner: Planner
    redispatcher: Redispatcher
    files: FileForecaster
    sender: Sender | None
    explaining: threading.Lock = field(default_factory=threading.Lock, repr=False)


def service_of(request: Request) -> Service:
    """The service that the application of this request runs on."""
    return cast(Service, request.app.state.service)


ServiceParts = Annotated[Service, Depends(service_of)]


def _connection(service: ServiceParts) -> Iterator[psycopg.Connection[Any]]:
    with service.pool.connection() as conn:
        yield conn


# Scope "function": the transaction commits before the answer is sent, so that who is told it is done finds it done.
Database = Annotated[psycopg.Connection[Any], Depends(_connection, scope="function")]


def site_of(conn: psycopg.Connection[Any]) -> Site:
    """The site that is run here.

    Raises:
        Problem: 503, if no site file has been loaded.
    """
    try:
        return load_site(conn)
    except InputError as error:
        raise Problem(503, "no-site", str(error), headers={"Retry-After": "30"}) from error


def present_of(conn: psycopg.Connection[Any], site: Site, clock: ClockName) -> datetime | None:
    """The site's present; None in a replay that has not begun."""
    try:
        return present(conn, site, clock)
    except InputError:
        return None


def freshness(conn: psycopg.Connection[Any], site: Site, clock: ClockName, now: datetime | None) -> SiteFreshness:
    """How old each link of the chain is at the site's present ``now``."""
    state = chain_state(conn)
    newest = latest_interval_end(conn, sorted({load.series_id for load in site.loads}))
    return SiteFreshness(
        telemetry=_telemetry(newest, state, clock, now),
        forecast=_age("forecast", state.forecast_issued_at, now),
        plan=_age("plan", state.plan_issued_at, now),
    )


def _age(link: str, at: datetime | None, now: datetime | None) -> Freshness:
    if at is None or now is None:
        return Freshness(at=at, age_seconds=None, received_at=None, state="missing")
    age = now - at
    state: Literal["fresh", "stale"] = "stale" if age > STALE_AFTER[link] else "fresh"
    return Freshness(at=at, age_seconds=max(age.total_seconds(), 0.0), received_at=None, state=state)


def _telemetry(newest: datetime | None, state: ChainState, clock: ClockName, now: datetime | None) -> Freshness:
    age = _age("telemetry", newest, now).model_copy(update={"received_at": state.received_at})
    silent = state.received_at is not None and datetime.now(UTC) - state.received_at > REPLAY_SILENT_AFTER
    # In a replay the newest reading makes the present, so its age says nothing: silence of the stream does.
    return age.model_copy(update={"state": "stale"}) if clock == "telemetry" and silent and newest else age
