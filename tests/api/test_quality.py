"""What is wrong with readings, in words and shares; edits with a reason; all of it through the API and the client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest

from api.client import GridPilot
from grid.readings import Quality, ReadingBlock, Source
from grid.store.saving import save_readings
from grid.units import Channel
from ingest.validator import run_validator

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
TOWN = "/series/town:load"
FLAT = int(Quality.FLAT_LINE | Quality.ESTIMATED_BY_REFERENCE_DAYS)
REASON = {"reason": "meter was replaced"}


def judged(conn: psycopg.Connection, hours_back: int, value: float | None, quality: int) -> None:
    """A verdict on one hour of the town's load, with nothing left to validate."""
    conn.execute("DELETE FROM validation_due")
    conn.execute(
        "INSERT INTO verdict SELECT channel_key, %s, 60, %s, %s, now() FROM channel WHERE owner_id = 'town'",
        (NOW - hours_back * HOUR, value, quality),
    )


@pytest.fixture
def judged_api(own_api: Any) -> Any:
    """A service of the test's own where the town's load had a flat line of three hours and a doubtful zero."""
    with psycopg.connect(own_api.database_url) as conn:
        for hours_back in (10, 9, 8):
            judged(conn, hours_back, 77_000.0, FLAT)
        judged(conn, 4, 0.0, int(Quality.ZERO | Quality.QUESTIONABLE))
    return own_api


@pytest.fixture
def grid(judged_api: Any) -> Iterator[GridPilot]:
    with GridPilot(judged_api.url, judged_api.keys["operator"]) as client:
        yield client


def span(start: datetime, end: datetime) -> dict[str, str]:
    return {"start": start.isoformat(), "end": end.isoformat()}


def test_a_series_tells_its_shares_its_rules_and_where_in_words(judged_api: Any) -> None:
    quality = judged_api.get(f"{TOWN}/quality", params=span(NOW - 48 * HOUR, NOW)).json()
    assert {name: count for name, count in quality["total"].items() if count} == {
        "intervals": 48,
        "valid": 44,
        "questionable": 1,
        "estimated": 3,
    }
    assert [(day["day"], day["start"], day["intervals"]) for day in quality["days"]] == [  # of Berlin
        ("2026-02-28", "2026-02-27T23:00:00Z", 17),
        ("2026-03-01", "2026-02-28T23:00:00Z", 24),
        ("2026-03-02", "2026-03-01T23:00:00Z", 7),
    ]
    assert [(rule["rule"], rule["intervals"]) for rule in quality["rules"]] == [("flat_line", 3), ("zero", 1)]
    assert all(rule["seen"] and rule["remedy"] for rule in quality["rules"])
    flat, zero = quality["spans"]
    assert (flat["start"], flat["end"], flat["intervals"]) == ("2026-03-01T20:00:00Z", "2026-03-01T23:00:00Z", 3)
    assert flat["reasons"] == ["estimated_by_reference_days", "flat_line"]
    assert len(flat["explanation"]) == 2
    assert zero["reasons"] == ["questionable", "zero"]
    assert quality["complete"] is True


def test_readings_come_as_sent_or_as_validated_with_their_flags(judged_api: Any, grid: GridPilot) -> None:
    asked = span(NOW - 10 * HOUR, NOW - 7 * HOUR)
    raw, validated = (
        judged_api.get(f"{TOWN}/readings", params=asked | {"layer": layer}).json() for layer in ("raw", "validated")
    )
    assert (raw["layer"], validated["layer"]) == ("raw", "validated")
    assert [row["value"] for row in validated["readings"]] == [77_000.0] * 3
    assert all(row["value"] != 77_000.0 for row in raw["readings"])
    assert {row["quality"] for row in raw["readings"] + validated["readings"]} == {FLAT}
    assert judged_api.get(f"{TOWN}/readings", params=asked).json() == raw
    whole = asked | {"resolution": "PT3H", "start": (NOW - 9 * HOUR).isoformat(), "end": (NOW - 6 * HOUR).isoformat()}
    means = [
        judged_api.get(f"/series/{series}/readings", params=whole | {"layer": layer}).json()["readings"][0]["value"]
        for series in ("town:load", "site:load")
        for layer in ("raw", "validated")
    ]
    assert means[0] == pytest.approx(means[2])
    assert means[1] == pytest.approx(means[3])
    assert abs(means[0] - means[1]) > 1_000.0
    frame = grid.readings("town:load", NOW - 10 * HOUR, NOW - 7 * HOUR, layer="validated")
    assert frame["value"].tolist() == [77_000.0] * 3
    before = grid.readings("town:load", NOW - 10 * HOUR, NOW, layer="validated", as_of=NOW + timedelta(minutes=2))
    assert not frame["value"].isin(before["value"]).any(), "the verdicts came later"


