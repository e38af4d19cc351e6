"""What a plan's document says is not kept or not secured, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_NAMED = 8


def relaxed_limits(document: dict[str, Any]) -> Iterator[str]:
    """The limits that a plan relaxes and what that costs, in a line; no line without any."""
    violations = document["violations"]
    if violations:
        cost = sum(violation["cost"] for violation in violations)
        told = [f"{violation['what']}: {relaxed_by(violation)}" for violation in violations]
        yield f"relaxed at a cost of {cost:,.2f} {document['currency']}: {_listed(told, '; ')}"


def relaxed_by(violation: dict[str, Any]) -> str:
    """By how much a limit is relaxed: energy, and power where it is one."""
    energy = f"{violation['energy_mwh']:,.1f} MWh"
    return energy if violation["unit"] == "MWh" else f"{violation['amount_mw']:,.1f} MW ({energy})"


def unsecured_outages(document: dict[str, Any]) -> Iterator[str]:
    """The outages that a secure plan leaves out, in a line; no line without any."""
    if names := document.get("unsecured"):
        yield f"not secured, since their outage splits the network: {_listed(names, ', ')}"


def _listed(words: list[str], comma: str) -> str:
    return comma.join(words[:_NAMED]) + (f" and {len(words) - _NAMED} more" if len(words) > _NAMED else "")
