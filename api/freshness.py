"""How old each link of the chain is, and from when on that is too old: for the API, health and ``gridpilot doctor``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from api.jobs.clock import ClockName
from api.schemas import Freshness, SiteFreshness
from grid.site import Site
from grid.store.freshness import arrivals, chain_state
from grid.store.readings import latest_interval_end

TELEMETRY_STALE_AFTER = timedelta(hours=3)
ISSUES_MISSED = 2
"""A forecast or plan is stale once so many should have followed it."""
ARRIVALS_MISSED = 3
SILENT_AFTER = timedelta(minutes=1)
"""In a replay telemetry is stale after so much silence, or after :data:`ARRIVALS_MISSED` usual gaps if that is more."""
SILENT_AFTER_AT_FIRST = timedelta(minutes=15)


def freshness(
    conn: psycopg.Connection[Any], site: Site, clock: ClockName, now: datetime | None, *, every: timedelta
) -> SiteFreshness:
    """How old each link of the chain is at the site's present ``now``.

    Args:
        every: Between two issues of forecasts; a plan follows each.
    """
    state = chain_state(conn)
    load_series = sorted({load.series_id for load in site.loads})
    telemetry = _age(latest_interval_end(conn, load_series), now, TELEMETRY_STALE_AFTER)
    came = arrivals(conn, load_series)
    # In a replay the newest load reading makes the present, so its age says nothing: silence of the load does, whatever
    # else still comes. What no stream has brought cannot fall silent.
    if clock == "telemetry" and state.received_at is not None and telemetry.at is not None and came.last is not None:
        usual = SILENT_AFTER_AT_FIRST if came.gap is None else max(SILENT_AFTER, ARRIVALS_MISSED * came.gap)
        if datetime.now(UTC) - came.last > usual:
            telemetry = telemetry.model_copy(update={"state": "stale"})
    return SiteFreshness(
        telemetry=telemetry.model_copy(update={"received_at": came.last}),
        forecast=_age(state.forecast_issued_at, now, ISSUES_MISSED * every),
        plan=_age(state.plan_issued_at, now, ISSUES_MISSED * every),
    )


def described(age: Freshness) -> str:
    """The age of a link in words."""
    if age.at is None:
        return "there is none yet"
    if age.age_seconds is None:
        return f"from {age.at:%Y-%m-%d %H:%M}Z; how old that is cannot be told: the site's present is not known"
    told = f"{age.age_seconds / 60:,.0f} min old on the site's clock"
    if age.received_at is None:
        return told
    silence = datetime.now(UTC) - age.received_at
    return f"{told}, the last arrived {silence.total_seconds() / 60:,.0f} min ago"


def _age(at: datetime | None, now: datetime | None, stale_after: timedelta) -> Freshness:
    if at is None or now is None:
        return Freshness(at=at, age_seconds=None, received_at=None, state="missing")
    age = now - at
    return Freshness(
        at=at,
        age_seconds=max(age.total_seconds(), 0.0),
        received_at=None,
        state="stale" if age > stale_after else "fresh",
    )
