"""The two topics of telemetry: making them, and finding out which cluster and topic one is really talking to."""

from __future__ import annotations

import importlib.util
import logging
import re
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from grid.faults import Fault, InputError
from grid.readings import Source
from grid.store.stream import Partition

READINGS_TOPIC = "gridpilot.readings.v1"
WEATHER_TOPIC = "gridpilot.weather.v1"
TOPICS = {Source.METER: READINGS_TOPIC, Source.WEATHER: WEATHER_TOPIC}
DEFAULT_PARTITIONS = 6
SETTING = "GRIDPILOT_KAFKA_BOOTSTRAP"
CONNECT_TIMEOUT_SECONDS = 10
REQUEST_TIMEOUT_SECONDS = 8  # a half-open connection is noticed after this; the client's own 30 s outlast any lease
_ADDRESS = re.compile(r"(?:\w+://)?(\[[^\]]+\]|[^\s:/@\[\]]+)(?::([0-9]{1,5}))?")
_USUAL_PORT = "9092"

_log = logging.getLogger(__name__)


class BrokerUnavailableError(InputError):
    """No broker answers at the address given: trying again later may help."""


class TopicReplacedError(KafkaError):  # type: ignore[misc]  # untyped base
    """A topic was deleted, or made anew, while it was read: what was read may be of the one or the other."""


@dataclass(frozen=True, slots=True)
class TopicLayout:
    """The partitions of the topics asked for, on the cluster that answered; empty for a topic it does not have."""

    partitions: Mapping[str, tuple[Partition, ...]]

    @property
    def all_partitions(self) -> tuple[Partition, ...]:
        return tuple(p for partitions in self.partitions.values() for p in partitions)


def ensure_topics(
    bootstrap: str,
    *,
    topics: Sequence[str] = (READINGS_TOPIC, WEATHER_TOPIC),
    partitions: int = DEFAULT_PARTITIONS,
    replication: int | None = None,
) -> None:
    """Make the topics that are missing; existing ones stay as they are.

    Args:
        bootstrap: ``host:port``, several separated by commas.
        partitions: Of each new topic; at most this many workers share it.
        replication: Copies of each partition; None for the broker's default.

    Raises:
        BrokerUnavailableError: If no broker answers.
        InputError: If the broker refuses to make a topic.
    """
    with _admin(bootstrap) as admin:
        missing = [name for name, found in _describe(admin, topics).partitions.items() if not found]
        for name in missing:
            wanted = {"num_partitions": partitions, "replication_factor": -1 if replication is None else replication}
            try:
                admin.create_topics({name: wanted}, wait_for_metadata=True)
            except TopicAlreadyExistsError:
                continue  # another process was faster
            except KafkaError as error:
                problem = f"the broker refuses to make topic {name}: {type(error).__name__}"
                raise InputError([Fault(SETTING, problem, "make it by hand, or allow this client to")]) from error
            _log.info("made topic %s with %d partitions", name, partitions)


def describe_topics(bootstrap: str, topics: Sequence[str]) -> TopicLayout:
    """Cluster, topic ids and partitions as they are now.

    Raises:
        BrokerUnavailableError: If no broker answers.
    """
    with _admin(bootstrap) as admin:
        return _describe(admin, topics)


class TopicWatch:
    """Sees whether topics are still the ones that they were. The broker is asked for messages by name only, so a topic
    that was made anew goes on under its old name; its identity tells.
    """

    def __init__(self, bootstrap: str) -> None:
        self._admin = _admin(bootstrap)

    def require_same(self, partitions: Collection[Partition]) -> None:
        """Return if every partition is still there: then whatever was read of them before is of them.

        Raises:
            TopicReplacedError: If one is not.
            BrokerUnavailableError: If the broker does not tell.
        """
        there = _describe(self._admin, sorted({p.topic for p in partitions})).all_partitions
        if gone := sorted({p.topic for p in set(partitions).difference(there)}):
            raise TopicReplacedError(f"{' and '.join(gone)}: deleted, or made anew, while being read")

    def close(self) -> None:
        self._admin.close()


def warn_without_native_checksum() -> bool:
    """Warn loudly where the client would compute CRC32C in pure Python, at a third of the speed; True if it did."""
    if importlib.util.find_spec("crc32c") is not None:
        return False
    _log.warning(
        "the package crc32c is missing: kafka-python computes checksums in pure Python, at a third of the speed."
        " Install it: pip install 'kafka-python[crc32c]'"
    )
    return True


def require_broker(bootstrap: str) -> list[str]:
    """The addresses of ``bootstrap``, once one of them accepts a connection.

    A client that cannot connect leaves its sockets and its thread behind, so ask before making one.

    Raises:
        InputError: If an address is malformed.
        BrokerUnavailableError: If none accepts a connection.
    """
    addresses = [address.strip() for address in bootstrap.split(",") if address.strip()]
    refusal: Exception = OSError("no address given")
    for address in addresses:
        place = host_and_port(address)
        try:
            socket.create_connection(place, timeout=CONNECT_TIMEOUT_SECONDS).close()
        except (OSError, OverflowError, UnicodeError) as error:  # a port or a part of a name too large
            refusal = error
        else:
            return addresses
    raise unavailable(bootstrap, refusal)


def host_and_port(address: str) -> tuple[str, int]:
    """The place of one broker, as Kafka's clients read it: a leading ``PLAINTEXT://`` says nothing, 9092 is usual.

    Raises:
        InputError: If it is malformed.
    """
    match = _ADDRESS.fullmatch(address.strip())
    if match is None:
        problem = f"{address!r} is no address of a broker"
        raise InputError([Fault(SETTING, problem, "write host:port, several separated by commas")])
    host, port = match.groups(default=_USUAL_PORT)
    return host.strip("[]"), int(port)


def _admin(bootstrap: str) -> KafkaAdminClient:
    addresses = require_broker(bootstrap)
    try:
        return KafkaAdminClient(
            bootstrap_servers=addresses,
            client_id="gridpilot",
            bootstrap_timeout_ms=CONNECT_TIMEOUT_SECONDS * 1000,
            request_timeout_ms=REQUEST_TIMEOUT_SECONDS * 1000,
        )
    except KafkaError as error:
        raise unavailable(bootstrap, error) from error


def unavailable(bootstrap: str, error: Exception) -> BrokerUnavailableError:
    """The fault to show when no broker answers at ``bootstrap``."""
    problem = f"no Kafka broker answers at {bootstrap} ({type(error).__name__})"
    return BrokerUnavailableError([Fault(SETTING, problem, "start the broker there, or correct the address")])


def _describe(admin: KafkaAdminClient, topics: Sequence[str]) -> TopicLayout:
    try:
        cluster_id = admin.describe_cluster()["cluster_id"] or ""
        described = {topic["name"]: topic for topic in admin.describe_topics(list(topics))}
    except KafkaError as error:
        raise BrokerUnavailableError(
            [Fault(SETTING, f"the broker does not describe its topics ({type(error).__name__})", "try again later")]
        ) from error
    layout: dict[str, tuple[Partition, ...]] = {}
    for name in topics:
        topic = described.get(name, {"error_code": 3, "partitions": []})
        if topic["error_code"] not in (0, 3):  # 3: unknown topic
            problem = f"topic {name}: {for_code(topic['error_code']).__name__}"
            raise InputError([Fault(SETTING, problem, "see the broker's access rules")])
        numbers = sorted(p["partition_index"] for p in topic["partitions"])
        layout[name] = tuple(Partition(cluster_id, name, str(topic.get("topic_id") or ""), n) for n in numbers)
    return TopicLayout(layout)
