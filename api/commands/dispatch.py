"""``gridpilot dispatch``: the cheapest dispatch of a case file, priced and explained, without a database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from api.commands.session import AsJson, print_json
from api.relaxed import relaxed_limits, unsecured_outages
from grid.faults import Fault, InputError
from grid.words import listed

if TYPE_CHECKING:
    from grid.cases.ac_data import AcData
    from grid.cases.case import Case
    from grid.dispatch import DispatchPlan, DispatchProblem

_ACCEPTED = (
    "give a MATPOWER case file (.m), a pandapower network or a unit commitment instance of pglib-uc (.json), a folder "
    "with network.m or network.json and periods.json, or a source folder in RTS-GMLC's format"
)
_TIME_LIMIT = "Seconds until the best plan is taken; start-up, and up to 2 seconds for runner-ups, come on top."
_INSTANTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M"]


def dispatch(
    case: Annotated[
        Path,
        typer.Argument(help="A MATPOWER case (.m), pandapower network or pglib-uc instance (.json), or folder."),
    ],
    out: Annotated[Path | None, typer.Option(help="Where to write the plan, as JSON.")] = None,
    gap: Annotated[float, typer.Option(help="Of an instance or a folder: the relative gap that suffices.")] = 0.001,
    time_limit: Annotated[float, typer.Option(help=_TIME_LIMIT)] = 60.0,
    ac_check: Annotated[
        bool, typer.Option("--ac-check", help="An AC power flow of the result, with remedies.")
    ] = False,
    start: Annotated[
        datetime | None, typer.Option(help="Of a source folder: first hour, on its clock.", formats=_INSTANTS)
    ] = None,
    hours: Annotated[int | None, typer.Option(min=1, max=100_000, help="Of a source folder: how many hours.")] = None,
    n_1: Annotated[
        bool, typer.Option("--n-1", help="Of a source folder: keep every branch within its rating after any outage.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Dispatch a case at least cost: commitment, set points, flows, prices, reasons."""
    _check(out, gap, time_limit)
    if is_source_folder(case):
        document = _plan_source(case, start, hours, n_1, gap, time_limit, ac_check)
    elif start is not None or hours is not None or n_1:
        problem = "are for source folders in RTS-GMLC's format"
        raise InputError([Fault("--start, --hours, --n-1", problem, "leave them out: the case says it itself")])
    else:
        document = _plan(case, gap=gap, time_limit=time_limit, ac_check=ac_check)
    if out is not None:
        write_document(out, document)
    if as_json:
        print_json(document)
    elif document["status"] != "infeasible":
        typer.echo(_summary(document))
    if document["status"] == "infeasible":
        text = "\n".join([f"{case}: no feasible dispatch: {document['message']}", *relaxed_limits(document)])
        Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)
    if document["status"] == "infeasible" or document.get("unkept"):
        raise typer.Exit(3)


def _check(out: Path | None, gap: float, time_limit: float) -> None:
    faults = faults_of_out(out)
    if not gap >= 0.0:
        faults.append(Fault("--gap", f"must be 0 or more, got {gap:g}", "0.001 is a tenth of a percent"))
    if not 0.0 <= time_limit < float("inf"):
        faults.append(Fault("--time-limit", f"must be 0 seconds or more, got {time_limit:g}", "60 is usual"))
    if faults:
        raise InputError(faults)


def faults_of_out(out: Path | None) -> list[Fault]:
    """What is wrong with where a document is to go."""
    if out is None or out.absolute().parent.is_dir():
        return []
    return [Fault("--out", f"there is no folder {out.parent}", "make it, or name another file")]


def write_document(out: Path, document: dict[str, Any]) -> None:
    """Write a document; a fault where it cannot be written."""
    try:
        out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError([Fault("--out", f"{out} cannot be written: {error.strerror}", "name another file")]) from None


