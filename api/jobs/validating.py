"""``gridpilot validate``: readings are judged as they come, and what is stored is judged anew when somebody asks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg

from api.jobs.clock import present
from api.settings import ValidateProcess
from grid.faults import Fault, InputError
from grid.readings import Source
from grid.store.database import connect
from grid.store.migrate import check_schema
from grid.store.readings import parse_series_id
from grid.store.series import ChannelId, find_channel_keys
from grid.store.settled import stamp
from grid.store.sites import load_site
from grid.store.validation_due import mark_stored
from ingest.judging import JudgedBatch
from ingest.metrics import served
from ingest.validation_metrics import ValidationMetrics
from ingest.validator import run_validator

logger = logging.getLogger(__name__)


def validate_stream(settings: ValidateProcess, *, until_caught_up: bool, stop: threading.Event) -> JudgedBatch:
    """Validate until ``stop`` is set, or until nothing waits; returns the totals."""

    def clock(conn: psycopg.Connection) -> datetime | None:
        if settings.clock == "wall":
            return datetime.now(UTC)
        try:
            return present(conn, load_site(conn), settings.clock)
        except InputError:  # no site or no load reading yet: nothing can be overdue
            return None

    metrics = ValidationMetrics()
    with served(metrics, host=settings.metrics_host, port=settings.metrics_port):
        return run_validator(
            database_url=settings.database_url,
            until_caught_up=until_caught_up,
            clock=clock,
            patience=timedelta(hours=settings.gap_hours),
            every=timedelta(minutes=settings.validate_every_minutes),
            stop=stop,
            metrics=metrics,
        )


def mark_again(settings: ValidateProcess, series: Sequence[str] | None, *, begin: str | None, until: str | None) -> int:
    """Mark what is stored as due, all of it or that of some series and a span of time; returns how many channels.

    Raises:
        InputError: If a series has no readings, or an instant is none: all faults at once.
    """
    faults: list[Fault] = []
    start, end = _instant("--from", begin, faults), _instant("--until", until, faults)
    with connect(settings.database_url, application_name="gridpilot-validate") as conn:
        check_schema(conn)
        keys = None if not series else [key for name in series for key in _keys(conn, name, faults)]
        if faults:
            raise InputError(faults)
        marked = mark_stored(conn, keys, start=start, end=end, marked_at=stamp(conn))
    logger.info("%d channels are due again", marked)
    return marked


def _keys(conn: psycopg.Connection, name: str, faults: list[Fault]) -> list[int]:
    """The keys of a series: a meter and a weather site may have the same name."""
    try:
        owner, channel = parse_series_id(name)
    except ValueError as error:
        faults.append(Fault("--series", str(error), "GET /api/v1/series lists what is stored"))
        return []
    both: list[ChannelId] = [(source, owner, channel) for source in Source]
    keys = [key for key in find_channel_keys(conn, both) if key is not None]
    if not keys:
        faults.append(Fault("--series", f"no such series: {name!r}", "GET /api/v1/series lists what is stored"))
    return keys


def _instant(option: str, text: str | None, faults: list[Fault]) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            raise ValueError
        return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        faults.append(Fault(option, f"is no instant with its offset: {text!r}", "write it like 2026-03-01T00:00:00Z"))
        return None
