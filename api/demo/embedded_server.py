"""What the demo's own servers share: started once, stopped in good order, and gone when their owner is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from api.demo.server_process import ServerError, ServerProcess, make_data_directory, require_free_port


class EmbeddedServer(ABC):
    """A server on 127.0.0.1 whose files live in ``data_directory``; a context manager that starts and stops it.

    Args:
        data_directory: Made if missing.
        port: 0 picks a free one, and then stays with it.
        start_timeout_s: Longest wait for the first answer.
    """

    name: ClassVar[str]
    _stop_timeout_s: ClassVar[float]

    def __init__(self, data_directory: Path, *, port: int, start_timeout_s: float) -> None:
        self._directory = Path(data_directory).absolute()
        self._port = port
        self._start_timeout_s = start_timeout_s
        self._process: ServerProcess | None = None

    def start(self) -> None:
        """Start it and return when it answers. Calling it again does nothing.

        Raises:
            InputError: If the port is taken, the program is not installed, the disk is full, or the directory belongs
                to another version or a running server.
            ServerError: If it does not answer in time; the message ends with the log's tail.
        """
        if self._process is not None:
            return
        if self._port:
            remedy = "stop that program, or choose another port"
            require_free_port(self._port, purpose=f"embedded {self.name}", remedy=remedy)
        make_data_directory(self._directory)
        self._process = self._start()

    @abstractmethod
    def _start(self) -> ServerProcess:
        """Start the program and return it when it answers."""

    def restart(self) -> None:
        """Start it again, on the same port, after it ended by itself.

        Raises:
            ServerError: If it does not answer in time.
        """
        self._running().stop(timeout_s=self._stop_timeout_s)
        self._process = self._start()

    @property
    def status(self) -> int | None:
        """With what it ended by itself; None while it runs."""
        return self._running().status

    @property
    def log_path(self) -> Path:
        return self._running().log_path

    def log_tail(self, lines: int = 20) -> str:
        """The last lines that it wrote."""
        return self._running().log_tail(lines)

    def _running(self) -> ServerProcess:
        if self._process is None:
            raise ServerError(f"the embedded {self.name} is not running; call start() first")
        return self._process

    def stop(self) -> None:
        """Shut down in good order. Calling it again does nothing."""
        if self._process is not None:
            self._process.stop(timeout_s=self._stop_timeout_s)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def answering(process: ServerProcess, wait: Callable[[], None]) -> ServerProcess:
    """The process once ``wait`` has returned; if that raises, the process is stopped first."""
    try:
        wait()
    except BaseException:
        process.stop()
        raise
    return process
