"""Whether a broker answers: the first word of any Kafka client, said without one, so that nobody waits for long."""

from __future__ import annotations

import socket
import struct

from ingest.topics import host_and_port

_API_VERSIONS = struct.pack(">hhih", 18, 0, 1, -1)  # key, version, correlation id, no client id
_ASKED = struct.pack(">i", len(_API_VERSIONS)) + _API_VERSIONS


def require_answer(bootstrap: str, *, timeout_seconds: float) -> None:
    """Return when a broker has answered.

    Args:
        bootstrap: ``host:port``, several separated by commas; one that answers is enough.
        timeout_seconds: For the connection to each, and for its answer.

    Raises:
        OSError: What the last of them said instead.
        ValueError: Or that it is no address.
    """
    refusal: OSError | ValueError = ConnectionError("no address given")
    for address in bootstrap.split(","):
        try:
            with socket.create_connection(host_and_port(address), timeout=timeout_seconds) as connection:
                connection.sendall(_ASKED)
                if len(connection.recv(8)) == 8:
                    return
            refusal = ConnectionError("the answer ended early")
        except (OSError, ValueError) as error:
            refusal = error
    raise refusal
