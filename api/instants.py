"""Instants that a request names, brought to UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from api.problems import invalid
from grid.faults import Fault


def query_utc(instant: datetime, *, name: str, where: Literal["query", "body"] = "query") -> datetime:
    """The instant that a request names in UTC.

    Args:
        name: Of the query parameter, or of the field of the body.

    Raises:
        Problem: 422, if it lies beyond the calendar there.
    """
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        fault = Fault(f"{where}.{name}", "lies beyond the years 1 to 9999 in UTC", "name a later or earlier instant")
        raise invalid([fault]) from None
