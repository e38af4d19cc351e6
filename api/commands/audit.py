"""``gridpilot audit``: who did what when, and whether the log still says it as it was written."""

from __future__ import annotations

from typing import Annotated

import typer

from api.commands.session import AsJson, open_database, print_json, print_table
from grid.faults import Fault, InputError
from grid.store.audit import AuditEntry, list_audit, verify_audit

app = typer.Typer(help="The audit log: who did what when.", no_args_is_help=True)


@app.command("list")
def show(
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the newest first.")] = 50,
    action: Annotated[str | None, typer.Option(help="Only of this action, such as key.create.")] = None,
    as_json: AsJson = False,
) -> None:
    """What was done, by whom, the newest first."""
    with open_database() as conn:
        found = list_audit(conn, limit=limit, action=action)
    if as_json:
        print_json([_document(entry) for entry in found])
    else:
        rows = [(x.audit_id, f"{x.at:%Y-%m-%d %H:%M:%SZ}", x.actor, x.action, x.text) for x in found]
        print_table(("number", "at", "who", "did", "what"), rows)


@app.command("verify")
def verify(
    expect: Annotated[
        str | None, typer.Option(metavar="HASH", help="A head noted before; some entry must still have it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hash the whole log again: intact, or the first entry that is not (exit 2)."""
    with open_database() as conn:
        verdict = verify_audit(conn, expected_head=None if expect is None else _digest(expect))
    if as_json:
        about = {"intact": verdict.intact, "entries": verdict.entries, "head": verdict.head.hex()}
        print_json({**about, "broken": verdict.broken, "reason": verdict.reason})
    elif verdict.intact:
        typer.echo(f"intact: {verdict.entries:,} entries, head {verdict.head.hex()}")
    else:
        typer.echo(f"broken at entry {verdict.broken}: {verdict.reason}; {verdict.entries:,} entries before it hold")
    if not verdict.intact:
        raise typer.Exit(2)


def _digest(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != 32:
        problem = f"must be 64 hexadecimal digits, got {text!r}"
        raise InputError([Fault("--expect", problem, "take the head that gridpilot audit verify printed")])
    return digest


def _document(entry: AuditEntry) -> dict[str, object]:
    return {
        "audit_id": entry.audit_id,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "action": entry.action,
        "document": entry.document,
        "sha256": entry.sha256.hex(),
    }
