"""``gridpilot redispatch``: a plan's commitment held, all else set anew for newer forecasts, without a database."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from api.commands.dispatch import faults_of_out, folder_files, text_of, write_document
from api.commands.session import AsJson, print_json
from grid.faults import Fault, InputError
from grid.problem.plan import DispatchProblem

_LISTED = 8
_TOLD = {
    "units": ("on", "power_mw"),
    "renewables": ("power_mw", "available_mw"),
    "storages": ("charge_mw", "discharge_mw"),
    "exchanges": ("import_mw", "export_mw"),
    "system": ("load_mw",),
}
"""What is read of a plan, kind by kind."""


def redispatch(
    case: Annotated[Path, typer.Argument(help="A folder of a network with its periods: the newest forecasts.")],
    plan: Annotated[Path, typer.Option(help="The plan in force, as `gridpilot dispatch` wrote it.")],
    out: Annotated[Path | None, typer.Option(help="Where to write what is found, as JSON.")] = None,
    as_json: AsJson = False,
) -> None:
    """Dispatch what is left of a plan again: its units on and off, set-points, flows and prices anew."""
    from grid.cases import read_folder
    from grid.dispatch import Redispatch, dispatch_held, hold_plan, redispatch_document
    from grid.dispatch.changed import changes_since
    from grid.formulation.relaxation import UnsolvedError

    if faults := faults_of_out(out):
        raise InputError(faults)
    network, periods = folder_files(case)
    problem = read_folder(text_of(network), text_of(periods), matpower=network.suffix == ".m")
    in_force = _plan_in(plan, problem)
    began = time.monotonic()
    held = hold_plan(problem, in_force)
    try:
        found = dispatch_held(held, kept=Redispatch(held.problem, held.on, held.charging, idle=held.idle))
    except UnsolvedError as error:
        told = f"{case}: the commitment of {plan} cannot be dispatched: {error}"
        Console(stderr=True).print(told, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(3) from None
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


def _plan_in(file: Path, problem: DispatchProblem) -> dict[str, Any]:
    """The plan of a file, called by the file's name; one without dates begins where the case does.

    Raises:
        InputError: If it is not a plan, or one of periods of another length.
    """
    remedy = "give what `gridpilot dispatch FOLDER --out` wrote for the same units"
    text = text_of(file)
    try:
        plan = json.loads(text)
        plan["axis"].setdefault("start", problem.axis.start.isoformat())
        sound = datetime.fromisoformat(plan["axis"]["start"]).tzinfo is not None and all(
            len(rows) == plan["axis"]["periods"] and all(isinstance(row[name], int | float) for row in rows)
            for kind, names in _TOLD.items()
            for rows in (plan[kind].values() if kind != "system" else [plan[kind]])
            for name in names
        )
        step = plan["axis"]["step_minutes"]
    except (ValueError, KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise InputError([Fault(str(file), "is not a plan with its schedule", remedy)])
    if step != problem.axis.step_hours * 60:
        raise InputError([Fault(str(file), f"has periods of {step} minutes, the case others", remedy)])
    return {**plan, "plan_id": file.name}


def _summary(document: dict[str, Any]) -> str:
    prices = [period["lmp"] for bus in document["buses"].values() for period in bus]
    relaxed = [f"{v['what']}: {v['amount_mw']:,.1f} MW" for v in document["violations"]]
    changes = document["changes"] or {"inputs": [], "assets": []}
    told = [one["text"] for kind in ("inputs", "assets") for one in changes[kind][:_LISTED]]
    return "\n".join(
        [
            f"{document['case']}: {document['objective']:,.2f} {document['currency']} over "
            f"{document['axis']['periods']} periods, {document['solve_seconds']:.2f} s; prices from {min(prices):,.2f} "
            f"to {max(prices):,.2f} per MWh",
            *([f"relaxed: {'; '.join(relaxed[:_LISTED])}"] if relaxed else []),
            *(f"  {text}" for text in told),
        ]
    )
