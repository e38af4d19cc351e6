"""Whether the worker of this container is at work. Exit status 0: at work; 1: not, with the reason.

    python healthcheck.py session NAME SECONDS     a database session of that name was used within so many seconds
    python healthcheck.py model HOURS              a model was stored within so many hours

A worker speaks to the database over one named session and uses it in each turn of its loop, so a session that rests
for longer than its longest turn belongs to a process that hangs. ``retrain`` only wakes at night and holds no session:
it is at work if its nights end with a model, or if it has not been up for so many hours.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psycopg

SINCE_SESSION = """
    SELECT extract(epoch FROM clock_timestamp() - max(greatest(state_change, backend_start)))
    FROM pg_stat_activity
    WHERE application_name = %s AND client_addr IS NOT DISTINCT FROM inet_client_addr() AND pid <> pg_backend_pid()
"""
SINCE_MODEL = "SELECT extract(epoch FROM clock_timestamp() - max(created_at)) FROM model"


def seconds_since(query: str, *parameters: str) -> float:
    """What the query says, in seconds; infinite if there is nothing."""
    url = os.environ["GRIDPILOT_DATABASE_URL"]
    with psycopg.connect(url, connect_timeout=5, application_name="gridpilot-healthcheck") as conn:
        row = conn.execute(query, parameters).fetchone()
    return float("inf") if row is None or row[0] is None else float(row[0])


def seconds_up() -> float:
    """How long the first process of this container has been running."""
    started_ticks = float(Path("/proc/1/stat").read_text().rsplit(")", 1)[1].split()[19])
    return float(Path("/proc/uptime").read_text().split()[0]) - started_ticks / os.sysconf("SC_CLK_TCK")


def fault(what: str, *arguments: str) -> str:
    """Why the worker is not healthy; empty if it is."""
    try:
        if what == "session":
            name, within = arguments[0], float(arguments[1])
            rested = seconds_since(SINCE_SESSION, name)
            return "" if rested <= within else f"{name} has not used the database within {within:.0f} s"
        hours = float(arguments[0])
        if min(seconds_since(SINCE_MODEL), seconds_up()) <= hours * 3600.0:
            return ""
        return f"no model was stored within {hours:.0f} h"
    except psycopg.OperationalError as error:
        return f"the database does not answer: {error}"


if __name__ == "__main__":
    sys.exit(fault(*sys.argv[1:]) or 0)
