"""``gridpilot dispatch``: the cheapest dispatch of a case file, priced and explained, without a database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from api.commands.session import AsJson, print_json
from grid.faults import Fault, InputError

if TYPE_CHECKING:
    from grid.cases import Case

_ACCEPTED = "give a MATPOWER case file, whose name ends in .m"


def dispatch(
    case: Annotated[Path, typer.Argument(help="A MATPOWER case file (.m).")],
    out: Annotated[Path | None, typer.Option(help="Where to write the plan, as JSON.")] = None,
    as_json: AsJson = False,
) -> None:
    """Dispatch a case file at least cost (DC optimal power flow): set points, flows, prices, reasons."""
    from grid.dispatch.opf import solve_opf
    from grid.dispatch.opf_document import opf_document

    if out is not None and not out.absolute().parent.is_dir():
        raise InputError([Fault("--out", f"there is no folder {out.parent}", "make it, or name another file")])
    document = opf_document(solve_opf(_read(case)))
    if out is not None:
        try:
            out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise InputError(
                [Fault("--out", f"{out} cannot be written: {error.strerror}", "name another file")]
            ) from None
    if as_json:
        print_json(document)
    elif document["status"] != "infeasible":
        typer.echo(_summary(document))
    if document["status"] == "infeasible":
        text = f"{case}: no feasible dispatch: {document['message']}"
        Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(3)


def _read(file: Path) -> Case:
    from grid.cases import read_matpower

    if file.is_dir() or file.suffix != ".m":
        raise InputError([Fault(str(file), "is of no kind that can be dispatched", _ACCEPTED)])
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError([Fault(str(file), f"cannot be read: {error.strerror}", _ACCEPTED)]) from None
    except UnicodeDecodeError:
        raise InputError([Fault(str(file), "is no UTF-8 text", _ACCEPTED)]) from None
    return read_matpower(text)


def _summary(document: dict[str, Any]) -> str:
    prices = [bus[0]["lmp"] for bus in document["buses"].values() if bus[0]["lmp"] is not None]
    full = [name for name, branch in document["branches"].items() if branch[0]["shadow_price"] > 0.0]
    shown = ", ".join(full[:8]) + (f" and {len(full) - 8} more" if len(full) > 8 else "")
    return (
        f"{document['case']}: {document['status']}, {document['objective']:,.2f} per hour (gap {document['gap']:.1e}), "
        f"{document['build_seconds']:.2f} s to build, {document['solve_seconds']:.2f} s to solve\n"
        f"prices from {min(prices):,.2f} to {max(prices):,.2f} per MWh; "
        + (f"full branches: {shown}" if full else "no branch is full")
    )
