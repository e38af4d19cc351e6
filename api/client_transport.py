"""How the client SDK speaks to the service: one connection, errors as problems, instants always with their zone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

_PREFIX = "/api/v1"


class GridPilotError(Exception):
    """The service refused or could not answer.

    Attributes:
        status: The HTTP status; 0 where nothing answered.
        problem: The problem document (RFC 9457); its ``faults`` list every fault of the request.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        faults = ["{place}: {problem}; {remedy}".format_map(fault) for fault in problem.get("faults", [])]
        title = f"{status or ''} {problem.get('title', '')}".strip()
        super().__init__("\n".join([f"{title}: {problem.get('detail', '')}", *faults]))
        self.status = status
        self.problem = dict(problem)


class Transport:
    """One connection to a service with one key; every answer that is an error is raised.

    Raises:
        ValueError: If the key cannot be one; the message does not show it.
    """

    def __init__(self, base_url: str, key: str, *, timeout_seconds: float) -> None:
        self.client = httpx.Client(
            base_url=base_url.rstrip("/").removesuffix(_PREFIX) + _PREFIX,
            headers={"Authorization": f"Bearer {_checked(key)}"},
            timeout=httpx.Timeout(timeout_seconds, connect=10.0),
        )

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def document(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """A JSON object.

        Raises:
            GridPilotError: If the service refused or could not answer.
        """
        answered: dict[str, Any] = self.send(method, path, **options).json()
        return answered

    def documents(self, method: str, path: str, **options: Any) -> list[dict[str, Any]]:
        """A JSON list of objects.

        Raises:
            GridPilotError: If the service refused or could not answer.
        """
        answered: list[dict[str, Any]] = self.send(method, path, **options).json()
        return answered

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any answer that is no error.

        Raises:
            GridPilotError: If the service refused or could not answer.
        """
        try:
            response = self.client.request(method, path, **options)
        except httpx.TimeoutException as error:
            raise _unanswered(error, "in time", "ask for less, or allow a longer timeout_seconds") from error
        except httpx.TransportError as error:
            remedy = "check the address, and that `gridpilot serve` runs there"
            raise _unanswered(error, f"({error})", remedy) from error
        if response.is_error:
            raise error_of(response)
        return response


def _checked(key: str) -> str:
    """The key without the white space that files and terminals put around it."""
    key = key.strip()
    if not key or not all("!" <= letter <= "~" for letter in key):
        raise ValueError("the key must be printable ASCII without spaces, gp_… as `gridpilot keys create` printed it")
    return key


def _unanswered(error: httpx.TransportError, how: str, remedy: str) -> GridPilotError:
    detail = f"{error.request.url} did not answer {how}; {remedy}"
    return GridPilotError(0, {"title": "no answer", "detail": detail})


def error_of(response: httpx.Response) -> GridPilotError:
    """What the service said when it refused, or as much of it as can be read."""
    try:
        problem = response.json()
    except json.JSONDecodeError:
        problem = {"title": response.reason_phrase, "detail": response.text[:500]}
    return GridPilotError(response.status_code, problem)


def given(**parameters: str | datetime | None) -> dict[str, str]:
    """Query parameters without those that are None; instants as RFC 3339.

    Raises:
        ValueError: If an instant has no zone.
    """
    told = {}
    for name, value in parameters.items():
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise ValueError(f"{name} must have a zone, got the naive {value.isoformat()}; add tzinfo=UTC")
            told[name] = value.isoformat()
        elif value is not None:
            told[name] = value
    return told
