"""Health and metrics, outside the API's prefix and, as monitoring expects it, without a key.

They tell counts and ages, never a reading, a forecast, a price, or the name of a meter or of a key. Who may reach them
is decided by the address that is listened on (``GRIDPILOT_HOST``, this machine by default) and by the proxy before it.
"""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from api.freshness import described, freshness
from api.metrics import exposition
from api.problems import Problem, problem_from
from api.schemas import Alive, Check, Freshness, Ready
from api.sender import Sender
from api.service import Service, ServiceParts, present_of, site_of
from grid.faults import InputError
from grid.store.freshness import chain_state
from grid.store.migrate import check_schema
from grid.store.scores import load_drifts
from grid.store.validation_due import LATE_AFTER, Backlog, validation_backlog

router = APIRouter(tags=["health"])

Gauges = list[tuple[str, str, dict[str, str], float]]
VALIDATION_LATE_SECONDS = LATE_AFTER.total_seconds()


@router.get("/health/live", summary="Does the process answer?")
async def live() -> Alive:
    """Always 200 while the process lives. Restart it when this fails."""
    return Alive()


@router.get("/health/ready", responses={503: {"model": Ready, "description": "Not ready."}}, summary="Can it work?")
def ready(service: ServiceParts) -> Response:
    """200 if database and schema are as they must be; each check says what was found. Stale data keep it ready."""
    checks = _checks(service)
    document = Ready(ready=all(check.state != "failed" for check in checks), checks=checks)
    return JSONResponse(document.model_dump(mode="json"), status_code=200 if document.ready else 503)


@router.get("/metrics", response_class=Response, summary="Prometheus metrics")
def metrics(service: ServiceParts) -> Response:
    """Requests and latencies of this service; rows, dead letters and ages of the chain."""
    content, media_type = exposition(_gauges(service))
    return Response(content, media_type=media_type)


_DRIFT_GAUGES = {
    "loss": "Pinball loss of the champion's forecasts of the last week, as a share of mean power.",
    "promised_loss": "The same in its backtest.",
    "missed": "Share of the last week's values outside the central 90 % band.",
    "promised_missed": "The same in the backtest.",
}


def _checks(service: Service) -> list[Check]:
    try:
        with service.pool.connection() as conn:
            try:
                check_schema(conn)
            except InputError as error:
                return [_ok("database"), Check(name="schema", state="failed", detail=str(error))]
            try:
                site = site_of(conn)
            except Problem as problem:
                return [_ok("database"), _ok("schema"), Check(name="site", state="missing", detail=problem.detail)]
            now = present_of(conn, site, service.clock)
            ages = freshness(conn, site, service.clock, now, every=service.forecast_every)
            waits = validation_backlog(conn)
    except psycopg.Error as error:
        return [Check(name="database", state="failed", detail=problem_from(error).detail)]
    return [
        _ok("database"),
        _ok("schema"),
        _ok("site"),
        _age("telemetry", ages.telemetry),
        _validation(waits),
        _age("forecast", ages.forecast),
        _age("plan", ages.plan),
        _broker(service.sender),
    ]


def _ok(name: str) -> Check:
    return Check(name=name, state="ok", detail="as it must be")


def _age(name: str, age: Freshness) -> Check:
    return Check(name=name, state="ok" if age.state == "fresh" else age.state, detail=described(age))


def _broker(sender: Sender | None) -> Check:
    if sender is None:
        return Check(name="broker", state="missing", detail="none is set: readings are not accepted here")
    if trouble := sender.trouble():
        detail = f"it does not answer ({trouble}): readings are refused until it is started, or reached again"
        return Check(name="broker", state="stale", detail=detail)
    return Check(name="broker", state="ok", detail="it answers: readings are accepted")


def _validation(waits: Backlog) -> Check:
    seconds = _waiting_seconds(waits)
    detail = f"new readings of {waits.channels} series wait, the oldest for {seconds / 60:.0f} min"
    if seconds > VALIDATION_LATE_SECONDS:
        return Check(name="validation", state="stale", detail=f"{detail}; see that gridpilot validate runs")
    return Check(name="validation", state="ok", detail=detail if waits.marks else "every reading is validated")


def _waiting_seconds(waits: Backlog) -> float:
    return waits.waited(at=datetime.now(UTC)).total_seconds()


def _gauges(service: Service) -> Gauges:
    try:
        with service.pool.connection() as conn:
            state = chain_state(conn)
            waits = validation_backlog(conn)
            drifts = load_drifts(conn, only_mean=True)
            site = site_of(conn)
            now = present_of(conn, site, service.clock)
            ages = freshness(conn, site, service.clock, now, every=service.forecast_every)
    except (psycopg.Error, Problem):
        return [("gridpilot_database_up", "1 if the database answers and holds a site.", {}, 0.0)]
    gauges: Gauges = [
        ("gridpilot_database_up", "1 if the database answers and holds a site.", {}, 1.0),
        ("gridpilot_ingested_readings", "Values stored by the stream, counted once each.", {}, float(state.readings)),
        ("gridpilot_dead_letters_open", "Messages that wait in the dead-letter table.", {}, float(state.dead_letters)),
        ("gridpilot_validation_waiting_spans", "Spans of readings that wait for validation.", {}, float(waits.marks)),
        ("gridpilot_validation_waiting_seconds", "Since the oldest of them waits.", {}, _waiting_seconds(waits)),
    ]
    for link, age in (("telemetry", ages.telemetry), ("forecast", ages.forecast), ("plan", ages.plan)):
        if age.age_seconds is not None:
            help_text = "Age of the newest of each link, on the site's clock."
            gauges.append(("gridpilot_age_seconds", help_text, {"link": link}, age.age_seconds))
    for kind, drift in drifts.items():
        mean = drift.document["*"]
        gauges.append(("gridpilot_forecast_drift", "1 if drift is declared.", {"kind": kind}, float(drift.declared)))
        for name, help_text in _DRIFT_GAUGES.items():
            if mean[name] is not None:
                gauges.append((f"gridpilot_forecast_{name}", help_text, {"kind": kind}, float(mean[name])))
    if state.received_at is not None:
        silence = (datetime.now(UTC) - state.received_at).total_seconds()
        gauges.append(("gridpilot_stream_silence_seconds", "Since the stream last brought anything.", {}, silence))
    return gauges
