"""Whether the worker of this container is at work: ``python healthcheck.py APPLICATION_NAME [WITHIN_SECONDS]``.

Every worker speaks to the database over one named session and uses it in each turn of its loop, so a session that
rests for longer than its longest turn belongs to a process that hangs. Exit status 0: at work; 1: not, with the reason.
"""

from __future__ import annotations

import os
import sys

import psycopg

SESSIONS_OF_THIS_HOST = """
    SELECT extract(epoch FROM clock_timestamp() - max(greatest(state_change, backend_start)))
    FROM pg_stat_activity
    WHERE application_name = %s AND client_addr IS NOT DISTINCT FROM inet_client_addr() AND pid <> pg_backend_pid()
"""


def resting_seconds(url: str, application_name: str) -> float | None:
    """Seconds since a session of that name and of this host last did something; None if it has no session."""
    with psycopg.connect(url, connect_timeout=5, application_name="gridpilot-healthcheck") as conn:
        row = conn.execute(SESSIONS_OF_THIS_HOST, (application_name,)).fetchone()
    return None if row is None or row[0] is None else float(row[0])


def main(arguments: list[str]) -> str:
    """Why the worker is not healthy, or an empty text if it is."""
    name, within = arguments[0], float(arguments[1]) if len(arguments) > 1 else 60.0
    try:
        resting = resting_seconds(os.environ["GRIDPILOT_DATABASE_URL"], name)
    except psycopg.OperationalError as error:
        return f"the database does not answer: {error}"
    if resting is None:
        return f"no database session is named {name}"
    return f"{name} has not used the database for {resting:.0f} s" if resting > within else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or 0)
