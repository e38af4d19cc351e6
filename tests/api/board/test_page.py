"""The page is ours alone, and in a real browser it fills itself, follows events and takes a decision."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

import api.pages
from grid.store.events import publish_event
from ingest.alarms import alarm_payload

STATIC = api.pages.STATIC
OWN_FILES = sorted(p for p in STATIC.rglob("*") if p.suffix in {".html", ".js", ".css"} and "vendor" not in p.parts)


class Links(HTMLParser):
    """Every address that a page loads or leads to, and every inline script or style."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [given[name] or "" for name in ("src", "href") if name in given]
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)


@pytest.mark.parametrize("page", ["index.html", "docs.html"])
def test_pages_load_only_our_own_files_and_have_nothing_inline(page: str) -> None:
    links = Links()
    links.feed((STATIC / page).read_text())
    assert links.inline == []
    for address in links.addresses:
        assert address.startswith(("/", "#")), address
        if address.startswith("/static/"):
            assert (STATIC / address.removeprefix("/static/")).is_file(), address


@pytest.mark.parametrize("file", OWN_FILES, ids=lambda file: file.name)
def test_no_file_names_another_host(file: Path) -> None:
    named = re.findall(r"https?://[^\s\"'`)]+", file.read_text())
    assert [url for url in named if url != "http://www.w3.org/2000/svg"] == []


def test_the_vendored_chart_library_carries_its_licence() -> None:
    assert "MIT" in (STATIC / "vendor/uplot/LICENSE").read_text()


def test_every_element_that_a_script_asks_for_stands_in_its_page() -> None:
    page = (STATIC / "index.html").read_text()
    made = {"reason"}
    for script in (STATIC / "js").glob("*.js"):
        if script.name == "docs.js":
            continue
        for name in re.findall(r'byId\("([\w-]+)"\)', script.read_text()):
            assert f'id="{name}"' in page or name in made, f"{script.name} asks for #{name}"


@pytest.mark.browser
def test_the_board_fills_follows_events_and_takes_a_decision(own_api: Any, browser: Any) -> None:
    browser.call("Page.navigate", url=f"{own_api.url}/#key={own_api.keys['operator']}")
    browser.wait("document.querySelector('#connection')?.textContent === 'live'")
    browser.wait("document.querySelectorAll('.load canvas').length === 1")
    assert browser.value("location.hash") == "", "the key must not stay in the address"
    assert "Mon 2 Mar 2026" in browser.value("document.querySelector('#clock').textContent")
    browser.wait("document.querySelector('#plan-card').textContent.includes('No plan yet')")

    plan_id = own_api.post("/plans", json={}).json()["plan_id"]
    browser.wait("document.querySelectorAll('.chart canvas').length === 5")
    browser.wait("document.querySelectorAll('#units-table .strip').length >= 1")
    browser.wait("document.querySelector('#reason') !== null")
    browser.value("document.querySelector('#reason').value = 'as planned'")
    browser.value("document.querySelector('#reason').dispatchEvent(new Event('input'))")
    own_api.post("/plans", json={})
    browser.wait("document.querySelector('#banner').textContent.includes('newer plan')")
    assert browser.value("document.querySelector('#reason').value") == "as planned", "no plan changes under one's hands"
    browser.value("document.querySelector('.decision').requestSubmit()")
    assert own_api.get(f"/plans/{plan_id}/decisions").json() == [], "Enter decides nothing"
    browser.value("document.querySelector('.decision button[value=accept]').click()")
    browser.wait("document.querySelector('#banner').textContent === ''")
    browser.wait("document.querySelector('#plan-state').textContent === 'awaiting a decision'")
    assert [d["reason"] for d in own_api.get(f"/plans/{plan_id}/decisions").json()] == ["as planned"]

    assert "takes the place of the plan in force" in browser.value("document.querySelector('#now-help').textContent")
    browser.value("document.querySelector('#load_scale').value = '1.05'")
    browser.value("document.querySelector('.what-if-form').requestSubmit()")
    browser.wait("document.querySelector('#plan-state').textContent.includes('What-if')")
    for told in ("#banner", ".what-if-form [role=status]"):
        assert "What if Load × 1.05?" in browser.value(f"document.querySelector('{told}').textContent")
    browser.value("document.querySelector('#banner button').click()")
    browser.wait("document.querySelector('#banner').textContent === ''")
    assert browser.value("document.documentElement.scrollWidth <= innerWidth"), "the board is wider than its window"
    assert browser.errors == []
    asked = [url for url in browser.requested if not url.startswith("data:")]  # the browser draws its own icons so
    assert [url for url in asked if httpx.URL(url).port != httpx.URL(own_api.url).port] == []


