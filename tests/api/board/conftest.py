"""A real browser for the tests of the board: one tab of Chromium, driven by the DevTools protocol."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

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
