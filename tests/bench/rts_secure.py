"""RTS-GMLC as published: its day-ahead series on its network, with the ratings that hold after an outage."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from api.commands.source_folder import read_source_folder
from grid.cases import SourceSystem
from grid.dispatch import DispatchProblem

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "rts_gmlc"


@cache
def rts_gmlc() -> SourceSystem:
    """The system with its day-ahead series."""
    return read_source_folder(DATA / "source", simulations=("DAY_AHEAD",))


def secure_problem(day: str, *, hours: int, secure: bool) -> DispatchProblem:
    """``hours`` from midnight of ``day`` on, with the reserves of the day; N-1 on every branch if ``secure``.

    Units are free before the first hour.
    """
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return rts_gmlc().problem(start=start, periods=hours, secure=secure)
