"""How far numbers, periods and years of a case may go; what asks for more is mistaken, and more than solvers take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

MOST = 1e12
MOST_PERIODS = 100_000
FIRST_YEAR, LAST_YEAR = 1900, 2199
_FIRST, _END = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)


def span_problem(start: datetime, step: timedelta, periods: int) -> str | None:
    """What is wrong with so many periods from ``start`` on; None where nothing is.

    Args:
        step: At most a year.
    """
    if not 1 <= periods <= MOST_PERIODS:
        return f"must be 1 to {MOST_PERIODS} periods, got {periods}"
    if not _FIRST <= start <= _END - step * periods:
        return f"must lie in the years {FIRST_YEAR} to {LAST_YEAR}, got {periods} periods from {start.date()} on"
    return None
