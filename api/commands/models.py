"""``gridpilot models``: which there are, which one speaks, and the way back to the one before."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from api.commands.session import AsJson, open_database, print_json, print_table, shell_actor
from grid.faults import Fault, InputError
from grid.store.models import StoredModel, UnknownModelError, list_models, promote, roll_back

app = typer.Typer(help="Trained models.", no_args_is_help=True)


@app.command("list")
def show(as_json: AsJson = False) -> None:
    """Every model, the newest first."""
    with open_database() as conn:
        found = list_models(conn)
    if as_json:
        print_json([_document(model) for model in found])
    else:
        rows = [(x.model_id, x.kind, x.status, x.created_at, x.promoted_at) for x in found]
        print_table(("model", "kind", "status", "created", "promoted"), rows)


@app.command("promote")
def make_champion(
    model_id: Annotated[str, typer.Argument(help="Which model, see gridpilot models list.")], as_json: AsJson = False
) -> None:
    """Make a model the champion of its kind: it speaks from the next forecast on."""
    with open_database() as conn:
        try:
            champion = promote(conn, model_id, actor=shell_actor())
        except UnknownModelError:
            raise InputError([Fault(model_id, "there is no such model", "see gridpilot models list")]) from None
    _tell(champion, as_json=as_json)


@app.command("rollback")
def back(
    kind: Annotated[Literal["load", "solar"], typer.Argument(help="What it forecasts.")], as_json: AsJson = False
) -> None:
    """Make the champion before the present one champion again."""
    with open_database() as conn:
        try:
            champion = roll_back(conn, kind, actor=shell_actor())
        except UnknownModelError as error:
            raise InputError([Fault(kind, str(error), "see gridpilot models list")]) from None
    _tell(champion, as_json=as_json)


def _tell(champion: StoredModel, *, as_json: bool) -> None:
    if as_json:
        print_json(_document(champion))
    else:
        typer.echo(f"{champion.model_id} is champion of {champion.kind}")


def _document(model: StoredModel) -> dict[str, object]:
    return {
        "model_id": model.model_id,
        "kind": model.kind,
        "status": model.status,
        "created_at": model.created_at.isoformat(),
        "promoted_at": model.promoted_at and model.promoted_at.isoformat(),
    }
