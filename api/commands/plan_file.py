"""A plan's document as a file holds it: what a re-dispatch reads of it, every fault at once."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.commands.dispatch import text_of
from grid.faults import Fault, InputError
from grid.problem.dispatch_problem import DispatchProblem
from grid.records import parse_json
from grid.time_axis import TimeAxis

_TOLD = {
    "units": ("on", "power_mw"),
    "renewables": ("power_mw", "available_mw"),
    "storages": ("charge_mw", "discharge_mw"),
    "exchanges": ("import_mw", "export_mw"),
}
_SYSTEM = ("load_mw",)
_REMEDY = "give what `gridpilot dispatch FOLDER --out` wrote for the same units"


def read_plan(file: Path, problem: DispatchProblem, *, gone: Collection[str]) -> dict[str, Any]:
    """The plan of a file, called by the file's name; one without dates begins where the case does.

    Args:
        gone: Units that the case names although it has them no more: they are out of service.

    Raises:
        InputError: If it is not a plan, or one of periods of another length, or of units that the case lacks.
    """
    text = text_of(file)
    try:
        plan = parse_json(text)
    except ValueError as error:
        raise InputError([Fault(str(file), f"is not a plan: {error}", _REMEDY)]) from None
    if not (
        isinstance(plan, dict)
        and isinstance(plan.get("axis"), dict)
        and all(isinstance(plan.get(kind), dict) for kind in _TOLD)
        and isinstance(plan.get("system"), list)
    ):
        raise InputError([Fault(str(file), "is not a plan with its schedule", _REMEDY)])
    faults = [*_faults_of_axis(file, plan["axis"], problem), *_faults_of_rows(file, plan)]
    known = {unit.unit_id for unit in problem.thermal_units} | set(gone)
    faults += [
        Fault(f"{file}: units.{name}", "the case has no such unit", f"{_REMEDY}, or say that it is `out_of_service`")
        for name in plan["units"]
        if name not in known
    ]
    if faults:
        raise InputError(faults)
    axis = TimeAxis(_start(plan["axis"], problem), problem.axis.step, plan["axis"]["periods"])
    starts = [start.isoformat().replace("+00:00", "Z") for start in axis.interval_starts]
    return {**plan, "plan_id": file.name, "axis": {**plan["axis"], "start": starts[0], "interval_starts": starts}}


def _start(axis: Mapping[str, Any], problem: DispatchProblem) -> datetime:
    return datetime.fromisoformat(axis["start"]).astimezone(UTC) if "start" in axis else problem.axis.start


def _faults_of_axis(file: Path, axis: Mapping[str, Any], problem: DispatchProblem) -> Iterator[Fault]:
    periods, step, start = axis.get("periods"), axis.get("step_minutes"), axis.get("start")
    if type(periods) is not int or periods < 1:
        yield Fault(f"{file}: axis.periods", f"must be a whole number, 1 at least, got {periods!r:.40}", _REMEDY)
    if isinstance(step, bool) or step != problem.axis.step_hours * 60:
        least = f"{problem.axis.step_hours * 60:g} minutes"
        yield Fault(str(file), f"has periods of {step!r:.40} minutes, the case of {least}", _REMEDY)
    if "start" in axis:
        try:
            sound = datetime.fromisoformat(start).tzinfo is not None  # type: ignore[arg-type]
            _ = TimeAxis(_start(axis, problem), problem.axis.step, periods if type(periods) is int else 1).end
        except (TypeError, ValueError, OverflowError):
            sound = False
        if not sound:
            remedy = "write it as 2026-03-01T00:00:00Z"
            yield Fault(f"{file}: axis.start", f"must be an instant with its offset, got {start!r:.40}", remedy)


def _faults_of_rows(file: Path, plan: Mapping[str, Any]) -> Iterator[Fault]:
    """The first fault of every series: as many records as there are periods, each with what is read of it."""
    series = [(f"{kind}.{name}", rows, told) for kind, told in _TOLD.items() for name, rows in plan[kind].items()]
    for name, rows, told in [*series, ("system", plan["system"], _SYSTEM)]:
        place, periods = f"{file}: {name}", plan["axis"].get("periods")
        if not isinstance(rows, list) or len(rows) != periods:
            count = len(rows) if isinstance(rows, list) else "none"
            yield Fault(place, f"must have a record for each of {periods!r:.40} periods, got {count}", _REMEDY)
            continue
        for t, row in enumerate(rows):
            wrong = next((key for key in told if not isinstance(row, dict) or not _sound(key, row.get(key))), None)
            if wrong is not None:
                kind = "true or false" if wrong == "on" else "a number"
                got = row.get(wrong) if isinstance(row, dict) else row
                yield Fault(f"{place}[{t}].{wrong}", f"must be {kind}, got {got!r:.40}", _REMEDY)
                break


def _sound(key: str, value: object) -> bool:
    if key == "on":
        return isinstance(value, bool)
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < sys.float_info.max
