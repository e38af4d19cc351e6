"""``gridpilot dlq``: messages that could not be stored."""

from __future__ import annotations

from typing import Annotated

import typer

from api.commands.session import AsJson, open_database, print_json, print_table
from grid.faults import Fault, InputError
from grid.store.dead_letters import DeadLetter

app = typer.Typer(help="Messages that could not be stored.", no_args_is_help=True)
LetterId = Annotated[int, typer.Argument(help="Its id, see gridpilot dlq list.")]


@app.command("list")
def show_all(
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the oldest first.")] = 50,
    resolved: Annotated[bool, typer.Option("--all", help="Those that are settled too.")] = False,
    as_json: AsJson = False,
) -> None:
    """What waits for somebody, each with its place and reason."""
    from grid.store.dead_letters import list_dead_letters

    with open_database() as conn:
        found = list_dead_letters(conn, include_resolved=resolved, limit=limit)
    if as_json:
        print_json([_document(letter) for letter in found])
    else:
        rows = [
            (
                x.dead_letter_id,
                f"{x.topic}[{x.partition}]@{x.offset}",
                x.received_at,
                x.error_class,
                x.detail,
                x.resolution,
            )
            for x in found
        ]
        print_table(("id", "message", "received", "class", "detail", "settled"), rows)


@app.command("show")
def show(letter: LetterId, as_json: AsJson = False) -> None:
    """One message, whole."""
    from grid.store.dead_letters import find_dead_letter

    with open_database() as conn:
        found = find_dead_letter(conn, letter)
    if found is None:
        raise InputError([Fault(f"dead letter {letter}", "there is none", "see gridpilot dlq list")])
    if as_json:
        print_json(_document(found))
        return
    for name, value in _document(found).items():
        typer.echo(f"{name}: {value}")


def _document(letter: DeadLetter) -> dict[str, object]:
    return {
        "dead_letter_id": letter.dead_letter_id,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "key": None if letter.message_key is None else letter.message_key.decode("utf-8", "backslashreplace"),
        "payload": letter.payload.decode("utf-8", "backslashreplace"),
        "error_class": letter.error_class,
        "detail": letter.detail,
        "received_at": letter.received_at.isoformat(),
        "resolved_at": letter.resolved_at and letter.resolved_at.isoformat(),
        "resolution": letter.resolution,
    }