def test_the_site_tells_its_worst_series_its_silent_meters_and_what_waits(judged_api: Any) -> None:
    quality = judged_api.get("/quality").json()
    assert (quality["start"], quality["end"]) == ("2026-03-01T06:00:00Z", "2026-03-02T06:00:00Z")
    (worst,) = quality["series"]
    assert (worst["series_id"], worst["intervals"], worst["estimated"]) == ("town:load", 24, 3)
    assert worst["reasons"] == ["flat_line", "zero"]
    assert worst["last"] == "2026-03-02T06:00:00Z"
    assert quality["backlog"] == {"spans": 0, "series": 0, "oldest_marked_at": None}
    with psycopg.connect(judged_api.database_url) as conn:
        conn.execute(
            "DELETE FROM reading r USING channel c WHERE c.channel_key = r.channel_key AND c.owner_id = 'dune-solar'"
            " AND interval_start >= %s",
            (NOW - 30 * HOUR,),
        )
    (silent,) = judged_api.get("/quality").json()["silent"]
    assert (silent["series_id"], silent["last"]) == ("dune-solar:generation", "2026-03-01T00:00:00Z")
    assert judged_api.get("/quality", params={"hours": 48}).json()["silent"] == []


def test_a_site_without_readings_has_nothing_to_tell(own_api: Any) -> None:
    with psycopg.connect(own_api.database_url) as conn:
        conn.execute("DELETE FROM reading")
    quality = own_api.get("/quality").json()
    assert (quality["end"], quality["series"], quality["silent"]) == (None, [], [])
    assert (quality["backlog"]["spans"], quality["backlog"]["series"]) == (2, 2)
    assert quality["backlog"]["oldest_marked_at"] is not None


def test_a_span_is_set_declared_missing_or_accepted_as_sent(judged_api: Any) -> None:
    path = f"{TOWN}/edits"
    made = judged_api.post(
        path, json={"action": "set", **span(NOW - 10 * HOUR, NOW - 8 * HOUR), "value": 5.0, **REASON}
    )
    assert made.status_code == 201, made.text
    assert [(edit["interval_start"], edit["old_value"], edit["value"]) for edit in made.json()] == [
        ("2026-03-01T20:00:00Z", 77_000.0, 5.0),
        ("2026-03-01T21:00:00Z", 77_000.0, 5.0),
    ]
    assert {edit["edited_by"] for edit in made.json()} == {"key:test-operator"}
    listed = {"action": "set", "start": NOW.isoformat(), "values": [1.0, None], **REASON}  # hours that never came
    assert [edit["value"] for edit in judged_api.post(path, json=listed).json()] == [1.0, None]
    missing = {"action": "missing", **span(NOW - 8 * HOUR, NOW - 7 * HOUR), **REASON}
    assert [edit["value"] for edit in judged_api.post(path, json=missing).json()] == [None]
    accept = {"action": "accept", **span(NOW - 4 * HOUR, NOW - 3 * HOUR), **REASON}
    (accepted,) = judged_api.post(path, role="admin", json=accept).json()
    sent = judged_api.get(f"{TOWN}/readings", params=span(NOW - 4 * HOUR, NOW - 3 * HOUR)).json()["readings"]
    assert (accepted["old_value"], accepted["value"]) == (0.0, sent[0]["value"])
    assert accepted["edited_by"] == "key:test-admin"
    edits = judged_api.get(path, params=span(NOW - 48 * HOUR, NOW + 48 * HOUR)).json()
    assert len(edits) == 6
    assert judged_api.get("/quality").json()["backlog"]["spans"] == 4


