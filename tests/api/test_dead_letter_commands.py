"""``gridpilot dlq`` and ``gridpilot meters`` as their user sees them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psycopg
import pytest

from grid.readings import Rejection, Source
from grid.store.database import connect
from grid.store.dead_letters import add_dead_letter
from grid.time_axis import EPOCH
from grid.units import Channel
from ingest.encoding import encode_message

AT = datetime(2026, 3, 1, tzinfo=UTC)


def keep(conn: psycopg.Connection, offset: int, payload: bytes, error_class: str, detail: str, key: bytes) -> None:
    add_dead_letter(
        conn,
        topic="readings",
        partition=0,
        offset=offset,
        message_key=key,
        payload=payload,
        rejection=Rejection(error_class, "", detail),
        received_at=AT,
    )


def message(meter: str) -> bytes:
    hour = {"unit": "kW", "interval_minutes": 60, "start": EPOCH, "values": np.array([1.0, 2.0])}
    return encode_message(Source.METER, meter, Channel.LOAD, **hour)  # type: ignore[arg-type]


@pytest.fixture
def letters(database_url: str) -> str:
    """A database with two messages of an unknown meter, and one that is rubbish."""
    with connect(database_url, application_name="test") as conn:
        keep(conn, 0, message("stranger"), "unknown_meter", "'stranger' is not registered", b"stranger")
        keep(conn, 1, b"\x1b[31m\xff", "not_json", "must be JSON [/bold]\x1b[2J", b"m")
        keep(conn, 2, message("other"), "unknown_meter", "'other' is not registered", b"other")
    return database_url


def test_the_list_says_how_many_of_each_class_and_takes_filters(letters: str, command: Any) -> None:
    status, printed = command(letters, "dlq", "list")
    assert status == 0
    assert "3 of 3: 2 unknown_meter, 1 not_json" in printed
    status, printed = command(letters, "dlq", "list", "--meter", "stranger", "--json")
    assert [x["offset"] for x in json.loads(printed)] == [0]
    assert "0 of 0" in command(letters, "dlq", "list", "--until", "2026-02-28T19:00:00-05:00")[1]
    assert "1 of 3" in command(letters, "dlq", "list", "--limit", "1")[1]


def test_what_a_sender_wrote_reaches_no_terminal_as_markup_or_control(letters: str, command: Any) -> None:
    status, printed = command(letters, "dlq", "list")
    assert (status, "\x1b" in printed) == (0, False)
    status, printed = command(letters, "dlq", "show", "2")
    assert (status, "\x1b" in printed) == (0, False)
    assert "detail: must be JSON [/bold]\\x1b[2J\n" in printed
    assert "payload: \\x1b[31m\\xff\n" in printed


def test_held_messages_are_stored_once_their_meter_is_registered(
    letters: str, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDPILOT_UNKNOWN_METERS", "quarantine")
    assert (
        "0 would be stored, 2 would not"
        in command(letters, "dlq", "replay", "--error-class", "unknown_meter", "--dry-run")[1]
    )
    status, printed = command(letters, "meters", "register", "stranger")
    assert status == 0
    assert "1 registered" in printed
    assert "1 of their messages are held" in printed
    _, printed = command(letters, "dlq", "replay", "--error-class", "unknown_meter", "--json")
    assert [outcome["stored"] for outcome in json.loads(printed)] == [True, False]
    assert "1 stored" not in command(letters, "dlq", "replay")[1]
    assert json.loads(command(letters, "meters", "list", "--json")[1])[0]["meter_id"] == "stranger"
    with connect(letters, application_name="test") as conn:
        assert conn.execute("SELECT meter_id, count(*) FROM v_reading GROUP BY 1").fetchall() == [("stranger", 2)]
        actions = {row[0] for row in conn.execute("SELECT action FROM audit_entry")}
    assert actions == {"meter.register", "dead_letter.resolve"}


def test_discarding_wants_a_reason_and_says_how_many(letters: str, command: Any) -> None:
    assert command(letters, "dlq", "discard", "--reason", "why")[0] == 2
    assert command(letters, "dlq", "discard", "2", "--reason", " ")[0] == 2
    which = ("--error-class", "not_json", "--reason", "a drill")
    assert "1 would be discarded" in command(letters, "dlq", "discard", *which, "--dry-run")[1]
    assert "1 discarded" in command(letters, "dlq", "discard", *which)[1]
    assert "2 of 2" in command(letters, "dlq", "list")[1]
    assert "discarded: a drill" in command(letters, "dlq", "show", "2")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("dlq", "list", "--since", "2026-03-01"),
        ("dlq", "list", "--since", "soon"),
        ("dlq", "replay", "1", "--topic", "readings"),
        ("dlq", "show", "99"),
        ("meters", "register", "a\x07"),
        ("meters", "register", ""),
    ],
)
def test_a_wrong_call_ends_with_2(letters: str, command: Any, arguments: tuple[str, ...]) -> None:
    assert command(letters, *arguments)[0] == 2


def test_a_wrong_setting_in_the_url_is_named(database_url: str, command: Any) -> None:
    status, printed = command(f"{database_url}?connect_timeout=abc", "dlq", "list")
    assert status == 2
    assert "connect_timeout must be a whole number of seconds, got 'abc'" in printed
