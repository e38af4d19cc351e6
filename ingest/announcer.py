"""Telling dashboards that readings came in: at most one event a second, in the transaction that stores them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import psycopg

from grid.store.events import publish_event
from ingest.batch import BatchReport

EVENT_INTERVAL_SECONDS = 1.0


class Announcer:
    """Publishes ``readings`` events ``{"rows", "latest"}``; batches in between are summed up in the next one.

    After a transaction that was rolled back call :meth:`forget`, after a commit :meth:`keep`.
    """

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._told_at = float("-inf")
        self._rows = 0
        self._latest: datetime | None = None
        self._committed: tuple[float, int, datetime | None] = (self._told_at, 0, None)

    def before_commit(self, conn: psycopg.Connection, report: BatchReport) -> None:
        """Take note of a batch, and publish if an event is due."""
        self._rows += report.saved.readings
        ends = [end for end in (self._latest, report.latest_interval_end) if end is not None]
        self._latest = max(ends, default=None)
        if self._rows and self._monotonic() - self._told_at >= EVENT_INTERVAL_SECONDS:
            self._publish(conn)

    def keep(self) -> None:
        """The transaction was committed."""
        self._committed = (self._told_at, self._rows, self._latest)

    def forget(self) -> None:
        """The transaction was rolled back: what it would have told is not so."""
        self._told_at, self._rows, self._latest = self._committed

    def flush(self, conn: psycopg.Connection, *, at_once: bool = False) -> None:
        """Publish what was held back, in a transaction of its own, if an event is due or ``at_once``."""
        if self._rows and (at_once or self._monotonic() - self._told_at >= EVENT_INTERVAL_SECONDS):
            with conn.transaction():
                self._publish(conn)
            self.keep()

    def _publish(self, conn: psycopg.Connection) -> None:
        latest = None if self._latest is None else self._latest.isoformat().replace("+00:00", "Z")
        publish_event(conn, kind="readings", payload={"rows": self._rows, "latest": latest})
        self._told_at, self._rows, self._latest = self._monotonic(), 0, None
