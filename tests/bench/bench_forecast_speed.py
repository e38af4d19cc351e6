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
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from forecasting.calendar import make_calendar
from forecasting.file_table import read_request
from forecasting.fitting import fit_load_core_and_weather, fit_load_model, split_in_time
from forecasting.from_file import forecast_file
from forecasting.load_windows import LOAD_CONTEXT_HOURS, LoadPanel, floor_kw
from forecasting.models import LoadModel, predict_kw
from forecasting.regression import CONTEXT_HOURS, calendar_terms, rolling_fits, temperature_terms
from forecasting.training import TrainingOptions
from grid.time_axis import FloatArray, TimeAxis

ROOT = Path(__file__).resolve().parents[2]
BUILDER = ROOT.parent / "shared" / "bench" / "forecast_cases.py"
RIVALS = Path(os.environ.get("RIVALS", ROOT / ".venv-rivals" / "bin" / "python"))
TWO_YEARS, PERIODS = 2 * 8766 // 24 * 24, 24
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
FEW, MANY, ALL = 50, 150, 1000


def main() -> None:
    torch.set_num_threads(1)
    with threadpool_limits(1):
        panel = _panel(MANY)
        model = _retraining(panel)
        ours = _batches(model, panel)
        _rivals(panel, ours)
        _single(model, panel)
        _refits(panel)
        _task()


def _panel(meters: int) -> LoadPanel:
    """Two years of hourly meters with four weather sites, from a seed."""
    draw = np.random.default_rng(0)
    axis = TimeAxis(datetime(2024, 1, 1, tzinfo=UTC), timedelta(hours=1), TWO_YEARS)
    clock = np.arange(TWO_YEARS)
    season = 15.0 - 10.0 * np.cos(2.0 * np.pi * clock / 8766.0) + 4.0 * np.sin(2.0 * np.pi * clock / 24.0)
    weather = season + np.cumsum(draw.normal(0.0, 0.3, (4, TWO_YEARS)), axis=1) * 0.1
    day = 1.0 + 0.4 * np.sin(2.0 * np.pi * (clock - 8) / 24.0)
    noise = np.exp(draw.normal(0.0, 0.2, (meters, TWO_YEARS)))
    size = draw.uniform(0.5, 5.0, (meters, 1))
    row = np.arange(meters, dtype=np.int64) % len(weather)
    return LoadPanel(
        axis=axis,
        timezone="Europe/Berlin",
        holidays="DE",
        series_ids=tuple(f"meter{k:04d}" for k in range(meters)),
        kw=size * day * (1.0 + 0.02 * np.abs(weather[row] - 18.0)) * noise,
        weather_row=row,
        temperature_c=weather,
    )


def _recent(panel: LoadPanel, hours: int) -> LoadPanel:
    """The panel's last hours."""
    cut = panel.axis.periods - hours
    axis = TimeAxis(panel.axis.start + panel.axis.step * cut, panel.axis.step, hours)
    return replace(panel, axis=axis, kw=panel.kw[:, cut:], temperature_c=panel.temperature_c[:, cut:])


def _retraining(panel: LoadPanel) -> LoadModel:
    """Train on few and on many meters; the rest of a thousand cost what each more of them did."""
    spent = {}
    for meters in (FEW, MANY):
        some = panel.only(panel.series_ids[:meters])
        began = time.process_time()
        model, _ = fit_load_model(
            some,
            weather_ids=[f"site{k}" for k in range(len(panel.temperature_c))],
            split=split_in_time(TWO_YEARS),
            levels=LEVELS,
            periods=PERIODS,
            options=replace(TrainingOptions(), budget_seconds=3600.0),
        )
        predict_kw(model.network, model.shifts, model.windows(some), *_present(some))
        spent[meters] = time.process_time() - began
    each = (spent[MANY] - spent[FEW]) / (MANY - FEW)
    total = spent[MANY] + each * (ALL - MANY)
    _say("1,000 meters retrained and forecast", f"{total / 60.0:.1f} CPU min", "10 min")
    print(f"    ({FEW} took {spent[FEW]:.0f} s, {MANY} {spent[MANY]:.0f} s, each further {each * 1000:.0f} ms)")
    return model


