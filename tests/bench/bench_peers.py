"""Dispatch of a network beside PyPSA and pandapower: the same data, the same optimum, CPU seconds and peak memory.

Run it by ``make bench-peers``, which sets up their environments. ``peer_day.py`` says how 24 hours are made of a case:
ramps, hard line limits, load that may be shed, no commitment. Every run is a process of its own with one thread,
so that its peak memory is its own; CPU seconds are those of build and solve, imports and reading not counted. ``again``
is the median and the longest of ten solves for other forecasts from the kept basis. The optima must agree to 1e-6.

    python tests/bench/bench_peers.py case118 case1354_pegase
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from bench_opf import DATA, case_texts
from peer_day import day_of

from grid.cases import read_matpower
from grid.power_flow.opf import solve_opf

ROOT = Path(__file__).resolve().parents[2]
PYPSA, PANDAPOWER = (ROOT / name / "bin" / "python" for name in (".venv-peers", ".venv-pandapower"))
CASES = ("case118", "case1354_pegase", "case2869_pegase")
ALLOWED = 1e-6
LONGEST_SECONDS = 900.0
HEADER = (
    f"{'case':<17}{'ours':>9}{'PyPSA':>9}{'ratio':>7}{'ours':>9}{'PyPSA':>10}{'ratio':>7}"
    f"{'again':>10}{'longest':>10}{'difference':>12}"
)


def told_by(python: Path, script: str, argument: Path) -> dict[str, Any]:
    """What a script prints last, run on one thread in a process of its own."""
    command = [str(python), str(Path(__file__).with_name(script)), str(argument)]
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, env=os.environ | one_thread, capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS
    )
    if done.returncode:
        raise RuntimeError(f"{script} ends with {done.returncode}: {done.stderr[-800:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def one_hour(folder: Path) -> tuple[str, float]:
    """The 118-bus case's text, and by how much our optimum of its hour differs from pandapower's."""
    file = folder / "case118.m"
    theirs = told_by(PANDAPOWER, "peer_pandapower.py", file)
    text = file.read_text()
    case = read_matpower(text)
    solve_opf(case)
    began = time.process_time()
    found = solve_opf(case)
    seconds = time.process_time() - began
    difference = abs(found.objective / theirs["objective"] - 1.0)
    print(
        f"one hour, 118 buses: ours {1e3 * seconds:.0f} ms, pandapower {1e3 * theirs['cpu_seconds']:.0f} ms, "
        f"{theirs['cpu_seconds'] / seconds:.1f} times as long; difference {difference:.0e}"
    )
    return text, difference


def one_day(name: str, text: str, folder: Path) -> float:
    """Print a case's line. Returns by how much the optima differ."""
    file = folder / f"{name}.npz"
    np.savez(file, **day_of(read_matpower(text)))
    ours, theirs = told_by(Path(sys.executable), "peer_ours.py", file), told_by(PYPSA, "peer_pypsa.py", file)
    difference = abs(ours["objective"] / theirs["objective"] - 1.0)
    print(
        f"{name:<17}{ours['cpu_seconds']:>7.3f} s{theirs['cpu_seconds']:>7.1f} s"
        f"{theirs['cpu_seconds'] / ours['cpu_seconds']:>7.0f}{ours['peak_mb']:>6.0f} MB{theirs['peak_mb']:>7,.0f} MB"
        f"{theirs['peak_mb'] / ours['peak_mb']:>7.1f}{1e3 * ours['again_seconds']:>7.1f} ms"
        f"{1e3 * ours['longest_again_seconds']:>7.1f} ms{difference:>12.0e}",
        flush=True,
    )
    return difference


def main() -> int:
    """Print the table. Returns 1 if an optimum differs from another's."""
    for needed in (DATA, PYPSA, PANDAPOWER):
        if not needed.exists():
            print(f"no {needed}: nothing to do (`make bench-peers` sets up the others)")
            return 0
    wanted = sys.argv[1:] or CASES
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        small, worst = one_hour(folder)
        print(HEADER)
        for name, text in (("case118", small), *case_texts()):
            if (short := name.removeprefix("pglib_opf_")) in wanted:
                worst = max(worst, one_day(short, text, folder))
    print(f"largest difference {worst:.0e}, allowed {ALLOWED:.0e}")
    return int(worst > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
