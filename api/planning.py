"""From stored forecasts to a stored plan: the one path that ``gridpilot plan`` and ``POST /plans`` share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import psycopg

from grid.dispatch.always import plan_always
from grid.dispatch.assemble import assemble_problem
from grid.dispatch.changed import changes_since
from grid.dispatch.document import plan_document
from grid.faults import Fault, InputError
from grid.forecasts import Forecast
from grid.problem.dispatch_problem import DispatchProblem
from grid.site import SITE_LOAD, Site
from grid.store.forecasts import latest_forecasts, load_forecast
from grid.store.plans import WITH_SCHEDULE, latest_plan, save_plan

_SCHEDULES = (
    "units", "renewables", "storages", "exchanges", "buses", "branches", "interfaces", "links", "reserves",
)  # fmt: skip

Change = Callable[[DispatchProblem], DispatchProblem]


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """How far a plan reaches and how long the solver may think.

    Attributes:
        gap: Relative gap to the proven bound at which the search ends.
        threads: For the solver.
    """

    horizon_hours: int = 48
    time_limit_seconds: float = 120.0
    gap: float = 0.001
    threads: int = 2


def has_schedule(document: Mapping[str, Any]) -> bool:
    """Whether a plan document says what to run; one that is infeasible or ended in an error only says why not."""
    return document["status"] in WITH_SCHEDULE and document["objective"] is not None


def newest_forecasts(conn: psycopg.Connection[Any], site: Site) -> tuple[datetime, dict[str, Forecast]]:
    """When the newest forecast of the site's load was issued, and the newest by then of all that a plan needs.

    Raises:
        InputError: If there is none yet.
    """
    newest = load_forecast(conn, SITE_LOAD)
    if newest is None:
        raise InputError([Fault(f"forecast of {SITE_LOAD}", "there is none yet", "run gridpilot forecast first")])
    series = {load.series_id for load in site.loads} | {plant.series_id for plant in site.renewable_plants}
    return newest.issued_at, latest_forecasts(conn, [*sorted(series), SITE_LOAD], newest.issued_at)


def make_plan(
    conn: psycopg.Connection[Any],
    site: Site,
    *,
    limits: PlanLimits,
    change: Change | None = None,
    changes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Plan from the newest forecasts, as of the instant they were issued, and store the plan.

    Units and storages start from where the latest plan before that instant has them. Where the solver gives no answer
    that plan is rolled on, or units are committed by merit order: ``status`` and ``message`` say so.

    Args:
        change: Applied to the problem before it is solved; the plan then is a what-if, never the latest plan.
        changes: What ``change`` does, for the document's inputs.

    Returns:
        The plan document. Its ``status`` tells how the solve ended; see :func:`has_schedule`.

    Raises:
        InputError: If a forecast that the plan needs is missing; every one is named.
    """
    issued_at, forecasts = newest_forecasts(conn, site)
    previous = latest_plan(conn, site.site_id, before=issued_at, with_schedule=True)
    problem, inputs = assemble_problem(
        site,
        forecasts,
        issued_at=issued_at,
        periods=limits.horizon_hours,
        previous=previous,
    )
    if site.scenarios.drawn:
        from api.plan_scenarios import draw_scenarios  # pandas is loaded only where scenarios are drawn

        scenarios, inputs["scenarios"] = draw_scenarios(conn, site, forecasts, axis=problem.axis)
        problem = replace(problem, scenarios=scenarios)
    conn.commit()  # no transaction stays open while the solver thinks
    plan = plan_always(
        change(problem) if change else problem,
        previous=previous,
        time_limit_seconds=limits.time_limit_seconds,
        relative_gap=limits.gap,
        threads=limits.threads,
    )
    inputs = {**inputs, "changes": dict(changes or {})}
    plan_id = f"{issued_at:%Y%m%dT%H%MZ}-{uuid4().hex[:8]}"
    document = plan_document(plan, plan_id=plan_id, site_id=site.site_id, issued_at=issued_at, inputs=inputs)
    document["changes"] = None
    if previous is not None and change is None and has_schedule(document):
        document["changes"] = changes_since(previous, document, timezone=site.timezone)
    if not has_schedule(document):  # zeros where there is no schedule would be read as one
        document |= {**{name: {} for name in _SCHEDULES}, "system": [], "objective": None, "gap": None}
    save_plan(conn, document, what_if=change is not None)
    conn.commit()
    return document
