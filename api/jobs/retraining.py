"""``gridpilot train`` and ``gridpilot retrain``: challengers against the champion, once or every night."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from api.jobs.clock import POLL_SECONDS, present
from api.settings import TrainProcess
from forecasting.contest import TrainingReport
from forecasting.service import ForecastService
from grid.faults import Fault, InputError
from grid.store.database import connect
from grid.store.migrate import check_schema
from grid.store.sites import load_site

logger = logging.getLogger(__name__)

OnProgress = Callable[[str, float], None]


def train_once(
    settings: TrainProcess, *, budget_seconds: float | None = None, on_progress: OnProgress | None = None
) -> list[TrainingReport]:
    """Train a challenger of each kind as of the site's present; the better one is champion afterwards.

    Args:
        budget_seconds: Instead of the setting.
    """
    with connect(settings.database_url, application_name="gridpilot-train") as conn:
        conn.autocommit = True  # an open transaction would hold the event lock of the first promotion for minutes
        check_schema(conn)
        site = load_site(conn)
        return ForecastService().train(
            conn,
            site,
            issued_at=present(conn, site, settings.clock),
            seed=settings.seed,
            budget_seconds=budget_seconds or settings.train_budget_seconds,
            threads=settings.torch_threads,
            on_progress=on_progress,
        )


def retrain_daily(
    settings: TrainProcess, *, at: str, budget_seconds: float | None = None, stop: threading.Event
) -> None:
    """Retrain every day when the site's wall clock shows ``at``, until ``stop`` is set.

    A night that fails is logged with its reason; the champion stays, and the next night tries again.

    Raises:
        InputError: If ``at`` is not HH:MM, or there is no site.
    """
    hour = parse_hour(at)
    with connect(settings.database_url, application_name="gridpilot-retrain") as conn:
        check_schema(conn)
        timezone = load_site(conn).timezone
    while not stop.is_set():
        due = next_occurrence(datetime.now(UTC), hour, timezone)
        logger.info("next training at %s", due.isoformat())
        while datetime.now(UTC) < due:
            if stop.wait(POLL_SECONDS):
                return
        try:
            for report in train_once(settings, budget_seconds=budget_seconds):
                logger.info("%s", report)
        except Exception:
            logger.exception("this night's training failed; the champion stays")


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
