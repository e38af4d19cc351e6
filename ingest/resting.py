"""Resting while a sender's format is broken, if so configured: the broker keeps what nobody could store anyway."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import psycopg

from grid.faults import Fault
from grid.store.dead_letters import any_open_dead_letter
from ingest.alarms import WINDOW, DeadLetterAlarm

RESTING = Fault(
    "GRIDPILOT_DEAD_LETTER_PAUSE",
    "too many messages cannot be stored: reading rests",
    "mend their cause, then resolve them with gridpilot dlq replay or discard",
)

_log = logging.getLogger(__name__)


class DeadLetterRest:
    """A rest from the alarm over dead letters until those that raised it are resolved."""

    def __init__(self, alarm: DeadLetterAlarm, *, allowed: bool) -> None:
        self._alarm = alarm
        self._allowed = allowed
        self._since: datetime | None = None

    def lasts(self, conn: psycopg.Connection) -> bool:
        """Whether to rest now. ``conn`` is outside any transaction."""
        if self._since is None:
            if not (self._allowed and self._alarm.raised):
                return False
            self._since = datetime.now(UTC) - WINDOW
            _log.error("%s; %s", RESTING.problem, RESTING.remedy)
        with conn.transaction():
            lasts = any_open_dead_letter(conn, since=self._since)
        if not lasts:
            _log.warning("the dead letters are resolved: reading goes on")
            self._alarm.start_anew()
            self._since = None
        return lasts
