"""Plans as they are read back: the stored document as text, because nobody between here and the reader looks inside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg


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


def plan_text(conn: psycopg.Connection, plan_id: str) -> str | None:
    """The document of one plan as JSON; None if there is none of that id."""
    row = conn.execute("SELECT document::text FROM plan WHERE plan_id = %s", (plan_id,)).fetchone()
    return None if row is None else str(row[0])


def latest_plan_text(conn: psycopg.Connection, site_id: str) -> str | None:
    """The document of the site's newest plan that is no what-if; None before the first."""
    row = conn.execute(
        "SELECT document::text FROM plan WHERE site_id = %s AND NOT what_if ORDER BY issued_at DESC, created_at DESC"
        " LIMIT 1",
        (site_id,),
    ).fetchone()
    return None if row is None else str(row[0])


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
