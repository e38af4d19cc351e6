"""A site that trades, charges cars and has a lake: from its site file to the plan and the set-points."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest

from grid.site_file import read_site_file
from grid.store.sites import save_site

STORES = {"harbour-battery": "storage", "depot-vans": "ev_fleet", "upper-lake": "reservoir"}


@pytest.fixture
def trading(town_url: str, trading_example: str, serve: Callable[[str], AbstractContextManager[Any]]) -> Iterator[Any]:
    with psycopg.connect(town_url) as conn:
        save_site(conn, read_site_file(trading_example))
    with serve(town_url) as api:
        yield api


def test_a_plan_trades_charges_cars_and_uses_the_lake(trading: Any, problem: Any) -> None:
    """The plan begins on Monday, 2 March 2026, at seven o'clock in Berlin: the vans have just left."""
    site = {asset["asset_id"]: asset for asset in trading.get("/site").json()["assets"]}
    response = trading.post("/plans", json={})
    plan = response.json()
    assert response.status_code == 201, plan
    assert plan["violations"] == []
    kinds = {name: asset["kind"] for name, asset in plan["assets"].items()}
    assert kinds.items() >= {**STORES, "supplier": "exchange"}.items()
    assert {name: (asset["kind"], asset["capacity_mw"]) for name, asset in site.items()} == {
        name: (asset["kind"], asset["capacity_mw"]) for name, asset in plan["assets"].items()
    }

    prices = [hour["import_price"] for hour in plan["exchanges"]["supplier"]]
    assert prices[:10] == [110.0] * 10, "winter's evening window ends with February"
    assert prices[15:23] == [75.0] * 8
    assert [hour["export_price"] for hour in plan["exchanges"]["supplier"]][15] == 40.0

    vans = plan["storages"]["depot-vans"]
    assert [hour["charge_mw"] > 0.0 for hour in vans[:10]] == [False] * 10
    assert sum(hour["charge_mw"] for hour in vans) * 0.92 == pytest.approx(60 * 0.05, abs=0.01), "50 kWh each"
    assert vans[-1]["state_of_charge_mwh"] == pytest.approx(0.0, abs=1e-3), "they have left at half past six"
    lake = plan["storages"]["upper-lake"]
    assert lake[-1]["state_of_charge_mwh"] >= 60.0 - 1e-3
    assert sum(hour["discharge_mw"] for hour in lake) == pytest.approx(24 * 1.5, abs=0.01)

    for i, system in enumerate(plan["system"]):
        made = sum(rows[i]["power_mw"] for kind in ("units", "renewables") for rows in plan[kind].values())
        made += sum(rows[i]["discharge_mw"] - rows[i]["charge_mw"] for rows in plan["storages"].values())
        made += sum(rows[i]["import_mw"] - rows[i]["export_mw"] for rows in plan["exchanges"].values())
        assert made == pytest.approx(system["load_mw"], abs=0.01)

    path = f"/plans/{plan['plan_id']}/explanation"
    for name in ("supplier", "upward reserve", "downward reserve"):
        told = trading.get(path, params={"asset_id": name}).json()["reasons"][name]
        assert [row["from"] for row in told[1:]] == [row["to"] for row in told[:-1]]
        assert all(row["text"] for row in told)

    traded = plan["exchanges"]["supplier"][0]
    with psycopg.connect(trading.database_url) as conn:
        rows = conn.execute("SELECT setpoint_kw FROM v_plan WHERE asset_id = 'supplier' ORDER BY interval_start")
        assert rows.fetchall()[0][0] == pytest.approx(1000.0 * (traded["import_mw"] - traded["export_mw"]))

    path = f"/plans/{plan['plan_id']}/decisions"
    decision = {"decision": "override", "reason": "sold by phone", "overrides": {"supplier": -20.0}}
    assert trading.post(path, json=decision).status_code == 201
    for name, mw in (("supplier", -20.1), ("upper-lake", -1.0)):
        problem(trading.post(path, json={**decision, "overrides": {name: mw}}), 422)


def test_a_what_if_can_do_without_the_supplier_and_the_cars(trading: Any) -> None:
    response = trading.post("/plans", json={"unavailable_units": ["supplier", "depot-vans", "upper-lake"]})
    plan = response.json()
    assert response.status_code == 201, plan
    assert plan["exchanges"] == {}
    assert set(plan["storages"]) == {"harbour-battery"}
