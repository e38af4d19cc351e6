"""``gridpilot retention``: drop old readings, when and only when somebody says so."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.session import AsJson, open_database, print_json, shell_actor
from grid.faults import Fault, InputError

if TYPE_CHECKING:
    from grid.store.retention import RetentionPlan


def retention(
    before: Annotated[
        str | None, typer.Option(metavar="TIME", help="Drop what is older than this instant, RFC 3339 with offset.")
    ] = None,
    older_than_days: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS", min=1, help="Drop what is older, counted back from the newest reading; 74 at least."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be dropped; drop nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Drop without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Drop old readings with their history; hourly and daily totals stay. Nothing is dropped unless this is run."""
    from grid.store.audit import append_audit
    from grid.store.retention import drop_readings, newest_reading, plan_retention

    if (before is None) == (older_than_days is None):
        raise InputError([Fault("--before, --older-than-days", "one of the two must be given", "choose one")])
    with open_database() as conn:
        instant = _instant(before) if before is not None else newest_reading(conn)
        conn.commit()
        if instant is None:
            raise InputError([Fault("--older-than-days", "there is no reading to count from", "ingest some first")])
        if older_than_days is not None:
            instant -= timedelta(days=older_than_days)
        plan = plan_retention(conn, before=instant)
        conn.commit()
        if dry_run and as_json:
            print_json(asdict(plan))
            return
        typer.echo(_told(plan), err=as_json)
        if dry_run:
            return
        if not yes:
            typer.confirm("drop them?", abort=True, err=as_json)
        report = drop_readings(conn, before=instant)
        with conn.transaction():
            document = {"before": report.before.isoformat(), "dropped": report.dropped, "deleted": report.deleted}
            append_audit(conn, actor=shell_actor(), action="retention.drop", document=document)
    if as_json:
        print_json(asdict(report))
    else:
        typer.echo(
            f"readings before {report.before.isoformat()} are gone: {report.dropped} partitions dropped whole,"
            f" {report.deleted:,} rows deleted; their totals stay"
        )


def _told(plan: RetentionPlan) -> str:
    newest = "none" if plan.newest is None else plan.newest.isoformat()
    goes = f"{plan.readings:,} of {plan.readings + plan.kept:,} readings"
    return f"readings before {plan.before.isoformat()}: {goes} go, with history and verdicts; the newest is {newest}"


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        problem = f"must be an instant with its offset, got {text!r}"
        raise InputError([Fault("--before", problem, "such as 2024-01-01T00:00:00Z")])
    return instant.astimezone(UTC)
