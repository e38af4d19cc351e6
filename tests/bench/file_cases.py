"""Which benchmarks and origins are asked for on the command line of a bench that forecasts from files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

BUILDER = Path(__file__).resolve().parents[3] / "shared" / "bench" / "forecast_cases.py"
"""Builds the cases from the data beside it."""
ALL = "all"


def wanted_cases(root: Path, asked: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Origins by benchmark.

    Args:
        root: Holds a folder per benchmark, which holds one per origin.
        asked: Such as ``vic_elec:03,12``; ``vic_elec`` or ``vic_elec:all`` is every origin of it, ``all`` everything.

    Raises:
        SystemExit: If there is no such benchmark or origin; says which there are.
    """
    every = {folder.name: tuple(sorted(case.name for case in folder.iterdir())) for folder in sorted(root.iterdir())}
    if list(asked) == [ALL]:
        return every
    found = {}
    for argument in asked:
        benchmark, _, chosen = argument.partition(":")
        if benchmark not in every:
            raise SystemExit(f"{argument}: there is no {benchmark}; there are {', '.join(every)}, or {ALL} alone")
        origins = every[benchmark] if chosen in ("", ALL) else tuple(chosen.split(","))
        if unknown := [origin for origin in origins if origin not in every[benchmark]]:
            there = f"{', '.join(every[benchmark])}, or {ALL}"
            raise SystemExit(f"{argument}: {benchmark} has no origin {', '.join(unknown)}; it has {there}")
        found[benchmark] = origins
    return found
