"""``gridpilot keys``: who may call the API."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from api.commands.session import AsJson, open_database, print_json, print_table, shell_actor
from grid.faults import Fault, InputError
from grid.store.keys import Role

app = typer.Typer(help="Keys of the API.", no_args_is_help=True)


@app.command("create")
def create(
    role: Annotated[Role, typer.Option(help="What the key may do.")],
    name: Annotated[str, typer.Option(help="Who holds it; the name stands beside every decision made with it.")],
    meter: Annotated[str | None, typer.Option(help="For role meter: the one meter it may write.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once; only its hash is kept."""
    from grid.store.keys import create_key

    with open_database() as conn:
        try:
            key = create_key(conn, role=role, name=name, meter_id=meter, actor=shell_actor())
        except ValueError as error:
            raise InputError([Fault(f"key {name!r}", str(error), "see gridpilot keys create --help")]) from None
    if as_json:
        print_json({"name": name, "role": role.value, "meter_id": meter, "key": key})
    else:
        typer.echo(key)


@app.command("list")
def show(as_json: AsJson = False) -> None:
    """Name, role and meter of every key; never the key."""
    from grid.store.keys import list_keys

    with open_database() as conn:
        found = list_keys(conn)
    if as_json:
        print_json([asdict(key) for key in found])
    else:
        rows = [(x.name, x.role, x.meter_id, x.created_at, x.revoked_at, x.former_until) for x in found]
        print_table(("name", "role", "meter", "created", "revoked", "former secret until"), rows)


@app.command("rotate")
def rotate(
    name: Annotated[str, typer.Option(help="Who holds it.")],
    grace_hours: Annotated[
        float, typer.Option(min=0, max=24 * 90, help="How long the old secret goes on working beside the new one.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret and print it, this once; the old one ends at once, or after a grace."""
    from grid.store.keys import rotate_key

    with open_database() as conn:
        key = rotate_key(conn, name=name, grace=timedelta(hours=grace_hours), actor=shell_actor())
    if as_json:
        print_json({"name": name, "grace_hours": grace_hours, "key": key})
    else:
        typer.echo(key)


@app.command("revoke")
def revoke(name: Annotated[str, typer.Option(help="Who holds it.")]) -> None:
    """Make a key worthless from now on."""
    from grid.store.keys import revoke_key

    with open_database() as conn:
        if not revoke_key(conn, name=name, actor=shell_actor()):
            raise InputError([Fault(f"key {name!r}", "no such key in force", "see gridpilot keys list")])
