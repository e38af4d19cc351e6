"""``gridpilot train`` and ``gridpilot retrain``: challengers against the champion, once, every night, or upon drift."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import psycopg

from api.jobs.clock import POLL_SECONDS, present
from api.jobs.watching import watch_champions
from api.settings import TrainProcess
from forecasting.judging.verdict import TrainingReport
from forecasting.networks.team import Team
from forecasting.site.service import KINDS, ForecastService
from grid.faults import Fault, InputError
from grid.store.database import connect
from grid.store.migrate import check_schema
from grid.store.models import list_models
from grid.store.sites import load_site

logger = logging.getLogger(__name__)

OnProgress = Callable[[str, float], None]
_SITE_READ_EVERY = timedelta(minutes=1)
WATCH_EVERY = timedelta(hours=1)
COOL_DOWN = timedelta(hours=24)
"""After a training of a kind, drift of that kind waits so long: the same data would train the same challenger."""


def train_once(
    settings: TrainProcess,
    *,
    kinds: Sequence[str] = KINDS,
    budget_seconds: float | None = None,
    on_progress: OnProgress | None = None,
) -> list[TrainingReport]:
    """Train a challenger of each kind as of the site's present; one that is better is champion afterwards.

    A champion that drifted need only be beaten, not beaten beyond luck.

    Args:
        budget_seconds: Instead of the setting.
    """
    with connect(settings.database_url, application_name="gridpilot-train") as conn:
        conn.autocommit = True  # an open transaction would hold the event lock of the first promotion for minutes
        check_schema(conn)
        site = load_site(conn)
        issued_at = Team.present().first_instant(present(conn, site, settings.clock))
        return ForecastService().train(
            conn,
            site,
            issued_at=issued_at,
            kinds=kinds,
            doubts=watch_champions(conn, site, present=issued_at),
            seed=settings.seed,
            budget_seconds=budget_seconds or settings.train_budget_seconds,
            threads=settings.torch_threads,
            on_progress=on_progress,
        )


def watch_once(settings: TrainProcess, *, now: datetime) -> list[str]:
    """Hold the champions against their promises; the kinds that must be trained at once.

    Args:
        now: Wall clock, by which a kind that was trained lately rests.
    """
    with connect(settings.database_url, application_name="gridpilot-retrain") as conn:
        conn.autocommit = True
        check_schema(conn)
        site = load_site(conn)
        drifted = watch_champions(conn, site, present=present(conn, site, settings.clock))
        trained_at = {kind: max(model.created_at for model in list_models(conn, kind=kind)) for kind in drifted}
    return [kind for kind in drifted if now - trained_at[kind] >= COOL_DOWN]


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def retrain_daily(
    settings: TrainProcess,
    *,
    at: str,
    budget_seconds: float | None = None,
    stop: threading.Event,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Retrain every day when the site's wall clock shows ``at``, and between the nights what drifts, until ``stop``.

    The clock is that of the site in force: one that is loaded meanwhile counts within a minute. A training that fails
    is logged with its reason; the champion stays, and the next night tries again.

    Args:
        now: Reads the wall clock.

    Raises:
        InputError: If ``at`` is not HH:MM, or there is no site.
    """
    hour = parse_hour(at)
    timezone, served = _timezone(settings), now()
    looked, watched, told = served, served - WATCH_EVERY, None
    tried: dict[str, datetime] = {}
    while not stop.is_set():
        instant = now()
        if instant - looked >= _SITE_READ_EVERY:
            timezone, looked = _timezone_or(timezone, settings), instant
        due = next_occurrence(served, hour, timezone)
        if due != told:
            logger.info("next training at %s", due.isoformat())
            told = due
        kinds: Sequence[str] = KINDS
        try:
            if instant < due:
                if instant - watched < WATCH_EVERY:
                    stop.wait(POLL_SECONDS)
                    continue
                watched = instant
                drifted = watch_once(settings, now=instant)
                kinds = [kind for kind in drifted if kind not in tried or instant - tried[kind] >= COOL_DOWN]
            else:
                served = instant
            tried |= dict.fromkeys(kinds, instant)
            for report in train_once(settings, kinds=kinds, budget_seconds=budget_seconds) if kinds else ():
                logger.info("%s", report)
        except Exception:
            logger.exception("watching or training failed; the champion stays")


def _timezone(settings: TrainProcess) -> str:
    with connect(settings.database_url, application_name="gridpilot-retrain") as conn:
        check_schema(conn)
        return load_site(conn).timezone


def _timezone_or(known: str, settings: TrainProcess) -> str:
    """The zone of the site in force, or the one that is known while the database is away."""
    try:
        return _timezone(settings)
    except (InputError, psycopg.Error) as error:
        logger.warning("the site cannot be read, its clock is taken to be that of %s: %s", known, error)
        return known


def parse_hour(text: str) -> time:
    """``HH:MM`` as a wall-clock time.

    Raises:
        InputError: If it is not one.
    """
    try:
        hours, minutes = text.split(":")
        return time(int(hours), int(minutes))
    except ValueError:
        raise InputError([Fault("--daily-at", f"must be HH:MM, got {text!r}", "write it like 02:30")]) from None


def next_occurrence(after: datetime, at: time, timezone: str) -> datetime:
    """The first instant after ``after`` at which the site's wall clock shows ``at``, in UTC.

    An hour that the change of clocks leaves out is taken as the one that follows it.
    """
    zone = ZoneInfo(timezone)
    day = after.astimezone(zone).date()
    while (instant := datetime.combine(day, at, tzinfo=zone).astimezone(UTC)) <= after:
        day += timedelta(days=1)
    return instant
