"""``GET /audit``: who did what when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from api.auth import Admin
from api.problems import problems
from api.schemas import Document
from api.service import Database
from grid.store.audit import AuditEntry, list_audit

router = APIRouter(tags=["audit"])

LAST_NUMBER = 2**63 - 1


class AuditDocument(Document):
    """Something that somebody did; kept for ever, and chained to the entry before it."""

    audit_id: int = Field(description="1, 2, 3 … without a gap.")
    at: datetime = Field(description="When (wall clock). RFC 3339, UTC.")
    actor: str = Field(description="`key:NAME`, `shell:user@host`, or `gridpilot` for the service itself.")
    action: str = Field(description="Such as `key.create`, `reading.edit` or `model.rollback`.")
    document: dict[str, Any] = Field(description="What exactly was done, to what, and why.")
    previous_sha256: str = Field(description="Hash of the entry before, hexadecimal; 64 zeros in the first.")
    sha256: str = Field(description="Hash over all of this entry, hexadecimal. `gridpilot audit verify` checks all.")


@router.get("/audit", responses=problems(401, 403, 422, 503), summary="The audit log")
def get_audit(
    caller: Admin,
    conn: Database,
    limit: Annotated[int, Query(ge=1, le=1_000, description="At most this many.")] = 100,
    action: Annotated[str | None, Query(max_length=100, description="Only of this action.")] = None,
    before: Annotated[
        int | None, Query(ge=1, le=LAST_NUMBER, description="Only entries with a lower number: the next page.")
    ] = None,
) -> list[AuditDocument]:
    """The newest first: edits, decisions, keys, models, sites and dead letters, each with who did it."""
    return [_document(entry) for entry in list_audit(conn, limit=limit, action=action, before=before)]


def _document(entry: AuditEntry) -> AuditDocument:
    return AuditDocument(
        audit_id=entry.audit_id,
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        document=entry.document,
        previous_sha256=entry.previous_sha256.hex(),
        sha256=entry.sha256.hex(),
    )
