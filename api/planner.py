"""Plans on request: one at a time in a process, from the latest forecasts, with inputs changed where asked."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from api.plan_schemas import PlanRequest
from api.planning import Change, PlanLimits, make_plan
from api.problems import Problem, invalid, unavailable
from grid.assets import RenewableKind
from grid.faults import InputError
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.validate import require_valid
from grid.problem.what_if import Changes, change_problem
from grid.site import Site

RETRY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Planner:
    """Answers ``POST /plans``: the solver runs in the request's thread, and never twice at once in a process.

    Attributes:
        limits: Horizon, time limit and gap of every plan.
    """

    pool: ConnectionPool[psycopg.Connection[Any]]
    limits: PlanLimits
    _at_work: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def plan(self, site: Site, request: PlanRequest) -> dict[str, Any]:
        """Plan, store and return the plan's document.

        Raises:
            Problem: 503 while another plan is computed here, 422 if the request names what the site does not have,
                409 if there are no forecasts to plan from.
        """
        if not self._at_work.acquire(blocking=False):
            raise unavailable("a plan is being computed here; ask again when it is done", retry_seconds=RETRY_SECONDS)
        try:
            with self.pool.connection() as conn:
                if not request.is_what_if:
                    return make_plan(conn, site, limits=self.limits)
                changes = request.model_dump(exclude_defaults=True)
                return make_plan(conn, site, limits=self.limits, change=_change_of(request), changes=changes)
        except InputError as error:
            raise Problem(409, "not-ready", "there is nothing to plan from yet", faults=error.faults) from error
        finally:
            self._at_work.release()


def _change_of(request: PlanRequest) -> Change:
    """What the request changes about a problem; a fault in it is the request's."""
    scales = {
        RenewableKind.SOLAR: request.solar_scale,
        RenewableKind.WIND: request.wind_scale,
        RenewableKind.HYDRO: request.hydro_scale,
    }
    changes = Changes(
        load_scale=request.load_scale,
        renewable_scale=scales,
        unavailable_units=frozenset(request.unavailable_units),
        unavailable_branches=frozenset(request.unavailable_branches),
    )

    def change(problem: DispatchProblem) -> DispatchProblem:
        try:
            changed = change_problem(problem, changes)
            require_valid(changed)
        except InputError as error:
            raise invalid(error.faults) from error
        return changed

    return change
