"""A day of a case by PyPSA with linopy and HiGHS, in an environment of its own: bench_peers.py starts it."""

from __future__ import annotations

import logging
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pypsa
from peer_day import SHED_PRICE, Day, tell


def dispatch(day: Day) -> dict[str, Any]:
    """Build the network and its model, and solve it."""
    began = time.process_time()
    network = network_of(day)
    network.optimize.create_model()
    built = time.process_time() - began
    network.optimize.solve_model(solver_name="highs", solver_options={"threads": 1, "output_flag": False})
    return {"objective": float(network.objective), "build_seconds": built, "version": pypsa.__version__}


def network_of(day: Day) -> pypsa.Network:
    """The day as a network of PyPSA, its reactances per unit of 1 kV and 1 MVA."""
    network = pypsa.Network()
    network.set_snapshots(range(day["load"].shape[1]))
    buses = np.array([f"bus {i}" for i in range(len(day["load"]))])
    network.add("Bus", buses, v_nom=1.0)
    network.add(
        "Line", [f"line {k}" for k in range(len(day["from"]))], bus0=buses[day["from"]], bus1=buses[day["to"]],
        x=day["reactance"], s_nom=day["limit"],
    )  # fmt: skip
    most = day["maximum"]
    network.add(
        "Generator", [f"unit {k}" for k in range(len(most))], bus=buses[day["bus"]], p_nom=most,
        p_min_pu=day["minimum"] / most, marginal_cost=day["cost"],
        ramp_limit_up=day["ramp"] / most, ramp_limit_down=day["ramp"] / most,
    )  # fmt: skip
    loaded = np.flatnonzero(day["load"].any(axis=1))
    names = [f"load {i}" for i in loaded]
    network.add("Load", names, bus=buses[loaded], p_set=pd.DataFrame(day["load"][loaded].T, columns=names))
    positive = np.flatnonzero((day["load"] > 0.0).any(axis=1))
    names, load = [f"shed {i}" for i in positive], np.maximum(day["load"][positive], 0.0)
    peak = load.max(axis=1)
    share = pd.DataFrame((load / peak[:, None]).T, columns=names)
    network.add("Generator", names, bus=buses[positive], p_nom=peak, p_max_pu=share, marginal_cost=SHED_PRICE)
    return network


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    tell(dispatch)
