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
        port: 0 picks a free one.
        start_timeout_s: Longest wait for the first answer.
    """

    name: ClassVar[str]
    _stop_timeout_s: ClassVar[float]

    def __init__(self, data_directory: Path, *, port: int, start_timeout_s: float) -> None:
        self._directory = Path(data_directory).absolute()
        self._wanted_port = port
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
        if self._wanted_port:
            remedy = "stop that program, or choose another port"
            require_free_port(self._wanted_port, purpose=f"embedded {self.name}", remedy=remedy)
        make_data_directory(self._directory)
        self._process = self._start()

    @abstractmethod
    def _start(self) -> ServerProcess:
        """Start the program and return it when it answers."""

    def _require_running(self) -> None:
        if self._process is None:
            raise ServerError(f"the embedded {self.name} is not running; call start() first")

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
