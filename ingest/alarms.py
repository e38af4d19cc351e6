"""The alarms of ingest: a sender broke its format, or the broker dropped messages that nobody had read.

A format is broken where too large a share of the last minutes' messages became dead letters. Each worker watches what
it stores itself. The alarm is an event, written in the transaction whose dead letters raise it, at most once in five
minutes whatever the number of workers.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import psycopg

from grid.store.events import publish_event_once
from ingest.batch import BatchReport

WINDOW = timedelta(minutes=5)
LARGEST_SHARE = 0.01  # of the window's messages
FEWEST_DEAD_LETTERS = 5  # one garbled message in a quiet night is no broken format
NAME = {"alarm": "dead_letters"}

_log = logging.getLogger(__name__)


class _Batch(NamedTuple):
    at: float
    messages: int
    error_classes: Counter[str]


class DeadLetterAlarm:
    """Watches the share of dead letters over a sliding window.

    After a transaction that was rolled back call :meth:`forget`, after a commit :meth:`keep`.
    """

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._window: deque[_Batch] = deque()
        self._pending: list[_Batch] = []

    @property
    def raised(self) -> bool:
        """Whether what was committed within the window calls for the alarm."""
        messages, error_classes = self._total()
        return _too_many(messages, error_classes)

    def before_commit(self, conn: psycopg.Connection, report: BatchReport) -> None:
        """Take note of a batch, and raise the alarm if its dead letters are too many and nobody has raised it yet."""
        self._pending.append(_Batch(self._monotonic(), report.messages, Counter(report.error_classes)))
        messages, error_classes = self._total()
        if report.dead_letters and _too_many(messages, error_classes):
            payload = alarm_payload(messages, error_classes)
            if publish_event_once(conn, kind="alarm", payload=payload, same=NAME, within=WINDOW):
                _log.error("alarm: %s %s %s", payload["cause"], payload["consequence"], payload["action"])

    def keep(self) -> None:
        """The transaction was committed."""
        self._window.extend(self._pending)
        self._pending.clear()

    def forget(self) -> None:
        """The transaction was rolled back: what it would have told is not so."""
        self._pending.clear()

    def start_anew(self) -> None:
        """What was counted so far has been dealt with."""
        self._window.clear()

    def _total(self) -> tuple[int, Counter[str]]:
        """Messages of the window, and how many of them became dead letters of each class."""
        since = self._monotonic() - WINDOW.total_seconds()
        while self._window and self._window[0].at < since:
            self._window.popleft()
        messages, error_classes = 0, Counter[str]()
        for batch in (*self._window, *self._pending):
            messages += batch.messages
            error_classes += batch.error_classes
        return messages, error_classes


def alarm_payload(messages: int, error_classes: Counter[str]) -> dict[str, Any]:
    """What the event says: cause, consequence and action in words, and the figures behind them."""
    dead_letters = error_classes.total()
    (commonest, times), *_ = error_classes.most_common(1)
    minutes = int(WINDOW.total_seconds() / 60)
    return {
        **NAME,
        "level": "high",
        "cause": (
            f"{dead_letters} of {messages} messages ({dead_letters / messages:.1%}) of the last {minutes} minutes could"
            f" not be stored, {times} of them for {commonest}: a sender has probably changed its format."
        ),
        "consequence": "Their readings are missing from forecasts and plans; the messages are kept as dead letters.",
        "action": "See gridpilot dlq list; mend the sender or register its meters, then gridpilot dlq replay.",
        "messages": messages,
        "dead_letters": dead_letters,
        "error_classes": dict(error_classes),
    }


def gap_alarm_payload(topics: Sequence[str], messages: int, *, partitions: int) -> dict[str, Any]:
    """What the event says when the broker dropped messages before they were read; see :mod:`ingest.positions`."""
    return {
        "alarm": "stream_gap",
        "level": "high",
        "cause": (
            f"The broker had dropped {messages} messages of {partitions} partitions of {' and '.join(topics)} before"
            " they were read: ingest was away for longer than the broker keeps them."
        ),
        "consequence": "Their readings are missing from forecasts and plans; which they were stands in stream_gap.",
        "action": "Have the senders send them again (what is stored is not doubled); let the broker keep more.",
        "messages": messages,
        "partitions": partitions,
    }


def _too_many(messages: int, error_classes: Counter[str]) -> bool:
    dead_letters = error_classes.total()
    return dead_letters >= FEWEST_DEAD_LETTERS and dead_letters > LARGEST_SHARE * messages
