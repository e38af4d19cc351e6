"""``gridpilot redispatch``: a plan's commitment held, all else set anew for newer forecasts, without a database."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from api.commands.dispatch import faults_of_out, folder_files, text_of, write_document
from api.commands.session import AsJson, print_json
from api.relaxed import relaxed_limits
from grid.faults import InputError

_LISTED = 8


def redispatch(
    case: Annotated[Path, typer.Argument(help="A folder of a network with its periods: the newest forecasts.")],
    plan: Annotated[Path, typer.Option(help="The plan in force, as `gridpilot dispatch` wrote it.")],
    out: Annotated[Path | None, typer.Option(help="Where to write what is found, as JSON.")] = None,
    as_json: AsJson = False,
) -> None:
    """Dispatch what is left of a plan again: its units on and off, set-points, flows and prices anew."""
    from api.commands.plan_file import read_plan
    from grid.cases import read_folder
    from grid.dispatch import Redispatch, dispatch_held, hold_plan, redispatch_document
    from grid.dispatch.changed import changes_since
    from grid.formulation.relaxation import UnsolvedError

    if faults := faults_of_out(out):
        raise InputError(faults)
    network, periods = folder_files(case)
    problem = read_folder(text_of(network), text_of(periods), matpower=network.suffix == ".m")
    in_force = read_plan(plan, problem, gone=json.loads(text_of(periods)).get("units", {}))
    began = time.monotonic()
    held = hold_plan(problem, in_force)
    try:
        found = dispatch_held(held, kept=Redispatch(held.problem, held.on, held.charging, idle=held.idle))
    except UnsolvedError as error:
        why = "cannot be" if error.infeasible else "is not"
        told = f"{case}: the commitment of {plan} {why} dispatched: {error}"
        Console(stderr=True).print(told, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(3 if error.infeasible else 1) from None
    document = redispatch_document(held, found)
    changes = changes_since(in_force, document, timezone=problem.timezone) if problem.timezone else None
    seconds = round(time.monotonic() - began, 3)
    document = {"case": case.resolve().name, **document, "solve_seconds": seconds, "changes": changes}
    if out is not None:
        write_document(out, document)
    if as_json:
        print_json(document)
    else:
        typer.echo(_summary(document))


def _summary(document: dict[str, Any]) -> str:
    prices = [period["lmp"] for bus in document["buses"].values() for period in bus]
    changes, released = document["changes"] or {"inputs": [], "assets": []}, document["released"]
    return "\n".join(
        [
            f"{document['case']}: {document['objective']:,.2f} {document['currency']} over "
            f"{document['axis']['periods']} periods, {document['solve_seconds']:.2f} s; prices from {min(prices):,.2f} "
            f"to {max(prices):,.2f} per MWh",
            *([f"no longer kept ready, to be used now: {', '.join(released)}"] if released else []),
            *relaxed_limits(document),
            *_listed(changes["inputs"]),
            *_listed(changes["assets"]),
        ]
    )


def _listed(changes: list[dict[str, Any]]) -> Iterator[str]:
    """The first changes, a line each, and how many more there are."""
    yield from (f"  {change['text']}" for change in changes[:_LISTED])
    if len(changes) > _LISTED:
        yield f"  and {len(changes) - _LISTED} more"
