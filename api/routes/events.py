"""``GET /events``: what happens, as server-sent events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from sse_starlette import EventSourceResponse

from api.auth import Reader
from api.problems import problems
from api.service import ServiceParts

router = APIRouter(tags=["events"])

HEARTBEAT_SECONDS = 15
SEND_TIMEOUT_SECONDS = 30
LAST_ID = 2**63 - 1


@router.get(
    "/events",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "A stream that ends after an hour at most; connect again.",
            "content": {"text/event-stream": {}},
        },
        **problems(401, 403, 422, 503),
    },
    summary="Follow events",
)
async def get_events(
    caller: Reader,
    service: ServiceParts,
    last_event_id: Annotated[
        int | None, Header(ge=0, le=LAST_ID, description="Id of the last event seen; the stream goes on behind it.")
    ] = None,
) -> EventSourceResponse:
    """Events as they happen: `readings`, `forecast`, `plan`, `decision`, `edit`, `model`, each with its id.

    First comes `hello`. A client that connects again with `Last-Event-ID` gets everything it missed; if that is no
    longer stored it gets `reset` and should load afresh. A comment is sent every 15 s as a heartbeat.
    """
    start = await service.events.start(last_event_id)
    stream = service.events.subscribe(start, resumed=last_event_id is not None)
    return EventSourceResponse(stream, ping=HEARTBEAT_SECONDS, send_timeout=SEND_TIMEOUT_SECONDS)
