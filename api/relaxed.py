"""The limits that a plan's document says were relaxed, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_NAMED = 8


def relaxed_limits(document: dict[str, Any]) -> Iterator[str]:
    """The limits that a plan relaxes and what that costs, in a line; no line without any."""
    violations = document["violations"]
    if violations:
        cost = sum(violation["cost"] for violation in violations)
        told = "; ".join(f"{violation['what']}: {relaxed_by(violation)}" for violation in violations[:_NAMED])
        more = f" and {len(violations) - _NAMED} more" if len(violations) > _NAMED else ""
        yield f"relaxed at a cost of {cost:,.2f} {document['currency']}: {told}{more}"


def relaxed_by(violation: dict[str, Any]) -> str:
    """By how much a limit is relaxed: energy, and power where it is one."""
    energy = f"{violation['energy_mwh']:,.1f} MWh"
    return energy if violation["unit"] == "MWh" else f"{violation['amount_mw']:,.1f} MW ({energy})"
