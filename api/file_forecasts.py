"""Forecasts of uploaded files, made by a worker process: bounded in size and time, one at a time, and the API goes on.

python -m api.file_forecasts FOLDER      # the worker: request.json, the two files and its answer lie in FOLDER
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from api.problems import Problem, invalid, unavailable
from forecasting.series.request import FileSeries, parse_levels, read_settings_file
from forecasting.series.table import read_request
from grid.faults import Fault, InputError

MAX_SECONDS = 300.0
MAX_INTERVALS = 300_000
MAX_LEVELS = 999
MAX_SCENARIO_VALUES = 2_000_000
RETRY_SECONDS = 20
_SERIES, _REQUEST, _FAULTS, _REPORTS, _TABLE, _SCENARIOS, _EXPLANATION, _HISTORY = (
    "SERIES.json",
    "request.json",
    "faults.json",
    "reports.json",
    "answer.parquet",
    "scenarios.parquet",
    "explanation.json",
    "history.json",
)


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How a file is to be forecast.

    Attributes:
        quantiles: Levels such as ``0.1,0.5,0.9``; None for the usual ones.
        scenarios: How many joint scenarios to draw.
        explain: Whether to tell what each group of inputs contributes.
        history_days: Of how many days before the horizon to tell the values.
    """

    quantiles: str | None = None
    effort: Literal["fast", "full"] = "full"
    seed: int = 0
    scenarios: int = 0
    explain: bool = False
    history_days: int = 0

    @property
    def levels(self) -> tuple[float, ...] | None:
        """The levels asked for, put in order; None for the usual ones.

        Raises:
            InputError: If they are none, or too many.
        """
        if self.quantiles is None:
            return None
        levels = parse_levels(self.quantiles, place="quantiles")
        if len(levels) > MAX_LEVELS:
            raise InputError([Fault("quantiles", f"has {len(levels)} levels", f"ask for {MAX_LEVELS} at most")])
        return levels


@dataclass(frozen=True, slots=True, eq=False)
class FileAnswer:
    """The forecast's table and, per series, how it was made; what else was asked for, None where it was not."""

    table: pd.DataFrame
    reports: list[dict[str, Any]]
    scenarios: pd.DataFrame | None
    explanation: dict[str, Any] | None
    history: list[dict[str, Any]] | None


@dataclass(frozen=True, slots=True)
class FileForecaster:
    """Answers ``POST /forecasts/from-file``: never twice at once in a process."""

    max_seconds: float = MAX_SECONDS
    _at_work: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def forecast(self, table: bytes, series: bytes, options: FileOptions) -> FileAnswer:
        """Forecast in a fresh process, which is ended when its time is over.

        Args:
            table: Content of FILE, CSV or Parquet.
            series: Content of SERIES.json.

        Raises:
            Problem: 503 while another file is forecast here or if it takes too long, 422 with every fault of the files.
        """
        if not self._at_work.acquire(blocking=False):
            raise unavailable("another file is being forecast here; ask again later", retry_seconds=RETRY_SECONDS)
        try:
            with tempfile.TemporaryDirectory(prefix="gridpilot-") as folder:
                return self._answer(Path(folder), table, series, options)
        finally:
            self._at_work.release()

    def _answer(self, folder: Path, table: bytes, series: bytes, options: FileOptions) -> FileAnswer:
        _table_in(folder, parquet=table.startswith(b"PAR1")).write_bytes(table)
        (folder / _SERIES).write_bytes(series)
        (folder / _REQUEST).write_text(json.dumps(asdict(options)))
        faults = [*_faults_of(lambda: options.levels), *_faults_of(lambda: read_settings_file(folder / _SERIES))]
        if faults:  # told at once, without a process
            raise invalid(faults)
        command = [sys.executable, "-m", "api.file_forecasts", str(folder)]
        try:
            ended = subprocess.run(command, timeout=self.max_seconds, stdin=subprocess.DEVNULL, check=False)
        except subprocess.TimeoutExpired:
            remedy = "send fewer series or rows, or effort=fast; the command line has no limit"
            raise unavailable(f"the forecast took more than {self.max_seconds:.0f} s; {remedy}") from None
        if (folder / _FAULTS).exists():
            raise invalid([Fault(**fault) for fault in json.loads((folder / _FAULTS).read_text())])
        if ended.returncode != 0:
            raise Problem(500, "unexpected", f"the worker ended with status {ended.returncode}; the log tells more")
        return FileAnswer(
            table=pd.read_parquet(folder / _TABLE),
            reports=json.loads((folder / _REPORTS).read_text()),
            scenarios=pd.read_parquet(folder / _SCENARIOS) if options.scenarios else None,
            explanation=json.loads((folder / _EXPLANATION).read_text()) if options.explain else None,
            history=json.loads((folder / _HISTORY).read_text()) if options.history_days else None,
        )


