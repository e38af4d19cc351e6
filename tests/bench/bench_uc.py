"""Unit commitment of the published instances: our plan and bound beside those of HiGHS on MODEL.tex, at equal time.

Run it by ``make bench``. The instances (pglib-uc) lie beside the repository, in ``../shared/data/pglib``; without them
there is nothing to do. Each is planned by two threads within ``SECONDS`` and checked apart against every constraint of
MODEL.tex; then HiGHS solves MODEL.tex word for word in the time that ours took, in one thread, as it gains nothing from
two. Below the table stands in what it was better. CPU seconds are told because wall time on a busy machine gives each
of them less. With parts of instance names as arguments only those are run; a first argument that is a number sets the
seconds; ``ours`` leaves HiGHS out.
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from model_tex import solve_reference

from grid.cases import read_pglib_uc
from grid.cases.must_take import joined_plan
from grid.checking.uc_check import check_commitment
from grid.dispatch import case_document, plan_dispatch
from grid.searching.incumbent import gap_between

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "pglib" / "uc_instances.tar.xz"
SECONDS, GAP, CENT = 60.0, 0.001, 0.01
HEAD = (
    "instance                       plan           bound     gap    CPU |    HiGHS: plan           bound     gap    CPU"
)


def instance_texts(wanted: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Name and text of every instance whose name has one of ``wanted`` in it."""
    with tarfile.open(DATA) as archive:
        for member in sorted(archive.getmembers(), key=lambda entry: entry.name):
            file = archive.extractfile(member)
            if file is not None and member.name.endswith(".json") and any(part in member.name for part in wanted):
                yield member.name.removesuffix(".json"), file.read().decode()


def line(objective: float, bound: float, cpu: float) -> str:
    """One solver's outcome."""
    return f"{objective:>15,.0f}{bound:>16,.0f}{100.0 * gap_between(objective, bound):>7.3f}%{cpu:>6.0f} s"


def main() -> int:
    """Print one line per instance. Returns 1 if a plan breaks a constraint."""
    if not DATA.is_file():
        print(f"no benchmark instances in {DATA}: nothing to do")
        return 0
    given = sys.argv[1:]
    seconds = float(given.pop(0)) if given and given[0].replace(".", "").isdigit() else SECONDS
    alone = "ours" in given
    wanted = tuple(part for part in given if part != "ours") or ("rts_gmlc",)
    print(f"{seconds:.0f} s each, load average {os.getloadavg()[0]:.1f}\n{HEAD}", flush=True)
    gaps, broken, lost = [], 0, []
    for name, text in instance_texts(wanted):
        began = time.process_time()
        plan = plan_dispatch(read_pglib_uc(text), time_limit_seconds=seconds, relative_gap=GAP)
        cpu = time.process_time() - began
        problems = check_commitment(json.loads(text), joined_plan(case_document(plan, case=name)))
        gaps.append(plan.gap)
        broken += bool(problems)
        told = f"{name:<20}{line(plan.objective, plan.best_bound, cpu)}"
        if not alone:
            began = time.process_time()
            took = plan.build_seconds + plan.solve_seconds
            objective, bound, _ = solve_reference(json.loads(text), gap=GAP, seconds=took)
            lost += [f"plan of {name}"] * (objective < plan.objective - CENT)
            lost += [f"bound of {name}"] * (bound > plan.best_bound + CENT)
            told += f" | {line(objective, bound, time.process_time() - began)}"
        print("\n".join([told, *problems[:3]]), flush=True)
    if gaps:
        print(f"median gap {100.0 * median(gaps):.3f} %, largest {100.0 * max(gaps):.3f} %, {broken} plans broken")
        if not alone:
            print(f"HiGHS is better in: {', '.join(lost) or 'nothing'}")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
