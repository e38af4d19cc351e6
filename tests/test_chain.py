"""The whole chain as its users run it: real broker, real database, trained models, a real solver, a served API."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import psycopg
import pytest

from api.client import GridPilot
from grid.forecasts import DEFAULT_LEVELS

pytestmark = pytest.mark.chain


def query(chain: Any, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(chain.database_url) as connection:
        return connection.execute(sql, parameters).fetchall()


def test_every_value_that_was_sent_is_counted_once(chain: Any) -> None:
    ((counted,),) = query(chain, "SELECT sum(readings)::bigint FROM stream_offset")
    ((dead,),) = query(chain, "SELECT count(*) FROM dead_letter")
    ((stored,),) = query(chain, "SELECT (SELECT count(*) FROM reading) + (SELECT count(*) FROM weather_forecast)")
    assert (counted, dead, stored) == (chain.sent, 0, chain.sent)


def test_every_reading_that_was_sent_is_judged_and_the_sites_own_faults_are_found(chain: Any) -> None:
    ((readings,),) = query(chain, "SELECT count(*) FROM reading")
    ((verdicts, due),) = query(chain, "SELECT sum(verdicts)::bigint, sum(due_spans)::bigint FROM v_validation")
    total = chain.outputs["validate"]
    ((following,),) = query(chain, "SELECT count(*) FROM v_reading WHERE meter_id = 'pv-50' AND channel = 'generation'")
    assert due == 0
    assert total["intervals"] in (readings, readings + following)  # judged again when its irradiance comes later
    assert 0 < verdicts == total["written"] - total["withdrawn"] < 0.05 * readings
    again = chain.run("validate", "--again", "--series", "zone-1:load", "--until-caught-up")
    assert again.returncode == 0, again.stderr
    assert "0 verdicts written, 0 withdrawn" in again.stdout


def test_a_second_worker_finds_nothing_left_to_do(chain: Any) -> None:
    before = query(chain, "SELECT count(*), max(received_at) FROM reading")
    done = chain.run("ingest", "--until-caught-up")
    assert done.returncode == 0, done.stderr
    assert query(chain, "SELECT count(*), max(received_at) FROM reading") == before


def test_both_models_are_champions_and_are_scored_beside_the_seasonal_naive(chain: Any) -> None:
    reports = {report["kind"]: report for report in chain.outputs["train"]}
    assert set(reports) == {"load", "solar"}
    assert all(report["promoted"] for report in reports.values())
    assert all(report["scores"]["windows"] > 0 for report in reports.values())
    assert query(chain, "SELECT kind FROM model WHERE status = 'champion' ORDER BY kind") == [("load",), ("solar",)]


def test_every_series_of_the_site_is_forecast_with_quantiles_that_never_cross(chain: Any) -> None:
    rows = query(
        chain,
        "SELECT series_id, interval_start, array_agg(value ORDER BY quantile) FROM v_forecast"
        " WHERE model_id NOT LIKE '%%naive%%' GROUP BY 1, 2, issued_at",
    )
    wanted = {f"{meter.meter_id}:{meter.channel}" for meter in chain.site.meters} | {"site:load"}
    assert {series for series, _, _ in rows} == wanted
    assert all(len(values) == len(DEFAULT_LEVELS) for _, _, values in rows)
    assert all(low <= high for _, _, values in rows for low, high in pairwise(values))


def test_the_sun_does_not_shine_at_night(chain: Any) -> None:
    # 03:00 UTC is 22:00 local standard time at the plant.
    rows = query(
        chain,
        "SELECT max(value) FROM v_forecast"
        " WHERE series_id = 'pv-50:generation' AND extract(hour FROM interval_start) = 4",
    )
    assert rows == [(0.0,)]


def test_the_plan_meets_the_load_in_every_hour(chain: Any) -> None:
    plan = chain.outputs["plan"]
    assert plan["status"] in ("optimal", "feasible")
    shed = {violation["interval_start"] for violation in plan["violations"]}
    for period, start in enumerate(plan["axis"]["interval_starts"]):
        made = sum(unit[period]["power_mw"] for unit in plan["units"].values())
        made += sum(plant[period]["power_mw"] for plant in plan["renewables"].values())
        made += sum(s[period]["discharge_mw"] - s[period]["charge_mw"] for s in plan["storages"].values())
        if start not in shed:
            assert made == pytest.approx(plan["system"][period]["load_mw"], abs=0.5)


def test_the_plan_respects_units_and_lines(chain: Any) -> None:
    plan = chain.outputs["plan"]
    for name, schedule in plan["units"].items():
        asset = plan["assets"][name]
        for hour in schedule:
            low, high = (asset["minimum_mw"], asset["capacity_mw"]) if hour["on"] else (0.0, 0.0)
            assert low - 1e-3 <= hour["power_mw"] <= high + 1e-3
    overloads = {violation["what"] for violation in plan["violations"]}
    for name, schedule in plan["branches"].items():
        if not any(name in what for what in overloads):
            assert all(abs(hour["flow_mw"]) <= hour["limit_mw"] + 0.01 for hour in schedule)


def test_every_price_is_the_sum_of_its_parts_and_every_asset_has_a_reason(chain: Any) -> None:
    plan = chain.outputs["plan"]
    parts = ("lmp", "energy", "congestion", "loss")
    prices = np.array([[[hour[part] for part in parts] for hour in bus] for bus in plan["buses"].values()])
    np.testing.assert_allclose(prices[..., 0], prices[..., 1:].sum(axis=-1), atol=1e-6)
    assert all(plan["reasons"].get(name) for name in (*plan["units"], *plan["storages"]))


def test_set_points_in_the_view_are_those_of_the_plan(chain: Any) -> None:
    plan = chain.outputs["plan"]
    unit = next(name for name, schedule in plan["units"].items() if schedule[0]["on"])
    rows = query(
        chain,
        "SELECT setpoint_kw FROM v_plan WHERE plan_id = %s AND asset_id = %s ORDER BY interval_start",
        plan["plan_id"],
        unit,
    )
    assert [kw for (kw,) in rows] == pytest.approx([1000.0 * hour["power_mw"] for hour in plan["units"][unit]])


def test_the_client_reads_what_the_chain_made(chain: Any) -> None:
    with GridPilot(chain.url, chain.key) as client:
        assert client.latest_plan()["plan_id"] == chain.outputs["plan"]["plan_id"]
        forecast = client.forecast("site:load")
        assert forecast.shape == (48, len(DEFAULT_LEVELS))
        assert set(client.models()["kind"]) == {"load", "solar"}


def test_a_reading_sent_through_the_api_arrives_in_the_database(chain: Any) -> None:
    message = {
        "meter_id": "api-meter",
        "channel": "load",
        "unit": "MW",
        "interval": "PT1H",
        "start": "2008-06-16T09:00:00Z",
        "values": [1.5],
        "revision": 0,
        "sent_at": "2008-06-16T10:00:01Z",
    }
    key = {"Authorization": f"Bearer {chain.key}"}
    answer = httpx.post(f"{chain.url}/api/v1/readings", json=message, headers=key, timeout=10.0)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    assert chain.run("ingest", "--until-caught-up").returncode == 0
    assert query(chain, "SELECT value, unit FROM v_reading WHERE meter_id = 'api-meter'") == [(1500.0, "kW")]


def test_doctor_finds_the_chain_in_good_health(chain: Any) -> None:
    done = chain.run("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fault" not in done.stdout


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("GRIDPILOT_DATABASE_URL", "postgresql://nobody:wrong@127.0.0.1:1/none", "GRIDPILOT_DATABASE_URL"),
        ("GRIDPILOT_PLAN_GAP", "much", "GRIDPILOT_PLAN_GAP"),
    ],
)
def test_a_wrong_setting_is_named_and_ends_with_status_2(chain: Any, setting: str, value: str, named: str) -> None:
    environment = {**chain.environment, setting: value}
    done = type(chain)(chain.site, environment, 0, {}, "", "").run("plan", "--once")
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr
