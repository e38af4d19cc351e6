"""``gridpilot plan``: a fresh plan whenever new forecasts have been stored."""

from __future__ import annotations

import logging
import threading
from typing import Any

import psycopg

from api.planning import PlanLimits, has_schedule, make_plan
from api.settings import PlanProcess
from grid.faults import InputError
from grid.site import Site
from grid.store.database import connect
from grid.store.freshness import chain_state
from grid.store.migrate import check_schema
from grid.store.sites import load_site

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.5


def plan_once(settings: PlanProcess) -> tuple[dict[str, Any], Site]:
    """Make one plan from the newest forecasts; returns its document and the site it is for."""
    with connect(settings.database_url, application_name="gridpilot-plan") as conn:
        check_schema(conn)
        site = load_site(conn)
        return make_plan(conn, site, limits=_limits(settings)), site


def plan_forever(settings: PlanProcess, *, stop: threading.Event) -> None:
    """Plan whenever forecasts newer than the latest plan are stored, until ``stop`` is set.

    A plan that cannot be made (a forecast missing) is logged with its reason and tried again with the next forecasts.
    """
    with connect(settings.database_url, application_name="gridpilot-plan") as conn:
        check_schema(conn)
        site = load_site(conn)
        served = chain_state(conn).plan_issued_at
        while not stop.is_set():
            issued_at = chain_state(conn).forecast_issued_at
            conn.commit()
            if issued_at is None or (served is not None and issued_at <= served):
                stop.wait(_POLL_SECONDS)
            else:
                served = issued_at
                site = load_site(conn)  # a site file may have been loaded meanwhile
                _plan(conn, site, _limits(settings))


def _plan(conn: psycopg.Connection, site: Site, limits: PlanLimits) -> None:
    try:
        document = make_plan(conn, site, limits=limits)
    except InputError as error:
        conn.rollback()
        logger.error("no plan: %s", error)
        return
    gap = "no bound is proven" if document["gap"] is None else f"gap {document['gap']:.2%}"
    logger.log(
        logging.INFO if has_schedule(document) else logging.ERROR,
        "plan %s issued at %s: %s, %s, %.1f s. %s",
        document["plan_id"],
        document["issued_at"],
        document["status"],
        gap,
        document["solve_seconds"],
        document["message"],
    )


def _limits(settings: PlanProcess) -> PlanLimits:
    return PlanLimits(settings.plan_horizon_hours, settings.plan_time_limit_seconds, settings.plan_gap)
