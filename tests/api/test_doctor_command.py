"""``gridpilot doctor`` tells what waits, for how long, and what to do about it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import psycopg

from api.commands.doctor import Finding, look_at_chain, look_at_telemetry
from grid.readings import Rejection
from grid.store.database import connect, server_clock
from grid.store.dead_letters import add_dead_letter
from grid.store.events import publish_event
from grid.store.sites import load_site
from grid.store.validation_due import DueSpan, mark_due
from ingest.alarms import alarm_payload, gap_alarm_payload

START = datetime(2026, 3, 1, tzinfo=UTC)


def found(conn: psycopg.Connection) -> dict[str, Finding]:
    return {finding.what: finding for finding in look_at_telemetry(conn)}


def test_an_empty_database_has_nothing_that_waits(database_url: str) -> None:
    with connect(database_url, application_name="test") as conn:
        assert {what: (finding.state, finding.detail) for what, finding in found(conn).items()} == {
            "telemetry": ("warning", "0 readings received"),
            "validation": ("good", "nothing waits"),
        }


def test_a_chain_that_stands_still_is_warned_of_with_ages_and_remedies(town_url: str) -> None:
    every = timedelta(hours=1)
    with connect(town_url, application_name="test") as conn:

        def links() -> dict[str, Finding]:
            site = load_site(conn)
            return {finding.what: finding for finding in look_at_chain(conn, site, "telemetry", every=every)}

        assert {what: finding.state for what, finding in links().items()} == {
            "present": "good",
            "newest reading": "good",
            "forecast": "good",
            "plan": "warning",
        }
        assert links()["present"].detail == "2026-03-02 06:00Z by the telemetry clock"
        conn.execute("UPDATE forecast_run SET issued_at = issued_at - interval '4 hours'")
        forecast = links()["forecast"]
        assert (forecast.state, forecast.detail) == ("warning", "240 min old on the site's clock")
        assert "gridpilot forecast" in forecast.remedy


def test_spans_that_wait_for_long_are_told_with_the_age_of_the_oldest(database_url: str) -> None:
    with connect(database_url, application_name="test") as conn:
        now = server_clock(conn)
        spans = [DueSpan(key, START, START + timedelta(hours=1)) for key in (1, 1, 2)]
        mark_due(conn, spans, marked_at=now - timedelta(minutes=5))
        assert found(conn)["validation"].state == "good"
        mark_due(conn, spans[:1], marked_at=now - timedelta(minutes=90))
        finding = found(conn)["validation"]
        assert (finding.state, finding.detail) == ("warning", "new readings of 2 series wait, the oldest for 90 min")
        assert "gridpilot validate" in finding.remedy


def test_dead_letters_are_told_by_class_and_of_each_alarm_the_newest_of_the_day(database_url: str) -> None:
    with connect(database_url, application_name="test") as conn:
        for offset, error_class in enumerate(("not_json", "unknown_unit", "not_json")):
            add_dead_letter(
                conn,
                topic="t",
                partition=0,
                offset=offset,
                message_key=None,
                payload=b"{",
                rejection=Rejection(error_class, "", "x"),
                received_at=START,
            )
        publish_event(conn, kind="alarm", payload=gap_alarm_payload(["old"], 3, partitions=1))
        conn.execute("UPDATE event SET at = at - interval '2 days'")
        for messages in (100, 200):
            publish_event(conn, kind="alarm", payload=alarm_payload(messages, Counter(not_json=50)))
        publish_event(conn, kind="plan", payload={"plan_id": "p"})
        findings = found(conn)
        assert findings["dead letters"].detail == "3 wait: not_json 2, unknown_unit 1"
        (alarm,) = [finding for what, finding in findings.items() if what.startswith("alarm")]
        assert alarm.what == "alarm dead_letters"
        assert "50 of 200 messages" in alarm.detail
        assert "gridpilot dlq" in alarm.remedy
