"""Plans on request: one at a time in a process, from the latest forecasts, with inputs changed where asked."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from api.jobs.clock import ClockName
from api.plan_schemas import PlanRequest
from api.problems import unavailable


@dataclass(frozen=True, slots=True)
class Planner:
    """Answers ``POST /plans``.

    Attributes:
        horizon_hours: Length of a plan.
        time_limit_seconds: The solver's wall time.
        gap: Relative gap at which a plan counts as optimal.
    """

    pool: ConnectionPool[psycopg.Connection[Any]]
    clock: ClockName
    horizon_hours: int
    time_limit_seconds: float
    gap: float
    _busy: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, request: PlanRequest, *, asked_by: str) -> dict[str, Any]:
        if not self._busy.acquire(blocking=False):
            raise unavailable("a plan is being computed here; retry when it is done", retry_seconds=10)
        try:
            raise unavailable("not integrated")
        finally:
            self._busy.release()
