"""``gridpilot dlq``: messages that could not be stored."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from api.commands.session import AsJson, open_database, print_json, print_table, printable, shell_actor
from api.settings import MeterSettings, read_settings
from grid.faults import Fault, InputError
from grid.store.dead_letters import EVERY_ONE, DeadLetter, Which

app = typer.Typer(help="Messages that could not be stored.", no_args_is_help=True)
LetterId = Annotated[int, typer.Argument(help="Its id, see gridpilot dlq list.")]
LetterIds = Annotated[list[int] | None, typer.Argument(help="Their ids; or say which by the options.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would happen.")]

SHOWN = 50  # outcomes of a replay that are told one by one


def _which(
    *,
    error_class: Annotated[str | None, typer.Option(help="Only of this class, such as unknown_unit.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only of this topic.")] = None,
    meter: Annotated[str | None, typer.Option(help="Only of this meter or weather site, by the message's key.")] = None,
    since: Annotated[str | None, typer.Option(help="Only those received from this instant on (RFC 3339).")] = None,
    until: Annotated[str | None, typer.Option(help="Only those received before this instant.")] = None,
) -> Which:
    return Which(error_class, topic, meter, _instant(since, "--since"), _instant(until, "--until"))


def asks_which(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of :func:`_which`, and hand it what they come to as ``which``."""
    options = inspect.signature(_which, eval_str=True).parameters
    own = inspect.signature(command, eval_str=True)

    @functools.wraps(command)
    def asking(**given: Any) -> None:
        which = _which(**{name: given.pop(name) for name in options})
        command(which=which, **given)

    parameters = [*own.parameters.values()]
    at = [*own.parameters].index("which")
    parameters[at : at + 1] = options.values()
    asking.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]  # what Typer reads
    return asking


@app.command("list")
@asks_which
def show_all(
    *,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the oldest first.")] = 50,
    resolved: Annotated[bool, typer.Option("--all", help="Those that are settled too.")] = False,
    which: Which,
    as_json: AsJson = False,
) -> None:
    """What waits for somebody, each with its place and reason."""
    from grid.store.dead_letters import count_dead_letters, list_dead_letters

    with open_database() as conn:
        found = list_dead_letters(conn, which, include_resolved=resolved, limit=limit)
        counts = count_dead_letters(conn, which, include_resolved=resolved)
    if as_json:
        print_json([_document(letter) for letter in found])
        return
    rows = [
        (x.dead_letter_id, f"{x.topic}[{x.partition}]@{x.offset}", x.received_at, x.error_class, x.detail, x.resolution)
        for x in found
    ]
    print_table(("id", "message", "received", "class", "detail", "settled"), rows)
    by_class = ", ".join(f"{count:,} {printable(name)}" for name, count in counts.items())
    typer.echo(f"{len(found):,} of {sum(counts.values()):,}" + (f": {by_class}" if by_class else ""))


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
        typer.echo(f"{name}: {'' if value is None else printable(str(value))}")


@app.command("replay")
@asks_which
def replay_letters(
    *,
    letters: LetterIds = None,
    which: Which,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Try to store messages again, after what was wrong has been mended; twice does no harm.

    Without ids and options it is all that wait. With GRIDPILOT_UNKNOWN_METERS=quarantine those of meters that are still
    not registered stay.
    """
    from ingest.dead_letters import rehearse, replay

    chosen = _chosen(letters, which)
    hold = read_settings(MeterSettings).unknown_meters == "quarantine"
    with open_database() as conn:
        if dry_run:
            outcomes = rehearse(conn, chosen, hold_unknown_meters=hold)
        else:
            outcomes = replay(conn, chosen, hold_unknown_meters=hold, actor=shell_actor())
    if as_json:
        print_json([asdict(outcome) for outcome in outcomes])
        return
    stored = sum(outcome.stored for outcome in outcomes)
    told = sorted(outcomes, key=lambda outcome: outcome.stored)[:SHOWN]  # what was not stored first
    yes, no = ("would be stored", "would not") if dry_run else ("stored", "not stored")
    print_table(("id", "outcome", "detail"), [(o.dead_letter_id, yes if o.stored else no, o.detail) for o in told])
    typer.echo(f"{stored:,} {yes}, {len(outcomes) - stored:,} {no}")


@app.command("discard")
@asks_which
def discard_letters(
    *,
    reason: Annotated[str, typer.Option(help="Why they are not to be stored; it stays beside them.")],
    letters: LetterIds = None,
    which: Which,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Settle messages without storing them; they stay for the record."""
    from grid.store.dead_letters import count_dead_letters
    from ingest.dead_letters import discard

    chosen = _chosen(letters, which)
    if chosen == EVERY_ONE:
        raise InputError([Fault("gridpilot dlq discard", "says not which", "name ids, or options such as --since")])
    with open_database() as conn:
        try:
            if not dry_run:
                count = discard(conn, chosen, reason=reason, actor=shell_actor())
            elif isinstance(chosen, Which):
                count = sum(count_dead_letters(conn, chosen).values())
            else:
                count = len(chosen)
        except ValueError as error:
            raise InputError([Fault("--reason", str(error), "give one")]) from None
    if as_json:
        print_json({"discarded": count, "dry_run": dry_run})
    else:
        typer.echo(f"{count:,} {'would be ' if dry_run else ''}discarded")


def _chosen(letters: Collection[int] | None, which: Which) -> Which | Collection[int]:
    if letters and which != EVERY_ONE:
        raise InputError([Fault("gridpilot dlq", "got both ids and options", "say which letters by one of them")])
    return letters or which


def _instant(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InputError([Fault(option, f"is no instant with an offset: {text!r}", "write 2026-03-01T00:00:00Z")])


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
