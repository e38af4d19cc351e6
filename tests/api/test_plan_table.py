"""The plan as a terminal shows it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from api.plan_table import plan_report

HOURS = 6


def plan() -> dict[str, Any]:
    """Six hours of one unit, one plant and one battery at one bus."""
    hour = {"load_mw": 70.0, "reserve_up_mw": 5.0, "curtailed_mw": 0.0}
    storage = [{"charge_mw": 10.0, "discharge_mw": 0.0}] * 3 + [{"charge_mw": 0.0, "discharge_mw": 10.0}] * 3
    return {
        "plan_id": "p-1",
        "issued_at": "2008-06-16T10:00:00Z",
        "status": "optimal",
        "objective": 12345.6,
        "gap": 0.0012,
        "solve_seconds": 1.5,
        "currency": "USD",
        "axis": {"periods": HOURS, "interval_starts": [f"2008-06-16T{10 + h}:00:00Z" for h in range(HOURS)]},
        "assets": {
            "steam": {"kind": "thermal", "fuel": "Coal", "capacity_mw": 100.0},
            "sun": {"kind": "solar", "fuel": "", "capacity_mw": 20.0},
            "battery": {"kind": "storage", "fuel": "", "capacity_mw": 10.0},
        },
        "units": {"steam": [{"power_mw": power} for power in (60.0, 60.0, 60.0, 40.0, 40.0, 0.0)]},
        "renewables": {"sun": [{"power_mw": 20.0}] * HOURS},
        "storages": {"battery": storage},
        "buses": {"b": [{"lmp": 20.0 + h} for h in range(HOURS)]},
        "system": [hour] * HOURS,
        "violations": [
            {
                "what": "branch x over its limit",
                "interval_start": "2008-06-16T12:00:00Z",
                "amount_mw": 3.0,
                "unit": "MW",
                "energy_mwh": 0.75,
                "price_per_mwh": 3000.0,
                "cost": 2250.0,
            }
        ],
        "reasons": {"steam": [{"text": "part load, follows the price"}]},
    }


def shown(width: int, **changed: Any) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(plan_report(plan() | changed, timezone="America/New_York"))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_hours_are_those_of_the_sites_wall_clock() -> None:
    assert "Mon 06h" in shown(80)
    assert "2008-06-16 06:00 (America/New_York)" in shown(120)


def test_a_system_of_kilowatts_is_shown_in_digits_that_tell_it() -> None:
    """Two of the greatest; what is rounded to nothing has no sign."""
    chp = {"kind": "thermal", "fuel": "gas", "capacity_mw": 0.25}
    grid = {"kind": "exchange", "fuel": "", "capacity_mw": 0.5}
    text = shown(
        120,
        assets={"chp": chp, "grid": grid},
        units={"chp": [{"power_mw": 0.22}] * HOURS},
        exchanges={"grid": [{"import_mw": 0.16, "export_mw": 0.164}] * HOURS},
        renewables={},
        storages={},
        system=[{"load_mw": 0.38, "reserve_up_mw": 0.03, "curtailed_mw": 0.0}] * HOURS,
    )
    (first, *_) = [line for line in text.splitlines() if "Mon 06h" in line]
    assert first.split()[2:7] == ["0.38", "0.22", "0.00", "0.03", "0.00"]
    assert "0.22/0.25" in text


def test_trade_stands_beside_the_units_exports_below_zero() -> None:
    trade = [{"import_mw": 30.0, "export_mw": 0.0}] * 3 + [{"import_mw": 0.0, "export_mw": 12.0}] * (HOURS - 3)
    market = {"kind": "exchange", "fuel": "", "capacity_mw": 40.0}
    text = shown(120, exchanges={"market": trade}, assets={**plan()["assets"], "market": market})
    (line,) = [line for line in text.splitlines() if " market " in f" {line}"]
    assert "30/40" in line
    assert line.rstrip().endswith("ccc")
    assert any(line.split()[:2] == ["Mon", "09h"] and "-12" in line.split() for line in text.splitlines())


def test_every_unit_and_storage_stands_there_with_its_reason() -> None:
    text = shown(80)
    assert "part load, follows the price" in text
    assert "60/100" in text
    assert "ccc███" in text  # the battery charges, then discharges at full power


@pytest.mark.parametrize("width", [80, 120, 200])
def test_nothing_is_cut_off(width: int) -> None:
    text = shown(width)
    assert "…" not in text.replace("20.0…20.0", "").replace("23.0…23.0", "")
    assert all(len(line.rstrip()) <= width for line in text.splitlines())


def test_a_relaxed_limit_is_shown_with_its_price() -> None:
    told = "branch x over its limit at Mon 08:00: 3.0 MW (0.8 MWh) at 3,000 USD/MWh, 2,250 USD"
    assert told in " ".join(shown(80).split())


def test_outages_that_nothing_secures_are_named() -> None:
    told = " ".join(shown(120, unsecured=[f"l{i}" for i in range(9)]).split())
    assert told.endswith(
        "not secured, since their outage splits the network: l0, l1, l2, l3, l4, l5, l6, l7 and 1 more"
    )


def test_a_plan_of_which_nothing_is_proven_says_so() -> None:
    text = " ".join(shown(120, gap=None, status="timeout").split())
    assert "timeout, cost 12,346 USD, nothing proven about the optimum" in text
    assert "60/100" in text


@pytest.mark.parametrize("status", ["infeasible", "error"])
def test_without_a_schedule_the_reason_is_shown_and_no_table(status: str) -> None:
    empty: dict[str, Any] = {name: {} for name in ("units", "renewables", "storages", "buses", "reasons")}
    message = "steam must run [at 200 MW] and cannot"
    text = " ".join(shown(120, status=status, objective=None, gap=None, message=message, system=[], **empty).split())
    assert f"{status}, no schedule. {message}" in text
    assert "prices over the buses" not in text
    assert "branch x over its limit" in text
