"""``gridpilot retention``: drop old readings, when and only when somebody says so."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from api.commands.session import AsJson, open_database, print_json, shell_actor
from grid.faults import Fault, InputError


def retention(
    before: Annotated[
        str | None, typer.Option(metavar="TIME", help="Drop what is older than this instant, RFC 3339 with offset.")
    ] = None,
    older_than_days: Annotated[
        int | None,
        typer.Option(metavar="DAYS", min=1, help="Drop what is older, counted back from the newest reading."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Drop old readings with their history; hourly and daily totals stay. Nothing is dropped unless this is run."""
    from grid.store.audit import append_audit
    from grid.store.retention import drop_readings, newest_reading

    if (before is None) == (older_than_days is None):
        raise InputError([Fault("--before, --older-than-days", "one of the two must be given", "choose one")])
    with open_database() as conn:
        instant = _instant(before) if before is not None else newest_reading(conn)
        conn.commit()
        if instant is None:
            raise InputError([Fault("--older-than-days", "there is no reading to count from", "ingest some first")])
        if older_than_days is not None:
            instant -= timedelta(days=older_than_days)
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


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        problem = f"must be an instant with its offset, got {text!r}"
        raise InputError([Fault("--before", problem, "such as 2024-01-01T00:00:00Z")])
    return instant.astimezone(UTC)
