"""What a document says is relaxed, in a line."""

from __future__ import annotations

from typing import Any

from api.relaxed import relaxed_limits


def relaxed(what: str, amount: float, energy: float, cost: float, unit: str = "MW") -> dict[str, Any]:
    return {"what": what, "amount_mw": amount, "energy_mwh": energy, "cost": cost, "unit": unit}


def line(*violations: dict[str, Any]) -> list[str]:
    return list(relaxed_limits({"currency": "EUR", "violations": list(violations)}))


def test_a_limit_is_named_once_with_its_energy_and_highest_power() -> None:
    periods = [relaxed("branch x", amount, amount / 4, 10.0 * amount) for amount in (4.0, 8.0, 2.0)]
    due = [relaxed("car", 1.0, 1.0, 500.0, "MWh"), relaxed("car", 2.0, 2.0, 1_000.0, "MWh")]
    assert line(*periods, *due) == ["relaxed at a cost of 1,640.00 EUR: car: 3.0 MWh; branch x: up to 8.0 MW (3.5 MWh)"]
    assert line() == []


def test_the_dearest_limits_are_named_and_the_others_counted() -> None:
    (told,) = line(*(relaxed(f"l{i}", 1.0, 1.0, float(i)) for i in range(10)))
    assert [part.split(":")[0] for part in told.split(": ", 1)[1].split("; ")] == [f"l{i}" for i in range(9, 1, -1)]
    assert told.endswith(" and 2 more")
