"""The demo as a process: interrupted at any moment it leaves nothing running, and the next start resumes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from api.demo.supervisor import speaks
from forecasting.engine.format import FORMAT
from grid.store.models import promote, save_model


def start_demo(directory: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "api.cli", "demo", "--directory", str(directory), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ})


PATIENCE = 240.0
"""Seconds after which something has not happened; a busy machine takes its time."""


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def runs(process: subprocess.Popen[str], command: str) -> bool:
    """Whether one of its processes is that ``gridpilot`` command; processes may end while we look."""
    for child in descendants(process):
        with contextlib.suppress(psutil.Error):
            if command in child.cmdline():
                return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_demo_leaves_no_process(
    demo_cache: Path, server_directory: Path, number: signal.Signals
) -> None:
    demo = start_demo(server_directory / f"demo-{number.name}", "--once")
    try:
        wait_for(lambda: runs(demo, "ingest"))
        family = descendants(demo)
        demo.send_signal(number)
        demo.wait(timeout=PATIENCE)
        _, alive = psutil.wait_procs(family, timeout=PATIENCE)
        assert alive == []
    finally:
        demo.kill()
        demo.communicate()


def test_a_start_after_a_killed_one_resumes_and_goes_on_to_training(demo_cache: Path, server_directory: Path) -> None:
    directory = server_directory / "demo-SIGKILL"  # what the test above left behind
    demo = start_demo(directory, "--once")
    try:
        wait_for(lambda: runs(demo, "train"))
    finally:
        demo.send_signal(signal.SIGINT)
        output, _ = demo.communicate(timeout=PATIENCE)
    assert "Traceback" not in output
    assert "telemetry through Kafka" in output


def test_an_occupied_port_is_named_with_its_remedy_before_anything_starts(server_directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo = start_demo(server_directory / "demo-port", "--port", str(port))
        output, _ = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 2
    assert str(port) in output
    assert "--port" in output
    assert not (server_directory / "demo-port").exists()


def test_only_a_champion_that_this_version_reads_spares_the_training(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        assert not speaks(conn, "load")
        for version, reads in ((FORMAT - 1, False), (FORMAT, True)):
            save_model(conn, model_id=f"load-{version}", kind="load", manifest={"format": version}, weights=b"")
            promote(conn, f"load-{version}")
            assert speaks(conn, "load") is reads
        assert not speaks(conn, "solar")
