"""``gridpilot retention`` drops what it is told to, says so in the audit log, and refuses to guess."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest
from typer.testing import CliRunner

from api.cli import app
from grid.faults import InputError
from grid.readings import ReadingBlock, Source
from grid.store.saving import save_readings
from grid.units import Channel

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def hundred_days(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with an hourly reading of every hour of a hundred days."""
    monkeypatch.setenv("GRIDPILOT_DATABASE_URL", database_url)
    starts = int(START.timestamp()) * 1_000_000 + np.arange(2400, dtype=np.int64) * 3_600_000_000
    block = ReadingBlock(Source.METER, "m", Channel.LOAD, 60, starts, np.ones(2400), 0)
    with psycopg.connect(database_url) as conn:
        save_readings(conn, [block], received_at=START + timedelta(days=100))
        conn.execute("DELETE FROM validation_due")
    return database_url


def test_an_age_counts_back_from_the_newest_reading_and_the_deed_is_audited(hundred_days: str) -> None:
    done = CliRunner().invoke(app, ["retention", "--older-than-days", "74", "--yes", "--json"])
    assert done.exit_code == 0, done.output
    before = datetime.fromisoformat(json.loads(done.stdout)["before"])
    assert before == START + timedelta(days=25)
    with psycopg.connect(hundred_days) as conn:
        assert conn.execute("SELECT min(interval_start), count(*) FROM reading").fetchone() == (before, 75 * 24)
        assert conn.execute("SELECT count(*), sum(energy_kwh) FROM v_reading_daily").fetchone() == (100, 2400.0)
        audited = conn.execute("SELECT document->>'before' FROM audit_entry WHERE action = 'retention.drop'").fetchall()
    assert [datetime.fromisoformat(text) for (text,) in audited] == [before]


@pytest.mark.parametrize(("options", "answer"), [(["--dry-run"], ""), ([], "n\n"), ([], "")])
def test_it_says_what_goes_and_drops_nothing_unless_told_so(hundred_days: str, options: list[str], answer: str) -> None:
    done = CliRunner().invoke(app, ["retention", "--before", "2026-01-11T00:00Z", *options], input=answer)
    assert "2026-01-11T00:00:00+00:00: 240 of 2,400 readings" in done.output
    assert "2026-04-10T23:00:00+00:00" in done.output, "the newest reading"
    assert done.exit_code == (0 if options else 1)
    with psycopg.connect(hundred_days) as conn:
        assert conn.execute("SELECT count(*) FROM reading").fetchone() == (2400,)


def test_a_dry_run_tells_programs_what_would_go(hundred_days: str) -> None:
    done = CliRunner().invoke(app, ["retention", "--older-than-days", "90", "--dry-run", "--json"])
    assert (json.loads(done.stdout)["readings"], json.loads(done.stdout)["kept"]) == (9 * 24, 91 * 24)


def test_yes_given_in_answer_drops(hundred_days: str) -> None:
    done = CliRunner().invoke(app, ["retention", "--before", "2026-01-11T00:00Z"], input="y\n")
    assert done.exit_code == 0, done.output
    with psycopg.connect(hundred_days) as conn:
        assert conn.execute("SELECT count(*) FROM reading").fetchone() == (2160,)


BOTH = ["--before", "2026-02-01T00:00Z", "--older-than-days", "80"]
TOO_YOUNG = ["--older-than-days", "69"]


@pytest.mark.parametrize("options", [[], ["--before", "2026-02-01"], ["--before", "spring"], BOTH, TOO_YOUNG])
def test_an_unclear_call_drops_nothing(hundred_days: str, options: list[str]) -> None:
    done = CliRunner().invoke(app, ["retention", *options, "--yes"])
    assert isinstance(done.exception, InputError)
    with psycopg.connect(hundred_days) as conn:
        assert conn.execute("SELECT count(*) FROM reading").fetchone() == (2400,)
