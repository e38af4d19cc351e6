"""Instants that a request names, brought to UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from api.problems import invalid
from grid.faults import Fault


def query_utc(instant: datetime, *, name: str) -> datetime:
    """The instant of query parameter ``name`` in UTC.

    Raises:
        Problem: 422, if it lies beyond the calendar there.
    """
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        fault = Fault(f"query.{name}", "lies beyond the years 1 to 9999 in UTC", "name a later or earlier instant")
        raise invalid([fault]) from None
