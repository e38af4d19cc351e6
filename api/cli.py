"""``gridpilot``: every process and every administrative act of the service, one command each.

Exit status: 0 done · 1 unexpected · 2 wrong call or bad input · 3 the problem has no feasible answer.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console

from api.commands import audit, dead_letters, dispatch, doctor, keys, meters, models, retention, simulate, site
from api.commands.redispatch import redispatch
from api.logs import start_logging
from api.progress import pulse, share_bars
from api.reports import describe_ingest, describe_replay, describe_training, describe_validation
from api.settings import (
    DatabaseSettings,
    ForecastProcess,
    IngestProcess,
    LogSettings,
    PlanProcess,
    ServeProcess,
    StreamSettings,
    TrainProcess,
    ValidateProcess,
    read_settings,
)
from grid.faults import Fault, InputError

app = typer.Typer(
    name="gridpilot",
    help="Telemetry, probabilistic forecasts and network-constrained dispatch, each with its reason.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
errors = Console(stderr=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def main() -> NoReturn:
    """Run the command line and exit with a status as the README says under "Commands"."""
    try:
        status = app(standalone_mode=False)
    except InputError as error:
        for fault in error.faults:
            errors.print(f"[bold]{_plain(fault.place)}[/]: {_plain(fault.problem)}", soft_wrap=True)
            errors.print(f"    {_plain(fault.remedy)}", soft_wrap=True)
        sys.exit(2)
    except typer.Abort:
        sys.exit(130)
    except Exception as error:
        if (show := getattr(error, "show", None)) is not None:  # a wrong call, as click sees it
            show()
            sys.exit(2)
        logging.getLogger("gridpilot").exception("unexpected: %s", error)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _plain(text: str) -> str:
    return text.replace("[", "\\[")


def _stop_on_signal() -> threading.Event:
    """An event that SIGTERM and SIGINT set, so that the work in hand is finished first."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


@app.callback()
def _every_command() -> None:
    start_logging(read_settings(LogSettings))


@app.command()
def migrate(as_json: AsJson = False) -> None:
    """Bring the database to this version's schema (TimescaleDB's statements too, where it is installed)."""
    from grid.store.database import connect
    from grid.store.migrate import migrate as apply_migrations

    with connect(read_settings(DatabaseSettings).database_url, application_name="gridpilot migrate") as conn:
        applied = apply_migrations(conn)
    if as_json:
        _print_json({"applied": applied})
    else:
        typer.echo(f"applied {', '.join(applied)}" if applied else "the schema is up to date")


@app.command()
def ingest(
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="Stop once every message produced so far is stored.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Consume telemetry from Kafka into the database, exactly once in effect. Run as many as you like."""
    from ingest.metrics import IngestMetrics, served
    from ingest.worker import run_worker

    settings = read_settings(IngestProcess)
    metrics = IngestMetrics()
    with served(metrics, host=settings.metrics_host, port=settings.metrics_port):
        report = run_worker(
            database_url=settings.database_url,
            bootstrap=settings.kafka_bootstrap,
            until_caught_up=until_caught_up,
            hold_unknown_meters=settings.unknown_meters == "quarantine",
            pause_on_dead_letters=settings.dead_letter_pause,
            ownership=settings.ownership,
            stop=_stop_on_signal(),
            metrics=metrics,
        )
    if as_json:
        _print_json(dataclasses.asdict(report))
    else:
        typer.echo(describe_ingest(report))


@app.command()
def validate(
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="Stop once nothing waits for validation.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="First mark what is stored, so that it is judged anew.")
    ] = False,
    series: Annotated[
        list[str] | None, typer.Option(metavar="SERIES_ID", help="With --again: only these series.")
    ] = None,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="With --again: only from this instant on.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="With --again: only before this instant.")] = None,
    as_json: AsJson = False,
) -> None:
    """Validate readings as they come: flag what cannot be true, estimate what is missing. Run as many as you like."""
    from api.jobs.validating import mark_again, validate_stream

    settings = read_settings(ValidateProcess)
    if again:
        mark_again(settings, series, begin=begin, until=until)
    elif series or begin is not None or until is not None:
        raise InputError([Fault("--again", "is missing", "add it, or leave --series, --from and --until")])
    total = validate_stream(settings, until_caught_up=until_caught_up, stop=_stop_on_signal())
    if as_json:
        _print_json(dataclasses.asdict(total))
    else:
        typer.echo(describe_validation(total))