@pytest.mark.browser
def test_a_plan_that_could_not_be_made_is_an_alarm_with_its_reason(own_api: Any, browser: Any) -> None:
    plan_id = own_api.post("/plans", json={}).json()["plan_id"]
    nothing = {name: {} for name in ("units", "renewables", "storages", "buses", "branches", "links", "reasons")}
    ended = {"status": "infeasible", "objective": None, "gap": None, "message": "steam must run", "system": []}
    with psycopg.connect(own_api.database_url) as conn:
        change = Jsonb({**nothing, **ended})
        conn.execute("UPDATE plan SET status = 'infeasible', document = document || %s", (change,))
    assert own_api.get(f"/plans/{plan_id}").json()["status"] == "infeasible"
    browser.call("Page.navigate", url=f"{own_api.url}/#key={own_api.keys['operator']}")
    browser.wait("document.querySelector('#plan-state')?.textContent === '▲ No schedule'")
    browser.wait("document.querySelector('#alarms').textContent.includes('infeasible. steam must run')")
    assert "–" in browser.value("document.querySelector('#plan-card .facts').textContent")
    assert browser.value("document.querySelector('.decision') === null")
    assert browser.errors == []


@pytest.mark.browser
def test_a_relaxed_limit_is_an_alarm_with_its_energy_and_cost(own_api: Any, browser: Any) -> None:
    plan = own_api.get(f"/plans/{own_api.post('/plans', json={}).json()['plan_id']}").json()
    limit = {"interval_start": plan["axis"]["start"], "price_per_mwh": 500.0, "amount_mw": 4.0, "energy_mwh": 4.0}
    missing = {**limit, "what": "energy missing in s at the end", "unit": "MWh", "cost": 2000.0}
    shed = {**limit, "what": "load shed at bus b", "unit": "MW", "amount_mw": 16.0, "cost": 2000.0}
    with psycopg.connect(own_api.database_url) as conn:
        conn.execute("UPDATE plan SET document = document || %s", (Jsonb({"violations": [missing, shed]}),))
    browser.call("Page.navigate", url=f"{own_api.url}/#key={own_api.keys['operator']}")
    browser.wait("document.querySelector('#alarms')?.textContent.includes('shed at bus b')")
    told = browser.value("document.querySelector('#alarms').textContent").replace("\u202f", " ")
    assert f"Energy missing in s at the end: 4.0 MWh, 2 000 {plan['currency']}, " in told
    assert f"Load shed at bus b: up to 16.0 MW, 4.0 MWh, 2 000 {plan['currency']}, " in told
    assert browser.errors == []


@pytest.mark.browser
def test_on_a_narrow_page_nothing_lies_beyond_its_edge(own_api: Any, browser: Any) -> None:
    own_api.post("/plans", json={})
    browser.call("Emulation.setDeviceMetricsOverride", width=480, height=900, deviceScaleFactor=1, mobile=False)
    browser.call("Page.navigate", url=f"{own_api.url}/#key={own_api.keys['operator']}")
    browser.wait("document.querySelectorAll('#units-table .strip').length >= 1")
    browser.wait("document.querySelectorAll('#models-table td').length > 1")
    browser.wait("document.querySelectorAll('#quality-days figure').length > 0")
    wide = "[...document.querySelectorAll('.scroll')].filter((box) => box.scrollWidth > box.clientWidth).length"
    assert browser.value(wide) == 0
    assert browser.value("document.documentElement.scrollWidth <= innerWidth"), "the board is wider than its window"
    assert browser.value("document.querySelector('#units-table td').dataset.label") == "Fuel"
    assert browser.errors == []


@pytest.mark.browser
def test_a_board_without_data_says_what_is_missing_and_asks_for_a_key(empty_api: Any, browser: Any) -> None:
    browser.call("Page.navigate", url=f"{empty_api.url}/")
    browser.wait("document.querySelector('#key-dialog')?.open")
    browser.value(f"document.querySelector('#key-input').value = '{empty_api.keys['analyst']}'")
    browser.value("document.querySelector('#key-form').requestSubmit()")
    browser.wait("document.querySelector('#alarms').textContent.includes('gridpilot init')")
    for panel in ("load-chart", "renewable-chart", "quality-chart", "about"):
        browser.wait(f"/No site.*gridpilot init/.test(document.querySelector('#{panel}').textContent)")
    browser.wait("document.querySelector('#connection').textContent === 'live'")
    with psycopg.connect(empty_api.database_url) as conn:
        publish_event(conn, kind="alarm", payload=alarm_payload(100, Counter(unknown_unit=7)))
    browser.wait("document.querySelector('#alarms').textContent.includes('7 of 100 messages')")
    assert browser.errors == []


@pytest.mark.browser
def test_the_reference_page_shows_every_route(api: Any, browser: Any) -> None:
    browser.call("Page.navigate", url=f"{api.url}/docs")
    browser.wait("document.querySelectorAll('.route').length >= 18")
    assert browser.errors == []
