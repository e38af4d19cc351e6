"""RTS-GMLC as published: its day-ahead series on its network, with the ratings that hold after an outage."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np

from api.commands.source_folder import read_source_folder
from grid.cases import SourceSystem
from grid.dispatch import DispatchProblem

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "rts_gmlc"


@cache
def rts_gmlc() -> SourceSystem:
    """The system with its day-ahead series."""
    return read_source_folder(DATA / "source", simulations=("DAY_AHEAD",))


def secure_problem(day: str, *, hours: int, secure: bool = True) -> DispatchProblem:
    """``hours`` from midnight of ``day`` on, with the day's reserve products and, if ``secure``, N-1 on every branch.

    Units are free before the first hour.
    """
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return rts_gmlc().problem(start=start, periods=hours, secure=secure)


def held_together(problem: DispatchProblem) -> DispatchProblem:
    """The problem with the sum of its products as one requirement up and one down, of the whole system."""
    total = {upward: np.zeros(problem.axis.periods) for upward in (True, False)}
    for need in problem.requirements:
        total[need.product.upward] += need.required_mw
    return replace(problem, requirements=(), reserve_up_mw=total[True], reserve_down_mw=total[False])
