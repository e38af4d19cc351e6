"""The event stream of one process: listens to PostgreSQL once, wakes every subscriber, lets each read on its own.

No event is queued in memory: a subscriber holds the id of its last event and reads on from the table, so a slow or
lost connection costs nothing and resumes where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool
from sse_starlette import ServerSentEvent
from starlette.concurrency import run_in_threadpool

from api.metrics import STREAMS
from api.problems import Problem
from grid.store.events import CHANNEL, Event, event_id_range, events_after

logger = logging.getLogger(__name__)

PAGE = 200  # events read at once
POLL_SECONDS = 15.0  # a subscriber looks by itself this often, should a notification be lost
RECONNECT_SECONDS = 2.0
STREAM_SECONDS = 3600.0  # then the client connects again, and a key revoked meanwhile is refused


class EventStream:
    """Subscribers of one process; :meth:`listen` runs beside the application for as long as it lives."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]], *, database_url: str, limit: int = 200) -> None:
        self._pool = pool
        self._database_url = database_url
        self._limit = limit
        self._waiting: set[asyncio.Event] = set()

    async def listen(self) -> None:
        """Wake subscribers at every notification; reconnects for ever, and wakes them after each reconnect."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._database_url, autocommit=True) as conn:
                    await conn.execute(f"LISTEN {CHANNEL}")
                    self._wake()
                    async for _notification in conn.notifies():
                        self._wake()
            except psycopg.Error as error:
                logger.warning("event listener lost the database, trying again: %s", error)
            await asyncio.sleep(RECONNECT_SECONDS)

    def _wake(self) -> None:
        for waiting in self._waiting:
            waiting.set()

    async def start(self, last_event_id: int | None) -> int:
        """The id to read on from: that of the client's last event, or the newest one's for a new client.

        Raises:
            Problem: 503, if as many connections are open as this process serves.
        """
        if len(self._waiting) >= self._limit:
            raise Problem(
                503, "too-many-streams", f"{self._limit} event streams are open here", headers={"Retry-After": "30"}
            )
        _oldest, newest = await run_in_threadpool(self._range)
        return newest if last_event_id is None else last_event_id

    async def subscribe(self, start: int, *, resumed: bool) -> AsyncIterator[ServerSentEvent]:
        """Yield ``hello`` with the id it starts from, then every later event in order.

        A client that resumes from an id whose successors are no longer stored, or from a future one, first gets
        ``reset``: it has missed something and must load afresh.
        """
        waiting = asyncio.Event()
        self._waiting.add(waiting)
        STREAMS.inc()
        try:
            oldest, newest = await run_in_threadpool(self._range)
            if resumed and not oldest - 1 <= start <= newest:
                start = newest
                yield ServerSentEvent(event="reset", id=str(start), data=json.dumps({"event_id": start}))
            else:
                yield ServerSentEvent(event="hello", id=str(start), data=json.dumps({"event_id": start}))
            end = asyncio.get_running_loop().time() + STREAM_SECONDS
            while asyncio.get_running_loop().time() < end:
                waiting.clear()
                events = await self._after(start)
                for event in events:
                    start = event.event_id
                    yield _sent(event)
                if len(events) < PAGE:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(waiting.wait(), POLL_SECONDS)
        finally:
            self._waiting.discard(waiting)
            STREAMS.dec()

    async def _after(self, event_id: int) -> list[Event]:
        while True:
            try:
                return await run_in_threadpool(self._read, event_id)
            except psycopg.OperationalError as error:
                logger.warning("event stream waits for the database: %s", error)
                await asyncio.sleep(RECONNECT_SECONDS)

    def _read(self, event_id: int) -> list[Event]:
        with self._pool.connection() as conn:
            return events_after(conn, event_id=event_id, limit=PAGE)

    def _range(self) -> tuple[int, int]:
        with self._pool.connection() as conn:
            return event_id_range(conn)


def _sent(event: Event) -> ServerSentEvent:
    data = {"event_id": event.event_id, "kind": event.kind, "at": event.at.isoformat(), "payload": event.payload}
    return ServerSentEvent(event=event.kind, id=str(event.event_id), data=json.dumps(data))
