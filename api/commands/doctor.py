"""``gridpilot doctor``: looks at everything the service stands on and says what to do about what is wrong."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal

import psycopg
import typer
from rich.console import Console

from api.commands.session import AsJson, print_json
from api.jobs.clock import ClockName
from api.settings import CacheSettings, ClockSettings, DatabaseSettings, IssueSettings, StreamSettings, read_settings
from grid.faults import InputError
from grid.site import Site

State = Literal["good", "warning", "fault"]
_MARKS = {"good": "[green]good   [/]", "warning": "[yellow]warning[/]", "fault": "[red]fault  [/]"}
_LITTLE_DISK = 2 * 10**9
_RECENT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``remedy`` is empty where all is well."""

    what: str
    state: State
    detail: str
    remedy: str = ""


def doctor(as_json: AsJson = False) -> None:
    """Look at Python, packages, GPU, disk, database and broker; exit 2 if something must be mended."""
    findings = [finding for look in (_packages, _torch, _disk, _database, _broker) for finding in _guarded(look)]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        console = Console()
        for finding in findings:
            console.print(f"{_MARKS[finding.state]} {finding.what}: {finding.detail}", soft_wrap=True, highlight=False)
            if finding.remedy:
                console.print(f"        {finding.remedy}", soft_wrap=True, highlight=False)
    if any(finding.state == "fault" for finding in findings):
        raise typer.Exit(2)


def _guarded(look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from look()
    except InputError as error:
        for fault in error.faults:
            yield Finding(fault.place, "fault", fault.problem, fault.remedy)


def _packages() -> Iterator[Finding]:
    yield Finding("python", "good", platform.python_version())
    if importlib.util.find_spec("crc32c") is None:
        remedy = "pip install 'kafka-python[crc32c]'"
        yield Finding(
            "crc32c", "warning", "missing: Kafka checksums run in pure Python, at a third of the speed", remedy
        )
    else:
        yield Finding("crc32c", "good", "native checksums")


def _torch() -> Iterator[Finding]:
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU: models train and speak on the CPU"
    yield Finding("torch", "good", f"{torch.__version__}, {device}")


def _disk() -> Iterator[Finding]:
    cache = read_settings(CacheSettings).cache_dir
    place = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    little = free < _LITTLE_DISK
    remedy = "make room, or set GRIDPILOT_CACHE_DIR to another disk" if little else ""
    yield Finding("disk", "warning" if little else "good", f"{free / 1e9:.1f} GB free at {place}", remedy)


def _database() -> Iterator[Finding]:
    from grid.store.database import connect, shown_address
    from grid.store.migrate import check_schema, has_timescale
    from grid.store.sites import load_site
    from grid.store.storage import storage_state

    url = read_settings(DatabaseSettings).database_url
    with connect(url, application_name="gridpilot-doctor") as conn:
        kind = "TimescaleDB" if has_timescale(conn) else "plain PostgreSQL"
        yield Finding("database", "good", f"{shown_address(url)}, {kind} {conn.info.server_version // 10000}")
        check_schema(conn)
        yield Finding("schema", "good", "is this version's")
        store = storage_state(conn)
        yield Finding(
            "storage",
            "good",
            f"{store.bytes / 1e9:.2f} GB, readings in {store.partitions} {store.kind}, {store.due:,} totals due",
        )
        yield from look_at_telemetry(conn)
        site = load_site(conn)
        yield Finding("site", "good", f"{site.site_id}, {len(site.meters)} meters, {len(site.network.buses)} buses")
        every = timedelta(minutes=read_settings(IssueSettings).forecast_every_minutes)
        yield from look_at_chain(conn, site, read_settings(ClockSettings).clock, every=every)


def look_at_chain(conn: psycopg.Connection, site: Site, clock: ClockName, *, every: timedelta) -> Iterator[Finding]:
    """The site's present, and how old each link of the chain is."""
    from api.freshness import described, freshness
    from api.jobs.clock import present

    now: datetime | None = None
    with suppress(InputError):
        now = present(conn, site, clock)
    told = "no load reading has come yet" if now is None else f"{now:%Y-%m-%d %H:%M}Z by the {clock} clock"
    yield Finding("present", "warning" if now is None else "good", told)
    ages = freshness(conn, site, clock, now, every=every)
    remedies = {
        "newest reading": (ages.telemetry, "see that the meters' gateway and gridpilot ingest run"),
        "forecast": (ages.forecast, "see that gridpilot forecast runs; its log says why it issues none"),
        "plan": (ages.plan, "see that gridpilot plan runs; its log says why it makes none"),
    }
    for link, (age, remedy) in remedies.items():
        good = age.state == "fresh"
        yield Finding(link, "good" if good else "warning", described(age), "" if good else remedy)


def look_at_telemetry(conn: psycopg.Connection) -> Iterator[Finding]:
    """What came in, what of it waits for validation or for somebody, and what alarms were raised lately."""
    from grid.store.database import server_clock
    from grid.store.dead_letters import count_dead_letters
    from grid.store.events import latest_alarms
    from grid.store.freshness import chain_state
    from grid.store.validation_due import LATE_AFTER, validation_backlog

    readings = chain_state(conn).readings
    yield Finding("telemetry", "good" if readings else "warning", f"{readings:,} readings received")
    backlog = validation_backlog(conn)
    waited = backlog.waited(at=server_clock(conn))
    late = waited > LATE_AFTER
    minutes = waited.total_seconds() / 60
    waits = f"new readings of {backlog.channels:,} series wait, the oldest for {minutes:,.0f} min"
    yield Finding(
        "validation",
        "warning" if late else "good",
        waits if backlog.marks else "nothing waits",
        "see that gridpilot validate runs; run another one beside it if it does not keep up" if late else "",
    )
    if letters := count_dead_letters(conn):
        by_class = ", ".join(f"{name} {count:,}" for name, count in letters.items())
        yield Finding(
            "dead letters", "warning", f"{sum(letters.values()):,} wait: {by_class}", "see gridpilot dlq list"
        )
    for alarm in latest_alarms(conn, within=_RECENT):
        name, cause = alarm.payload["alarm"], alarm.payload["cause"]
        yield Finding(f"alarm {name}", "warning", f"{alarm.at:%Y-%m-%d %H:%M}Z: {cause}", alarm.payload["action"])


def _broker() -> Iterator[Finding]:
    from ingest.topics import READINGS_TOPIC, WEATHER_TOPIC, describe_topics

    bootstrap = read_settings(StreamSettings).kafka_bootstrap
    layout = describe_topics(bootstrap, (READINGS_TOPIC, WEATHER_TOPIC))
    for topic, partitions in layout.partitions.items():
        remedy = "" if partitions else "gridpilot ingest makes it"
        yield Finding(
            topic, "good" if partitions else "warning", f"{len(partitions)} partitions at {bootstrap}", remedy
        )
