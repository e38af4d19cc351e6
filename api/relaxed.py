"""What a plan's document says is not kept or not secured, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from grid.words import listed

_NAMED = 8


def relaxed_limits(document: dict[str, Any]) -> Iterator[str]:
    """The limits that a plan relaxes and what that costs, the dearest first, in a line; no line without any."""
    by_limit: dict[str, list[dict[str, Any]]] = {}
    for violation in document["violations"]:
        by_limit.setdefault(violation["what"], []).append(violation)
    if by_limit:
        dearest = sorted(by_limit.items(), key=lambda limit: -_sum(limit[1], "cost"))
        told = [f"{what}: {_in_all(violations)}" for what, violations in dearest]
        cost = _sum(document["violations"], "cost")
        yield f"relaxed at a cost of {cost:,.2f} {document['currency']}: {listed(told, most=_NAMED, between='; ')}"


def _in_all(violations: list[dict[str, Any]]) -> str:
    """By how much one limit is relaxed over all periods: energy, and the highest power where it is one."""
    energy = f"{_sum(violations, 'energy_mwh'):,.1f} MWh"
    most = max(violation["amount_mw"] for violation in violations)
    return energy if violations[0]["unit"] == "MWh" else f"up to {most:,.1f} MW ({energy})"


def _sum(violations: list[dict[str, Any]], column: str) -> float:
    return float(sum(violation[column] for violation in violations))


def relaxed_by(violation: dict[str, Any]) -> str:
    """By how much a limit is relaxed: energy, and power where it is one."""
    energy = f"{violation['energy_mwh']:,.1f} MWh"
    return energy if violation["unit"] == "MWh" else f"{violation['amount_mw']:,.1f} MW ({energy})"


def unsecured_outages(document: dict[str, Any]) -> Iterator[str]:
    """The outages that a secure plan leaves out, in a line; no line without any."""
    if names := document.get("unsecured"):
        yield f"not secured, since their outage splits the network: {listed(names, most=_NAMED)}"
