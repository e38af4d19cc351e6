"""The producer returns only when the broker has everything, and says so when it has not."""

from __future__ import annotations

import logging

import pytest

from ingest.producer import DeliveryError, ReadingProducer
from ingest.topics import ensure_topics, warn_without_native_checksum


def test_a_bound_on_what_is_under_way_delays_messages_but_loses_none(broker: str) -> None:
    ensure_topics(broker, topics=["producer-test"], partitions=2)
    with ReadingProducer(broker, bytes_under_way=1_000, compression="zstd") as producer:
        for i in range(200):
            producer.send("producer-test", f"m-{i % 7}", b"x" * 300)
        producer.flush()
        assert producer.messages_acknowledged == 200


def test_a_message_that_cannot_be_delivered_is_an_error_of_its_sender(broker: str) -> None:
    ensure_topics(broker, topics=["producer-test"], partitions=2)
    with pytest.raises(DeliveryError, match="m-1"), ReadingProducer(broker) as producer:
        producer.send("producer-test", "m-1", bytes(2 * 1024 * 1024))


def test_a_missing_native_checksum_is_told_loudly(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert not warn_without_native_checksum(), "the project's dependencies bring crc32c"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with caplog.at_level(logging.WARNING):
        assert warn_without_native_checksum()
    assert "crc32c" in caplog.text
