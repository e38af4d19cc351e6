"""Panels in a real browser: forecasts, plants, prices, data quality, and a file of one's own."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg.types.json import Jsonb

from grid.readings import Quality, ReadingBlock, Source
from grid.store.saving import save_readings
from grid.store.sites import load_site, save_site
from grid.time_axis import to_us
from grid.units import Channel


@pytest.mark.browser
def test_prices_of_zero_and_of_a_relaxed_limit_say_what_makes_them(own_api: Any, browser: Any) -> None:
    plan = own_api.get(f"/plans/{own_api.post('/plans', json={}).json()['plan_id']}").json()
    _, second, third, fourth, fifth = plan["axis"]["interval_starts"][:5]
    lowest, *others = plan["buses"].values()
    for buses, prices in (
        (lowest, (0.0, 1024.0, 40.0, -300.0, -40.0)),
        *((b, (0.0, 1024.0, 40.0, 320.0, 320.0)) for b in others),
    ):
        for period, price in zip(buses, prices, strict=False):
            period["lmp"] = price
    for period in plan["system"]:
        period["curtailed_mw"] = 0.0
    plan["system"][0]["curtailed_mw"] = 3.0
    limit = {"price_per_mwh": 1000.0, "amount_mw": 4.0, "energy_mwh": 4.0, "cost": 4000.0, "unit": "MW"}
    shed = [{**limit, "what": "load shed at bus b", "interval_start": start} for start in (second, third)]
    limit["price_per_mwh"] = 300.0
    spilt = [{**limit, "what": "spilled renewables at bus a", "interval_start": start} for start in (fourth, fifth)]
    with psycopg.connect(own_api.database_url) as conn:
        changed = {"buses": plan["buses"], "system": plan["system"], "violations": shed + spilt}
        conn.execute("UPDATE plan SET document = document || %s", (Jsonb(changed),))
    browser.call("Page.navigate", url=f"{own_api.url}/#key={own_api.keys['operator']}")
    browser.wait("document.querySelector('#prices-note')?.textContent.includes('load shed')")
    told = browser.value("document.querySelector('#prices-note').textContent").replace("\u202f", " ")
    assert "At 0 renewables are curtailed, and one MW more would cost nothing: in 1 of 24 intervals, first Mon" in told
    assert "▲ From 1 000 on a limit is relaxed, load shed: in 1 of 24 intervals" in told
    assert "▼ From −300 down a limit is relaxed, spilled renewables: in 1 of 24 intervals" in told
    assert "0.0 to 0.0: curtailment" in browser.value("document.querySelector('#now').textContent")
    browser.value("document.querySelector('#prices-chart summary').click()")
    browser.wait("document.querySelectorAll('#prices-chart .as-table tbody tr').length === 24")
    made = "[...document.querySelectorAll('#prices-chart .as-table tbody tr')].map((row) => row.lastChild.textContent)"
    assert browser.value(made)[:5] == ["curtailment", "load shed", "–", "spilled renewables", "–"]
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.value("document.querySelector('#prices-chart canvas').id = 'before'")
    browser.call("Emulation.setEmulatedMedia", features=dark)
    browser.wait("document.querySelector('#before') === null")
    browser.wait("document.querySelectorAll('#prices-chart .as-table tbody tr').length === 24")
    assert browser.errors == []


@pytest.mark.browser
def test_the_panel_of_plants_opens_on_the_most_capacity_in_mw(own_api: Any, browser: Any) -> None:
    with psycopg.connect(own_api.database_url) as conn:
        site = load_site(conn)
        (plant,) = site.renewable_plants
        roof = replace(plant, plant_id="roof", series_id="a-roof:generation", capacity_mw=0.01, series_capacity_kw=10.0)
        twice = (plant, replace(plant, plant_id="more", capacity_mw=60.0), roof)
        small = replace(site.meters[-1], meter_id="a-roof", capacity_kw=10.0)
        save_site(conn, replace(site, renewable_plants=twice, meters=(*site.meters, small)))
        hour = np.array([to_us(datetime(2026, 3, 2, 5, tzinfo=UTC))], dtype=np.int64)
        row = ReadingBlock(Source.METER, "a-roof", Channel.GENERATION, 60, hour, np.ones(1), 0)
        save_readings(conn, [row], received_at=datetime(2026, 3, 2, 6, tzinfo=UTC))
    browser.call("Page.navigate", url=f"{own_api.url}/#key={own_api.keys['operator']}")
    browser.wait("document.querySelector('#renewable-note')?.textContent.includes('Forecast by')")
    assert browser.value("document.querySelector('#renewable-series').value") == "dune-solar:generation"
    told = browser.value("document.querySelector('#renewable-note').textContent")
    assert told.startswith("Shown as the power of 2 solar plants (90 MW), which follow dune-solar:generation. ")
    assert browser.value("document.querySelector('#renewable-chart-unit').textContent") == "MW"
    browser.value("document.querySelector('#renewable-chart summary').click()")
    browser.wait("document.querySelectorAll('#renewable-chart .as-table tbody tr').length > 48")
    cells = "[...document.querySelectorAll('#renewable-chart .as-table td:nth-child(2)')].map((one) => one.textContent)"
    assert "60.0" in browser.value(cells), "20 MW at noon of a plant of 30 MW are 60 MW of plants of 90 MW"
    assert browser.errors == []


@pytest.mark.browser
def test_flagged_readings_are_shown_edited_with_a_reason_and_withdrawn(own_api: Any, browser: Any) -> None:
    flat, start = Quality.FLAT_LINE | Quality.ESTIMATED_LINEARLY, datetime(2026, 3, 1, 20, tzinfo=UTC)
    with psycopg.connect(own_api.database_url) as conn:
        conn.execute("DELETE FROM validation_due")
        conn.execute(
            "INSERT INTO verdict SELECT channel_key, %s + hour * interval '1 hour', 60, 77000, %s, now()"
            " FROM channel, generate_series(0, 2) AS hour WHERE owner_id = 'town'",
            (start, int(flat)),
        )
    browser.call("Page.navigate", url=f"{own_api.url}/#key={own_api.keys['operator']}")
    browser.wait("document.querySelector('#quality-worst')?.textContent.includes('town:load')")
    assert browser.value("document.querySelector('#quality-state').textContent") == "everything is validated"
    browser.wait("document.querySelectorAll('#quality-chart canvas').length === 1")
    assert browser.value("document.querySelectorAll('#quality-days figure').length") == 3
    assert "longer than chance" in browser.value("document.querySelector('#quality-spans').textContent")

    browser.value("document.querySelector('#quality-spans button').click()")
    assert browser.value("document.querySelector('#edit-from').value") == "2026-03-01T21:00"  # in Berlin
    browser.value("document.querySelector('#edit-reason').value = 'seen on the display'")
    browser.value("document.querySelector('.edit-form').requestSubmit()")
    browser.wait("document.querySelector('#quality-edits').textContent.includes('seen on the display')")
    edits = "/series/town:load/edits"
    span = {"start": start.isoformat(), "end": (start + timedelta(hours=3)).isoformat()}
    assert [edit["reason"] for edit in own_api.get(edits, params=span).json()] == ["seen on the display"] * 3
    browser.wait("document.querySelector('#quality-edits button') !== null")
    browser.value("document.querySelector('#quality-edits button').click()")
    browser.wait("document.querySelector('#quality-edits').textContent.includes('withdrawn by test-operator')")
    assert len(own_api.get(edits, params=span).json()) == 2
    assert browser.value("document.documentElement.scrollWidth <= innerWidth"), "the board is wider than its window"
    assert browser.errors == []


@pytest.mark.browser
def test_a_forecast_is_explained_on_the_board(taught: Any, browser: Any) -> None:
    browser.call("Page.navigate", url=f"{taught.url}/#key={taught.keys['operator']}")
    browser.wait("document.querySelector('#load-why button') !== null")
    browser.value("document.querySelector('#load-why button').click()")
    browser.wait("document.querySelectorAll('#load-why tbody tr').length === 4", seconds=60.0)
    groups = "[...document.querySelectorAll('#load-why tbody td:first-child')].map((cell) => cell.textContent)"
    assert browser.value(groups) == ["reference", "temperature", "calendar", "recent level"]
    assert "MW on the average" in browser.value("document.querySelector('#load-why').textContent")
    assert browser.errors == []


@pytest.mark.browser
def test_scenarios_are_drawn_where_they_are_wanted(own_api: Any, browser: Any) -> None:
    browser.call("Page.navigate", url=f"{own_api.url}/#key={own_api.keys['operator']}")
    lines = "document.querySelectorAll('#load-chart .u-legend .unlisted').length"
    browser.wait(f"{lines} === 2")  # the lower edges of both bands
    browser.value("document.querySelector('#load-scenarios').click()")
    browser.wait(f"{lines} === 22")
    browser.value("document.querySelector('#load-scenarios').click()")
    browser.wait(f"{lines} === 2")
    assert browser.value("document.documentElement.scrollWidth <= innerWidth"), "the board is wider than its window"
    assert browser.errors == []


@pytest.mark.browser
def test_a_series_without_readings_is_said_to_have_none(own_api: Any, browser: Any) -> None:
    report = {
        "inputs": {"readings_until": None, "completeness": 0.0, "covariates_until": None}, "skill": None, "reasons": [],
        "weights": {"neighbours": 1.0}, "model_id": "m", "issued_at": "2026-03-05T00:00:00Z", "backtest_origins": 8,
    }  # fmt: skip
    browser.call("Page.navigate", url=f"{own_api.url}/#key={own_api.keys['operator']}")
    browser.wait("document.querySelector('#forecast-file') !== null")
    browser.value(
        "import('/static/js/file_panel.js')"
        f".then((panel) => {{ window.said = panel.provenance({json.dumps(report)})[0].textContent; }}); true"
    )
    browser.wait("window.said !== undefined")
    assert ". Nothing known. No skill to tell, over 8 origins" in browser.value("window.said").replace("  ", " ")


@pytest.mark.browser
def test_a_file_is_forecast_on_the_board(own_api: Any, browser: Any) -> None:
    hours = [
        f"{name},2026-03-{1 + h // 24:02d}T{h % 24:02d}:00:00Z,{scale * (50 + h % 24) if h < 96 else ''}"
        for name, scale in (("a", 1), ("b", 1000))
        for h in range(120)
    ]
    files = {
        "forecast-file": "\n".join(["series_id,time,value", *hours]),
        "forecast-series": json.dumps({"series": {"*": {"kind": "load", "interval_minutes": 60, "unit": "kW"}}}),
    }
    browser.call("Page.navigate", url=f"{own_api.url}/#key={own_api.keys['operator']}")
    browser.wait("document.querySelector('#forecast-file') !== null")
    for field, text in files.items():
        browser.value(
            f"(() => {{ const held = new DataTransfer(); held.items.add(new File([{json.dumps(text)}], 'in.csv'));"
            f" document.querySelector('#{field}').files = held.files; return true; }})()"
        )
    browser.value("document.querySelector('#from-file form').requestSubmit()")
    browser.wait("document.querySelector('#from-file a[download]') !== null", seconds=60.0)
    assert "48 rows forecast" in browser.value("document.querySelector('#from-file [role=status]').textContent")
    assert browser.value("document.querySelector('#from-file a').href").startswith("blob:")
    assert "Known until Thu 5 Mar 01:00 GMT+1" in browser.value("document.querySelector('#from-file').textContent")
    unit = "document.querySelector('#file-chart-unit').textContent"
    assert browser.value(unit) == "kW"
    browser.value("document.querySelectorAll('#from-file tbody button')[1].click()")
    assert browser.value(unit) == "MW"
    assert browser.value("document.querySelector('#file-series').value") == "b"
    browser.value("document.querySelector('#file-chart summary').click()")
    browser.wait("document.querySelectorAll('#file-chart .as-table tbody tr').length === 120")
    row = "[...document.querySelectorAll('#file-chart .as-table tbody tr')[{}].cells].map((cell) => cell.textContent)"
    assert browser.value(row.format(95))[1:] == ["73.0", "–", "–", "–"], "the last hour that was known"
    assert browser.value(row.format(96))[1] == "–"
    assert browser.errors == []