def _plan(case: Path, *, gap: float, time_limit: float, ac_check: bool) -> dict[str, Any]:
    if case.is_dir():
        return _plan_folder(case, gap, time_limit, ac_check)
    if case.suffix == ".m":
        return _plan_matpower(text_of(case), time_limit, ac_check)
    if case.suffix == ".json":
        text = text_of(case)
        if _is_pandapower(text):
            return _plan_pandapower(text, time_limit, ac_check)
        if ac_check:
            raise InputError([Fault("--ac-check", "a unit commitment instance has no network", "leave it out")])
        return _plan_instance(text, case.stem, gap, time_limit)
    raise InputError([Fault(str(case), "is of no kind that can be dispatched", _ACCEPTED)])


def _plan_matpower(text: str, time_limit: float, ac_check: bool) -> dict[str, Any]:
    from grid.cases import read_matpower
    from grid.cases.ac_data import read_ac_data

    network = read_matpower(text)
    return _flow(network, time_limit, read_ac_data(text) if ac_check else None)


def _flow(network: Case, time_limit: float, ac: AcData | None) -> dict[str, Any]:
    """The optimal power flow of a network, checked where there is AC data."""
    from grid.formulation.relaxation import UnsolvedError
    from grid.power_flow.opf import solve_opf
    from grid.power_flow.opf_document import opf_document

    try:
        result = solve_opf(network, time_limit_seconds=time_limit)
    except UnsolvedError:
        _end_without_time("it ended before a dispatch kept the limits of all branches", "give more")
    document = opf_document(result)
    if ac is not None and document["status"] != "infeasible":
        from grid.power_flow.ac_check import check_opf

        document["ac"] = check_opf(result, ac)
    return document


def _is_pandapower(text: str) -> bool:
    return '"pandapowerNet"' in text[:400]


def _plan_pandapower(text: str, time_limit: float, ac_check: bool) -> dict[str, Any]:
    from grid.cases import read_pandapower
    from grid.cases.pandapower_ac import read_pandapower_ac

    network = read_pandapower(text)
    return _flow(network, time_limit, read_pandapower_ac(text) if ac_check else None)


def _planned(problem: DispatchProblem, gap: float, time_limit: float) -> DispatchPlan:
    """The best plan with its gap, or one by rule and labelled so."""
    from grid.dispatch import plan_always
    from grid.formulation.relaxation import UnsolvedError

    try:
        return plan_always(problem, time_limit_seconds=time_limit, relative_gap=gap)
    except UnsolvedError as error:
        _end_without_time(f"not even a plan by rule: {error}", "give more, or fewer periods")


def _end_without_time(problem: str, remedy: str) -> NoReturn:
    Console(stderr=True).print(f"--time-limit: {problem}\n    {remedy}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def _plan_instance(text: str, name: str, gap: float, time_limit: float) -> dict[str, Any]:
    from grid.cases import read_pglib_uc
    from grid.cases.must_take import joined_plan
    from grid.dispatch import case_document

    plan = _planned(read_pglib_uc(text), gap, time_limit)
    return joined_plan(case_document(plan, case=name))


def _plan_folder(case: Path, gap: float, time_limit: float, ac_check: bool) -> dict[str, Any]:
    from grid.cases import read_folder, read_matpower
    from grid.cases.ac_data import read_ac_data
    from grid.dispatch import case_document

    network, periods = folder_files(case)
    matpower = network.suffix == ".m"
    if ac_check and not matpower:
        problem = "network.json tells no reactive loads, voltages and charging, which an AC power flow needs"
        raise InputError([Fault("--ac-check", problem, "leave it out, or give the network as network.m, which does")])
    text = text_of(network)
    problem_of_case = read_folder(text, text_of(periods), matpower=matpower)
    ac = read_ac_data(text) if ac_check else None
    plan = _planned(problem_of_case, gap, time_limit)
    document = case_document(plan, case=case.resolve().name)
    return document if ac is None else _checked(document, plan, read_matpower(text), ac)


def _checked(document: dict[str, Any], plan: DispatchPlan, network: Case, ac: AcData) -> dict[str, Any]:
    """A plan's document with the AC check, if there is a plan."""
    from grid.checking.flows import injections_of
    from grid.power_flow.ac_check import check_plan_ac

    if document["status"] == "infeasible":
        return document
    return {**document, "ac": check_plan_ac(plan, network, ac, injections_of(plan))}


def is_source_folder(case: Path) -> bool:
    """Whether a folder is one of tables in RTS-GMLC's format."""
    return (case / "gen.csv").is_file() or (case / "timeseries_pointers.csv").is_file()


def _plan_source(
    case: Path, start: datetime | None, hours: int | None, n_1: bool, gap: float, time_limit: float, ac_check: bool
) -> dict[str, Any]:
    from api.commands.source_folder import read_source_folder, read_source_folder_ac
    from grid.cases.must_take import joined_plan
    from grid.dispatch import case_document

    try:
        system = read_source_folder(case, simulations=("DAY_AHEAD",))
        ac = read_source_folder_ac(case) if ac_check else None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Fault(str(case), f"cannot be read: {error}", "make its files readable UTF-8 text")]) from None
    window = system.simulations["DAY_AHEAD"]
    periods = None if hours is None else int(timedelta(hours=hours) / window.step)
    problem = system.problem(start=start and start.replace(tzinfo=UTC), periods=periods, secure=n_1)
    plan = _planned(problem, gap, time_limit)
    document = joined_plan(case_document(plan, case=case.resolve().name))
    return document if ac is None else _checked(document, plan, *ac)