def work(folder: Path) -> None:
    """The worker: reads the request in ``folder`` and leaves there a table and reports, or faults."""
    options = FileOptions(**json.loads((folder / _REQUEST).read_text()))
    try:
        parquet = _table_in(folder, parquet=True)
        found = read_request(parquet if parquet.exists() else _table_in(folder, parquet=False), folder / _SERIES)
        intervals = sum(one.axis.periods for one in found)
        if intervals > MAX_INTERVALS:
            raise InputError([Fault("file", f"spans {intervals:,} intervals", f"send {MAX_INTERVALS:,} at most")])
        values = options.scenarios * sum(len(one.asked) for one in found)
        if values > MAX_SCENARIO_VALUES:
            remedy = f"ask for fewer: {MAX_SCENARIO_VALUES:,} at most"
            raise InputError([Fault("scenarios", f"would be {values:,} values", remedy)])
        # Here, so that a file with faults is refused without waiting for torch.
        from forecasting.files.explanation import explanation_document
        from forecasting.files.forecast import DEFAULT_LEVELS, forecast_file

        made = forecast_file(
            found,
            levels=options.levels or DEFAULT_LEVELS,
            effort=options.effort,
            seed=options.seed,
            scenarios=options.scenarios,
            explain=options.explain,
            now=datetime.now(UTC),
        )
    except InputError as error:
        (folder / _FAULTS).write_text(json.dumps([asdict(fault) for fault in error.faults]))
        return
    made.table.to_parquet(folder / _TABLE, index=False)
    (folder / _REPORTS).write_text(json.dumps([report.as_dict() for report in made.reports]))
    if made.scenarios is not None:
        made.scenarios.to_parquet(folder / _SCENARIOS, index=False)
    if options.explain:
        (folder / _EXPLANATION).write_text(json.dumps(explanation_document(made.explanations)))
    if options.history_days:
        days = timedelta(days=options.history_days)
        (folder / _HISTORY).write_text(json.dumps([_history(one, days) for one in found]))


def _history(one: FileSeries, days: timedelta) -> dict[str, Any]:
    """The last days before the horizon, plain values for JSON."""
    first = max(one.origin - days // one.axis.step, 0)
    return {
        "series_id": one.series_id,
        "unit": one.settings.unit,
        "interval_minutes": one.settings.interval_minutes,
        "start": f"{one.axis.start + first * one.axis.step:%Y-%m-%dT%H:%M:%SZ}",
        "values": [None if math.isnan(value) else value for value in one.values[first : one.origin].tolist()],
    }


def _faults_of(read: Callable[[], object]) -> tuple[Fault, ...]:
    try:
        read()
    except InputError as error:
        return error.faults
    return ()


def _table_in(folder: Path, *, parquet: bool) -> Path:
    return folder / ("FILE.parquet" if parquet else "FILE.csv")


if __name__ == "__main__":
    work(Path(sys.argv[1]))
