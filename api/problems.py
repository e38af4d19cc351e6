"""The one place where errors become HTTP: problem documents (RFC 9457), with every fault listed at once."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, get_args

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, Field
from starlette.exceptions import HTTPException

from grid.faults import Fault, InputError
from grid.store.database import DatabaseUnavailableError

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
_UNPARSED = "There was an error parsing the body"  # FastAPI's words for what is no text at all
_INSTANT = "write it like 2026-03-01T00:00:00Z; in a query the + of an offset is written %2B"
_SEE_DOCS = "see /docs for what this route accepts"
_REMEDIES = {  # by pydantic's name for the error
    "missing": "give it",
    "extra_forbidden": "leave it out, or correct its name",
    "json_invalid": "send JSON in UTF-8",
    "timezone_aware": "say where its clock stands: append Z for UTC, or an offset such as +01:00 (in a query %2B01:00)",
    "datetime_type": _INSTANT,
    "datetime_parsing": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
}
_KINDS = {413: "content-too-large", 414: "uri-too-long"}  # Python's words for these depend on its version


def _utf8(text: str) -> str:
    """Text that UTF-8 can hold: half a surrogate pair, which JSON can smuggle into a name, is shown escaped."""
    return text.encode(errors="backslashreplace").decode()


Text = Annotated[str, AfterValidator(_utf8)]


class FaultDocument(BaseModel):
    """One thing wrong with a request."""

    place: Text = Field(description="Where, such as `query.start` or `body.values[3]`.", examples=["query.start"])
    problem: Text = Field(description="What must hold, and what came.")
    remedy: Text = Field(default="", description="What to do; empty where the problem says it.")


class ProblemDocument(BaseModel):
    """An error as RFC 9457 states it."""

    type: str = Field(description="What kind of problem: stable, for programs.", examples=["urn:gridpilot:not-found"])
    title: str = Field(description="The kind in words.")
    status: int = Field(description="The HTTP status.")
    detail: Text = Field(description="What happened this time, and what to do.")
    faults: list[FaultDocument] = Field(default=[], description="Every fault of the request; empty unless it has any.")


class Problem(Exception):  # noqa: N818 (the noun of RFC 9457)
    """An answer that is an error. Routes raise it; nothing else decides on status codes.

    Attributes:
        kind: Stable short name, the last part of the problem's ``type``.
        members: What else the document holds.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.faults = tuple(faults)
        self.headers = dict(headers or {})
        self.members = dict(members or {})


def not_found(what: str, name: str, *, remedy: str) -> Problem:
    """404: there is no ``what`` called ``name``."""
    return Problem(404, "not-found", f"there is no {what} {name!r}; {remedy}")


def unavailable(detail: str, *, retry_seconds: int = RETRY_SECONDS) -> Problem:
    """503: something this service needs is away, for now."""
    return Problem(503, "unavailable", detail, headers={"Retry-After": str(retry_seconds)})


def problem_response(problem: Problem) -> JSONResponse:
    """The problem as a response."""
    document = ProblemDocument(
        type=f"urn:gridpilot:{problem.kind}",
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        faults=[FaultDocument(place=f.place, problem=f.problem, remedy=f.remedy) for f in problem.faults],
    )
    content = document.model_dump(exclude=set() if problem.faults else {"faults"}) | problem.members
    return JSONResponse(content, status_code=problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def problem_from(error: Exception, *, fields: Sequence[str] = ()) -> Problem:
    """The problem that tells of ``error``; anything unforeseen is a 500 that names an entry in the log, no more.

    Args:
        fields: Those that the request's body may have.
    """
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return invalid([_validation_fault(entry, fields) for entry in error.errors()])
        case HTTPException(detail=detail) if detail == _UNPARSED:
            return invalid([Fault("body", "is no text in UTF-8", _SEE_DOCS)])
        case DatabaseUnavailableError():
            return unavailable(str(error))
        case InputError():
            return invalid(error.faults)
        case HTTPException():
            headers = {k: v for k, v in (error.headers or {}).items() if k.lower() != "content-type"}
            detail = str(error.detail)
            if detail == HTTPStatus(error.status_code).phrase:  # the router's own words, which say nothing new
                detail = "there is no such path, or not with this method; /docs lists what there is"
            return Problem(error.status_code, _kind(error.status_code), detail, headers=headers)
        case psycopg.errors.UndefinedTable() | psycopg.errors.UndefinedColumn():
            logger.error("the database schema is not the one this version needs: %s", error)
            return unavailable("the database has not the schema of this version; run gridpilot migrate")
        case psycopg.errors.QueryCanceled():
            return unavailable("the database took too long; ask for less at once, or retry")
        case psycopg.DataError():
            return invalid([Fault("request", f"PostgreSQL cannot take a value: {error}", "change it")])
        case psycopg.OperationalError() | psycopg.InterfaceError():
            logger.warning("database unavailable: %s: %s", type(error).__name__, error)
            return unavailable("the database does not answer; retry, and see /health/ready")
        case _:
            incident = uuid.uuid4().hex[:12]
            logger.exception("incident %s", incident, exc_info=error)
            return Problem(500, "unexpected", f"unforeseen; the log tells more about incident {incident}")


def invalid(faults: Sequence[Fault]) -> Problem:
    """422: the request has these faults."""
    count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
    return Problem(422, "invalid-request", f"the request has {count}; each is listed with its place", faults=faults)


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error of ``app`` with a problem document."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return problem_response(problem_from(error, fields=_body_fields(request)))

    for kind in (Problem, RequestValidationError, InputError, HTTPException, psycopg.Error):
        app.add_exception_handler(kind, answer)
    app.add_exception_handler(Exception, answer)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route in OpenAPI: the problems it may answer with."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status in statuses
    }


def _kind(status: int) -> str:
    return _KINDS.get(status) or HTTPStatus(status).phrase.lower().replace(" ", "-")


def _body_fields(request: Request) -> list[str]:
    """Names of the fields that a JSON body of this route may have."""
    body = getattr(request.scope.get("route"), "body_field", None)
    kinds = () if body is None else (body.field_info.annotation, *get_args(body.field_info.annotation))
    return [
        name for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel) for name in kind.model_fields
    ]


def _validation_fault(entry: Mapping[str, Any], fields: Sequence[str]) -> Fault:
    place = ""
    for part in entry["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    came = entry.get("input")
    shown = f" (got {came!r:.80})" if entry["type"] not in ("missing", "json_invalid") else ""
    remedy = _REMEDIES.get(entry["type"], _SEE_DOCS)
    if entry["type"] == "extra_forbidden" and len(entry["loc"]) == 2 and fields:
        remedy += f"; there are {', '.join(fields)}"
    return Fault(place, f"{entry['msg']}{shown}", remedy)