def folder_files(case: Path) -> tuple[Path, Path]:
    """The two files of a folder case."""
    networks = [file for file in (case / "network.m", case / "network.json") if file.is_file()]
    faults = []
    if len(networks) != 1:
        told = "has both network.m and network.json" if networks else "has neither network.m nor network.json"
        faults.append(Fault(str(case), told, "give one of them"))
    if not (case / "periods.json").is_file():
        faults.append(Fault(str(case), "has no periods.json", "give the time axis and what goes on in it"))
    if faults:
        raise InputError(faults)
    return networks[0], case / "periods.json"


def text_of(file: Path) -> str:
    """The text of a file; a fault where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError([Fault(str(file), f"cannot be read: {error.strerror}", _ACCEPTED)]) from None
    except UnicodeDecodeError:
        raise InputError([Fault(str(file), "is no UTF-8 text", _ACCEPTED)]) from None


def _summary(document: dict[str, Any]) -> str:
    prices = [period["lmp"] for bus in document["buses"].values() for period in bus if period["lmp"] is not None]
    full = [name for name, branch in document["branches"].items() if any(b["shadow_price"] > 0.0 for b in branch)]
    shown = listed(full, most=8)
    periods = document["axis"]["periods"] if "axis" in document else 1
    span = "per hour" if periods == 1 else f"over {periods} periods"
    gap = "no bound is proven" if document["gap"] is None else f"gap {document['gap']:.1e}"
    return "\n".join(
        [
            f"{document['case']}: {document['status']}, {document['objective']:,.2f} {span} "
            f"({gap}), {document['build_seconds']:.2f} s to build, "
            f"{document['solve_seconds']:.2f} s to solve",
            f"prices from {min(prices):,.2f} to {max(prices):,.2f} per MWh; "
            + (f"full branches: {shown}" if full else "no branch is full"),
            *([document["message"]] if document["status"] == "rule-based" or document.get("unkept") else []),
            *relaxed_limits(document),
            *unsecured_outages(document),
            *([_over_scenarios(document["outlook"])] if document.get("outlook") else []),
            *([f"AC power flow: {document['ac']['message']}"] if "ac" in document else []),
            *[f"  {v['what']}: {v['text']}; {v['remedy']}" for v in document.get("ac", {}).get("violations", [])[:8]],
        ]
    )


def _over_scenarios(outlook: dict[str, Any]) -> str:
    scenarios = outlook["scenarios"]
    unserved = sum(one["unserved_mwh"] > 0.0 for one in scenarios)
    return (
        f"over {len(scenarios)} scenarios: expected cost {outlook['expected_cost']:,.2f}, "
        f"mean of the dearest {1.0 - outlook['risk_level']:.0%} {outlook['cost_at_risk']:,.2f}, load unserved in "
        f"{unserved}; the commitment for the central forecast would come to {outlook['central_objective']:,.2f}"
    )
