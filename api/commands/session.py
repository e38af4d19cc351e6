"""What the administrative commands share: one checked database connection, and printing for people or programs."""

from __future__ import annotations

import getpass
import json
import socket
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.settings import DatabaseSettings, read_settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def open_database() -> psycopg.Connection:
    """Connect to the configured database.

    Raises:
        InputError: If the setting is missing or wrong, the server does not answer, or the schema is another version's.
    """
    from grid.store.database import connect
    from grid.store.migrate import check_schema

    conn = connect(read_settings(DatabaseSettings).database_url, application_name="gridpilot-admin")
    check_schema(conn)
    return conn


def shell_actor() -> str:
    """Who acts, for the audit log: the account and machine that the command runs under."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        account = "unknown"
    return f"shell:{account}@{socket.gethostname()}"


def print_json(document: Any) -> None:
    """Print a document for programs; instants as RFC 3339."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def printable(text: str) -> str:
    """Text from outside with its control characters escaped: none of them reaches a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows for people; what they hold is shown as it is, never as markup."""
    table = Table(*heads)
    for row in rows:
        table.add_row(*(Text("" if cell is None else printable(str(cell))) for cell in row))
    Console().print(table)
