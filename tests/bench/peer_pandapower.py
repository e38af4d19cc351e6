"""One hour of MATPOWER's 118-bus case by pandapower's ``rundcopp``, in an environment of its own.

bench_peers.py starts it with the name of a file, which it writes the case to in MATPOWER's format for all others.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandapower
from pandapower.converter.pypower import to_ppc
from pandapower.networks import case118

_COLUMNS = {"bus": 13, "gen": 10, "branch": 13, "gencost": 7}


def case_text(tables: dict[str, Any]) -> str:
    """PYPOWER's tables as a MATPOWER file, buses counted from 1 and the converter's 1e-10 MW taken off."""
    parts = ["function mpc = case118", "mpc.version = '2';", f"mpc.baseMVA = {tables['baseMVA']:g};"]
    for name, columns in _COLUMNS.items():
        table = np.array(tables[name][:, :columns], dtype=np.float64)
        if name != "gencost":
            table[:, : 2 if name == "branch" else 1] += 1
        if name == "gen":
            table[:, 6] = tables["baseMVA"]
            table[:, 8:10] = table[:, 8:10].round(6)
        if name == "branch":
            table[table[:, 5] >= 9900.0, 5:8] = 0.0
        rows = ("\t".join(f"{value:.12g}" for value in row) for row in table)
        parts.append(f"mpc.{name} = [\n" + ";\n".join(rows) + ";\n];")
    return "\n".join(parts) + "\n"


def main() -> None:
    """Write the case, dispatch it twice, tell of the second time."""
    network = case118()
    Path(sys.argv[1]).write_text(case_text(to_ppc(network, mode="opf", init="flat")))
    pandapower.rundcopp(network)
    began = time.process_time()
    pandapower.rundcopp(network)
    seconds = time.process_time() - began
    told = {"objective": float(network.res_cost), "cpu_seconds": seconds, "version": pandapower.__version__}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
