"""The tables of PostgreSQL and TimescaleDB: migrations, telemetry in and out, forecasts, plans, keys and events."""

from grid.store.database import DatabaseUnavailableError, connect, explain, is_transient, shown_address
from grid.store.migrate import check_schema, has_timescale, migrate
from grid.store.readings import (
    latest_interval_end,
    load_channels,
    load_power_matrix,
    parse_series_id,
)
from grid.store.saving import ConcurrentSaveError, SaveReport, save_readings
from grid.store.series import SeriesSummary, list_series, register_meters
from grid.store.weather import load_weather_forecast

__all__ = [
    "ConcurrentSaveError",
    "DatabaseUnavailableError",
    "SaveReport",
    "SeriesSummary",
    "check_schema",
    "connect",
    "explain",
    "has_timescale",
    "is_transient",
    "latest_interval_end",
    "list_series",
    "load_channels",
    "load_power_matrix",
    "load_weather_forecast",
    "migrate",
    "parse_series_id",
    "register_meters",
    "save_readings",
    "shown_address",
]
