"""Re-dispatch on request: the plan in force for the newest forecasts, kept in the solver from one call to the next."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from api.planning import newest_forecasts
from api.problems import Problem, unavailable
from grid.dispatch import HeldPlan, Redispatch, assemble_problem, dispatch_held, hold_plan, redispatch_document
from grid.dispatch.changed import changes_since
from grid.dispatch.inherit import PreviousPlan
from grid.dispatch.redispatched import Redispatched
from grid.faults import Fault, InputError
from grid.formulation.relaxation import UnsolvedError
from grid.site import Site
from grid.store.plans import latest_plan
from grid.time_axis import ceil_to_step

_STEP = timedelta(hours=1)
_WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """What is in the solver, and what it holds for: a plan from one hour on, of a site."""

    plan_id: str
    start: datetime
    site: Site
    solver: Redispatch


@dataclass(slots=True)
class Redispatcher:
    """Answers ``POST /plans/redispatch``, one at a time in a process.

    The linear program stays in the solver until the plan in force, the hour or the site changes; meanwhile newer
    forecasts go on from its last basis.
    """

    pool: ConnectionPool[psycopg.Connection[Any]]
    _at_work: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _kept: _Kept | None = None

    def redispatch(self, site: Site) -> dict[str, Any]:
        """Dispatch what is left of the plan in force, and tell what changes; nothing is stored.

        Raises:
            Problem: 409 without a plan in force or forecasts for what is left of it, or if its commitment cannot be
                dispatched; 503 while others wait too long, or if it is not settled in time.
        """
        began = time.monotonic()
        if not self._at_work.acquire(timeout=_WAIT_SECONDS):
            raise unavailable("another re-dispatch is computed here; ask again later", retry_seconds=3)
        try:
            with self.pool.connection() as conn:
                plan = latest_plan(conn, site.site_id, with_schedule=True)
                issued_at, forecasts = newest_forecasts(conn, site)
            if plan is None:
                raise InputError([Fault("plan in force", "there is none yet", "POST /api/v1/plans makes one")])
            start = ceil_to_step(issued_at, _STEP)
            periods = PreviousPlan(plan, at=start).periods_ahead(_STEP)
            if periods <= 0:
                told = f"it tells nothing of {start.isoformat()} and later"
                raise InputError([Fault("plan in force", told, "POST /api/v1/plans makes one")])
            problem, _ = assemble_problem(site, forecasts, issued_at=issued_at, periods=periods, previous=plan)
            held = hold_plan(problem, plan)
            warm, kept = self._solver(held, plan["plan_id"], site)
            found = self._dispatched(held, kept)
        except InputError as error:
            raise Problem(409, "not-ready", "there is nothing to dispatch again", faults=error.faults) from error
        except UnsolvedError as error:
            if not error.infeasible:
                told = f"the plan in force is not dispatched again: {error}; ask again, to go on from there"
                raise unavailable(told, retry_seconds=3) from error
            raise Problem(
                409, "not-ready", f"the commitment of the plan in force cannot be dispatched: {error}"
            ) from error
        finally:
            self._at_work.release()
        issued = issued_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        document = {"plan_id": plan["plan_id"], "issued_at": issued, **redispatch_document(held, found)}
        changes = changes_since(plan, document, timezone=site.timezone)
        return {**document, "warm": warm, "solve_seconds": round(time.monotonic() - began, 3), "changes": changes}

    def _dispatched(self, held: HeldPlan, kept: Redispatch) -> Redispatched:
        """The plan dispatched again; a solver that failed may be half changed, and is not kept."""
        try:
            return dispatch_held(held, kept=kept)
        except UnsolvedError:  # the program is whole
            raise
        except Exception:
            self._kept = None
            raise

    def _solver(self, held: HeldPlan, plan_id: str, site: Site) -> tuple[bool, Redispatch]:
        """Whether the one that is kept serves, and the one that does."""
        kept, start = self._kept, held.problem.axis.start
        same = kept is not None and (kept.plan_id, kept.start, kept.site) == (plan_id, start, site)
        if kept is not None and same:
            return True, kept.solver
        self._kept = _Kept(plan_id, start, site, Redispatch(held.problem, held.on, held.charging, idle=held.idle))
        return False, self._kept.solver
