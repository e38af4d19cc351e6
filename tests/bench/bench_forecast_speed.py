"""What forecasts cost: batches and single ones from a warm model, refits, nightly retraining, one GEFCom2014 task.

Run it by ``make bench``. Meters are made up: cost does not depend on what they read. Everything is CPU time of one
thread, so that a busy machine tells the same as a quiet one; two cores do twice as much, since meters, networks and
files are independent of each other. LightGBM and NHITS forecast the same meters in the same run where ``.venv-rivals``
is set up (``make bench-rivals``).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from forecasting.engine.model import ISSUE_HISTORY, TrainedModel, ask_now
from forecasting.files.forecast import forecast_file
from forecasting.judging.contest import hold_contest
from forecasting.load.design import Design
from forecasting.load.regression import rolling_fits
from forecasting.load.regression_member import log_power
from forecasting.members.course import Course
from forecasting.nouns import Float32Array
from forecasting.series.outlook import make_outlook
from forecasting.series.request import Covariate, FileSeries, SeriesSettings
from forecasting.series.rows import make_rows
from forecasting.series.table import read_request
from grid.time_axis import TimeAxis

ROOT = Path(__file__).resolve().parents[2]
BUILDER = ROOT.parent / "shared" / "bench" / "forecast_cases.py"
RIVALS = Path(os.environ.get("RIVALS", ROOT / ".venv-rivals" / "bin" / "python"))
HOUR = timedelta(hours=1)
TWO_YEARS, PERIODS = 2 * 8766 // 24 * 24, 24
ISSUE_HOURS = int(ISSUE_HISTORY / HOUR)
LEVELS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
FEW, MANY, ALL = 50, 150, 1000


def main() -> None:
    torch.set_num_threads(1)
    with threadpool_limits(1):
        meters = _meters(MANY)
        model = _retraining(meters)
        ours = _batches(model, meters)
        _rivals(meters, ours)
        _single(meters)
        _refits(meters)
        _task()


def _meters(count: int) -> list[FileSeries]:
    """Two years of hourly meters with the temperature of four places, from a seed."""
    draw = np.random.default_rng(0)
    axis = TimeAxis(datetime(2024, 1, 1, tzinfo=UTC), HOUR, TWO_YEARS + PERIODS)
    clock = np.arange(TWO_YEARS)
    season = 15.0 - 10.0 * np.cos(2.0 * np.pi * clock / 8766.0) + 4.0 * np.sin(2.0 * np.pi * clock / 24.0)
    weather = season + np.cumsum(draw.normal(0.0, 0.3, (4, TWO_YEARS)), axis=1) * 0.1
    day = 1.0 + 0.4 * np.sin(2.0 * np.pi * (clock - 8) / 24.0)
    ahead = np.full(PERIODS, np.nan)
    made = []
    for k in range(count):
        place = k % len(weather)
        noise = np.exp(draw.normal(0.0, 0.2, TWO_YEARS))
        kw = draw.uniform(0.5, 5.0) * day * (1.0 + 0.02 * np.abs(weather[place] - 18.0)) * noise
        settings = SeriesSettings(
            kind="load",
            interval_minutes=60,
            timezone="Europe/Berlin",
            holidays="DE",
            covariates={f"place{place}": Covariate(means="air_temperature", unit="degC")},
        )
        made.append(
            FileSeries(
                series_id=f"meter{k:04d}",
                settings=settings,
                axis=axis,
                values=np.concatenate([kw, ahead]),
                origin=TWO_YEARS,
                asked=TWO_YEARS + np.arange(PERIODS),
                covariates={f"place{place}": np.concatenate([weather[place], ahead])},
            )
        )
    return made


def _recent(one: FileSeries, hours: int) -> FileSeries:
    """The last hours of a meter, and its horizon."""
    cut = one.origin - hours
    return replace(
        one,
        axis=TimeAxis(one.axis.start + HOUR * cut, HOUR, one.axis.periods - cut),
        values=one.values[cut:],
        origin=hours,
        asked=one.asked - cut,
        covariates={name: values[cut:] for name, values in one.covariates.items()},
    )


def _train(meters: Sequence[FileSeries]) -> TrainedModel:
    places = [next(iter(one.covariates)) for one in meters]
    contest = hold_contest(meters, places, kind="load", levels=LEVELS, course=Course(), champion=None)
    return contest.model


def _forecast(model: TrainedModel, meters: Sequence[FileSeries]) -> None:
    """Day-ahead quantiles from what an issue reads of the past."""
    ask_now(model, {one.series_id: _recent(one, ISSUE_HOURS) for one in meters}, levels=LEVELS)


def _retraining(meters: list[FileSeries]) -> TrainedModel:
    """Train on few and on many meters; the rest of a thousand cost what each more of them did."""
    spent = {}
    for count in (FEW, MANY):
        began = time.process_time()
        model = _train(meters[:count])
        _forecast(model, meters[:count])
        spent[count] = time.process_time() - began
    each = (spent[MANY] - spent[FEW]) / (MANY - FEW)
    total = spent[MANY] + each * (ALL - MANY)
    _say("1,000 meters retrained and forecast", f"{total / 60.0:.1f} CPU min", "10 min")
    print(f"    ({FEW} took {spent[FEW]:.0f} s, {MANY} {spent[MANY]:.0f} s, each further {each * 1000:.0f} ms)")
    return model


def _batches(model: TrainedModel, meters: list[FileSeries]) -> float:
    """Forecasts per CPU second."""
    rate = len(meters) / _median(lambda: _forecast(model, meters), repeats=5)
    _say("batched day-ahead forecasts, two cores", f"{2.0 * rate:,.0f} /s", "2,000 /s")
    return rate


def _single(meters: list[FileSeries]) -> None:
    model = _train(meters[:1])
    spent = []
    for _ in range(200):
        began = time.process_time()
        _forecast(model, meters[:1])
        spent.append(time.process_time() - began)
    _say("one forecast, 95 of 100 within", f"{1000.0 * float(np.quantile(spent, 0.95)):.1f} ms", "20 ms")


def _rivals(meters: list[FileSeries], ours: float) -> None:
    if not RIVALS.exists():
        print(f"no {RIVALS}: LightGBM and NHITS are left out")
        return
    recent = [_recent(one, 200 * 24) for one in meters]
    times = recent[0].axis.index
    with tempfile.TemporaryDirectory(prefix="gridpilot-bench-") as folder:
        tables = [pd.DataFrame({"series_id": one.series_id, "time": times, "value": one.values}) for one in recent]
        rows = pd.concat(tables, ignore_index=True)
        rows.to_parquet(Path(folder) / "input.parquet", index=False)
        about = {"kind": "load", "interval_minutes": 60, "timezone": "Europe/Berlin", "holidays": "DE"}
        (Path(folder) / "series.json").write_text(json.dumps({"series": {"*": about}}))
        (Path(folder) / "quantiles.txt").write_text(",".join(map(str, LEVELS)))
        command = [str(RIVALS), str(Path(__file__).with_name("rival_speed.py")), folder]
        told = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    if told.returncode:
        print(f"the rivals failed: {told.stderr[-500:]}")
        return
    for name, seconds in json.loads(told.stdout.splitlines()[-1]).items():
        rate = len(meters) / seconds
        goal = {"LightGBM": "2 x", "NHITS": "5 x"}[name]
        _say(f"batched, beside {name} ({2.0 * rate:,.0f} /s on two cores)", f"{ours / rate:.1f} x", goal)


def _refits(meters: list[FileSeries]) -> None:
    rows = make_rows(meters[:1])
    calendar = rows.calendar()
    outlook = make_outlook(rows.temperatures_c(meters[0])[0][0, 0], calendar, periods=PERIODS, until=TWO_YEARS)
    design = Design(calendar, outlook)
    log = log_power(rows.values, 0.05)

    def refit() -> None:
        rolling_fits(design, log, instants=np.array([TWO_YEARS]), beyond=PERIODS)

    def added_day() -> float:
        """From the design of a day that came to the fit that knows it."""
        asked = []

        def clocked(begin: int, end: int) -> Float32Array:
            asked.append(time.process_time())
            return design(begin, end)

        rolling_fits(clocked, log, instants=np.array([TWO_YEARS - 24, TWO_YEARS]), beyond=PERIODS)
        return asked[-1] - asked[-2]

    _say("a meter's regression refitted, two hourly years", f"{_median(refit, repeats=5):.2f} s", "1 s")
    day = float(np.median([added_day() for _ in range(7)]))
    _say("a day added to it, and solved again", f"{1000.0 * day:.0f} ms", "10 ms")


def _task() -> None:
    if not BUILDER.exists():
        print(f"no {BUILDER}: no GEFCom2014 task")
        return
    with tempfile.TemporaryDirectory(prefix="gridpilot-bench-") as folder:
        subprocess.run([sys.executable, str(BUILDER), "build", folder], check=True)
        case = Path(folder) / "gefcom2014_load" / "05"
        began = time.process_time()
        forecast_file(read_request(case / "input.parquet", case / "series.json"), seed=0)
        _say("a GEFCom2014 load task, trained and forecast", f"{time.process_time() - began:.0f} s", "180 s")


def _median(work: Callable[[], object], *, repeats: int) -> float:
    """CPU seconds of one go, after one to warm up."""
    work()
    spent = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return float(np.median(spent))


def _say(what: str, found: str, goal: str) -> None:
    print(f"{what:<62}{found:>14}   goal {goal}", flush=True)


if __name__ == "__main__":
    main()
