"""The workers' health check, run as a container runs it, against a real server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "healthcheck.py"


def check(url: str, *arguments: str) -> tuple[int, str]:
    """Exit status and what was said."""
    run = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        env={**os.environ, "GRIDPILOT_DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return run.returncode, run.stderr


def test_worker_that_uses_its_session_is_healthy(database_url: str) -> None:
    with psycopg.connect(database_url, application_name="gridpilot-ingest") as worker:
        worker.execute("SELECT 1")
        assert check(database_url, "session", "gridpilot-ingest", "60") == (0, "")


def test_worker_without_a_session_is_not_healthy(database_url: str) -> None:
    with psycopg.connect(database_url, application_name="gridpilot-plan"):
        status, said = check(database_url, "session", "gridpilot-ingest", "60")
    assert status == 1
    assert "gridpilot-ingest has not used the database within 60 s" in said


def test_worker_that_rests_too_long_is_not_healthy(database_url: str) -> None:
    with psycopg.connect(database_url, application_name="gridpilot-ingest") as worker:
        worker.execute("SELECT 1")
        assert check(database_url, "session", "gridpilot-ingest", "0")[0] == 1


def test_retraining_is_healthy_while_it_is_new_or_its_models_are(database_url: str) -> None:
    years, moment = "1000000", "0.000001"
    assert check(database_url, "model", years) == (0, "")
    status, said = check(database_url, "model", moment)
    assert status == 1
    assert "no model was stored within" in said
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "INSERT INTO model (model_id, kind, status, manifest, weights, created_at)"
            " VALUES ('m', 'load', 'challenger', '{}', '', now() + interval '1 minute')"
        )
    assert check(database_url, "model", moment) == (0, "")


def test_database_that_does_not_answer_is_named_without_the_password() -> None:
    url = "postgresql://gridpilot:not-to-be-shown@127.0.0.1:1/gridpilot"
    status, said = check(url, "session", "gridpilot-ingest", "60")
    assert status == 1
    assert "does not answer" in said
    assert "not-to-be-shown" not in said
