"""How good forecasts from files are: scores, coverage, CPU time, every member alone and the mix without each of them.

Run it by ``make bench``. The cases are built by ``../shared/bench/forecast_cases.py`` from the data beside it; without
them there is nothing to do. Every input ends at its origin's horizon, so that nothing can leak. Arguments such as
``vic_elec:03,12`` choose benchmarks and origins; ``all`` takes every origin. Coverage is that of daylight for the sun:
at night every forecast is 0, whatever a meter reads.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from forecasting.file_members import LEVELS, Course
from forecasting.file_mixture import hear, mix
from forecasting.file_request import FileSeries
from forecasting.file_rows import make_rows
from forecasting.file_table import read_request
from forecasting.from_file import kind_of_work
from forecasting.mixing import at_levels
from grid.scores import coverage, pinball_losses
from grid.time_axis import FloatArray

BUILDER = Path(__file__).resolve().parents[3] / "shared" / "bench" / "forecast_cases.py"
USUAL = {
    "gefcom2014_load": ("05", "08"),
    "gefcom2014_solar": ("04",),
    "gefcom2014_weekly": ("00", "10"),
    "vic_elec": ("06", "18"),
    "stategrid_pv_15min": ("12",),
    "sgsc_households": ("06",),
}

Said = dict[str, list[tuple[FloatArray, FloatArray]]]
"""By way of mixing: what happened and the quantiles, of every series."""


def main() -> None:
    if not BUILDER.exists():
        print(f"no {BUILDER}: nothing to do")
        return
    with tempfile.TemporaryDirectory(prefix="gridpilot-bench-") as folder:
        root = Path(folder)
        subprocess.run([sys.executable, str(BUILDER), "build", folder], check=True)
        for benchmark, origins in _wanted(root).items():
            said: Said = defaultdict(list)
            levels: tuple[float, ...] = ()
            seconds = []
            for origin in origins:
                case = root / benchmark / origin
                levels = tuple(float(part) for part in (case / "quantiles.txt").read_text().split(","))
                began = time.process_time()
                for name, pairs in forecast_case(case, levels).items():
                    said[name] += pairs
                seconds.append(time.process_time() - began)
            print(f"\n{benchmark}: {len(origins)} origins, {np.median(seconds):.0f} CPU seconds each")
            print(f"{'':<28}{'pinball':>10}{'WQL':>9}{'MAE':>10}{'50 %':>7}{'80 %':>7}")
            for name, pairs in said.items():
                print(_line(name, pairs, levels))


def _wanted(root: Path) -> dict[str, tuple[str, ...]]:
    """Origins to forecast, by benchmark."""
    if sys.argv[1:] == ["all"]:
        return {path.name: tuple(sorted(case.name for case in path.iterdir())) for path in sorted(root.iterdir())}
    named = dict(argument.split(":") for argument in sys.argv[1:] if ":" in argument)
    return {name: tuple(origins.split(",")) for name, origins in named.items()} or USUAL


def forecast_case(case: Path, levels: tuple[float, ...]) -> Said:
    """The mix, the mix without each member, and every member alone."""
    series = read_request(case / "input.parquet", case / "series.json")
    truth = pd.read_parquet(case / "truth.parquet")
    truth["time"] = pd.to_datetime(truth["time"], utc=True)
    said: Said = defaultdict(list)
    for key, group in groupby(sorted(series, key=kind_of_work), key=kind_of_work):
        heard = hear(make_rows(list(group)), course=Course(), trained=key[1] == "trained")
        names = set(heard.present)
        ways = {"mix": set[str]()} | {f"without {one}": {one} for one in sorted(names)}
        ways |= {f"only {one}": names - {one} for one in sorted(names)}
        for index, one in enumerate(heard.rows.series):
            happened = _happened(one, truth)
            for way, without in ways.items():
                told = mix(heard, index, seed=0, without=without).quantiles[one.asked - one.origin]
                told = at_levels(told, levels=LEVELS, wanted=levels)
                said[way].append((happened, told))
    return said


def _happened(one: FileSeries, truth: pd.DataFrame) -> FloatArray:
    own = truth[truth["series_id"] == one.series_id].set_index("time")["value"]
    return own.reindex(one.axis.index[one.asked]).to_numpy(dtype=np.float64)


def _line(name: str, pairs: list[tuple[FloatArray, FloatArray]], levels: tuple[float, ...]) -> str:
    actual = np.concatenate([happened for happened, _ in pairs])
    told = np.concatenate([quantiles for _, quantiles in pairs])
    known = np.isfinite(actual)
    actual, told = actual[known], told[known]
    loss = pinball_losses(actual, told, levels=levels)
    near = [int(np.argmin(np.abs(np.array(levels) - level))) for level in (0.1, 0.25, 0.5, 0.75, 0.9)]
    awake = told[:, -1] > 0.0  # not the night of a plant
    inner, outer = (
        coverage(actual[awake], told[awake, near[low]], told[awake, near[high]]) for low, high in ((1, 3), (0, 4))
    )
    wql = 2.0 * loss.mean(axis=1).sum() / np.abs(actual).sum()
    mae = np.abs(actual - told[:, near[2]]).mean()
    return f"{name:<28}{loss.mean():>10.4g}{wql:>9.4f}{mae:>10.4g}{inner:>7.1%}{outer:>7.1%}"


if __name__ == "__main__":
    main()
