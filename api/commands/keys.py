"""``gridpilot keys``: who may call the API."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from api.commands.session import AsJson, open_database, print_json, print_table
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
            key = create_key(conn, role=role, name=name, meter_id=meter)
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
        rows = [(key.name, key.role, key.meter_id, key.created_at, key.revoked_at) for key in found]
        print_table(("name", "role", "meter", "created", "revoked"), rows)


@app.command("revoke")
def revoke(name: Annotated[str, typer.Option(help="Who holds it.")]) -> None:
    """Make a key worthless from now on."""
    from grid.store.keys import revoke_key

    with open_database() as conn:
        if not revoke_key(conn, name=name):
            raise InputError([Fault(f"key {name!r}", "no such key in force", "see gridpilot keys list")])
