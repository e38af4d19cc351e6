"""The page is ours alone, and in a real browser it fills itself, follows events and takes a decision."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb
from websockets.sync.client import ClientConnection, connect

import api.pages
from grid.readings import Quality
from grid.store.events import publish_event
from ingest.alarms import alarm_payload

STATIC = api.pages.STATIC
OWN_FILES = sorted(p for p in STATIC.rglob("*") if p.suffix in {".html", ".js", ".css"} and "vendor" not in p.parts)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--window-size=1280,800",
)


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


class Browser:
    """One tab, driven by the DevTools protocol."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._calls = 0
        self.errors: list[str] = []
        self.requested: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        self._calls += 1
        self._connection.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=30))
            if message.get("id") == self._calls:
                return message.get("result")
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(message["params"]["exceptionDetails"])[:500])
            case "Log.entryAdded" if _is_fault(message["params"]["entry"]):
                self.errors.append(json.dumps(message["params"]["entry"])[:500])
            case "Network.requestWillBeSent":
                self.requested.append(message["params"]["request"]["url"])

    def value(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, expression: str, *, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < end, f"not so in time: {expression}; errors: {self.errors}"
            time.sleep(0.1)


def _is_fault(entry: dict[str, Any]) -> bool:
    """Whether an entry of the browser's log is a defect of the page; a 404 that the page expects is none."""
    return entry["level"] in ("error", "warning") and entry["source"] != "network"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here; install it to run the dashboard's test")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield from _connected(tmp_path / "DevToolsActivePort")
    finally:
        process.terminate()
        process.wait(timeout=20)


def _connected(port_file: Path) -> Iterator[Browser]:
    end = time.monotonic() + 30.0
    while not (port_file.is_file() and port_file.read_text().count("\n")):
        assert time.monotonic() < end, "Chromium did not start"
        time.sleep(0.1)
    port = port_file.read_text().split()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=10) as answer:
        page = next(target for target in json.load(answer) if target["type"] == "page")
    with connect(page["webSocketDebuggerUrl"], max_size=None) as connection:
        yield Browser(connection)


@pytest.mark.browser
def test_the_board_fills_follows_events_and_takes_a_decision(own_api: Any, browser: Browser) -> None:
    browser.call("Page.navigate", url=f"{own_api.url}/#key={own_api.keys['operator']}")
    browser.wait("document.querySelector('#connection')?.textContent === 'live'")
    browser.wait("document.querySelectorAll('.load canvas').length === 1")
    assert browser.value("location.hash") == "", "the key must not stay in the address"
    assert "Mon 2 Mar 2026" in browser.value("document.querySelector('#clock').textContent")
    assert "No plan yet" in browser.value("document.querySelector('#plan-card').textContent")

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

    browser.value("document.querySelector('#load_scale').value = '1.05'")
    browser.value("document.querySelector('.what-if-form').requestSubmit()")
    browser.wait("document.querySelector('#plan-state').textContent.includes('What-if')")
    for told in ("#banner", ".what-if-form .note:last-child"):
        assert "What if Load × 1.05?" in browser.value(f"document.querySelector('{told}').textContent")
    browser.value("document.querySelector('#banner button').click()")
    browser.wait("document.querySelector('#banner').textContent === ''")
    assert browser.value("document.documentElement.scrollWidth <= innerWidth"), "the board is wider than its window"
    assert browser.errors == []
    asked = [url for url in browser.requested if not url.startswith("data:")]  # the browser draws its own icons so
    assert [url for url in asked if httpx.URL(url).port != httpx.URL(own_api.url).port] == []


@pytest.mark.browser
def test_a_plan_that_could_not_be_made_is_an_alarm_with_its_reason(own_api: Any, browser: Browser) -> None:
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
def test_a_relaxed_limit_is_an_alarm_with_its_energy_and_cost(own_api: Any, browser: Browser) -> None:
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
def test_a_board_without_data_says_what_is_missing_and_asks_for_a_key(empty_api: Any, browser: Browser) -> None:
    browser.call("Page.navigate", url=f"{empty_api.url}/")
    browser.wait("document.querySelector('#key-dialog')?.open")
    browser.value(f"document.querySelector('#key-input').value = '{empty_api.keys['analyst']}'")
    browser.value("document.querySelector('#key-form').requestSubmit()")
    browser.wait("document.querySelector('#alarms').textContent.includes('gridpilot init')")
    browser.wait("document.querySelector('#connection').textContent === 'live'")
    with psycopg.connect(empty_api.database_url) as conn:
        publish_event(conn, kind="alarm", payload=alarm_payload(100, Counter(unknown_unit=7)))
    browser.wait("document.querySelector('#alarms').textContent.includes('7 of 100 messages')")
    assert browser.errors == []


@pytest.mark.browser
def test_flagged_readings_are_shown_edited_with_a_reason_and_withdrawn(own_api: Any, browser: Browser) -> None:
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
def test_the_reference_page_shows_every_route(api: Any, browser: Browser) -> None:
    browser.call("Page.navigate", url=f"{api.url}/docs")
    browser.wait("document.querySelectorAll('.route').length >= 18")
    assert browser.errors == []


@pytest.mark.browser
def test_a_forecast_is_explained_on_the_board(taught: Any, browser: Browser) -> None:
    browser.call("Page.navigate", url=f"{taught.url}/#key={taught.keys['operator']}")
    browser.wait("document.querySelector('#load-why button') !== null")
    browser.value("document.querySelector('#load-why button').click()")
    browser.wait("document.querySelectorAll('#load-why tbody tr').length === 4", seconds=60.0)
    groups = "[...document.querySelectorAll('#load-why tbody td:first-child')].map((cell) => cell.textContent)"
    assert browser.value(groups) == ["reference", "temperature", "calendar", "recent level"]
    assert "kW on the average" in browser.value("document.querySelector('#load-why').textContent")
    assert browser.errors == []


@pytest.mark.browser
def test_scenarios_are_drawn_where_they_are_wanted(own_api: Any, browser: Browser) -> None:
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
def test_a_file_is_forecast_on_the_board(own_api: Any, browser: Browser) -> None:
    hours = [f"a,2026-03-{1 + h // 24:02d}T{h % 24:02d}:00:00Z,{50 + h % 24 if h < 96 else ''}" for h in range(120)]
    files = {
        "forecast-file": "\n".join(["series_id,time,value", *hours]),
        "forecast-series": json.dumps({"series": {"a": {"kind": "load", "interval_minutes": 60}}}),
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
    assert "24 rows forecast" in browser.value("document.querySelector('#from-file [role=status]').textContent")
    assert browser.value("document.querySelector('#from-file a').href").startswith("blob:")
    assert browser.errors == []
