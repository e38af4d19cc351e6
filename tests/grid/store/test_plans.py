"""Plans in a real PostgreSQL: document, set-points and event together or not at all."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from grid.store.plans import latest_plan, plan_text, save_plan

ISSUED = datetime(2026, 3, 1, 6, tzinfo=UTC)


def document(plan_id: str, *, issued_at: datetime = ISSUED) -> dict[str, Any]:
    starts = ["2026-03-01T06:00:00Z", "2026-03-01T07:00:00Z"]
    return {
        "plan_id": plan_id,
        "site_id": "s",
        "issued_at": issued_at.isoformat(),
        "status": "optimal",
        "objective": 12.5,
        "gap": 0.001,
        "axis": {"start": starts[0], "step_minutes": 60, "periods": 2, "interval_starts": starts},
        "units": {"u": [{"on": True, "power_mw": 10.5}, {"on": False, "power_mw": 0.0}]},
        "renewables": {"w": [{"power_mw": 1.0, "available_mw": 2.0}, {"power_mw": 0.25, "available_mw": 0.25}]},
        "storages": {"b": [{"charge_mw": 3.0, "discharge_mw": 0.0}, {"charge_mw": 0.0, "discharge_mw": 2.0}]},
        "inputs": {"forecasts": [{"model_id": "m2"}, {"model_id": "m1"}, {"model_id": "m2"}]},
    }


def test_a_saved_plan_can_be_read_and_queried(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        save_plan(conn, document("p1"))
        text = plan_text(conn, "p1")
        assert text is not None
        assert json.loads(text) == document("p1")
        rows = conn.execute("SELECT asset_id, setpoint_kw, model_ids FROM v_plan ORDER BY asset_id, interval_start")
        assert rows.fetchall() == [
            ("b", -3000.0, ["m1", "m2"]),
            ("b", 2000.0, ["m1", "m2"]),
            ("u", 10500.0, ["m1", "m2"]),
            ("u", 0.0, ["m1", "m2"]),
            ("w", 1000.0, ["m1", "m2"]),
            ("w", 250.0, ["m1", "m2"]),
        ]
        events = conn.execute("SELECT kind, payload->>'plan_id' FROM event").fetchall()
        assert events == [("plan", "p1")]


def test_there_is_no_plan_before_the_first(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        assert latest_plan(conn, "s") is None
        assert plan_text(conn, "p1") is None


def test_the_latest_plan_is_the_newest_issue_and_never_a_what_if(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        save_plan(conn, document("newer", issued_at=ISSUED + timedelta(hours=1)))
        save_plan(conn, document("older"))
        save_plan(conn, document("what-if", issued_at=ISSUED + timedelta(hours=2)), what_if=True)
        latest = latest_plan(conn, "s")
        assert latest is not None
        assert latest["plan_id"] == "newer"
        before = latest_plan(conn, "s", before=ISSUED + timedelta(hours=1))
        assert before is not None
        assert before["plan_id"] == "older"
        assert latest_plan(conn, "another site") is None


def test_a_plan_that_cannot_be_stored_whole_leaves_nothing(database_url: str) -> None:
    broken = copy.deepcopy(document("p1"))
    broken["units"]["u"][1]["power_mw"] = None
    with psycopg.connect(database_url) as conn:
        with pytest.raises(TypeError):
            save_plan(conn, broken)
        for table in ("plan", "plan_setpoint", "event"):
            assert conn.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_a_plan_is_stored_once(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        save_plan(conn, document("p1"))
        with pytest.raises(psycopg.errors.UniqueViolation):
            save_plan(conn, document("p1"))
        assert conn.execute("SELECT count(*) FROM event").fetchone() == (1,)
