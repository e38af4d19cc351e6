"""IEEE cases read from pandapower's JSON: DC flows beside its ``rundcpp``, dispatch costs beside its ``rundcopp``.

``make bench-peers`` sets up pandapower in an environment of its own and runs this. Returns 1 where a flow differs by
more than 1e-6 MW or a cost by more than 1e-6 of itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from grid.cases import read_pandapower
from grid.power_flow.dc_flow import DcFlow
from grid.power_flow.opf import solve_opf

ROOT = Path(__file__).resolve().parents[2]
PEER = ROOT / ".venv-pandapower" / "bin" / "python"


def main() -> int:
    """Print one line per case."""
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        script = Path(__file__).with_name("peer_pandapower_cases.py")
        subprocess.run([PEER, script, folder], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for result in sorted(Path(folder).glob("*.result.json")):
            theirs = json.loads(result.read_text())
            case = read_pandapower((result.parent / f"{result.name.split('.')[0]}.json").read_text())
            injection = -case.demand_mw
            for name, bus in zip(case.generators.names, case.generators.bus, strict=True):
                injection[bus] += theirs["power_mw"][name]
            apart = float(np.abs(DcFlow(case).flows(injection) - theirs["flow_mw"]).max())
            ours = solve_opf(case)
            dearer = ours.objective / theirs["cost"] - 1.0
            worst = max(worst, apart, abs(dearer))
            print(
                f"{result.name.split('.')[0]:<16} {len(case.bus_ids):>4} buses, pandapower {theirs['version']}: "
                f"flows differ by {apart:.0e} MW, cost {ours.objective:,.2f} by {dearer:+.0e}"
            )
    return int(worst > 1e-6)


if __name__ == "__main__":
    sys.exit(main())
