"""Where the backtest of a history begins, and how much must be known before it."""

from __future__ import annotations

from dataclasses import dataclass

MINIMUM_KNOWN_HOURS = 14 * 24
"""Fewer known before calibration begins, and nothing is trained."""


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """Positions on a panel's axis: training ends at ``tail``, the tail at ``test``, the test at ``end``.

    The tail stops training early and calibrates the bands; the test is only for the backtest.
    """

    tail: int
    test: int
    end: int


def split_history(hours: int, periods: int) -> TimeSplit:
    """The last fifth of a history for the backtest, a year at most; a quarter at most for calibration before it."""
    test = hours - min(366 * 24, hours // 5)
    return TimeSplit(tail=test - min(max(42 * 24, periods + 14 * 24), hours // 4), test=test, end=hours)
