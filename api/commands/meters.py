"""``gridpilot meters``: which meters are known, and which may send when unknown ones are held."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from api.commands.session import AsJson, open_database, print_json, print_table, printable, shell_actor
from grid.faults import Fault, InputError

app = typer.Typer(help="Meters, registered or first seen in the stream.", no_args_is_help=True)


@app.command("list")
def show(
    unregistered: Annotated[
        bool, typer.Option("--unregistered", help="Only those that nobody has registered.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Every meter that was registered, or whose readings were accepted."""
    from grid.store.series import list_meters

    with open_database() as conn:
        found = list_meters(conn, registered=False if unregistered else None)
    if as_json:
        print_json([asdict(meter) for meter in found])
    else:
        rows = [(x.meter_id, "yes" if x.registered else "no", f"{x.first_seen_at:%Y-%m-%d %H:%M:%SZ}") for x in found]
        print_table(("meter", "registered", "first seen"), rows)


@app.command("register")
def register(
    meters: Annotated[list[str], typer.Argument(help="Their ids.")],
    as_json: AsJson = False,
) -> None:
    """Name meters as yours: with GRIDPILOT_UNKNOWN_METERS=quarantine only these are stored."""
    from grid.store.audit import append_audit
    from grid.store.dead_letters import Which, count_dead_letters
    from grid.store.series import register_meters
    from ingest.messages import is_owner_id

    faults = [
        Fault(f"meter {printable(name)[:200]!r}", "must be 1 to 200 printable characters", "correct it")
        for name in meters
        if not is_owner_id(name)
    ]
    if faults:
        raise InputError(faults)
    with open_database() as conn:
        new = register_meters(conn, meters)
        if new:
            append_audit(conn, actor=shell_actor(), action="meter.register", document={"meter_ids": new})
        held = sum(
            sum(count_dead_letters(conn, Which(error_class="unknown_meter", meter_id=name)).values())
            for name in dict.fromkeys(meters)
        )
    if as_json:
        print_json({"registered": new, "held_messages": held})
        return
    known = len(set(meters)) - len(new)
    typer.echo(f"{len(new)} registered{f', {known} were before' if known else ''}")
    if held:
        typer.echo(f"{held} of their messages are held; store them: gridpilot dlq replay --error-class unknown_meter")
