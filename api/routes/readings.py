"""``POST /readings``: messages of meters and of weather sites, checked here and handed to the stream."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from api.auth import Writer
from api.metrics import ACCEPTED
from api.problems import MEDIA_TYPE, Problem, ProblemDocument, invalid, problems, unavailable
from api.schemas import MessageResult, SendResult
from api.service import ServiceParts
from grid.faults import Fault
from grid.readings import ReadingBlock, Rejection, Source
from grid.store.keys import ApiKey, Role
from ingest.messages import OWNER_FIELD, decode_reading, stated_source
from ingest.topics import TOPICS

router = APIRouter(tags=["readings"])

MAX_MESSAGES = 1_000
_MESSAGE = {"anyOf": [{"$ref": f"#/components/schemas/{kind}Message"} for kind in ("Reading", "Weather")]}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "oneOf": [_MESSAGE, {"type": "array", "minItems": 1, "maxItems": MAX_MESSAGES, "items": _MESSAGE}]
            }
        }
    },
}


class ReadingsRefused(SendResult, ProblemDocument):
    """The problem where none of the messages was accepted: what became of each stands in it too."""


_REFUSED: dict[int | str, dict[str, Any]] = {
    422: {
        "description": "No message was accepted, or the body holds none or too many",
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "anyOf": [
                        {"$ref": f"#/components/schemas/{kind.__name__}"} for kind in (ReadingsRefused, ProblemDocument)
                    ]
                }
            }
        },
    }
}


@router.post(
    "/readings",
    status_code=202,
    responses={**problems(401, 403, 413, 503), **_REFUSED},
    openapi_extra={"requestBody": _BODY},
    summary="Send readings",
)
async def send_readings(caller: Writer, service: ServiceParts, request: Request) -> SendResult:
    """Send one message, or a list of them, as they would stand on the topic `gridpilot.readings.v1`.

    A message that names `site_id` and no `meter_id` is weather's, as it would stand on `gridpilot.weather.v1`.
    Each message is taken whole or refused whole; the answer says which, and is 422 where all of them are refused.
    Accepted ones are stored by the stream within moments. Sending the same again changes nothing. A key of role `meter`
    may write its own meter only.
    """
    messages = _split(await request.body())
    if service.sender is None:
        raise unavailable("this service has no broker; set GRIDPILOT_KAFKA_BOOTSTRAP and start it again")
    checked = await run_in_threadpool(lambda: [_check(i, message, caller) for i, message in enumerate(messages)])
    results = [result for result, _ in checked]
    taken = [(*address, bytes(messages[result.index])) for result, address in checked if address is not None]
    if taken:
        await run_in_threadpool(service.sender.send, taken)
    ACCEPTED.inc(sum(result.values for result in results))
    answer = SendResult(accepted=len(taken), refused=len(results) - len(taken), results=results)
    if not taken:
        raise _refused(answer)
    return answer


def _refused(answer: SendResult) -> Problem:
    """422 with the answer's own members: whoever looks at the status only learns that nothing was taken."""
    faults = []
    for result in answer.results:
        place = f"body[{result.index}].{result.field}".rstrip(".")
        faults.append(Fault(place, result.detail, f"mend it and send it again ({result.error_class})"))
    detail = f"none of the messages was accepted ({answer.refused}); each is listed with its reason"
    return Problem(422, "readings-refused", detail, faults=faults, members=answer.model_dump(mode="json"))


def _split(body: bytes) -> list[msgspec.Raw]:
    try:
        if body.lstrip()[:1] == b"[":
            messages = msgspec.json.decode(body, type=list[msgspec.Raw])
        else:
            messages = [msgspec.json.decode(body, type=msgspec.Raw)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid([Fault("body", f"must be JSON: {error}", "send one message, or a list of them")]) from None
    if not 1 <= len(messages) <= MAX_MESSAGES:
        raise invalid([Fault("body", f"must hold 1 to {MAX_MESSAGES} messages, got {len(messages)}", "split it")])
    return messages


def _check(index: int, message: msgspec.Raw, caller: ApiKey) -> tuple[MessageResult, tuple[str, str] | None]:
    """What becomes of a message, and the topic and the owner's id that it goes under if it is accepted."""
    source = stated_source(bytes(message))
    block = decode_reading(bytes(message), source)
    if isinstance(block, ReadingBlock) and caller.role is Role.METER:
        own = source is Source.METER and block.owner_id == caller.meter_id
        only = Rejection("forbidden_meter", OWNER_FIELD[source], f"this key may write meter {caller.meter_id!r} only")
        block = block if own else only
    if isinstance(block, Rejection):
        refused = MessageResult(
            index=index,
            accepted=False,
            values=0,
            error_class=block.error_class,
            field=block.field,
            detail=block.detail,
        )
        return refused, None
    return MessageResult(index=index, accepted=True, values=len(block.values)), (TOPICS[source], block.owner_id)
