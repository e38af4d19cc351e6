"""A consumer group shares out the partitions: among the workers of one database, and again when one has gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from itertools import count

import psycopg
import pytest
from kafka import KafkaConsumer
from kafka.errors import KafkaConnectionError

from grid.store.database import connect
from grid.store.stream import Partition, database_identity
from ingest.groups import GroupMember
from ingest.topics import describe_topics, ensure_topics

SESSION = timedelta(seconds=3)
_names = count(1)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        yield connection


@pytest.fixture
def partitions(broker: str) -> tuple[Partition, ...]:
    """Four partitions of one topic and four of another."""
    topics = [f"group-test-{next(_names)}.{kind}" for kind in ("readings", "weather")]
    ensure_topics(broker, topics=topics, partitions=4)
    return describe_topics(broker, topics).all_partitions


@pytest.fixture
def join(
    broker: str, conn: psycopg.Connection, partitions: tuple[Partition, ...]
) -> Iterator[Callable[[str], GroupMember]]:
    """Makes members of the group; those that have not left by themselves leave at the end."""
    topics = sorted({p.topic for p in partitions})
    with ExitStack() as leaving:

        def make(worker_id: str) -> GroupMember:
            member = GroupMember(worker_id, broker, topics, monotonic=time.monotonic, session=SESSION)
            leaving.callback(member.release, conn)
            return member

        yield make


def shares(
    conn: psycopg.Connection, partitions: tuple[Partition, ...], *members: GroupMember, sizes: tuple[int, ...]
) -> list[frozenset[Partition]]:
    """What each member owns, once they own as many as ``sizes`` says."""
    deadline = time.monotonic() + 30
    while True:
        owned = [member.renew(conn, partitions) for member in members]
        if tuple(map(len, owned)) == sizes:
            return owned
        assert time.monotonic() < deadline, f"waited in vain for {sizes}, got {owned}"
        time.sleep(0.02)


def test_members_share_every_partition_and_the_one_that_stays_gets_all(
    conn: psycopg.Connection, partitions: tuple[Partition, ...], join: Callable[[str], GroupMember]
) -> None:
    one, two = join("one"), join("two")
    assert one.renew(conn, partitions) == frozenset()
    assert not one.others_alive, "before the group has met nobody is known to live"
    shares(conn, partitions, one, sizes=(8,))
    assert one.others_alive, "there is nothing that others could own"
    first, second = shares(conn, partitions, one, two, sizes=(4, 4))
    assert first | second == set(partitions)
    assert not two.others_alive, "the other one may have died a moment ago"
    time.sleep(SESSION.total_seconds())
    assert two.others_alive, "it would have been missed by now"
    one.release(conn)
    assert shares(conn, partitions, two, sizes=(8,)) == [frozenset(partitions)]


def test_services_with_databases_of_their_own_do_not_share(
    broker: str,
    conn: psycopg.Connection,
    postgres_url: str,
    partitions: tuple[Partition, ...],
    join: Callable[[str], GroupMember],
) -> None:
    with connect(postgres_url, application_name="test") as other_database:
        assert database_identity(conn) != database_identity(other_database)
        topics = sorted({p.topic for p in partitions})
        other = GroupMember("other", broker, topics, monotonic=time.monotonic, session=SESSION)
        try:
            shares(conn, partitions, join("one"), sizes=(8,))
            shares(other_database, partitions, other, sizes=(8,))
        finally:
            other.release(other_database)


def test_a_fault_of_the_broker_reaches_the_worker_which_then_joins_anew(
    conn: psycopg.Connection,
    partitions: tuple[Partition, ...],
    join: Callable[[str], GroupMember],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    member = join("one")
    shares(conn, partitions, member, sizes=(8,))
    with monkeypatch.context() as broken:
        broken.setattr(KafkaConsumer, "poll", lambda *_, **__: (_ for _ in ()).throw(KafkaConnectionError("cut")))
        with pytest.raises(KafkaConnectionError):
            shares(conn, partitions, member, sizes=(0,))
    shares(conn, partitions, member, sizes=(8,))


def test_a_worker_that_hangs_loses_its_partitions_and_gets_some_when_it_goes_on(
    conn: psycopg.Connection, partitions: tuple[Partition, ...], join: Callable[[str], GroupMember]
) -> None:
    hanging, other = join("hanging"), join("other")
    shares(conn, partitions, hanging, sizes=(8,))
    shares(conn, partitions, hanging, other, sizes=(4, 4))
    shares(conn, partitions, other, sizes=(8,))
    shares(conn, partitions, hanging, other, sizes=(4, 4))
