"""The demo's sender waits for what it sent, and for nothing that cannot come."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from rich.progress import Progress

from api.demo import EmbeddedBroker
from api.demo.recordings import Message
from api.demo.replay import Replay
from grid.site_file import EXAMPLE_SITE, read_site_file
from grid.store.database import connect
from ingest.topics import READINGS_TOPIC
from ingest.worker import run_worker

HOUR = {"channel": "load", "unit": "kW", "interval": "PT1H", "start": "2008-01-01T00:00:00Z", "values": [1.0, 2.0]}


@pytest.fixture
def own_broker(server_directory: Path) -> Iterator[str]:
    """A broker whose topics hold nothing of other tests."""
    with EmbeddedBroker(server_directory / "replay-broker") as running:
        yield running.bootstrap


def test_a_recorded_message_that_cannot_be_stored_is_told_and_not_waited_for(
    own_broker: str, database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good = json.dumps(HOUR | {"meter_id": "m-1"}).encode()
    bad = json.dumps(HOUR | {"meter_id": "m-2", "unit": "stone"}).encode()
    messages = [Message(READINGS_TOPIC, "m-1", good, 2), Message(READINGS_TOPIC, "m-2", bad, 2)]
    monkeypatch.setattr("api.demo.replay.history_messages", lambda *_, **__: messages)
    stop = threading.Event()
    worker = threading.Thread(
        target=run_worker, kwargs={"database_url": database_url, "bootstrap": own_broker, "stop": stop}
    )
    site = read_site_file(EXAMPLE_SITE)
    with connect(database_url, application_name="test") as conn:
        conn.autocommit = True
        with Replay(Mock(), site, conn, own_broker) as replay, Progress(disable=True) as progress:
            worker.start()
            try:
                with caplog.at_level(logging.WARNING, logger="api.demo.replay"):
                    replay.send_history(progress, check=_within(30.0))
            finally:
                stop.set()
                worker.join(30)
        assert conn.execute("SELECT count(*) FROM reading").fetchone() == (2,)
        assert conn.execute("SELECT error_class FROM dead_letter").fetchall() == [("unknown_unit",)]
    assert "2 of the recorded values could not be stored" in caplog.text


def _within(seconds: float) -> Callable[[], None]:
    """A look after the processes that fails once it has taken too long."""
    end = time.monotonic() + seconds

    def check() -> None:
        assert time.monotonic() < end, "still waiting"

    return check
