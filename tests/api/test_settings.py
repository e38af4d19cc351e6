"""Settings: every fault at once, by the name the user sets, and never a password."""

from __future__ import annotations

import pytest

from api import client, serving
from api.settings import DatabaseSettings, IngestProcess, PlanProcess, ServeProcess, read_settings
from grid.faults import InputError


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP", "PLAN_GAP", "PLAN_HORIZON_HOURS", "CLOCK"):
        monkeypatch.delenv(f"GRIDPILOT_{name}", raising=False)


def test_every_missing_setting_is_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        read_settings(IngestProcess)
    assert {fault.place for fault in caught.value.faults} == {"GRIDPILOT_DATABASE_URL", "GRIDPILOT_KAFKA_BOOTSTRAP"}
    assert all("is not set" in fault.problem for fault in caught.value.faults)


def test_wrong_values_are_shown_with_what_they_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDPILOT_DATABASE_URL", "postgresql://localhost/x")
    monkeypatch.setenv("GRIDPILOT_PLAN_GAP", "-1")
    monkeypatch.setenv("GRIDPILOT_PLAN_HORIZON_HOURS", "tomorrow")
    with pytest.raises(InputError) as caught:
        read_settings(PlanProcess)
    text = str(caught.value)
    assert "GRIDPILOT_PLAN_GAP" in text
    assert "'-1'" in text
    assert "'tomorrow'" in text


def test_a_malformed_database_url_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDPILOT_DATABASE_URL", "mysql://user:secret-word@host/db")
    with pytest.raises(InputError) as caught:
        read_settings(DatabaseSettings)
    assert "secret-word" not in str(caught.value)


def test_several_brokers_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDPILOT_DATABASE_URL", "postgres://localhost/x")
    monkeypatch.setenv("GRIDPILOT_KAFKA_BOOTSTRAP", "a:9092,b:9092")
    assert read_settings(IngestProcess).kafka_bootstrap == "a:9092,b:9092"


def test_a_plan_that_somebody_waits_for_has_its_own_limit_and_the_client_outwaits_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRIDPILOT_DATABASE_URL", "postgresql://localhost/x")
    monkeypatch.setenv("GRIDPILOT_PLAN_TIME_LIMIT_SECONDS", "900")
    assert serving.application().state.service.planner.limits.time_limit_seconds == 30.0
    monkeypatch.setenv("GRIDPILOT_PLAN_NOW_TIME_LIMIT_SECONDS", "240")
    limits = serving.application().state.service.planner.limits
    assert limits.time_limit_seconds == read_settings(ServeProcess).plan_now_time_limit_seconds
    assert limits.time_limit_seconds + 30.0 < client._PLAN_SECONDS
    monkeypatch.setenv("GRIDPILOT_PLAN_NOW_TIME_LIMIT_SECONDS", "241")
    with pytest.raises(InputError, match="GRIDPILOT_PLAN_NOW_TIME_LIMIT_SECONDS"):
        read_settings(ServeProcess)
