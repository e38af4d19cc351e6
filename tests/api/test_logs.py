"""Logs: lines for people, or JSON whose fields are the coordinates of the message that a line is about."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from api.logs import JsonFormatter
from api.settings import LogSettings, read_settings


def record(message: str, *arguments: object, **fields: object) -> logging.LogRecord:
    made = logging.getLogger("ingest.batch").makeRecord(
        "ingest.batch", logging.WARNING, "batch.py", 1, message, arguments, None, extra=fields
    )
    made.created = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC).timestamp()
    return made


def test_a_json_line_holds_the_message_and_its_coordinates() -> None:
    line = JsonFormatter().format(record("%s is bad\nreally", "it", topic="t", partition=3, offset=17, meter_id="m–1"))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2026-03-01T12:00:00.250Z",
        "level": "WARNING",
        "logger": "ingest.batch",
        "message": "it is bad\nreally",
        "topic": "t",
        "partition": 3,
        "offset": 17,
        "meter_id": "m–1",
    }


def test_a_field_that_json_does_not_know_is_told_as_text() -> None:
    line = JsonFormatter().format(record("x", at=datetime(2026, 3, 1, tzinfo=UTC)))
    assert json.loads(line)["at"] == "2026-03-01 00:00:00+00:00"


def test_a_field_cannot_take_the_place_of_the_message() -> None:
    assert json.loads(JsonFormatter().format(record("x", level="none", time="never")))["level"] == "WARNING"


def test_a_traceback_stays_on_the_line() -> None:
    broken = record("x")
    try:
        raise ValueError("broken")
    except ValueError:
        broken.exc_info = sys.exc_info()
    line = JsonFormatter().format(broken)
    assert "\n" not in line
    assert json.loads(line)["exception"].endswith("ValueError: broken")


@pytest.mark.parametrize("chosen", ["text", "json"])
def test_a_command_logs_as_it_is_told(chosen: str) -> None:
    script = (
        "import logging; from api.logs import start_logging; from api.settings import LogSettings, read_settings;"
        "start_logging(read_settings(LogSettings)); logging.getLogger('a').info('b', extra={'offset': 1});"
        "logging.getLogger('kafka').info('not told')"
    )
    environment = {"GRIDPILOT_LOG_FORMAT": chosen, "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    (line,) = done.stderr.splitlines()
    if chosen == "json":
        assert json.loads(line).items() >= {"level": "INFO", "logger": "a", "message": "b", "offset": 1}.items()
    else:
        assert line.endswith(" INFO a b")


def test_text_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRIDPILOT_LOG_FORMAT", raising=False)
    assert read_settings(LogSettings).log_format == "text"
