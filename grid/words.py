"""Words of sentences that are told to people."""

from __future__ import annotations

from collections.abc import Sequence


def listed(words: Sequence[str], *, most: int, between: str = ", ") -> str:
    """The first ``most`` words, and how many more there are."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return between.join(words[:most]) + more
