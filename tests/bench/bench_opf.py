"""DC optimal power flow of the published benchmark cases: objective against the published one, and the time it takes.

Run it by ``make bench``. The cases (pglib-opf, typical operating conditions) and their published objectives lie
beside the repository, in ``../shared/data/pglib``; without them there is nothing to do. The published objectives have
five digits, so a difference up to 5e-5 is their rounding. ``gap`` is to the bound that is proven apart from the solver;
times are CPU seconds in one thread. With the ends of case names as arguments only those are run.
"""

from __future__ import annotations

import csv
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

from grid.cases import read_matpower
from grid.power_flow.opf import solve_opf

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "pglib"
ALLOWED = 1e-4


def published_objectives() -> dict[str, float]:
    """The published DC objective of each case in typical operating conditions."""
    with (DATA / "baseline.csv").open() as file:
        return {row[1]: float(row[4]) for row in csv.reader(file) if row[0].startswith("Typical")}


def case_texts() -> Iterator[tuple[str, str]]:
    """Name and text of every case file, the small ones first."""
    with tarfile.open(DATA / "opf_cases.tar.xz") as archive:
        for member in sorted(archive.getmembers(), key=lambda entry: entry.size):
            file = archive.extractfile(member)
            if file is not None and member.name.endswith(".m"):
                yield Path(member.name).stem, file.read().decode()


def main() -> int:
    """Print one line per case. Returns 1 if an objective differs from the published one."""
    if not DATA.is_dir():
        print(f"no benchmark cases in {DATA}: nothing to do")
        return 0
    published, wanted = published_objectives(), tuple(sys.argv[1:])
    print(f"{'case':<18}{'buses':>7}{'objective':>16}{'difference':>12}{'gap':>9}{'read':>8}{'build':>8}{'solve':>8}")
    worst = 0.0
    for name, text in case_texts():
        if wanted and not name.endswith(wanted):
            continue
        clock = [time.process_time()]
        case = read_matpower(text)
        clock.append(time.process_time())
        result = solve_opf(case)
        clock.append(time.process_time())
        difference = result.objective / published[name] - 1.0
        worst = max(worst, abs(difference))
        solve = clock[2] - clock[1] - result.build_seconds
        print(
            f"{name.removeprefix('pglib_opf_'):<18}{len(case.bus_ids):>7}{result.objective:>16,.2f}{difference:>12.1e}"
            f"{result.gap:>9.0e}{clock[1] - clock[0]:>6.2f} s{result.build_seconds:>6.2f} s{max(solve, 0.0):>6.2f} s"
        )
    print(f"largest difference {worst:.1e}, allowed {ALLOWED:.0e}")
    return int(worst > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
