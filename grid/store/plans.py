"""Plans in the database: the document, a row per asset and interval for queries, and the event that tells of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from grid.store.events import publish_event

WITH_SCHEDULE = ("optimal", "feasible", "timeout", "rolled-on", "rule-based")
"""Statuses of plans that say what to run; the others say why there is nothing to."""
_KW_PER_MW = 1000.0
_LONGEST = timedelta(days=7)
"""No plan reaches further ahead."""


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """A plan in one line.

    Attributes:
        created_at: Wall clock; ``issued_at`` is on the site's.
        what_if: True if its inputs were changed by hand; then it never is the latest plan.
        decision: The latest decision about it, None while there is none.
    """

    plan_id: str
    issued_at: datetime
    created_at: datetime
    what_if: bool
    status: str
    objective: float | None
    gap: float | None
    decision: str | None


def save_plan(conn: psycopg.Connection[Any], document: Mapping[str, Any], *, what_if: bool = False) -> None:
    """Store a plan, its set-points and its event in one transaction.

    Args:
        document: As :func:`grid.dispatch.document.plan_document` writes it.
        what_if: True if its inputs were changed by hand; then it never is the latest plan.

    Raises:
        psycopg.errors.UniqueViolation: If a plan of this id is stored already.
    """
    models = sorted({forecast["model_id"] for forecast in document["inputs"].get("forecasts", [])})
    with conn.transaction():
        conn.execute(
            """
            INSERT INTO plan (plan_id, site_id, issued_at, what_if, status, objective, gap, model_ids, document)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            (
                document["plan_id"],
                document["site_id"],
                document["issued_at"],
                what_if,
                document["status"],
                document["objective"],
                document["gap"],
                models,
                Jsonb(dict(document)),
            ),
        )
        with conn.cursor().copy(
            "COPY plan_setpoint (plan_id, asset_id, interval_start, setpoint_kw) FROM STDIN"
        ) as copy:
            for row in _setpoints(document):
                copy.write_row(row)
        payload = {
            "plan_id": document["plan_id"],
            "issued_at": document["issued_at"],
            "status": document["status"],
            "what_if": what_if,
        }
        publish_event(conn, kind="plan", payload=payload)


def plan_text(conn: psycopg.Connection[Any], plan_id: str) -> str | None:
    """The document of one plan as JSON, for readers that pass it on unread; None if there is none of that id."""
    row = conn.execute("SELECT document::text FROM plan WHERE plan_id = %s", (plan_id,)).fetchone()
    return None if row is None else str(row[0])


def latest_plan_text(
    conn: psycopg.Connection[Any], site_id: str, *, before: datetime | None = None, with_schedule: bool = False
) -> str | None:
    """The site's newest plan that is no what-if, as JSON.

    Args:
        before: Issued before then.
        with_schedule: Passing over those that could not be made.
    """
    row = conn.execute(
        """
        SELECT document::text FROM plan
        WHERE site_id = %(site_id)s AND NOT what_if
          AND (%(before)s::timestamptz IS NULL OR issued_at < %(before)s)
          AND (%(statuses)s::text[] IS NULL OR status = ANY(%(statuses)s))
        ORDER BY issued_at DESC, created_at DESC LIMIT 1
        """,
        {"site_id": site_id, "before": before, "statuses": list(WITH_SCHEDULE) if with_schedule else None},
    ).fetchone()
    return None if row is None else str(row[0])


def latest_plan(
    conn: psycopg.Connection[Any], site_id: str, *, before: datetime | None = None, with_schedule: bool = False
) -> dict[str, Any] | None:
    """The document of :func:`latest_plan_text`."""
    text = latest_plan_text(conn, site_id, before=before, with_schedule=with_schedule)
    return None if text is None else dict(json.loads(text))


def promises(conn: psycopg.Connection[Any], site_id: str, *, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """``issued_at``, ``axis`` and ``shortfall`` of plans that may tell of intervals in [start, end), no what-ifs."""
    rows = conn.execute(
        """
        SELECT jsonb_build_object(
            'issued_at', document -> 'issued_at', 'axis', document -> 'axis', 'shortfall', document -> 'shortfall')
        FROM plan
        WHERE site_id = %s AND NOT what_if AND status = ANY(%s) AND issued_at >= %s AND issued_at < %s
        ORDER BY issued_at, created_at
        """,
        (site_id, list(WITH_SCHEDULE), start - _LONGEST, end),
    ).fetchall()
    return [document for (document,) in rows]


def list_plans(conn: psycopg.Connection, *, limit: int, what_if: bool | None = None) -> list[PlanSummary]:
    """The newest plans first, at most ``limit``; only what-ifs, or none of them, if asked."""
    rows = conn.execute(
        """
        SELECT plan_id, issued_at, created_at, what_if, status, objective, gap,
               (SELECT decision FROM plan_decision d WHERE d.plan_id = plan.plan_id ORDER BY decision_id DESC LIMIT 1)
        FROM plan WHERE %(what_if)s::boolean IS NULL OR what_if = %(what_if)s
        ORDER BY created_at DESC LIMIT %(limit)s
        """,
        {"what_if": what_if, "limit": limit},
    ).fetchall()
    return [PlanSummary(*row) for row in rows]


def _setpoints(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str, float]]:
    """What each asset feeds in per interval; charging, exporting is negative. [kW] Nothing if there is no schedule."""
    if document["status"] not in WITH_SCHEDULE:
        return
    starts = document["axis"]["interval_starts"]
    schedules = {
        **{name: [r["power_mw"] for r in rows] for name, rows in document["units"].items()},
        **{name: [r["power_mw"] for r in rows] for name, rows in document["renewables"].items()},
        **{name: [r["discharge_mw"] - r["charge_mw"] for r in rows] for name, rows in document["storages"].items()},
        **{
            name: [r["import_mw"] - r["export_mw"] for r in rows]
            for name, rows in document.get("exchanges", {}).items()
        },
    }
    for name, powers in schedules.items():
        for start, power_mw in zip(starts, powers, strict=True):
            yield document["plan_id"], name, start, power_mw * _KW_PER_MW
