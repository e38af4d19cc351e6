"""One way to open the database, and errors that name the setting at fault without showing the password."""

from __future__ import annotations

from datetime import datetime

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from grid.faults import Fault, InputError

SETTING = "GRIDPILOT_DATABASE_URL"
EXAMPLE_URL = "postgresql://user:password@host:5432/gridpilot"
CONNECT_TIMEOUT_SECONDS = 5


class DatabaseUnavailableError(InputError):
    """The server does not answer, or has no room for another connection: trying again later may help."""


def connect(url: str, *, application_name: str) -> psycopg.Connection:
    """Open a connection whose session speaks UTC, and compiles no queries: that costs more than these gain by it.

    Args:
        url: ``postgresql://user:password@host:port/database``.
        application_name: Shown in ``pg_stat_activity``, such as ``gridpilot-ingest``.

    Raises:
        DatabaseUnavailableError: If the server cannot be reached now.
        InputError: If the url is malformed, or the server refuses user, password or database.
    """
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        # The parser's own message may quote the url, and with it the password.
        raise InputError([Fault(SETTING, "is not a PostgreSQL url", f"write it as {EXAMPLE_URL}")]) from None
    options = f"-c jit=off {parts.get('options') or ''} -c timezone=UTC"
    timeout = _connect_timeout(parts.get("connect_timeout"))
    try:
        return psycopg.connect(url, application_name=application_name, options=options, connect_timeout=timeout)
    except psycopg.OperationalError as error:
        raise _connection_fault(error, shown_address(url)) from None


def _connect_timeout(text: object) -> int:
    if text is None or text == "":
        return CONNECT_TIMEOUT_SECONDS
    try:
        return int(str(text))
    except ValueError:
        problem = f"its connect_timeout must be a whole number of seconds, got {str(text)[:40]!r}"
        raise InputError([Fault(SETTING, problem, "write connect_timeout=5, or leave it out")]) from None


def server_clock(conn: psycopg.Connection) -> datetime:
    """The server's wall clock, the same for all hosts; within a transaction it goes on."""
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    instant: datetime = row[0]
    return instant


def shown_address(url: str) -> str:
    """``user@host:port/database`` of a PostgreSQL url, never its password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        return "(unreadable url)"
    host, port = parts.get("host") or "localhost", parts.get("port") or 5432
    return f"{parts.get('user') or '?'}@{host}:{port}/{parts.get('dbname') or '?'}"


def _connection_fault(error: psycopg.OperationalError, address: str) -> InputError:
    said = " ".join(str(error).split())
    if "password authentication failed" in said or "no password supplied" in said:
        return InputError([Fault(SETTING, f"{address}: the server refuses this user or password", "correct them")])
    if "does not exist" in said and ("database" in said or "role" in said):
        remedy = "create it (createuser, createdb) or correct the url"
        return InputError([Fault(SETTING, f"{address}: the server has no such database or user", remedy)])
    if "no pg_hba.conf entry" in said:
        remedy = "allow this client in the server's pg_hba.conf"
        return InputError([Fault(SETTING, f"{address}: the server does not accept this client", remedy)])
    if "remaining connection slots" in said or "too many clients" in said or "too many connections" in said:
        remedy = "close other clients or raise max_connections"
        return DatabaseUnavailableError([Fault(SETTING, f"{address}: the server has no free connection", remedy)])
    remedy = "start PostgreSQL there, or correct the url and the network between"
    return DatabaseUnavailableError([Fault(SETTING, f"cannot reach PostgreSQL at {address} ({said})", remedy)])


def explain(error: psycopg.Error) -> Fault | None:
    """What an operator should do about a database error that is not a defect of ours; None if it is one."""
    match error:
        case errors.DiskFull():
            return Fault("database", "its disk is full", "free space on the server's data volume, then start again")
        case errors.ReadOnlySqlTransaction():
            return Fault(SETTING, "the server is read-only (a standby?)", "point the url at the primary")
        case errors.UndefinedTable() | errors.UndefinedColumn():
            return Fault("database", "its schema is missing or older than this program", "run `gridpilot migrate`")
        case errors.InsufficientPrivilege():
            said = error.diag.message_primary or "permission denied"
            return Fault(SETTING, f"the user may not do this ({said})", "grant the right or use the owner's account")
        case _:
            return None


def is_transient(error: Exception) -> bool:
    """Whether the same work may succeed later, untouched: lost connection, deadlock, restart, full disk.

    Data faults (a value the server refuses) and defects are not transient.
    """
    if isinstance(error, DatabaseUnavailableError):
        return True
    if not isinstance(error, psycopg.Error):
        return False
    if isinstance(error, errors.DataError | errors.IntegrityError | errors.ProgrammingError):
        return False
    state = error.sqlstate
    if state is None or isinstance(error, errors.ReadOnlySqlTransaction):
        return True
    # Connection, rollback (deadlock, serialisation), no resources, object state, operator's intervention, system.
    return state[:2] in {"08", "40", "53", "55", "57", "58"}
