"""Producing telemetry messages: compressed, in order per owner, with a bound on what is under way."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Any, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError

from grid.readings import MAX_MESSAGE_BYTES
from ingest.encoding import message_key
from ingest.topics import CONNECT_TIMEOUT_SECONDS, require_broker, unavailable, warn_without_native_checksum


class DeliveryError(RuntimeError):
    """The broker did not acknowledge a message; those after it may or may not have arrived."""


class ReadingProducer:
    """Sends messages and makes sure that each is acknowledged before :meth:`close` returns.

    Use it as a context manager. With idempotence (the default) the broker drops what a retry sends twice. At most
    ``bytes_under_way`` wait for acknowledgement; :meth:`send` blocks beyond that.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        idempotent: bool = True,
        compression: str = "lz4",
        bytes_under_way: int = 32 * 1024 * 1024,
        delivery_timeout_seconds: int = 60,
    ) -> None:
        """Connect.

        Args:
            bootstrap: ``host:port``, several separated by commas.
            idempotent: False for a broker that does not know idempotent producers.
            compression: ``lz4`` or ``zstd``.
            bytes_under_way: Bound on unacknowledged payload. [bytes]
            delivery_timeout_seconds: After which an unacknowledged message counts as lost.

        Raises:
            BrokerUnavailableError: If no broker answers.
        """
        warn_without_native_checksum()
        addresses = require_broker(bootstrap)
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=addresses,
                client_id="gridpilot",
                acks="all",
                enable_idempotence=idempotent,
                compression_type=compression,
                linger_ms=20,
                batch_size=512 * 1024,
                max_request_size=MAX_MESSAGE_BYTES + 64 * 1024,
                delivery_timeout_ms=delivery_timeout_seconds * 1000,
                request_timeout_ms=min(30, delivery_timeout_seconds - 1) * 1000,  # with the linger it must fit in
                bootstrap_timeout_ms=CONNECT_TIMEOUT_SECONDS * 1000,
            )
        except KafkaError as error:
            raise unavailable(bootstrap, error) from error
        self._limit = bytes_under_way
        self._timeout = delivery_timeout_seconds + 5
        self._under_way: deque[tuple[Any, str, int]] = deque()
        self._bytes = 0
        self.messages_acknowledged = 0

    def send(self, topic: str, owner_id: str, payload: bytes) -> None:
        """Hand over one message; its key is the owner's id.

        Raises:
            DeliveryError: If this or an earlier message could not be delivered.
        """
        try:
            future = self._producer.send(topic, key=message_key(owner_id), value=payload)
        except KafkaError as error:
            raise DeliveryError(f"a message of {owner_id} to {topic} could not be sent: {error}") from error
        self._under_way.append((future, owner_id, len(payload)))
        self._bytes += len(payload)
        while self._under_way and (self._under_way[0][0].is_done or self._bytes > self._limit):
            self._settle_oldest()

    def flush(self) -> None:
        """Wait until every message is acknowledged.

        Raises:
            DeliveryError: If one could not be delivered.
        """
        try:
            self._producer.flush(timeout=self._timeout)
        except KafkaError as error:
            raise DeliveryError(f"{len(self._under_way)} messages were not acknowledged: {error}") from error
        while self._under_way:
            self._settle_oldest()

    def close(self) -> None:
        """Flush, then disconnect."""
        try:
            self.flush()
        finally:
            self._producer.close(timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._producer.close(timeout=1)

    def _settle_oldest(self) -> None:
        future, owner_id, size = self._under_way.popleft()
        self._bytes -= size
        try:
            future.get(timeout=self._timeout)
        except KafkaError as error:
            raise DeliveryError(f"a message of {owner_id} was not acknowledged: {error}") from error
        self.messages_acknowledged += 1
