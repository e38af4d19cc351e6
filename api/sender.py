"""Handing accepted readings to Kafka: one producer a process, made when first needed, made anew after a failure."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence

from api.broker_probe import require_answer
from api.problems import unavailable
from grid.faults import InputError
from ingest.producer import DeliveryError, ReadingProducer

logger = logging.getLogger(__name__)

DELIVERY_SECONDS = 15
ANSWER_SECONDS = 2.0
ASKED_AGAIN_SECONDS = 10.0


class Sender:
    """Sends telemetry messages, one request at a time; returns when the broker has acknowledged them all.

    Args:
        bootstrap: ``host:port``, several separated by commas.
        clock: Seconds that only grow.
    """

    def __init__(self, bootstrap: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._bootstrap = bootstrap
        self._lock = threading.Lock()
        self._producer: ReadingProducer | None = None
        self._clock = clock
        self._asking = threading.Lock()
        self._trouble, self._known_until = "", -math.inf

    def trouble(self) -> str:
        """Why the broker does not answer; empty if it does.

        Asked anew at most every 10 seconds, by one caller at a time: the others take the last answer. Before the first
        one it counts as answering.
        """
        if self._clock() >= self._known_until and self._asking.acquire(blocking=False):
            try:
                require_answer(self._bootstrap, timeout_seconds=ANSWER_SECONDS)
                self._trouble = ""
            except (OSError, ValueError) as error:
                self._trouble = type(error).__name__  # its words may name the address
            finally:
                self._known_until = self._clock() + ASKED_AGAIN_SECONDS
                self._asking.release()
        return self._trouble

    def send(self, messages: Sequence[tuple[str, str, bytes]]) -> None:
        """Produce messages in order, each with its topic and the id of its meter or weather site.

        Raises:
            Problem: 503, if the broker does not acknowledge them. Sending them again is safe: the same reading again
                changes nothing.
        """
        with self._lock:
            try:
                if self._producer is None:
                    self._producer = ReadingProducer(self._bootstrap, delivery_timeout_seconds=DELIVERY_SECONDS)
                for topic, owner_id, payload in messages:
                    self._producer.send(topic, owner_id, payload)
                self._producer.flush()
            except (DeliveryError, InputError) as error:
                logger.warning("broker unavailable: %s", error)
                self._drop()
                raise unavailable(
                    "the broker does not acknowledge the readings; send the same again later, that is safe"
                ) from error

    def close(self) -> None:
        """Disconnect; what was sent is acknowledged already."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._producer is None:
            return
        try:
            self._producer.close()
        except DeliveryError as error:
            logger.warning("producer dropped: %s", error)
        self._producer = None
