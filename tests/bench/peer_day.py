"""A day of a MATPOWER case as arrays, for us and for others, and what each process says of its run.

The case's machines and branches in service, and 24 hours of made load: every bus's load times a shape with its trough
at night and its peak in the afternoon, times 3 % of noise by bus and hour, drawn with a fixed seed. No machine is
committed: one that could take power goes down to 0. Ramps are 20 % of the highest output per hour, a quadratic cost is
its mean slope. Branches without a rating have 250 MW. Load that is not served costs 10,000 per MWh; ratings are hard.

The DC convention is MATPOWER's without phase shifts, the one of a site's plan: reactance times turns ratio. Others, who
take reactances only, are told that product.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HOURS = 24
SHED_PRICE = 10_000.0

Day = dict[str, np.ndarray[Any, Any]]


def day_of(case: Any) -> Day:
    """The day of a :class:`grid.cases.Case`; buses are counted from 0."""
    machines, table = case.generators, case.branches
    runs = machines.in_service & (machines.maximum_mw > 0.0)
    there = table.in_service
    most = machines.maximum_mw[runs]
    hours = np.arange(HOURS)
    shape = 0.78 + 0.17 * np.sin(2 * np.pi * (hours - 8) / 24) + 0.05 * np.sin(4 * np.pi * (hours - 6) / 24)
    noise = np.random.default_rng(0).normal(1.0, 0.03, (len(case.bus_ids), HOURS))
    return {
        "from": table.from_bus[there],
        "to": table.to_bus[there],
        "reactance": (table.reactance_pu * table.tap_ratio)[there],
        "limit": np.where(np.isfinite(table.limit_mw), table.limit_mw, 250.0)[there],
        "bus": machines.bus[runs],
        "minimum": np.maximum(machines.minimum_mw[runs], 0.0),
        "maximum": most,
        "cost": machines.costs.linear[runs] + machines.costs.quadratic[runs] * most,
        "ramp": 0.2 * most,
        "load": case.demand_mw[:, None] * shape * noise,
    }


def tell(run: Callable[[Day], dict[str, Any]]) -> None:
    """Run on the day of the file named in the arguments; print the outcome with CPU seconds and peak memory."""
    day = dict(np.load(Path(sys.argv[1])))
    began = time.process_time()
    told = run(day)
    told.setdefault("cpu_seconds", time.process_time() - began)
    told["peak_mb"] = _peak_mb()
    print(json.dumps(told))


def _peak_mb() -> float:
    """Most resident memory of this program; unlike ``ru_maxrss``, without that of the process that started it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) / 1024.0
    raise RuntimeError("/proc/self/status has no VmHWM; run this on Linux")
