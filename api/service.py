"""What the routes of one process share, made once by ``create_app`` and handed to them as dependencies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, cast

import psycopg
from fastapi import Depends, Request
from psycopg_pool import ConnectionPool

from api.events import EventStream
from api.file_forecasts import FileForecaster
from api.jobs.clock import ClockName, present
from api.planner import Planner
from api.problems import Problem
from api.redispatching import Redispatcher
from api.sender import Sender
from grid.faults import InputError
from grid.site import Site
from grid.store.sites import load_site


@dataclass(frozen=True, slots=True)
class Service:
    """One process's shared parts.

    Attributes:
        sender: Where readings go; None without a broker, and then readings are refused.
        forecast_every: Between two issues of forecasts, on the site's clock.
        explaining: Held while a forecast is explained.
    """

    pool: ConnectionPool[psycopg.Connection[Any]]
    clock: ClockName
    events: EventStream
    planner: Planner
    redispatcher: Redispatcher
    files: FileForecaster
    sender: Sender | None
    forecast_every: timedelta
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
