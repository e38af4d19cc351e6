"""``gridpilot forecast --from FILE``: a forecast of a file's horizon, without a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from api.commands.session import print_json
from api.progress import pulse
from grid.faults import Fault, InputError

if TYPE_CHECKING:
    import pandas as pd

    from forecasting.from_file import SeriesReport


def forecast_to_file(
    table: Path,
    series: Path | None,
    out: Path | None,
    *,
    quantiles: str | None,
    effort: Literal["fast", "full"],
    seed: int,
    as_json: bool,
) -> None:
    """Read FILE and SERIES.json, write OUT, and say on stderr (or as JSON) how each series was forecast.

    Raises:
        InputError: With every fault of the call and of both files.
    """
    from forecasting.file_table import read_request
    from forecasting.from_file import DEFAULT_LEVELS, forecast_file, parse_levels

    faults = []
    if series is None:
        faults.append(Fault("--series", "is missing", "name the SERIES.json that describes the series"))
    if out is None:
        faults.append(Fault("--out", "is missing", "name the file to write, .csv or .parquet"))
    elif out.suffix not in (".csv", ".parquet"):
        faults.append(Fault("--out", f"{out} is neither .csv nor .parquet", "name it by its format"))
    elif not out.absolute().parent.is_dir():
        faults.append(Fault("--out", f"there is no folder {out.parent}", "make it, or name another file"))
    if faults or series is None or out is None:
        raise InputError(faults)
    levels = DEFAULT_LEVELS if quantiles is None else parse_levels(quantiles)
    request = read_request(table, series)
    with pulse(f"forecasts of {len(request)} series", shown=not as_json):
        made = forecast_file(request, levels=levels, effort=effort, seed=seed)
    try:
        write_table(made.table, out)
    except OSError as error:
        raise InputError([Fault("--out", f"{out} cannot be written: {error.strerror}", "name another file")]) from None
    if as_json:
        print_json({"rows": len(made.table), "out": str(out), "series": [one.as_dict() for one in made.reports]})
        return
    for report in made.reports:
        typer.echo(describe(report), err=True)


def write_table(table: pd.DataFrame, out: Path) -> None:
    """Write a forecast as CSV, or as Parquet where the name ends so; times as RFC 3339."""
    if out.suffix == ".parquet":
        table.to_parquet(out, index=False)
    else:
        table.to_csv(out, index=False, date_format="%Y-%m-%dT%H:%M:%SZ")


def describe(report: SeriesReport) -> str:
    """How one series was forecast, in a line, and a line per reason."""
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in report.weights.items())
    skill = (
        "no backtest" if report.skill is None else f"skill {report.skill:.3f} over {report.backtest_origins} origins"
    )
    return "\n    ".join([f"{report.series_id}: {weights}; {skill}", *report.reasons])
