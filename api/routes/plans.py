"""Plans: the latest, any other, why it is so, a new one, and what was decided about it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import AwareDatetime

from api.auth import Operator, Reader
from api.instants import query_utc
from api.plan_risk_schemas import RealisedShortfall
from api.plan_schemas import (
    DecisionDocument,
    DecisionRequest,
    PlanDocument,
    PlanExplanation,
    PlanRequest,
    PlanSummary,
)
from api.plan_shortfalls import realised_shortfalls
from api.problems import Problem, invalid, not_found, problems
from api.redispatch_schemas import RedispatchDocument
from api.service import Database, ServiceParts, site_of
from grid.faults import Fault
from grid.store.decisions import Choice, Decision, decisions_of, save_decision
from grid.store.events import publish_event
from grid.store.keys import Role
from grid.store.plans import latest_plan_text, list_plans, plan_text
from grid.time_axis import EPOCH

router = APIRouter(prefix="/plans", tags=["plans"])

PlanId = Annotated[str, Path(max_length=200, description="As the plan document names it.")]
_LONGEST_SPAN, _LAST = timedelta(days=400), datetime(9999, 1, 1, tzinfo=UTC)
_ASSET = Query(max_length=200, description="Only the reasons of this asset or reserve.")


@router.get("", responses=problems(401, 403, 422, 503), summary="Plans in short")
def get_plans(
    caller: Reader,
    conn: Database,
    limit: Annotated[int, Query(ge=1, le=500, description="At most this many.")] = 50,
    what_if: Annotated[bool | None, Query(description="Only what-ifs, or none of them.")] = None,
) -> list[PlanSummary]:
    """The newest first."""
    return [
        PlanSummary.model_validate(summary, from_attributes=True)
        for summary in list_plans(conn, limit=limit, what_if=what_if)
    ]


@router.get("/latest", response_model=PlanDocument, responses=problems(401, 403, 404, 503), summary="The latest plan")
def get_latest_plan(caller: Reader, conn: Database) -> Response:
    """The newest plan that is no what-if."""
    text = latest_plan_text(conn, site_of(conn).site_id)
    if text is None:
        raise not_found("plan", "latest", remedy="none has been made yet: POST /api/v1/plans, or start gridpilot plan")
    return _as_json(text)


@router.get("/shortfalls", responses=problems(401, 403, 404, 422, 503), summary="Promised and realised shortfalls")
def get_shortfalls(
    caller: Reader,
    conn: Database,
    start: Annotated[AwareDatetime, Query(description="Hours that begin at or after this instant.")],
    end: Annotated[AwareDatetime, Query(description="Hours that begin before this instant.")],
) -> list[RealisedShortfall]:
    """How often net load came out beyond what the plan in force could follow, beside how often it had said so."""
    first, last = query_utc(start, name="start"), query_utc(end, name="end")
    if not (timedelta(0) < last - first <= _LONGEST_SPAN and first >= EPOCH and last <= _LAST):
        told = f"must lie after start, {_LONGEST_SPAN.days} days at most, both from 1970 to 9998"
        raise invalid([Fault("query.end", told, "ask for a shorter span")])
    outcomes = realised_shortfalls(conn, site_of(conn), start=first, end=last)
    return [RealisedShortfall.model_validate(outcome, from_attributes=True) for outcome in outcomes]


@router.get("/{plan_id}", response_model=PlanDocument, responses=problems(401, 403, 404, 422, 503), summary="One plan")
def get_plan(caller: Reader, conn: Database, plan_id: PlanId) -> Response:
    """Any plan, what-ifs too."""
    return _as_json(_text(conn, plan_id))


@router.get("/{plan_id}/explanation", responses=problems(401, 403, 404, 422, 503), summary="Why a plan is what it is")
def get_explanation(
    caller: Reader, conn: Database, plan_id: PlanId, asset_id: Annotated[str | None, _ASSET] = None
) -> PlanExplanation:
    """Per asset and run of hours: what binds, what relaxing it is worth, and what the next best choice would cost."""
    plan = json.loads(_text(conn, plan_id))
    if asset_id is not None and asset_id not in plan["assets"].keys() | plan["reasons"].keys():
        raise not_found("asset", asset_id, remedy="the plan's `assets` and `reasons` list them")
    reasons = plan["reasons"] if asset_id is None else {asset_id: plan["reasons"].get(asset_id, [])}
    return PlanExplanation.model_validate(
        {
            **{name: plan[name] for name in ("plan_id", "issued_at", "status", "gap", "currency", "message")},
            "reserve": plan["inputs"]["reserve"],
            "violations": plan["violations"],
            "reasons": reasons,
        }
    )


@router.post(
    "",
    status_code=201,
    response_model=PlanDocument,
    responses=problems(401, 403, 409, 413, 422, 503),
    summary="Plan now, or what if",
)
def post_plan(caller: Reader, service: ServiceParts, request: PlanRequest) -> Response:
    """Plan the coming hours from the latest forecasts; with any input changed the answer is a what-if.

    A what-if is stored and can be read by its id, but never becomes the latest plan. Analysts may only ask what-ifs.
    One plan is computed at a time in a process; while one is, others get 503 with `Retry-After`.
    """
    if not request.is_what_if and caller.role is Role.ANALYST:
        raise Problem(403, "forbidden", "role analyst may ask what-ifs only; change an input, or use an operator's key")
    with service.pool.connection() as conn:
        site = site_of(conn)
    document = service.planner.plan(site, request)
    headers = {"Location": f"/api/v1/plans/{document['plan_id']}"}
    return Response(json.dumps(document), status_code=201, media_type="application/json", headers=headers)


@router.post(
    "/redispatch",
    response_model=RedispatchDocument,
    responses=problems(401, 403, 409, 503),
    summary="Dispatch the plan in force again",
)
def post_redispatch(caller: Reader, service: ServiceParts) -> Response:
    """Set-points, prices and cost of what is left of the latest plan for the newest forecasts, and what changes.

    Which units are on, and which storages charge, stays as planned; reserves are used, not held. Nothing is stored: a
    new plan is made by `POST /plans`. The linear program stays in the solver, so that the next call takes little time.
    """
    with service.pool.connection() as conn:
        site = site_of(conn)
    return _as_json(json.dumps(service.redispatcher.redispatch(site)))


@router.get("/{plan_id}/decisions", responses=problems(401, 403, 404, 422, 503), summary="Decisions about a plan")
def get_decisions(caller: Reader, conn: Database, plan_id: PlanId) -> list[DecisionDocument]:
    """The newest first; the newest counts."""
    _text(conn, plan_id)
    return [_decision(decision) for decision in decisions_of(conn, plan_id=plan_id)]


@router.post(
    "/{plan_id}/decisions",
    status_code=201,
    responses=problems(401, 403, 404, 413, 422, 503),
    summary="Accept, reject or override a plan",
)
def post_decision(caller: Operator, conn: Database, plan_id: PlanId, request: DecisionRequest) -> DecisionDocument:
    """Kept for ever, with the name of the key; a later decision replaces an earlier one without erasing it."""
    plan = json.loads(_text(conn, plan_id))
    _check_overrides(request, plan)
    decision = save_decision(
        conn,
        plan_id=plan_id,
        decision=Choice(request.decision),
        reason=request.reason,
        decided_by=caller.name,
        overrides=request.overrides,
    )
    assert decision is not None  # the plan was there, and plans are not deleted
    payload = {"plan_id": plan_id, "decision": request.decision, "decided_by": caller.name}
    publish_event(conn, kind="decision", payload=payload)
    return _decision(decision)


def _check_overrides(request: DecisionRequest, plan: dict[str, Any]) -> None:
    faults = []
    if (request.decision == "override") != bool(request.overrides):
        problem = "must hold set-points for an override, and for nothing else"
        faults.append(Fault("body.overrides", problem, "name assets and their MW, or choose accept or reject"))
    for asset_id, power_mw in request.overrides.items():
        asset = plan["assets"].get(asset_id)
        place = f"body.overrides.{asset_id}"
        if asset is None:
            faults.append(Fault(place, "is no asset of this plan", "the plan's `assets` lists them"))
            continue
        lowest = -asset["capacity_mw"] if asset["kind"] in ("storage", "ev_fleet") else min(asset["minimum_mw"], 0.0)
        if not lowest <= power_mw <= asset["capacity_mw"]:
            problem = f"must lie in [{lowest:g}, {asset['capacity_mw']:g}] MW, got {power_mw:g}"
            faults.append(Fault(place, problem, "choose what the asset can do"))
    if faults:
        raise invalid(faults)


def _text(conn: Database, plan_id: str) -> str:
    text = plan_text(conn, plan_id)
    if text is None:
        raise not_found("plan", plan_id, remedy="GET /api/v1/plans lists them")
    return text


def _as_json(text: str) -> Response:
    return Response(text, media_type="application/json")


def _decision(decision: Decision) -> DecisionDocument:
    return DecisionDocument.model_validate(decision, from_attributes=True)
