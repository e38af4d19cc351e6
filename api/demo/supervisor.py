"""``gridpilot demo``: starts every part of the chain as its own process, feeds it, and takes all down again.

The parts are the very commands that ``compose.yaml`` runs; only PostgreSQL and the broker are embedded ones, and the
present is that of the replayed telemetry.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from api.demo.embedded_broker import EmbeddedBroker
from api.demo.embedded_postgres import EmbeddedPostgres
from api.demo.keeper import Keeper, ServerRenewedError
from api.demo.replay import Replay
from api.demo.server_process import HOST, ServerError, ServerProcess, require_free_port
from api.demo.site import load_demo_site
from api.demo.state_folder import sole_user
from api.demo.telemetry import load_telemetry
from api.settings import CacheSettings, read_settings
from forecasting.engine.format import ModelRefusedError, check_format
from grid.store.database import DatabaseUnavailableError, connect
from grid.store.keys import create_key, list_keys, rotate_key
from grid.store.migrate import migrate
from grid.store.models import find_champion
from grid.store.sites import save_site
from ingest.producer import DeliveryError
from ingest.topics import BrokerUnavailableError

_OPERATOR = "demo operator"
_TRAIN_SECONDS = 30
_FIRST_PLAN_SECONDS = 40
_LIVE_PLAN_SECONDS = 20
_PLAN_GAP = "0.005"
_LOST = (DeliveryError, BrokerUnavailableError, DatabaseUnavailableError, psycopg.OperationalError)


def run_demo(*, once: bool, port: int, hour_seconds: float, directory: Path) -> None:
    """Run the whole chain on real data until Ctrl-C, or with ``once`` until the first plan.

    Args:
        port: Of the dashboard and the API, on 127.0.0.1.
        hour_seconds: Wall time of one hour of the live replay. [s]
        directory: Where the database lives; a second start resumes there.

    Raises:
        InputError: If a port is taken, a data set cannot be had, the folder cannot be used.
        ServerError: If a part of the chain fails; the message ends with its log.
    """
    console = Console()
    cache_dir = read_settings(CacheSettings).cache_dir
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with ExitStack() as stack:
        if not once:
            require_free_port(port, purpose="dashboard", remedy="stop that program, or choose another with --port")
        stack.enter_context(sole_user(directory))
        stack.callback(console.print, "every process has ended; the database stays for the next start", style="dim")
        chain = _Chain(stack, directory, console)
        with chain.step("real data sets, fetched once and checked"):
            telemetry = load_telemetry(cache_dir)
            site = load_demo_site(cache_dir, telemetry)
        with chain.step("PostgreSQL and the broker"):
            postgres = stack.enter_context(EmbeddedPostgres(directory / "postgres"))
            broker = stack.enter_context(EmbeddedBroker(directory / "broker"))
            chain.stand_on(postgres, broker)
        if not postgres.home.is_relative_to(directory.absolute()):
            told = f"  as root PostgreSQL needs an account of its own: the database is in {postgres.home}"
            console.print(told, style="dim", soft_wrap=True)

        @contextmanager
        def replaying() -> Iterator[Replay]:
            with _connect(postgres.url) as conn, Replay(telemetry, site, conn, broker.bootstrap) as replay:
                yield replay

        with _connect(postgres.url) as conn:
            migrate(conn)
            save_site(conn, site)
        chain.start("ingest")
        chain.send(replaying)
        chain.run("validate", "--until-caught-up")
        with _connect(postgres.url) as conn:
            speaking = all(speaks(conn, kind) for kind in ("load", "solar"))
        if not speaking:
            chain.run("train", "--budget-seconds", str(_TRAIN_SECONDS))
        chain.run("forecast", "--once")
        chain.run("plan", "--once", GRIDPILOT_PLAN_TIME_LIMIT_SECONDS=str(_FIRST_PLAN_SECONDS))
        for note in site.notes:
            console.print(f"[dim]{note}[/]", soft_wrap=True)
        if once:
            return
        chain.start("validate", GRIDPILOT_VALIDATE_EVERY_MINUTES="0")
        chain.start("serve", GRIDPILOT_PORT=str(port))
        chain.start("forecast")
        chain.start("plan", GRIDPILOT_PLAN_TIME_LIMIT_SECONDS=str(_LIVE_PLAN_SECONDS))
        chain.wait_for_api(port)
        with _connect(postgres.url) as conn:
            _welcome(console, port, _operator_key(conn))
        try:
            chain.send(replaying, hour_seconds=hour_seconds)
        except KeyboardInterrupt:  # the ordinary end
            console.print("stopping: each process finishes what it has in hand")


def speaks(conn: psycopg.Connection[Any], kind: str) -> bool:
    """Whether there is a champion of a kind, and one that this version can read."""
    champion = find_champion(conn, kind)
    if champion is None:
        return False
    try:
        check_format(champion.model_id, champion.manifest)
    except ModelRefusedError:
        return False
    return True


class _Chain:
    """The chain's processes: each a ``gridpilot`` command with the same environment, its log in the demo's folder."""

    def __init__(self, stack: ExitStack, directory: Path, console: Console) -> None:
        self._stack = stack
        self._logs = directory / "logs"
        self._logs.mkdir(exist_ok=True)
        self._console = console
        self._keeper = Keeper((), tell=self._tell)
        self.environment = {**os.environ, "GRIDPILOT_CLOCK": "telemetry", "GRIDPILOT_PLAN_GAP": _PLAN_GAP}

    def stand_on(self, postgres: EmbeddedPostgres, broker: EmbeddedBroker) -> None:
        """Let every process find these servers, and look after them."""
        self.environment |= {"GRIDPILOT_DATABASE_URL": postgres.url, "GRIDPILOT_KAFKA_BOOTSTRAP": broker.bootstrap}
        self._keeper = Keeper((postgres, broker), tell=self._tell)

    def start(self, command: str, **settings: str) -> None:
        """Start a command that stays; it ends with the demo, however the demo ends."""
        process = ServerProcess(
            [sys.executable, "-m", "api.cli", command],
            log_path=self._logs / f"{command}.log",
            stop_signal="TERM",
            environment={**self.environment, **settings},
        )
        self._stack.callback(process.stop)
        self._keeper.keep(process)

    def run(self, command: str, *arguments: str, **settings: str) -> None:
        """Run a command to its end, its output on this terminal."""
        environment = {**self.environment, "GRIDPILOT_LOG_LEVEL": "WARNING", **settings}
        status = subprocess.run([sys.executable, "-m", "api.cli", command, *arguments], env=environment, check=False)
        if status.returncode != 0:
            raise ServerError(f"gridpilot {command} ended with status {status.returncode}; its words stand above")

    def send(
        self, replaying: Callable[[], AbstractContextManager[Replay]], *, hour_seconds: float | None = None
    ) -> None:
        """Send the history that is missing; with ``hour_seconds``, where it is there, hour after hour.

        A server that was started again may have lost some: a fresh replay then begins with the history.

        Raises:
            ServerError: If something ends again and again.
        """
        filled = hour_seconds is not None
        while True:
            try:
                self._keeper.check()
                with replaying() as replay:
                    if not filled:
                        with self._bar() as progress:
                            replay.send_history(progress, check=self._keeper.check)
                    if hour_seconds is not None:
                        replay.run_live(hour_seconds=hour_seconds, check=self._keeper.check, announce=self._say)
                    return
            except ServerRenewedError:
                pass
            except _LOST as error:
                time.sleep(self._keeper.ended("the replay", f"lost its connection ({error})"))
            filled = False

    def _say(self, instant: datetime) -> None:
        """Tell which hour the replay has reached."""
        self._console.print(f"[dim]the replay stands at {instant:%Y-%m-%d %H:%M} UTC[/]")

    def _tell(self, line: str) -> None:
        self._console.print(line, style="yellow", soft_wrap=True, highlight=False, markup=False)

    def wait_for_api(self, port: int, *, timeout_s: float = 60.0) -> None:
        """Return when the API says that it is ready."""
        deadline = time.monotonic() + timeout_s
        with self.step("the API"):
            while not _answers(f"http://{HOST}:{port}/health/ready"):
                with suppress(ServerRenewedError):
                    self._keeper.check()
                if time.monotonic() > deadline:
                    raise ServerError(f"the API was not ready in time; see {self._logs / 'serve.log'}")
                time.sleep(0.2)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show that something is under way, and how long it took."""
        begun = time.monotonic()
        with self._console.status(what):
            yield
        self._console.print(f"  {what} [dim]{time.monotonic() - begun:.1f} s[/]")

    def _bar(self) -> Progress:
        """A progress bar on the demo's terminal."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        return Progress(*columns, TimeElapsedColumn(), console=self._console)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _connect(url: str) -> psycopg.Connection[Any]:
    conn = connect(url, application_name="gridpilot-demo")
    conn.autocommit = True
    return conn


def _operator_key(conn: psycopg.Connection) -> str:
    """A fresh operator key; the one of an earlier start no longer works."""
    if any(key.name == _OPERATOR for key in list_keys(conn)):
        return rotate_key(conn, name=_OPERATOR)
    return create_key(conn, role="operator", name=_OPERATOR)


def _welcome(console: Console, port: int, key: str) -> None:
    base = f"http://{HOST}:{port}"
    console.print(f"\n[bold]Dashboard[/]  {base}/#key={key}\n[bold]Operator key[/]  {key}\n", soft_wrap=True)
    for path in ("series", "forecasts?series_id=site:load", "plans/latest"):
        console.print(f"curl -H 'Authorization: Bearer {key}' '{base}/api/v1/{path}'", soft_wrap=True, highlight=False)
    console.print("\nThe replay goes on live. Ctrl-C stops everything; the next start resumes.")
