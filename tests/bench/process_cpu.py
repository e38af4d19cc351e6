"""CPU seconds of processes and of what they started, for benchmarks."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import psutil


def cpu_seconds(pids: Iterable[int]) -> float:
    """What processes and all under them have used, user and system, those that have ended included."""
    total = 0.0
    for root in map(psutil.Process, pids):
        for process in (*root.children(recursive=True), root):
            with suppress(psutil.NoSuchProcess):  # ended just now: its parent counts it
                total += sum(process.cpu_times()[:4])
    return total


def idle_seconds() -> float:
    """How long the cores have rested, all together."""
    times = psutil.cpu_times()
    return float(times.idle + times.iowait)
