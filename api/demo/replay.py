"""The demo's senders: years of history first, then hour after hour at an accelerated clock, all through Kafka."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from types import TracebackType
from typing import Literal, Self

import psycopg
from psycopg import sql
from rich.progress import Progress

from api.demo.recordings import Message
from api.demo.telemetry import DEMO_END, DEMO_START, DemoTelemetry, history_messages, live_hours
from grid.site import Site
from grid.store.readings import latest_interval_end
from grid.store.series import list_series
from ingest.producer import ReadingProducer
from ingest.topics import READINGS_TOPIC, WEATHER_TOPIC, describe_topics, ensure_topics

_POLL_SECONDS = 0.1
_log = logging.getLogger(__name__)


class Replay:
    """Produces the demo's telemetry and waits for its arrival in the database. Use it as a context manager.

    The embedded broker forgets its topics when it stops, the database forgets nothing: after a restart only what the
    database does not hold yet is sent.
    """

    def __init__(self, telemetry: DemoTelemetry, site: Site, conn: psycopg.Connection, bootstrap: str) -> None:
        ensure_topics(bootstrap)
        layout = describe_topics(bootstrap, (READINGS_TOPIC, WEATHER_TOPIC))
        self._topic_ids = sorted({p.topic_id for p in layout.all_partitions})
        self._telemetry = telemetry
        self._load_series = sorted({load.series_id for load in site.loads})
        self._conn = conn
        self._producer = ReadingProducer(bootstrap)
        self._read_before, self._sent_messages = self._counted("next_offset"), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._producer.__exit__(kind, error, trace)

    @property
    def present(self) -> datetime:
        """The replayed present: where the history ends at first, later the end of the newest load reading."""
        newest = latest_interval_end(self._conn, self._load_series)
        return max(DEMO_START, newest) if newest else DEMO_START

    def send_history(self, progress: Progress, *, check: Callable[[], None]) -> None:
        """Send everything up to the present that the database lacks, and wait until it is stored."""
        stored = {s.series_id: s.last_interval_end for s in list_series(self._conn) if s.last_interval_end}
        task = progress.add_task("telemetry through Kafka into the database", total=None)
        messages = list(history_messages(self._telemetry, until=self.present, stored=stored))
        progress.update(task, total=sum(message.values for message in messages))
        stored_before = self._counted("readings")

        def tell() -> None:
            progress.update(task, completed=self._counted("readings") - stored_before)

        self._send(messages, each=tell)
        # By messages, not by values: one that cannot be stored becomes a dead letter, and its values are not counted.
        while self._counted("next_offset") - self._read_before < self._sent_messages:
            tell()
            check()
            time.sleep(_POLL_SECONDS)
        tell()
        refused = sum(message.values for message in messages) - (self._counted("readings") - stored_before)
        if refused > 0:  # below 0 where what an earlier replay sent arrived meanwhile
            _log.warning("%d of the recorded values could not be stored; see gridpilot dlq list", refused)

    def run_live(self, *, hour_seconds: float, check: Callable[[], None], announce: Callable[[datetime], None]) -> None:
        """Send hour after hour, one every ``hour_seconds``, until the recordings end; then only watch the processes."""
        for hour in live_hours(self._telemetry, start=self.present, end=DEMO_END):
            self._send(hour.messages)
            self._producer.flush()
            announce(hour.instant)
            _wait(hour_seconds, check)
        while True:
            _wait(hour_seconds, check)

    def _send(self, messages: Iterable[Message], *, each: Callable[[], None] | None = None) -> None:
        for count, message in enumerate(messages):
            self._producer.send(message.topic, message.owner_id, message.payload)
            self._sent_messages += 1
            if each and count % 64 == 0:
                each()

    def _counted(self, column: Literal["next_offset", "readings"]) -> int:
        """Messages read, or values stored, of this broker's topics."""
        query = sql.SQL("SELECT coalesce(sum({}), 0)::bigint FROM stream_offset WHERE topic_id = ANY(%s)")
        row = self._conn.execute(query.format(sql.Identifier(column)), (self._topic_ids,)).fetchone()
        assert row is not None
        return int(row[0])


def _wait(seconds: float, check: Callable[[], None]) -> None:
    """Sleep, looking after the processes every second."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        check()
        time.sleep(min(1.0, left))