def test_edits_are_withdrawn_with_a_reason_one_or_a_span_and_kept(judged_api: Any, problem: Any) -> None:
    path, whole = f"{TOWN}/edits", span(NOW - 48 * HOUR, NOW)
    body = {"action": "set", **span(NOW - 10 * HOUR, NOW - 7 * HOUR), "value": 5.0, **REASON}
    first, *others = judged_api.post(path, json=body).json()
    with judged_api.client() as client:
        taken = client.delete(f"{path}/{first['edit_id']}", params={"reason": "was right after all"}).json()
        assert taken["withdrawn_by"] == "key:test-operator"
        problem(client.delete(f"{path}/{first['edit_id']}", params={"reason": "once more"}), 409)
        problem(client.delete(f"{path}/99999", params={"reason": "not there"}), 404)
        problem(client.delete(f"/series/dune-solar:generation/edits/{others[0]['edit_id']}", params=REASON), 404)
        problem(client.delete(path, params=whole), 422)  # no reason
        gone = client.delete(path, params=whole | {"reason": "the other two as well"}).json()
    assert [edit["edit_id"] for edit in gone] == [edit["edit_id"] for edit in others]
    assert judged_api.get(path, params=whole).json() == []
    kept = judged_api.get(path, params=whole | {"withdrawn": True}).json()
    assert [edit["withdrawal_reason"] for edit in kept] == [
        "was right after all",
        "the other two as well",
        "the other two as well",
    ]
    actions = [entry["action"] for entry in judged_api.get("/audit", role="admin").json()[:3]]
    assert actions == ["reading.edit.withdraw", "reading.edit.withdraw", "reading.edit"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"reason": "  "}, "body.reason"),
        ({"reason": "no"}, "body.reason"),
        ({"action": "guess"}, "body.action"),
        ({"value": None}, "body.value"),
        ({"values": [1.0]}, "body.value"),
        ({"action": "missing"}, "body.value"),
        ({"end": None}, "body.end"),
        ({"end": "2026-03-01T20:00:00Z"}, "body.end"),
        ({"end": "9999-12-31T23:00:00Z"}, "body.end"),
        ({"end": "2026-03-01T21:00:00"}, "body.end"),
        ({"start": 1772395200}, "body.start"),
        ({"start": "0001-01-01T00:00:00+12:00"}, "body.start"),
        ({"start": "2026-03-01T20:07:00Z"}, "body.start"),
        ({"start": "1990-03-01T20:00:00Z"}, "body.end"),  # more than 10,000 hours
        ({"value": "5"}, "body.value"),
        ({"interval_minutes": 0}, "body.interval_minutes"),
        ({"colour": "red"}, "body.colour"),
    ],
)
def test_wrong_edits_name_their_place(api: Any, problem: Any, change: dict[str, Any], place: str) -> None:
    body = {"action": "set", **span(NOW - 10 * HOUR, NOW - 8 * HOUR), "value": 5.0, **REASON} | change
    body = {name: value for name, value in body.items() if value is not None}
    document = problem(api.post(f"{TOWN}/edits", json=body), 422)
    assert place in [fault["place"] for fault in document["faults"]]


def test_what_is_not_there_cannot_be_accepted_or_asked_about(api: Any, problem: Any) -> None:
    body = {"action": "accept", **span(NOW + 100 * HOUR, NOW + 101 * HOUR), **REASON}
    problem(api.post(f"{TOWN}/edits", json=body), 422)
    problem(api.post("/series/nobody:load/edits", json=body), 404)
    problem(api.get("/series/nobody:load/quality", params=span(NOW - HOUR, NOW)), 404)
    problem(api.get(f"{TOWN}/quality", params=span(NOW, NOW - HOUR)), 422)
    problem(api.get(f"{TOWN}/edits", params=span(NOW, NOW - HOUR)), 422)


