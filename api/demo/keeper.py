"""Keeping the demo's parts running: what ended is started again, and what ends again and again ends the demo."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from api.demo.server_process import ServerError

ENDS_FORGIVEN = 2
STARTS_TRIED = 3
WITHIN_S = 60.0
PAUSE_S = 5.0
"""Before the second start anew; the first comes at once."""


class ServerRenewedError(ServerError):
    """A server was started again: whoever was connected to it connects anew."""


class Part(Protocol):
    """A process that is to stay."""

    @property
    def name(self) -> str: ...

    @property
    def status(self) -> int | None:
        """With what it ended; None while it runs."""

    @property
    def log_path(self) -> Path: ...

    def log_tail(self, lines: int = ...) -> str:
        """The last lines that it wrote."""

    def restart(self) -> None:
        """Start it again after it ended.

        Raises:
            ServerError: If it does not answer.
        """


class Keeper:
    """Looks after the parts of the chain whenever it is asked to; it has no thread of its own.

    Args:
        servers: What the others stand on: while one of these is down, nothing else is started.
        tell: Takes a line for the person at the terminal.
        clock: Seconds that only grow.
    """

    def __init__(
        self, servers: Sequence[Part], *, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._servers = tuple(servers)
        self._commands: list[Part] = []
        self._tell = tell
        self._clock = clock
        self._ends: dict[str, list[float]] = {}
        self._due: dict[str, float] = {}
        self._failed_starts: Counter[str] = Counter()

    def keep(self, command: Part) -> None:
        """Look after one more."""
        self._commands.append(command)

    def check(self) -> None:
        """Start again what has ended and has paused for long enough.

        Raises:
            ServerRenewedError: After a server was started again.
            ServerError: If something has ended too often, or does not start again; the message ends with its log.
        """
        for server in self._servers:
            if self._mend(server):
                raise ServerRenewedError(f"{server.name} was started again; connect to it anew")
        if all(server.status is None for server in self._servers):
            for command in self._commands:
                self._mend(command)

    def ended(self, name: str, how: str, *, log: str = "") -> float:
        """Note an end, and tell for how long to pause before the next start. [s]

        Raises:
            ServerError: If it is one too many.
        """
        now = self._clock()
        ends = self._ends[name] = [end for end in self._ends.get(name, ()) if now - end < WITHIN_S] + [now]
        if len(ends) > ENDS_FORGIVEN:
            raise ServerError(f"{name} {how}, {len(ends)} times within a minute{log and '; ' + log}")
        return PAUSE_S * (len(ends) - 1)

    def _mend(self, part: Part) -> bool:
        """Whether ``part`` had ended and runs again."""
        if part.status is None:
            return False
        how = f"ended with status {part.status}"
        if part.name not in self._due:
            log = f"its log, {part.log_path}, ends with:\n{part.log_tail(5)}"
            self._due[part.name] = self._clock() + self.ended(part.name, how, log=log)
        if self._clock() < self._due[part.name]:
            return False
        try:
            part.restart()
        except ServerError as error:
            self._failed_starts[part.name] += 1  # however long each took
            told = f"{part.name} {how}, and start {self._failed_starts[part.name]} of {STARTS_TRIED} failed: {error}"
            if self._failed_starts[part.name] == STARTS_TRIED:
                raise ServerError(told) from error
            self._tell(told)
            self._due[part.name] = self._clock() + PAUSE_S
            return False
        del self._due[part.name], self._failed_starts[part.name]
        self._tell(f"{part.name} {how}; started again, its log until then: {part.log_path}.1")
        return True