@app.command()
def train(
    budget_seconds: Annotated[float | None, typer.Option(help="Training time for all models together.", min=1)] = None,
    as_json: AsJson = False,
) -> None:
    """Train the load and solar forecasters on the stored telemetry; a better one becomes champion."""
    _train(budget_seconds, as_json=as_json)


@app.command()
def retrain(
    daily_at: Annotated[
        str | None, typer.Option(metavar="HH:MM", help="Stay, and retrain every day at this hour of the site.")
    ] = None,
    budget_seconds: Annotated[float | None, typer.Option(help="Training time for all models together.", min=1)] = None,
    as_json: AsJson = False,
) -> None:
    """Train challengers and promote those that beat the champion on the same recent origins. Run it nightly."""
    if daily_at is None:
        _train(budget_seconds, as_json=as_json)
        return
    from api.jobs.retraining import retrain_daily

    settings = read_settings(TrainProcess)
    retrain_daily(settings, at=daily_at, budget_seconds=budget_seconds, stop=_stop_on_signal())


def _train(budget_seconds: float | None, *, as_json: bool) -> None:
    from api.jobs.retraining import train_once
    from forecasting.networks.team import joined

    settings = read_settings(TrainProcess)
    with joined() as team, share_bars(shown=team.leads and not as_json) as on_progress:
        reports = train_once(settings, budget_seconds=budget_seconds, on_progress=on_progress)
    if not team.leads:
        return
    if as_json:
        _print_json([dataclasses.asdict(report) for report in reports])
    for report in reports if not as_json else ():
        typer.echo(describe_training(report))


