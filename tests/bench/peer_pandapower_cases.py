"""IEEE cases as pandapower writes them, with its own DC power flow and DC optimal power flow, in its own environment.

bench_pandapower.py starts it with the name of a folder, which it puts a network and its results into for every case.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import pandapower
import pandapower.networks

CASES = ("case9", "case14", "case30", "case_ieee30", "case39", "case57", "case118", "case24_ieee_rts")


def main() -> None:
    """Write NAME.json and NAME.result.json for every case."""
    folder = Path(sys.argv[1])
    warnings.simplefilter("ignore")
    for name in CASES:
        network = getattr(pandapower.networks, name)()
        pandapower.to_json(network, str(folder / f"{name}.json"))
        pandapower.rundcpp(network)
        told = {
            "version": pandapower.__version__,
            "flow_mw": [*network.res_line.p_from_mw, *network.res_trafo.p_hv_mw],
            "power_mw": {
                f"{kind}-{index}": power
                for kind in ("gen", "sgen", "ext_grid")
                for index, power in network[f"res_{kind}"].p_mw.items()
            },
        }
        pandapower.rundcopp(network)
        (folder / f"{name}.result.json").write_text(json.dumps({**told, "cost": float(network.res_cost)}))


if __name__ == "__main__":
    main()
