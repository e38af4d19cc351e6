"""Words of sentences that are told to people."""

from __future__ import annotations

import math
from collections.abc import Sequence


def listed(words: Sequence[str], *, most: int, between: str = ", ") -> str:
    """The first ``most`` words, and how many more there are."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return between.join(words[:most]) + more


def decimals(size: float, *, most: int, digits: int = 3) -> int:
    """How many decimals tell so many digits of a number of this size, ``most`` at most."""
    return min(max(digits - 1 - math.floor(math.log10(max(abs(size), 1e-9))), 0), most)


def in_decimals(value: float, count: int) -> str:
    """A number with so many decimals, and nothing without a sign."""
    return f"{round(value, count) + 0.0:.{count}f}"
