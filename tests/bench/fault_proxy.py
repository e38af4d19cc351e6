"""A TCP proxy on 127.0.0.1 that does to connections what networks do: cut them, slow them down, swallow what they say.

A fault strikes the connections that are open at that moment; later ones are whole. So a client that connects again is
well served, as after a real fault, and one that opened its connection between two faults is never disturbed.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
CHUNK_BYTES = 16 * 1024
SLOW_SECONDS_PER_CHUNK = 0.03  # about 0.5 MB/s
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class _Link:
    """One client's connection and its other half to the server."""

    def __init__(self, client: socket.socket, server: socket.socket, moving: threading.Event) -> None:
        self._ends = (client, server)
        self._moving = moving
        self.slow = False
        self.silent = False
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the other pump, or a cut, has closed it
            while data := source.recv(CHUNK_BYTES):
                self._moving.wait()
                if self.slow:
                    time.sleep(SLOW_SECONDS_PER_CHUNK)
                if not self.silent:
                    sink.sendall(data)
        if not self.silent:  # who is half-open does not hear that the other one has gone
            self.cut()

    def cut(self) -> None:
        """Reset both halves."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class FaultProxy:
    """Passes connections to ``server_port`` on, until told otherwise. A context manager."""

    def __init__(self, server_port: int = 0) -> None:
        self.server_port = server_port
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self._links: list[_Link] = []
        self._closed = False
        self._refusing = False
        self._moving = threading.Event()
        self._moving.set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closed = True
        self._moving.set()
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self._refusing:
                    raise ConnectionRefusedError
                server = socket.create_connection((HOST, self.server_port), timeout=5)
                server.settimeout(None)
                self._links.append(_Link(client, server, self._moving))
            except OSError:
                client.close()

    def cut(self) -> None:
        """Reset every open connection."""
        links, self._links = self._links, []
        for link in links:
            link.cut()

    def slow(self) -> None:
        """Let every open connection crawl from now on."""
        for link in self._links:
            link.slow = True

    def silence(self) -> None:
        """Leave every open connection half-open: what either side says is lost, and neither is told."""
        for link in self._links:
            link.silent = True

    def outage(self, seconds: float) -> None:
        """Reset every open connection and close new ones at once, for a while: to its clients the server is away."""
        self._refusing = True
        self.cut()
        time.sleep(seconds)
        self._refusing = False

    def freeze(self, seconds: float) -> None:
        """Let nothing through for a while, on old connections and on new ones, and lose nothing: the server hangs."""
        self._moving.clear()
        time.sleep(seconds)
        self._moving.set()
