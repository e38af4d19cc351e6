"""``gridpilot simulate``: what forecasts cost, by carrying out the plans that are made from them."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from api.commands.session import AsJson, print_json
from grid.faults import Fault, InputError

if TYPE_CHECKING:
    from grid.dispatch import DispatchProblem
    from grid.simulation import GivenForecasts, Regret, Score

_INSTANTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M"]
_ROWS = (
    ("no_load", "units at their lowest output"),
    ("energy", "energy above that"),
    ("starts", "starts"),
    ("wear", "wear of storages"),
    ("trade", "imports, less what exports earn"),
    ("drawn_down", "storages drawn down, at their end value"),
    ("relaxed", "limits relaxed, at their prices"),
    ("total", "total cost"),
    ("unserved_mwh", "load not served, MWh"),
    ("curtailed_mwh", "power curtailed, MWh"),
    ("overload_mwh", "branches overloaded, MWh"),
    ("short_mwh", "reserve not held by plans, MWh"),
)


def simulate(
    folder: Annotated[
        Path,
        typer.Argument(help="A folder case with actuals.json, or a source folder with DAY_AHEAD and REAL_TIME series."),
    ],
    start: Annotated[
        datetime | None, typer.Option(help="Of a source folder: first hour, on its clock.", formats=_INSTANTS)
    ] = None,
    hours: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="Of a source folder: how many hours, 24 if not said.")
    ] = None,
    horizon: Annotated[
        int, typer.Option(min=24, max=100_000, help="Hours that a plan looks ahead; one is made every day.")
    ] = 36,
    quick_start: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Units of at most so many hours' minimum times start and stop in real time and, off, hold reserve.",
        ),
    ] = 0.0,
    gap: Annotated[float, typer.Option(min=0.0, help="The relative gap that suffices for a plan.")] = 0.001,
    time_limit: Annotated[float, typer.Option(min=0.0, help="Seconds for the search for a plan.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Plan every day from forecasts, carry it out against what happened; tell the cost, beside perfect foresight's."""
    from api.commands.dispatch import is_source_folder
    from grid.formulation.relaxation import UnsolvedError
    from grid.simulation import Operation, Regret, daily_totals, perfect_foresight, score
    from grid.simulation import simulate as run

    actual, forecasts = _source(folder, start, hours) if is_source_folder(folder) else _case(folder, start, hours)
    step, usual = actual.axis.step, Operation()
    operation = Operation(
        lead=_whole(usual.lead, step),
        plan_step=forecasts.forecast.axis.step,
        horizon=timedelta(hours=horizon),
        look_ahead=_whole(usual.look_ahead, step),
        quick_start_hours=quick_start,
        relative_gap=gap,
        time_limit_seconds=time_limit,
    )
    ways = (forecasts, perfect_foresight(actual))
    try:
        simulated = [run(actual, way, operation=operation) for way in ways]
    except UnsolvedError as error:
        if not error.infeasible:
            raise
        Console(stderr=True).print(f"{folder}: no feasible dispatch in real time: {error}", markup=False)
        raise typer.Exit(3) from None
    scores = [score(result) for result in simulated]
    regret = Regret(*(daily_totals(result) for result in simulated))
    if as_json:
        print_json(_document(scores, regret))
    else:
        typer.echo(_table(scores, regret, currency=actual.currency))


def _whole(duration: timedelta, step: timedelta) -> timedelta:
    """At most ``duration``, in whole periods, but one at least."""
    return max(duration - duration % step, step)


def _case(folder: Path, start: datetime | None, hours: int | None) -> tuple[DispatchProblem, GivenForecasts]:
    """A folder case: ``periods.json`` is what was forecast, ``actuals.json`` what happened."""
    from api.commands.dispatch import folder_files, text_of
    from grid.cases import read_folder
    from grid.cases.actuals import FILE, read_actuals
    from grid.simulation import GivenForecasts

    if start is not None or hours is not None:
        raise InputError([Fault("--start, --hours", "are for source folders in RTS-GMLC's format", "leave them out")])
    network, periods = folder_files(folder)
    if not (folder / FILE).is_file():
        raise InputError(
            [Fault(str(folder), f"has no {FILE}", "tell what happened: loads by bus, renewables by plant")]
        )
    text = text_of(periods)
    forecast = read_folder(text_of(network), text, matpower=network.suffix == ".m")
    level = json.loads(text).get("reserves", {}).get("up_level")
    sized = forecast.spread is not None and forecast.scenarios is None
    promised = 1.0 - float(level) if sized and level is not None else math.nan
    return read_actuals(text_of(folder / FILE), forecast), GivenForecasts(forecast, promised)


def _source(folder: Path, start: datetime | None, hours: int | None) -> tuple[DispatchProblem, GivenForecasts]:
    """A source folder: what it has of ``DAY_AHEAD`` was forecast, what it has of ``REAL_TIME`` happened."""
    from api.commands.source_folder import read_source_folder
    from grid.simulation import GivenForecasts

    try:
        system = read_source_folder(folder)
    except (OSError, UnicodeDecodeError) as error:
        told = f"cannot be read: {error}"
        raise InputError([Fault(str(folder), told, "make its files readable UTF-8 text")]) from None
    forecast, actual = (
        system.problem(
            simulation=name,
            start=start and start.replace(tzinfo=UTC),
            periods=int(timedelta(hours=hours or 24) / system.simulations[name].step),
        )
        for name in ("DAY_AHEAD", "REAL_TIME")
    )
    curtailable = {plant.plant_id: plant.curtailable for plant in actual.renewable_plants}
    if curtailable != {plant.plant_id: plant.curtailable for plant in forecast.renewable_plants}:
        told = "DAY_AHEAD and REAL_TIME have other plants, or other plants that must be taken"
        raise InputError([Fault(str(folder), told, "give both the same least powers, or ask for other hours")])
    return replace(actual, initial=forecast.initial), GivenForecasts(forecast)


def _document(scores: list[Score], regret: Regret) -> dict[str, Any]:
    told = [{key: _told(round(value, 6)) for key, value in (asdict(s) | {"total": s.total}).items()} for s in scores]
    low, high = regret.interval()
    return {
        "forecasts": told[0],
        "perfect_foresight": told[1],
        "daily": {"forecasts": regret.cost.tolist(), "perfect_foresight": regret.foresight.tolist()},
        "regret": {"money": regret.money, "share": _told(regret.share), "interval_90": [_told(low), _told(high)]},
    }


def _told(value: float) -> float | None:
    return None if math.isnan(value) else value


def _table(scores: list[Score], regret: Regret, *, currency: str) -> str:
    forecast = scores[0]
    lines = [f"{'':<34}{'forecasts':>16}{'perfect foresight':>20}"]
    for key, title in _ROWS:
        ours, known = (getattr(s, key) for s in scores)
        lines.append(f"{title:<34}{ours:>z16,.2f}{known:>z20,.2f}")
    share = "" if math.isnan(regret.share) else f", {regret.share:z.2%} of the cost with perfect foresight"
    lines.append(f"regret: {regret.money:z,.2f} {currency}{share}")
    low, high = regret.interval()
    if len(regret.cost) > 1 and not math.isnan(low):
        lines.append(f"90 % interval over {len(regret.cost)} days: {low:z.2%} to {high:z.2%}")
    if not math.isnan(forecast.promised):
        lines.append(
            f"net load lay beyond forecast and reserve in {forecast.exceeded:.1%} of the periods, "
            f"{forecast.promised:.1%} were promised"
        )
    return "\n".join(lines)
