"""Settings of each process, read once from ``GRIDPILOT_*`` and handed on as plain arguments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from grid.faults import Fault, InputError

PREFIX = "GRIDPILOT_"


class _FromEnvironment(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)


class LogSettings(_FromEnvironment):
    """How every process logs."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe level that is logged."
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="text: lines for people; json: one object a line, with the coordinates of messages."
    )


class DatabaseSettings(_FromEnvironment):
    """Where PostgreSQL or TimescaleDB is."""

    database_url: str = Field(
        pattern=r"^postgres(ql)?://",
        description="Connection URL, such as postgresql://user:password@host:5432/gridpilot.",
    )


class StreamSettings(_FromEnvironment):
    """Where Kafka is."""

    kafka_bootstrap: str = Field(
        pattern=r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$", description="Brokers as host:port, separated by commas."
    )


class ClockSettings(_FromEnvironment):
    """What the present is: the wall clock, or in a replay the end of the newest load reading."""

    clock: Literal["wall", "telemetry"] = Field("wall", description="wall, or telemetry for a replay.")


class TrainSettings(_FromEnvironment):
    """How long and how reproducibly models are trained."""

    train_budget_seconds: float = Field(600.0, gt=0, description="Training time for all models together. [s]")
    seed: int = Field(0, ge=0, description="Seed of every random draw in training.")
    torch_threads: int = Field(1, ge=1, description="CPU threads of torch; small networks train fastest on one.")


class IssueSettings(_FromEnvironment):
    """How often we forecast; who forecasts and who tells how fresh that is must agree."""

    forecast_every_minutes: int = Field(60, ge=5, le=1440, description="Clock time between two issues. [min]")


class ForecastSettings(IssueSettings):
    """How far and how often we forecast."""

    forecast_horizon_hours: int = Field(48, ge=1, le=168, description="Length of every forecast. [h]")


class PlanSettings(_FromEnvironment):
    """How far plans reach, and when the solver may stop."""

    plan_horizon_hours: int = Field(48, ge=1, le=168, description="Length of every plan. [h]")
    plan_gap: float = Field(0.001, ge=0, lt=1, description="Relative gap at which a plan counts as optimal.")


class ServeSettings(_FromEnvironment):
    """Where the API listens."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    workers: int = Field(1, ge=1, le=64, description="API processes.")


class CacheSettings(_FromEnvironment):
    """Where downloads and the demo's state are kept."""

    cache_dir: Path = Field(
        default_factory=lambda: Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "gridpilot",
        description="Folder of downloaded data sets.",
    )


class MetricsSettings(_FromEnvironment):
    """Where a process without an API answers Prometheus."""

    metrics_host: str = Field("127.0.0.1", description="Address at which ingest and validate answer Prometheus.")
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Port at which ingest and validate answer Prometheus; unset: they do not."
    )


class MeterSettings(_FromEnvironment):
    """What becomes of readings of meters that nobody has registered."""

    unknown_meters: Literal["accept", "quarantine"] = Field(
        "accept", description="accept meters not seen before, or quarantine their readings until they are registered."
    )


class IngestProcess(DatabaseSettings, StreamSettings, MeterSettings, MetricsSettings):
    """Settings of ``gridpilot ingest``."""

    dead_letter_pause: bool = Field(
        False, description="Whether ingest rests while too many messages cannot be stored, until they are resolved."
    )
    ownership: Literal["lease", "group"] = Field(
        "lease",
        description="Who shares partitions out among ingest workers: leases in the database, or a consumer group.",
    )


class ValidateProcess(DatabaseSettings, ClockSettings, MetricsSettings):
    """Settings of ``gridpilot validate``."""

    gap_hours: float = Field(
        26.0, ge=0, le=168, description="How long after its end an interval may still come before it is a gap. [h]"
    )
    validate_every_minutes: float = Field(
        5.0, ge=0, le=10, description="How long a validated series waits, so that readings are judged together. [min]"
    )


class TrainProcess(DatabaseSettings, ClockSettings, TrainSettings):
    """Settings of ``gridpilot train`` and ``gridpilot retrain``."""


class ForecastProcess(DatabaseSettings, ClockSettings, ForecastSettings):
    """Settings of ``gridpilot forecast``."""


class PlanProcess(DatabaseSettings, ClockSettings, PlanSettings):
    """Settings of ``gridpilot plan``."""

    plan_time_limit_seconds: float = Field(
        120.0, gt=0, description="Wall time until the best plan so far is taken. [s]"
    )


class ServeProcess(DatabaseSettings, ClockSettings, IssueSettings, PlanSettings, ServeSettings):
    """Settings of ``gridpilot serve``; without a broker the API reads but does not accept readings."""

    kafka_bootstrap: str | None = Field(None, description="Brokers as host:port, separated by commas.")
    plan_now_time_limit_seconds: float = Field(
        30.0, gt=0, le=240, description="The same for POST /plans, where somebody waits for the answer. [s]"
    )


Settings = TypeVar("Settings", bound=BaseSettings)


def read_settings(kind: type[Settings]) -> Settings:
    """Build one settings class from the environment.

    Raises:
        InputError: If a setting is missing or wrong: every one at once, by the name the user sets.
    """
    try:
        return kind()
    except ValidationError as error:
        raise InputError(
            [_as_fault(kind, fault["loc"], fault["msg"], fault["type"]) for fault in error.errors()]
        ) from None


def _as_fault(kind: type[BaseModel], location: tuple[int | str, ...], message: str, error_type: str) -> Fault:
    name = str(location[0])
    field = kind.model_fields[name]
    problem = (
        "is not set" if error_type == "missing" else f"{message} (got {os.environ.get(PREFIX + name.upper(), '')!r})"
    )
    if name == "database_url" and error_type != "missing":
        problem = "must begin with postgresql://"  # never print a password
    return Fault(PREFIX + name.upper(), problem, f"set it: {field.description}")
