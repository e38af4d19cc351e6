"""``gridpilot forecast --from FILE``: a forecast of a file's horizon, without a database."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from api.commands.session import print_json
from api.progress import pulse
from grid.faults import Fault, InputError

if TYPE_CHECKING:
    import pandas as pd

    from forecasting.files.forecast import FileForecast, SeriesReport


@dataclass(frozen=True, slots=True)
class Extras:
    """What is written beside the forecast.

    Attributes:
        scenarios: How many joint scenarios; 0 for none.
        scenarios_out: .csv, .parquet, or .json as ``gridpilot dispatch`` reads them.
        explain: .csv or .parquet for the contributions, or .json for sentences and attention too; None for nothing.
    """

    scenarios: int = 0
    scenarios_out: Path | None = None
    explain: Path | None = None

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the options."""
        if self.scenarios > 0 and self.scenarios_out is None:
            yield Fault("--scenarios-out", "is missing", f"name the file for the {self.scenarios} scenarios")
        if self.scenarios_out is not None and not self.scenarios:
            yield Fault("--scenarios", "is missing", f"say how many go to {self.scenarios_out}, such as 100")
        for name, path in (("--scenarios-out", self.scenarios_out), ("--explain", self.explain)):
            if path is not None and path.suffix not in (".csv", ".parquet", ".json"):
                yield Fault(name, f"{path} is neither .csv, .parquet nor .json", "name it by its format")
            elif path is not None and not path.absolute().parent.is_dir():
                yield Fault(name, f"there is no folder {path.parent}", "make it, or name another file")

    def write(self, made: FileForecast) -> None:
        """Write whatever was asked for."""
        from forecasting.files.explanation import explanation_document, explanation_table

        if self.scenarios_out is not None and made.scenarios is not None:
            if self.scenarios_out.suffix == ".json":
                told = {
                    name: {"scenarios": own.iloc[:, 2:].to_numpy().T.tolist()}
                    for name, own in made.scenarios.groupby("series_id", sort=False)
                }
                self.scenarios_out.write_text(json.dumps(told))
            else:
                write_table(made.scenarios, self.scenarios_out)
        if self.explain is not None:
            if self.explain.suffix == ".json":
                self.explain.write_text(json.dumps(explanation_document(made.explanations)))
            else:
                write_table(explanation_table(made.explanations), self.explain)


def forecast_to_file(
    table: Path,
    series: Path | None,
    out: Path | None,
    *,
    quantiles: str | None,
    effort: Literal["fast", "full"],
    seed: int,
    extras: Extras,
    as_json: bool,
) -> None:
    """Read FILE and SERIES.json, write OUT, and say on stderr (or as JSON) how each series was forecast.

    Raises:
        InputError: With every fault of the call and of both files.
    """
    from forecasting.files.forecast import DEFAULT_LEVELS, forecast_file
    from forecasting.series.request import parse_levels
    from forecasting.series.table import read_request

    faults = []
    if series is None:
        faults.append(Fault("--series", "is missing", "name the SERIES.json that describes the series"))
    if out is None:
        faults.append(Fault("--out", "is missing", "name the file to write, .csv or .parquet"))
    elif out.suffix not in (".csv", ".parquet"):
        faults.append(Fault("--out", f"{out} is neither .csv nor .parquet", "name it by its format"))
    elif not out.absolute().parent.is_dir():
        faults.append(Fault("--out", f"there is no folder {out.parent}", "make it, or name another file"))
    faults += extras.faults()
    named = {"--from": table, "--series": series, "--out": out}
    faults += overwriting(named | {"--scenarios-out": extras.scenarios_out, "--explain": extras.explain})
    if faults or series is None or out is None:
        raise InputError(faults)
    levels = DEFAULT_LEVELS if quantiles is None else parse_levels(quantiles)
    request = read_request(table, series)
    with pulse(f"forecasts of {len(request)} series", shown=not as_json):
        made = forecast_file(
            request,
            levels=levels,
            effort=effort,
            seed=seed,
            scenarios=extras.scenarios,
            explain=extras.explain is not None,
            now=datetime.now(UTC),
        )
    try:
        write_table(made.table, out)
        extras.write(made)
    except OSError as error:
        raise InputError(
            [Fault(str(error.filename), f"cannot be written: {error.strerror}", "name another file")]
        ) from None
    if as_json:
        print_json({"rows": len(made.table), "out": str(out), "series": [one.as_dict() for one in made.reports]})
        return
    for line in describe(made.reports):
        typer.echo(line, err=True)
    for one in made.explanations:
        for sentence in one.sentences:
            typer.echo(f"{one.series_id}, {sentence}", err=True)


def overwriting(named: Mapping[str, Path | None]) -> Iterator[Fault]:
    """A fault for every option that names a file that one before it names; what is written comes last."""
    taken: dict[Path, str] = {}
    for option, path in named.items():
        if path is not None:
            before = taken.setdefault(path.resolve(), option)
            if before != option:
                yield Fault(option, f"{path} is the file of {before}, too", "name another file")


def write_table(table: pd.DataFrame, out: Path) -> None:
    """Write a forecast as CSV, or as Parquet where the name ends so; times as RFC 3339."""
    if out.suffix == ".parquet":
        table.to_parquet(out, index=False)
    else:
        table.to_csv(out, index=False, date_format="%Y-%m-%dT%H:%M:%SZ")


def describe(reports: Sequence[SeriesReport]) -> Iterator[str]:
    """How each series was forecast, a line each with its reasons beneath; what concerns all of several is told once."""
    first, *others = reports
    shared = [reason for reason in first.reasons if others and all(reason in one.reasons for one in others)]
    for report in reports:
        weights = ", ".join(f"{name} {weight:.2f}" for name, weight in report.weights.items())
        skill = "no backtest"
        if report.backtest_origins:
            told = "no skill to tell" if report.skill is None else f"skill {report.skill:.3f}"
            skill = f"{told} over {report.backtest_origins} origins"
        own = [reason for reason in report.reasons if reason not in shared]
        yield "\n    ".join([f"{report.series_id}: {weights}; {skill}", *own])
    if shared:
        yield "\n    ".join(["of every series:", *shared])
