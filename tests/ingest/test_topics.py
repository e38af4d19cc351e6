"""The two topics: made if they are missing, told apart from others of the same name, and a broker that is away."""

from __future__ import annotations

from itertools import count

import pytest
from kafka.cluster import collect_hosts

from grid.faults import InputError
from ingest.topics import TopicReplacedError, TopicWatch, describe_topics, ensure_topics, host_and_port
from ingest.worker import run_worker

_names = count(1)


@pytest.mark.parametrize("bootstrap", ["127.0.0.1:1", "localhost:port", ":9092", ""])
def test_a_broker_that_is_away_is_named_with_its_setting(database_url: str, bootstrap: str) -> None:
    with pytest.raises(InputError, match=rf"GRIDPILOT_KAFKA_BOOTSTRAP.*{bootstrap}"):
        run_worker(database_url=database_url, bootstrap=bootstrap)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("kafka.example:9", ("kafka.example", 9)),
        ("kafka.example", ("kafka.example", 9092)),
        (" PLAINTEXT://kafka.example:9 ", ("kafka.example", 9)),
        ("[::1]:9", ("::1", 9)),
        ("[::1]", ("::1", 9092)),
    ],
)
def test_an_address_is_read_as_kafkas_clients_read_it(address: str, place: tuple[str, int]) -> None:
    assert host_and_port(address) == place
    assert collect_hosts(address)[0][:2] == place


def test_a_topic_that_exists_is_left_as_it_is(broker: str) -> None:
    name = f"topics-test-{next(_names)}"
    ensure_topics(broker, topics=[name], partitions=2)
    ensure_topics(broker, topics=[name], partitions=5)
    assert len(describe_topics(broker, [name]).all_partitions) == 2


def test_a_topic_that_is_another_one_by_now_is_noticed(broker: str) -> None:
    name = f"topics-test-{next(_names)}"
    ensure_topics(broker, topics=[name], partitions=2)
    partitions = describe_topics(broker, [name]).all_partitions
    watch = TopicWatch(broker)
    try:
        watch.require_same(partitions)
        for other in ({"topic_id": "another"}, {"topic": "deleted"}, {"cluster_id": "another"}, {"number": 2}):
            with pytest.raises(TopicReplacedError, match="made anew"):
                watch.require_same([partitions[0], partitions[1]._replace(**other)])
    finally:
        watch.close()
