"""Who may call what: a key on every request under ``/api/``, a role on every route, nothing allowed by default."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import psycopg
from fastapi import Depends, Request
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg_pool import ConnectionPool
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import Problem, problem_from, problem_response
from grid.store.keys import ApiKey, Role, find_key

PROTECTED = "/api/"

_SCHEME = HTTPBearer(
    auto_error=False,
    bearerFormat="gp_…",
    scheme_name="key",
    description="A key made by `gridpilot keys create --role ROLE --name NAME`.",
)


class RequireKey:
    """Let a request under ``/api/`` pass only with a working key, before its body is read or its route looked up.

    The caller is then in ``request.state.caller``.
    """

    def __init__(self, app: ASGIApp, *, pool: ConnectionPool[psycopg.Connection[Any]]) -> None:
        self.app = app
        self.pool = pool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PROTECTED):
            await self.app(scope, receive, send)
            return
        try:
            caller = await self._caller(HTTPConnection(scope).headers.get("authorization"))
        except Exception as error:
            await problem_response(problem_from(error))(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self.app(scope, receive, send)

    async def _caller(self, authorization: str | None) -> ApiKey:
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise _unauthorized("send a key: Authorization: Bearer gp_…; gridpilot keys create makes one")

        def look_up() -> ApiKey | None:
            with self.pool.connection() as conn:
                return find_key(conn, secret.strip())

        caller = await run_in_threadpool(look_up)
        if caller is None:
            raise _unauthorized("this key is unknown or revoked; gridpilot keys create makes one")
        return caller


class Allow:
    """Dependency of a route: the roles that may call it."""

    def __init__(self, *roles: Role) -> None:
        self.roles = frozenset(roles)

    def __call__(
        self, request: Request, _documented: Annotated[HTTPAuthorizationCredentials | None, Depends(_SCHEME)]
    ) -> ApiKey:
        caller: ApiKey = request.state.caller
        if caller.role not in self.roles:
            allowed = ", ".join(sorted(self.roles))
            raise Problem(403, "forbidden", f"role {caller.role} may not do this; it takes one of: {allowed}")
        return caller


Reader = Annotated[ApiKey, Depends(Allow(Role.OPERATOR, Role.ANALYST, Role.ADMIN))]
ModelKeeper = Annotated[ApiKey, Depends(Allow(Role.ANALYST, Role.ADMIN))]
Operator = Annotated[ApiKey, Depends(Allow(Role.OPERATOR, Role.ADMIN))]
Writer = Annotated[ApiKey, Depends(Allow(Role.METER, Role.OPERATOR, Role.ADMIN))]
Admin = Annotated[ApiKey, Depends(Allow(Role.ADMIN))]


def roles_of(route: APIRoute) -> frozenset[Role]:
    """The roles that may call ``route``; empty if it names none."""
    calls: list[Callable[..., Any] | None] = [dependency.call for dependency in route.dependant.dependencies]
    allowed = [call.roles for call in calls if isinstance(call, Allow)]
    return frozenset.intersection(*allowed) if allowed else frozenset()


def publish_roles(routes: Iterable[BaseRoute]) -> None:
    """Write each route's roles into its OpenAPI entry, as ``x-roles``.

    Raises:
        RuntimeError: If a route names no role: nothing is open by accident. All such routes are listed.
    """
    still_open = []
    for route in routes:
        roles = roles_of(route) if isinstance(route, APIRoute) else frozenset()
        if not isinstance(route, APIRoute) or not roles:
            still_open.append(str(getattr(route, "path", route)))
            continue
        route.openapi_extra = {**(route.openapi_extra or {}), "x-roles": sorted(roles)}
    if still_open:
        raise RuntimeError(f"these routes name no role; add a parameter such as caller: Reader: {still_open}")


def _unauthorized(detail: str) -> Problem:
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="gridpilot"'})