def _present(panel: LoadPanel) -> tuple[np.typing.NDArray[np.int64], np.typing.NDArray[np.int64]]:
    """Every series at the panel's end."""
    series = np.arange(len(panel.series_ids), dtype=np.int64)
    return series, np.full(len(series), panel.axis.periods, dtype=np.int64)


def _forecast(model: LoadModel, panel: LoadPanel) -> FloatArray:
    """Day-ahead quantiles of all of a panel's series from what a forecast needs of the past."""
    recent = _recent(panel, LOAD_CONTEXT_HOURS + 24)
    return predict_kw(model.network, model.shifts, model.windows(recent), *_present(recent))


def _batches(model: LoadModel, panel: LoadPanel) -> float:
    """Forecasts per CPU second."""
    seconds = _median(lambda: _forecast(model, panel), repeats=5)
    rate = len(panel.series_ids) / seconds
    _say("batched day-ahead forecasts, two cores", f"{2.0 * rate:,.0f} /s", "2,000 /s")
    return rate


def _single(model: LoadModel, panel: LoadPanel) -> None:
    spent = []
    for name in panel.series_ids[:100] * 2:
        one = panel.only([name])
        began = time.process_time()
        _forecast(model, one)
        spent.append(time.process_time() - began)
    _say("one forecast, 95 of 100 within", f"{1000.0 * float(np.quantile(spent, 0.95)):.1f} ms", "20 ms")


def _rivals(panel: LoadPanel, ours: float) -> None:
    if not RIVALS.exists():
        print(f"no {RIVALS}: LightGBM and NHITS are left out")
        return
    recent = _recent(panel, 200 * 24)
    times = recent.axis.index
    with tempfile.TemporaryDirectory(prefix="gridpilot-bench-") as folder:
        tables = [
            pd.DataFrame({"series_id": name, "time": times, "value": kw})
            for name, kw in zip(recent.series_ids, recent.kw, strict=True)
        ]
        rows = pd.concat(tables, ignore_index=True)
        rows.loc[rows["time"] >= times[-PERIODS], "value"] = np.nan
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
        rate = len(panel.series_ids) / seconds
        goal = {"LightGBM": "2 x", "NHITS": "5 x"}[name]
        _say(f"batched, beside {name} ({2.0 * rate:,.0f} /s on two cores)", f"{ours / rate:.1f} x", goal)


def _refits(panel: LoadPanel) -> None:
    one = panel.only(panel.series_ids[:1])
    one = replace(one, temperature_c=one.temperature_c[:1], weather_row=np.zeros(1, dtype=np.int64))
    floor = floor_kw(one.kw)
    seconds = _median(lambda: fit_load_core_and_weather(one, hours=TWO_YEARS, floor=floor, periods=PERIODS), repeats=3)
    _say("core of a meter refitted, two hourly years", f"{seconds:.2f} s", "1 s")
    calendar = make_calendar(one.axis, timezone=one.timezone, holidays=one.holidays)
    fixed = calendar_terms(calendar)
    target = np.log(one.kw[0] + floor[0])
    path = np.concatenate([np.full(CONTEXT_HOURS, 10.0), one.temperature_c[0]])

    def design(begin: int, end: int) -> np.typing.NDArray[np.float32]:
        warm = temperature_terms(path[begin : end + CONTEXT_HOURS], calendar.part(slice(begin, end)))
        return np.concatenate([fixed[begin:end], warm], axis=1)

    whole = _median(lambda: rolling_fits(design, target, instants=np.array([TWO_YEARS])), repeats=3)
    more = _median(lambda: rolling_fits(design, target, instants=np.array([TWO_YEARS - 24, TWO_YEARS])), repeats=3)
    _say("regression of a file's series fitted, two hourly years", f"{whole:.2f} s", "1 s")
    _say("a day added to it, and solved again", f"{1000.0 * max(more - whole, 0.0):.0f} ms", "10 ms")


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
