"""One batch is read ahead, never two: a slow database holds back the reading."""

from __future__ import annotations

import threading

import pytest
from kafka.errors import KafkaConnectionError

from ingest.ahead import ReadAhead
from ingest.reader import Batch


class Reader:
    """Reads when it is let; counts how often it was asked to."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.asked = 0
        self.let = threading.Semaphore(0)
        self._fault = fault

    def read(self) -> Batch:
        self.asked += 1
        assert self.let.acquire(timeout=5)
        if self._fault is not None:
            raise self._fault
        return Batch([], {}, {}, caught_up=self.asked == 1)


def test_a_batch_is_read_in_the_background_and_taken_once() -> None:
    reader = Reader()
    ahead = ReadAhead(reader)
    assert ahead.take() is None
    ahead.begin()
    with pytest.raises(RuntimeError, match=r"take\(\)"):
        ahead.begin()
    reader.let.release()
    batch = ahead.take()
    assert batch is not None
    assert batch.caught_up
    assert ahead.take() is None
    ahead.close()
    assert reader.asked == 1


@pytest.mark.parametrize("fault", [KafkaConnectionError("cut"), TypeError("a defect")])
def test_what_went_wrong_in_the_background_is_raised_where_the_batch_is_taken(fault: Exception) -> None:
    reader = Reader(fault)
    ahead = ReadAhead(reader)
    ahead.begin()
    reader.let.release()
    with pytest.raises(type(fault)):
        ahead.take()
    assert ahead.take() is None
    ahead.close()


def test_a_batch_that_is_dropped_does_not_come_back_and_a_defect_does_not_vanish_with_it() -> None:
    for fault in (None, KafkaConnectionError("cut")):
        reader = Reader(fault)
        ahead = ReadAhead(reader)
        ahead.begin()
        reader.let.release()
        ahead.drop()
        assert ahead.take() is None
        ahead.close()
    reader = Reader(TypeError("a defect"))
    ahead = ReadAhead(reader)
    ahead.begin()
    reader.let.release()
    with pytest.raises(TypeError):
        ahead.drop()
    ahead.close()
