"""What operators decided about plans, and why. Decisions are added, never changed, and audited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from grid.store.audit import append_audit, key_actor


class Choice(StrEnum):
    """``override`` accepts the plan with set-points changed by hand."""

    ACCEPT = "accept"
    REJECT = "reject"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision about one plan.

    Attributes:
        reason: In the operator's words.
        overrides: Set-point by asset id [MW]; empty unless the decision is an override.
        decided_by: Name of the API key that decided.
        decided_at: Wall clock.
    """

    decision_id: int
    plan_id: str
    decision: Choice
    reason: str
    overrides: dict[str, float]
    decided_by: str
    decided_at: datetime


def save_decision(
    conn: psycopg.Connection[Any],
    *,
    plan_id: str,
    decision: Choice,
    reason: str,
    decided_by: str,
    overrides: Mapping[str, float] | None = None,
) -> Decision | None:
    """Add a decision; None if there is no plan ``plan_id``."""
    changed = dict(overrides or {})
    with conn.transaction():
        row = conn.execute(
            "INSERT INTO plan_decision (plan_id, decision, reason, overrides, decided_by) "
            "SELECT plan_id, %s, %s, %s, %s FROM plan WHERE plan_id = %s RETURNING decision_id, decided_at",
            (decision.value, reason, Jsonb(changed), decided_by, plan_id),
        ).fetchone()
        if row is None:
            return None
        about = {"plan_id": plan_id, "decision": decision.value, "reason": reason, "overrides": changed}
        append_audit(conn, actor=key_actor(decided_by), action="plan.decide", document=about)
    return Decision(row[0], plan_id, decision, reason, changed, decided_by, row[1])


def decisions_of(conn: psycopg.Connection[Any], *, plan_id: str) -> list[Decision]:
    """The decisions about one plan, newest first."""
    rows = conn.execute(
        "SELECT decision_id, plan_id, decision, reason, overrides, decided_by, decided_at FROM plan_decision "
        "WHERE plan_id = %s ORDER BY decision_id DESC",
        (plan_id,),
    ).fetchall()
    return [Decision(row[0], row[1], Choice(row[2]), *row[3:]) for row in rows]
