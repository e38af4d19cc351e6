"""``gridpilot dlq``: messages that could not be stored."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from api.commands.session import AsJson, open_database, print_json, print_table, shell_actor
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


@app.command("replay")
def replay_letters(
    letters: Annotated[list[int] | None, typer.Argument(help="Their ids; none means all that wait.")] = None,
    error_class: Annotated[str | None, typer.Option(help="Only those of this class.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try to store messages again, after what was wrong has been mended; twice does no harm."""
    from ingest.dead_letters import replay

    with open_database() as conn:
        outcomes = replay(conn, letters or None, error_class=error_class, actor=shell_actor())
    if as_json:
        print_json([asdict(outcome) for outcome in outcomes])
    else:
        rows = [(o.dead_letter_id, "stored" if o.stored else "not stored", o.detail) for o in outcomes]
        print_table(("id", "outcome", "detail"), rows)


@app.command("discard")
def discard_letters(
    letters: Annotated[list[int], typer.Argument(help="Their ids.")],
    reason: Annotated[str, typer.Option(help="Why they are not to be stored; it stays beside them.")],
) -> None:
    """Settle messages without storing them; they stay for the record."""
    from ingest.dead_letters import discard

    with open_database() as conn:
        try:
            settled = discard(conn, letters, reason=reason, actor=shell_actor())
        except ValueError as error:
            raise InputError([Fault("--reason", str(error), "give one")]) from None
    typer.echo(f"{settled} discarded")


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