def test_the_client_tells_quality_and_edits_as_frames(grid: GridPilot) -> None:
    days = grid.quality.days("town:load", NOW - 48 * HOUR, NOW)
    assert days["intervals"].sum() == 48
    assert days.loc[pd.Timestamp("2026-03-01"), "estimated"] == 3
    assert list(days.attrs["rules"]["rule"]) == ["flat_line", "zero"]
    assert list(days.attrs["spans"]["intervals"]) == [3, 1]
    assert str(days.attrs["spans"]["start"].dtype).endswith("UTC]")
    worst = grid.quality.worst()
    assert list(worst["series_id"]) == ["town:load"]
    assert worst.attrs["backlog"]["spans"] == 0

    made = grid.quality.edit("town:load", NOW - 10 * HOUR, [5.0, None, float("nan")], reason="meter was replaced")
    assert made["value"].isna().tolist() == [False, True, True]
    assert len(grid.quality.edit_span("town:load", NOW - 4 * HOUR, NOW - 3 * HOUR, "accept", reason="an outage")) == 1
    edits = grid.quality.edits("town:load", NOW - 48 * HOUR, NOW)
    assert list(edits["interval_start"]) == [pd.Timestamp(NOW - hours * HOUR) for hours in (10, 9, 8, 4)]
    assert len(grid.quality.withdraw("town:load", NOW - 10 * HOUR, NOW - 8 * HOUR, reason="was right")) == 2
    assert len(grid.quality.edits("town:load", NOW - 48 * HOUR, NOW)) == 2
    assert len(grid.quality.edits("town:load", NOW - 48 * HOUR, NOW, withdrawn=True)) == 4


def test_from_a_fault_through_validation_and_an_edit_and_back(own_api: Any) -> None:
    """The whole way: a sentinel is sent, found, estimated; an operator sets a value, and takes it back."""
    wrong = NOW - 20 * HOUR
    sent = own_api.get(f"{TOWN}/readings", params=span(wrong, wrong + HOUR)).json()["readings"]
    before = sent[0]["value"]
    with psycopg.connect(own_api.database_url) as conn:
        starts = np.array([int(wrong.timestamp()) * 1_000_000], dtype=np.int64)
        sentinel = ReadingBlock(Source.METER, "town", Channel.LOAD, 60, starts, np.array([-99.0]), revision=1)
        save_readings(conn, [sentinel], received_at=NOW)

    def validated() -> dict[str, Any]:
        run_validator(database_url=own_api.database_url, until_caught_up=True)
        asked = span(wrong, wrong + HOUR) | {"layer": "validated"}
        (row,) = own_api.get(f"{TOWN}/readings", params=asked).json()["readings"]
        return dict(row)

    estimated = validated()
    assert estimated["value"] == pytest.approx(before, rel=0.05)
    assert estimated["quality"] & Quality.SENTINEL
    told = own_api.get(f"{TOWN}/quality", params=span(wrong, wrong + HOUR)).json()
    assert (told["total"]["estimated"], told["total"]["intervals"]) == (1, 1)
    assert "sentinel" in told["spans"][0]["reasons"]
    assert "town:load" in [one["series_id"] for one in own_api.get("/quality").json()["series"]]

    body = {"action": "set", "start": wrong.isoformat(), "values": [71_000.0], "reason": "read off the display"}
    (edit,) = own_api.post(f"{TOWN}/edits", json=body).json()
    assert edit["old_value"] == pytest.approx(estimated["value"])
    edited = validated()
    assert (edited["value"], edited["quality"] & Quality.EDITED) == (71_000.0, Quality.EDITED)
    assert own_api.get(f"{TOWN}/quality", params=span(wrong, wrong + HOUR)).json()["total"]["edited"] == 1

    with own_api.client() as client:
        client.delete(f"{TOWN}/edits/{edit['edit_id']}", params={"reason": "another feeder's"})
    assert validated() == estimated
    raw = own_api.get(f"{TOWN}/readings", params=span(wrong, wrong + HOUR)).json()["readings"]
    assert [row["value"] for row in raw] == [-99.0], "never changed"
