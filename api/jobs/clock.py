"""What "now" is for a site: the wall clock, or in a replay the end of the newest load reading."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

import psycopg

from grid.faults import Fault, InputError
from grid.site import Site
from grid.store.readings import latest_interval_end
from grid.time_axis import floor_to_step

ClockName = Literal["wall", "telemetry"]
POLL_SECONDS = 0.5


def present(conn: psycopg.Connection, site: Site, clock: ClockName) -> datetime:
    """The site's present instant.

    Raises:
        InputError: If the clock is ``telemetry`` and no load reading has arrived yet.
    """
    if clock == "wall":
        return datetime.now(UTC)
    newest = latest_interval_end(conn, sorted({load.series_id for load in site.loads}))
    if newest is None:
        raise InputError(
            [
                Fault(
                    "GRIDPILOT_CLOCK",
                    "telemetry, but no load reading is stored",
                    "run gridpilot ingest, or use clock wall",
                )
            ]
        )
    return newest


def ticks(
    now: Callable[[], datetime], *, every: timedelta, stop: threading.Event, last: datetime | None = None
) -> Iterator[datetime]:
    """Yield the start of each clock step of length ``every`` as the clock enters it, until ``stop`` is set.

    Steps that passed unseen (a busy machine, a fast replay) are skipped, never queued: only the present matters.

    Args:
        now: Reads the clock.
        last: The step that was served before; None serves the present step at once.
    """
    while not stop.is_set():
        step = floor_to_step(now(), every)
        if last is None or step > last:
            last = step
            yield step
        else:
            stop.wait(POLL_SECONDS)