@app.command()
def forecast(
    once: Annotated[bool, typer.Option("--once", help="Issue one set of forecasts and stop.")] = False,
    table: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Forecast this file instead; no database is needed.")
    ] = None,
    series: Annotated[
        Path | None,
        typer.Option(metavar="SERIES.json", help="What the series of FILE are: see docs/forecast-files.md."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the file's forecast, .csv or .parquet.")] = None,
    quantiles: Annotated[str | None, typer.Option(help="Levels, such as 0.1,0.5,0.9; by default 0.05 to 0.95.")] = None,
    effort: Annotated[Literal["fast", "full"], typer.Option(help="How long to train on FILE.")] = "full",
    seed: Annotated[int, typer.Option(help="Of every random draw on FILE.", min=0)] = 0,
    scenarios: Annotated[int, typer.Option(help="How many joint scenarios of FILE to draw.", min=0, max=10_000)] = 0,
    scenarios_out: Annotated[Path | None, typer.Option(help="Where to, .csv, .parquet or .json for dispatch.")] = None,
    explain: Annotated[
        Path | None, typer.Option(help="Where to write what each input contributes, .csv, .parquet or .json.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Issue quantile forecasts for every series of the site, at every step of its clock; or forecast a file."""
    if table is not None:
        from api.commands.forecast_file import Extras, forecast_to_file

        extras = Extras(scenarios, scenarios_out, explain)
        forecast_to_file(
            table, series, out, quantiles=quantiles, effort=effort, seed=seed, extras=extras, as_json=as_json
        )
        return
    if scenarios or any(given is not None for given in (series, out, quantiles, scenarios_out, explain)):
        raise InputError([Fault("--from", "is missing", "name the file to forecast, or leave --series and --out")])
    from api.jobs.forecasting import forecast_forever, forecast_once

    settings = read_settings(ForecastProcess)
    if not once:
        forecast_forever(settings, stop=_stop_on_signal())
        return
    with pulse("forecasts of every series", shown=not as_json):
        forecasts = forecast_once(settings)
    if not forecasts:
        remedy = "check gridpilot ingest, and the meters of the site file; the log names each series"
        raise InputError([Fault("forecast", "no series has a known hour to forecast from", remedy)])
    degraded = [item.series_id for item in forecasts if item.degraded]
    if as_json:
        _print_json({"issued_at": forecasts[0].issued_at.isoformat(), "series": len(forecasts), "degraded": degraded})
    else:
        shown = ", ".join(degraded[:3]) + (", …" if len(degraded) > 3 else "")
        note = f"; {len(degraded)} on fallbacks: {shown}" if degraded else ""
        typer.echo(f"{len(forecasts)} series forecast as of {forecasts[0].issued_at.isoformat()}{note}")


@app.command()
def plan(
    once: Annotated[bool, typer.Option("--once", help="Make one plan and stop.")] = False,
    as_json: AsJson = False,
) -> None:
    """Plan dispatch on the network whenever new forecasts arrive: commitment, set-points, reserves, prices, reasons."""
    from api.jobs.planning import plan_forever, plan_once

    settings = read_settings(PlanProcess)
    if not once:
        plan_forever(settings, stop=_stop_on_signal())
        return
    with pulse(f"a plan, within {settings.plan_time_limit_seconds:.0f} s", shown=not as_json):
        document, site = plan_once(settings)
    if as_json:
        _print_json(document)
    else:
        from api.plan_table import plan_report

        Console().print(plan_report(document, timezone=site.timezone))
    if document["status"] in ("infeasible", "error"):
        errors.print(f"no plan, {document['status']}: {_plain(document['message'])}", soft_wrap=True)
        raise typer.Exit(3 if document["status"] == "infeasible" else 1)


@app.command()
def serve() -> None:
    """Serve the API and the dashboard."""
    from api.serving import serve_forever

    serve_forever(read_settings(ServeProcess))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet of readings in long form, or Green Button XML.")],
    meter_id: Annotated[
        str | None, typer.Option(help="The meter of a Green Button file; by default its usage point's identity.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Produce the readings of a file to Kafka, as a meter would have sent them."""
    from ingest.files import replay_file

    report = replay_file(file, read_settings(StreamSettings).kafka_bootstrap, meter_id=meter_id)
    if as_json:
        _print_json(dataclasses.asdict(report))
    else:
        typer.echo(describe_replay(report))


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after the first plan.")] = False,
    port: Annotated[int, typer.Option(help="Port of the dashboard and the API.")] = 8000,
    hour_seconds: Annotated[float, typer.Option(help="Seconds per hour of the live replay.", min=1)] = 30.0,
    directory: Annotated[Path, typer.Option(help="Where the demo keeps its database; it resumes there.")] = Path(
        ".gridpilot"
    ),
) -> None:
    """Run the whole chain on real data: telemetry, forecasts, plan, dashboard. No docker, no set-up."""
    from api.demo.server_process import ServerError
    from api.demo.supervisor import run_demo

    if "log_level" not in read_settings(LogSettings).model_fields_set:
        logging.getLogger().setLevel(logging.WARNING)  # its own words are on the terminal
        logging.getLogger("kafka").setLevel(logging.CRITICAL)  # and what becomes of the broker
    try:
        run_demo(once=once, port=port, hour_seconds=hour_seconds, directory=directory)
    except ServerError as error:
        errors.print(_plain(str(error)), soft_wrap=True)
        raise typer.Exit(1) from None


app.add_typer(keys.app, name="keys")
app.add_typer(site.app, name="site")
app.add_typer(dead_letters.app, name="dlq")
app.add_typer(meters.app, name="meters")
app.add_typer(models.app, name="models")
app.add_typer(audit.app, name="audit")
app.command()(site.init)
app.command()(doctor.doctor)
app.command()(retention.retention)
app.command()(dispatch.dispatch)
app.command()(redispatch)
app.command()(simulate.simulate)


if __name__ == "__main__":
    main()
