"""The folder where a demo keeps its database and logs: one demo at a time, on a disk with room."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grid.faults import Fault, InputError

FREE_BYTES_NEEDED = 2 * 10**9
_REMEDY = "choose another folder with --directory"


@contextmanager
def sole_user(directory: Path) -> Iterator[None]:
    """Hold the demo's folder for this process alone.

    Raises:
        InputError: If another demo runs there, it cannot be written, or its disk is too full.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "lock").open("w")
    except OSError as error:
        raise InputError([Fault(str(directory), f"cannot be written: {error.strerror}", _REMEDY)]) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                [Fault(str(directory), "another demo is running here", f"stop it, or {_REMEDY}")]
            ) from None
        free = shutil.disk_usage(directory).free
        if free < FREE_BYTES_NEEDED:
            problem = f"{free / 1e9:.1f} GB are free, the demo needs {FREE_BYTES_NEEDED / 1e9:.0f} GB"
            raise InputError([Fault(str(directory), problem, f"free some, or {_REMEDY}")])
        yield
