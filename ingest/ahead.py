"""Reading one batch ahead: the broker is read and messages are decoded while the database stores the batch before.

One batch and no more, so that a slow database cannot let a worker grow: what it holds is the batch in hand, the batch
read ahead, and what the client has fetched.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from kafka.errors import KafkaError

from ingest.reader import Batch
from ingest.topics import BrokerUnavailableError


class Reader(Protocol):
    """What is read from; see :class:`ingest.reader.PartitionReader`."""

    def read(self) -> Batch: ...


class ReadAhead:
    """Lets a reader read in a thread of its own. Between :meth:`take` and :meth:`begin` the reader is the caller's."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
        self._batch: Future[Batch] | None = None

    def begin(self) -> None:
        """Read the next batch in the background.

        Raises:
            RuntimeError: If one is being read or has not been taken: at most one is held.
        """
        if self._batch is not None:
            raise RuntimeError("take() the batch that was read ahead before reading another")
        self._batch = self._thread.submit(self._reader.read)

    def take(self) -> Batch | None:
        """Wait for the batch that is being read and return it; None if none is.

        Raises:
            KafkaError, BrokerUnavailableError: If it could not be read.
        """
        batch, self._batch = self._batch, None
        return None if batch is None else batch.result()

    def drop(self) -> None:
        """Forget the batch that is being read; its messages stay in the broker."""
        batch, self._batch = self._batch, None
        if batch is not None and not isinstance(fault := batch.exception(), KafkaError | BrokerUnavailableError | None):
            raise fault

    def close(self) -> None:
        """Wait for the thread to end; the reader is the caller's from now on."""
        self._thread.shutdown()
        self._batch = None
