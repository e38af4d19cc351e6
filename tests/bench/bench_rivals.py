"""Our forecasts from files beside LightGBM, NHITS, PatchTST, AutoARIMA and MSTL: the same cases, the same scores.

Run it by ``make bench-rivals``, which sets up ``.venv-rivals`` from ``rivals.txt``: statsforecast wants an older pandas
than ours. Cases are built by ``../shared/bench/forecast_cases.py``; every input ends at its origin's horizon. What each
method said is kept under ``--kept``, so that a run that was cut off goes on where it stood (``--again METHOD`` forgets
that method's). Everything has one thread. Rivals' quantiles are sorted where they cross; ours never cross.

    python tests/bench/bench_rivals.py vic_elec:02,05 --methods gridpilot,LightGBM --plots DIR
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from file_cases import BUILDER, wanted_cases
from rival_plots import draw
from rival_scores import COVERED, HEADER, OURS, read_scored
from threadpoolctl import threadpool_limits

from forecasting.files.forecast import forecast_file
from forecasting.series.table import read_request

ROOT = Path(__file__).resolve().parents[2]
METHODS = (OURS, "LightGBM", "NHITS", "PatchTST", "AutoARIMA", "MSTL")
USUAL = ["vic_elec:02,05,08,11,14,17,20,23", "stategrid_pv_15min:02,05,08,11,14,17,20,23"]
USUAL += ["sgsc_households:01,04,07,10", "gefcom2014_weekly:02,07,12,17"]
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def main() -> None:
    asked = _arguments()
    if not BUILDER.exists():
        print(f"no {BUILDER}: nothing to do")
        return
    if not asked.rivals.exists():
        print(f"no {asked.rivals}: `make bench-rivals` sets it up and runs this")
        return
    cases, kept = asked.kept / "cases", asked.kept / "said"
    if not cases.exists():
        subprocess.run([sys.executable, str(BUILDER), "build", str(cases)], check=True)
    wanted = wanted_cases(cases, asked.cases)
    methods = asked.methods.split(",")
    if unknown := set(methods) - set(METHODS):
        raise SystemExit(f"no method {', '.join(sorted(unknown))}; there are {', '.join(METHODS)}")
    for method in asked.again:
        for old in kept.glob(f"*/{method}/*"):
            old.unlink()
    left = [(name, origin) for name, origins in wanted.items() for origin in origins]
    left.sort(key=lambda case: wanted[case[0]].index(case[1]))  # a first origin of each set, then a second
    for name, origin in left if not asked.table else ():
        for method in methods:
            _keep(cases / name / origin, kept / name / method, method=method, rivals=asked.rivals)
    for name in wanted:
        found = (read_scored(cases / name, kept / name / method, method, origins=wanted[name]) for method in METHODS)
        scored = [one for one in found if one is not None]
        if not scored:
            continue
        ours = scored[0] if scored[0].method == OURS else None
        print(f"\n{name}\n{HEADER}")
        for one in scored:
            print(one.line(ours))
        if asked.plots:
            draw(name, scored, asked.plots)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Our forecasts from files beside others'.")
    parser.add_argument("cases", nargs="*", default=USUAL, help="benchmark:origin,origin …; benchmark; or all")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--again", nargs="*", default=[], help="methods to run anew")
    parser.add_argument("--table", action="store_true", help="only score what is kept")
    parser.add_argument("--kept", type=Path, default=ROOT / ".gridpilot" / "rivals")
    parser.add_argument("--rivals", type=Path, default=ROOT / ".venv-rivals" / "bin" / "python")
    parser.add_argument("--plots", type=Path)
    return parser.parse_args()


def _keep(case: Path, folder: Path, *, method: str, rivals: Path) -> None:
    """Forecast one case by one method, unless its forecast is kept already."""
    told, about = folder / f"{case.name}.parquet", folder / f"{case.name}.json"
    if about.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    asked = {float(part) for part in (case / "quantiles.txt").read_text().split(",")}
    levels = sorted(asked | set(COVERED))
    began = time.monotonic()
    if method == OURS:
        seconds = _ours(case, told, levels)
    else:
        script = Path(__file__).with_name("rival_forecast.py")
        listed = ",".join(f"{level:g}" for level in levels)
        command = [str(rivals), str(script), method, str(case), str(told), listed]
        done = subprocess.run(command, env=os.environ | _ONE_THREAD, capture_output=True, text=True, check=False)
        if done.returncode or not told.exists():
            print(f"{case.parent.name} {case.name} {method} failed: {done.stderr[-500:]}", flush=True)
            return
        seconds = float(done.stdout.split()[-1])
    about.write_text(json.dumps({"seconds": seconds}))
    wall = time.monotonic() - began
    print(f"{case.parent.name} {case.name} {method}: {seconds:.1f} CPU s, {wall:.0f} s", flush=True)


def _ours(case: Path, out: Path, levels: list[float]) -> float:
    """CPU seconds."""
    with threadpool_limits(1):
        began = time.process_time()
        series = read_request(case / "input.parquet", case / "series.json")
        forecast_file(series, levels=levels, seed=0).table.to_parquet(out, index=False)
        return time.process_time() - began


if __name__ == "__main__":
    main()
