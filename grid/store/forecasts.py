"""Forecasts in the database: saved whole in one transaction, read back as they were issued."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import psycopg

from grid.forecasts import Forecast, KnownInputs, Voice
from grid.store.events import publish_event
from grid.time_axis import TimeAxis, require_utc

PRIMARY, BASELINE = "primary", "baseline"

_COLUMNS = (
    "forecast_id, series_id, issued_at, interval_minutes, levels, model_id, method, degraded, reasons,"
    " methods, model_ids, fallback_levels, readings_until, weather_issued_at, completeness"
)


def save_forecasts(conn: psycopg.Connection[Any], forecasts: Sequence[Forecast], *, role: str) -> None:
    """Store forecasts in one transaction, and tell listeners; a forecast issued again replaces the earlier one.

    Args:
        role: ``primary`` (what plans use) or ``baseline`` (the seasonal naive beside it).

    Raises:
        ValueError: If ``role`` is neither, or a series stands twice with one instant of issue.
    """
    _check_role(role)
    names = [(forecast.series_id, forecast.issued_at) for forecast in forecasts]
    if len(set(names)) != len(names):
        raise ValueError("every series must stand once for one instant of issue; drop the repeated forecasts")
    if not forecasts:
        return
    with conn.transaction():
        conn.execute(
            "DELETE FROM forecast_run r USING unnest(%s::text[], %s::timestamptz[]) AS again(series_id, issued_at)"
            " WHERE r.series_id = again.series_id AND r.issued_at = again.issued_at AND r.role = %s",
            ([name for name, _ in names], [issued for _, issued in names], role),
        )
        ids = _insert_runs(conn, forecasts, role=role)
        into = "COPY forecast_value (forecast_id, interval_start, quantiles, voice) FROM STDIN"
        with conn.cursor().copy(into) as copy:
            for forecast in forecasts:
                number, voices = ids[forecast.series_id, forecast.issued_at], _voices(forecast)
                nobody: list[int | None] = [None] * forecast.axis.periods
                places = [voices.index(voice) + 1 for voice in forecast.spoken_by] or nobody
                rows = zip(forecast.axis.interval_starts, forecast.quantiles.tolist(), places, strict=True)
                for start, quantiles, place in rows:
                    copy.write_row((number, start, quantiles, place))
        for issued_at in sorted({issued for _, issued in names}):
            series = sorted(name for name, issued in names if issued == issued_at)
            payload = {"issued_at": issued_at.isoformat(), "series": series, "role": role}
            publish_event(conn, kind="forecast", payload=payload)


def load_forecast(
    conn: psycopg.Connection[Any],
    series_id: str,
    *,
    issued_at: datetime | None = None,
    issued_by: datetime | None = None,
    role: str = PRIMARY,
) -> Forecast | None:
    """One forecast of a series: that of an instant of issue, or the newest one issued by an instant, or the newest.

    Returns:
        None if there is none.

    Raises:
        ValueError: If both instants are given, or one is not in UTC.
    """
    if issued_at is not None and issued_by is not None:
        raise ValueError("give issued_at for one issue or issued_by for the newest by then, not both")
    found = _load(conn, [series_id], issued_at=issued_at, issued_by=issued_by, role=role)
    return found.get(series_id)


def latest_forecasts(
    conn: psycopg.Connection[Any], series_ids: Sequence[str], issued_by: datetime, *, role: str = PRIMARY
) -> dict[str, Forecast]:
    """The newest forecast of each series issued at or before an instant; a series without one is left out."""
    return _load(conn, series_ids, issued_at=None, issued_by=issued_by, role=role)


def load_issues(
    conn: psycopg.Connection[Any],
    series_ids: Sequence[str],
    issued_at: Sequence[datetime],
    *,
    role: str = PRIMARY,
) -> list[Forecast]:
    """Every forecast of some series that was issued exactly at one of the instants."""
    _check_role(role)
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM forecast_run WHERE series_id = ANY(%s) AND role = %s AND issued_at = ANY(%s)"
        " ORDER BY series_id, issued_at",
        (list(series_ids), role, list(issued_at)),
    ).fetchall()
    return _whole(conn, rows)


def _load(
    conn: psycopg.Connection[Any],
    series_ids: Sequence[str],
    *,
    issued_at: datetime | None,
    issued_by: datetime | None,
    role: str,
) -> dict[str, Forecast]:
    _check_role(role)
    for name, instant in (("issued_at", issued_at), ("issued_by", issued_by)):
        if instant is not None:
            require_utc(instant, name=name)
    rows = conn.execute(
        f"""
        SELECT DISTINCT ON (series_id) {_COLUMNS} FROM forecast_run
        WHERE series_id = ANY(%(series)s) AND role = %(role)s
          AND (%(at)s::timestamptz IS NULL OR issued_at = %(at)s)
          AND (%(by)s::timestamptz IS NULL OR issued_at <= %(by)s)
        ORDER BY series_id, issued_at DESC, forecast_id DESC
        """,
        {"series": list(series_ids), "role": role, "at": issued_at, "by": issued_by},
    ).fetchall()
    return {forecast.series_id: forecast for forecast in _whole(conn, rows)}


def _whole(conn: psycopg.Connection[Any], rows: Sequence[tuple[Any, ...]]) -> list[Forecast]:
    """The forecasts of some rows of forecast_run, with their values."""
    values = conn.execute(
        "SELECT forecast_id, min(interval_start), array_agg(quantiles ORDER BY interval_start),"
        " array_agg(voice ORDER BY interval_start)"
        " FROM forecast_value WHERE forecast_id = ANY(%s) GROUP BY forecast_id",
        ([row[0] for row in rows],),
    ).fetchall()
    by_id = {number: found for number, *found in values}
    return [_forecast(row, *by_id[row[0]]) for row in rows]


def _voices(forecast: Forecast) -> list[Voice]:
    """The voices of a forecast, each once, in the order in which they speak."""
    return list(dict.fromkeys(forecast.spoken_by))


def _forecast(
    row: tuple[Any, ...], start: datetime, quantiles: list[list[float]], places: list[int | None]
) -> Forecast:
    _, series_id, issued_at, minutes, levels, model_id, method, degraded, reasons, *provenance = row
    methods, model_ids, fallback_levels, readings_until, weather_issued_at, completeness = provenance
    voices = [Voice(*one) for one in zip(methods or [], model_ids or [], fallback_levels or [], strict=True)]
    return Forecast(
        series_id=series_id,
        axis=TimeAxis(start, timedelta(minutes=minutes), len(quantiles)),
        issued_at=issued_at,
        levels=tuple(levels),
        quantiles=np.array(quantiles, dtype=np.float64),
        model_id=model_id,
        method=method,
        degraded=degraded,
        reasons=tuple(reasons),
        spoken_by=tuple(voices[place - 1] for place in places if place is not None),
        inputs=None if completeness is None else KnownInputs(readings_until, weather_issued_at, completeness),
    )


def _insert_runs(
    conn: psycopg.Connection[Any], forecasts: Sequence[Forecast], *, role: str
) -> dict[tuple[str, datetime], int]:
    """Ids of the new runs by series and instant of issue."""
    rows = [
        (
            forecast.series_id,
            role,
            forecast.issued_at,
            forecast.axis.step // timedelta(minutes=1),
            list(forecast.levels),
            "kW",
            forecast.model_id,
            forecast.method,
            forecast.degraded,
            list(forecast.reasons),
            [voice.method for voice in _voices(forecast)],
            [voice.model_id for voice in _voices(forecast)],
            [voice.fallback_level for voice in _voices(forecast)],
            forecast.inputs and forecast.inputs.readings_until,
            forecast.inputs and forecast.inputs.weather_issued_at,
            forecast.inputs and forecast.inputs.completeness,
        )
        for forecast in forecasts
    ]
    cursor = conn.cursor()
    cursor.executemany(
        "INSERT INTO forecast_run (series_id, role, issued_at, interval_minutes, levels, unit, model_id, method,"
        " degraded, reasons, methods, model_ids, fallback_levels, readings_until, weather_issued_at, completeness)"
        f" VALUES ({', '.join(['%s'] * 16)})"
        " RETURNING series_id, issued_at, forecast_id",
        rows,
        returning=True,
    )
    ids = {}
    for result in cursor.results():
        for series_id, issued_at, number in result.fetchall():
            ids[series_id, issued_at] = number
    return ids


def _check_role(role: str) -> None:
    if role not in (PRIMARY, BASELINE):
        raise ValueError(f"role must be {PRIMARY!r} or {BASELINE!r}, got {role!r}")
