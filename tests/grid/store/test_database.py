"""Errors of the connection name the setting and the remedy, and never the password."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from grid.faults import InputError
from grid.store.database import DatabaseUnavailableError, connect, explain, is_transient, shown_address


def fault_of(url: str) -> InputError:
    with pytest.raises(InputError) as caught:
        connect(url, application_name="test")
    assert "hunter2" not in str(caught.value)
    assert "GRIDPILOT_DATABASE_URL" in str(caught.value)
    return caught.value


def test_a_server_that_is_away_is_named_without_the_password() -> None:
    error = fault_of("postgresql://me:hunter2@127.0.0.1:1/gridpilot")
    assert isinstance(error, DatabaseUnavailableError)
    assert "me@127.0.0.1:1/gridpilot" in str(error)


@pytest.mark.parametrize("url", ["mysql://me:hunter2@localhost/x", "hunter2", "postgresql://me:hunter2@h:port/x", ""])
def test_a_malformed_url_is_refused_without_quoting_it(url: str) -> None:
    fault_of(url)


def test_a_database_that_does_not_exist_is_told_from_a_server_that_is_away(database_url: str) -> None:
    error = fault_of(database_url.rsplit("/", 1)[0] + "/no_such_database")
    assert not isinstance(error, DatabaseUnavailableError)
    assert "no such database" in str(error)


def test_a_session_speaks_utc_and_keeps_the_options_of_the_url(database_url: str) -> None:
    joiner = "&" if "?" in database_url else "?"
    with connect(f"{database_url}{joiner}options=-c%20work_mem%3D7MB", application_name="probe") as conn:
        row = conn.execute(
            "SELECT current_setting('timezone'), current_setting('work_mem'), current_setting('application_name'),"
            " current_setting('jit')"
        ).fetchone()
    assert row == ("UTC", "7MB", "probe", "off")


def test_shown_address_hides_the_password() -> None:
    assert shown_address("postgresql://me:hunter2@db:5433/grid") == "me@db:5433/grid"


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (errors.DeadlockDetected(), True),
        (errors.DiskFull(), True),
        (errors.AdminShutdown(), True),
        (psycopg.OperationalError("server closed the connection unexpectedly"), True),
        (errors.UniqueViolation(), False),
        (errors.NumericValueOutOfRange(), False),
        (errors.UndefinedTable(), False),
        (ValueError("a defect"), False),
    ],
)
def test_only_faults_of_the_world_are_worth_another_try(error: Exception, transient: bool) -> None:
    assert is_transient(error) is transient


def test_a_full_disk_and_a_missing_schema_have_a_remedy() -> None:
    full, missing = explain(errors.DiskFull()), explain(errors.UndefinedTable())
    assert full is not None
    assert "free space" in full.remedy
    assert missing is not None
    assert "gridpilot migrate" in missing.remedy
    assert explain(errors.DivisionByZero()) is None
