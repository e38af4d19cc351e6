"""How good issued forecasts turned out, by series, day and model; and what is made of it: a champion's drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from grid.store.forecasts import PRIMARY
from grid.time_axis import FloatArray, require_utc

THINNED = timedelta(hours=7)
"""One issue in so long is scored: as in a backtest, and at every hour of the day in turn."""


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """What one model said of one series within a span, over many issues.

    Attributes:
        starts: Of the intervals, shape (values,); an interval stands once for each issue.
        quantiles: Shape (values, levels). [kW]
    """

    series_id: str
    model_id: str
    levels: tuple[float, ...]
    starts: tuple[datetime, ...]
    quantiles: FloatArray


@dataclass(frozen=True, slots=True)
class DayScore:
    """A model's forecasts of one series and local day against what came.

    Attributes:
        intervals: How many values were compared.
        pinball_kw: Mean over them and over levels. [kW]
        missed: Share outside the central 90 % band; None where none counts.
    """

    series_id: str
    day: date
    model_id: str
    intervals: int
    pinball_kw: float
    missed: float | None


@dataclass(frozen=True, slots=True)
class StoredDrift:
    """A champion's drift as it was last seen.

    Attributes:
        checked_at: On the site's clock.
        declared: Of the mean over its series.
        document: By series, and under ``*`` of their mean.
    """

    model_id: str
    checked_at: datetime
    declared: bool
    document: dict[str, Any]


def load_spoken(
    conn: psycopg.Connection[Any], *, begin: datetime, end: datetime, step: timedelta, reach: timedelta
) -> list[Spoken]:
    """What champions said of the intervals of one length that start in [begin, end); stand-ins are left out.

    Args:
        reach: Of the longest forecast that counts; issues further back are not looked at.
    """
    rows = conn.execute(
        """
        WITH issue AS (
            SELECT DISTINCT ON (series_id, date_bin(%(thinned)s, issued_at, 'epoch'))
                   forecast_id, series_id, levels, model_ids, fallback_levels
            FROM forecast_run
            WHERE role = %(role)s AND interval_minutes = %(minutes)s
              AND issued_at >= %(begin)s - %(reach)s AND issued_at < %(end)s
            ORDER BY series_id, date_bin(%(thinned)s, issued_at, 'epoch'), issued_at
        )
        SELECT i.series_id, i.model_ids[v.voice], i.levels, array_agg(v.interval_start), array_agg(v.quantiles)
        FROM issue i JOIN forecast_value v USING (forecast_id)
        WHERE v.interval_start >= %(begin)s AND v.interval_start < %(end)s AND i.fallback_levels[v.voice] = 0
        GROUP BY i.series_id, i.model_ids[v.voice], i.levels
        """,
        {
            "thinned": THINNED,
            "role": PRIMARY,
            "minutes": step // timedelta(minutes=1),
            "begin": require_utc(begin, name="begin"),
            "end": require_utc(end, name="end"),
            "reach": reach,
        },
    ).fetchall()
    return [
        Spoken(series_id, model_id, tuple(levels), tuple(starts), np.array(quantiles, dtype=np.float64))
        for series_id, model_id, levels, starts, quantiles in rows
    ]


def save_scores(conn: psycopg.Connection[Any], scores: Sequence[DayScore]) -> None:
    """Store scores of days; a day that was scored before is scored anew."""
    conn.cursor().executemany(
        "INSERT INTO forecast_score (series_id, day, model_id, intervals, pinball_kw, missed)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (series_id, day, model_id) DO UPDATE"
        " SET intervals = EXCLUDED.intervals, pinball_kw = EXCLUDED.pinball_kw, missed = EXCLUDED.missed",
        [(s.series_id, s.day, s.model_id, s.intervals, s.pinball_kw, s.missed) for s in scores],
    )


def load_scores(conn: psycopg.Connection[Any], model_id: str, *, since: date) -> list[DayScore]:
    """Scores of a model from a day on, in order of series and day."""
    rows = conn.execute(
        "SELECT series_id, day, model_id, intervals, pinball_kw, missed FROM forecast_score"
        " WHERE model_id = %s AND day >= %s ORDER BY series_id, day",
        (model_id, since),
    ).fetchall()
    return [DayScore(*row) for row in rows]


def scored_days(conn: psycopg.Connection[Any], *, since: date) -> set[date]:
    """The days from ``since`` on of which anything is scored."""
    rows = conn.execute("SELECT DISTINCT day FROM forecast_score WHERE day >= %s", (since,)).fetchall()
    return {day for (day,) in rows}


def save_drift(
    conn: psycopg.Connection[Any],
    model_id: str,
    *,
    checked_at: datetime,
    declared: bool,
    document: Mapping[str, Any],
) -> None:
    """Store what is known of a champion's drift, in place of what was known before."""
    conn.execute(
        "INSERT INTO model_drift (model_id, checked_at, declared, document) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (model_id) DO UPDATE SET checked_at = EXCLUDED.checked_at, declared = EXCLUDED.declared,"
        " document = EXCLUDED.document",
        (model_id, require_utc(checked_at, name="checked_at"), declared, Jsonb(dict(document))),
    )


def load_drifts(conn: psycopg.Connection[Any], *, only_mean: bool = False) -> dict[str, StoredDrift]:
    """Drift of the present champions, by kind; a kind whose champion nobody has watched yet is left out.

    Args:
        only_mean: Leave the single series out of the document, which may be many.
    """
    document = "jsonb_build_object('*', d.document -> '*')" if only_mean else "d.document"
    rows = conn.execute(
        f"SELECT m.kind, d.model_id, d.checked_at, d.declared, {document} FROM model_drift d"
        " JOIN model m USING (model_id) WHERE m.status = 'champion'"
    ).fetchall()
    return {kind: StoredDrift(*row) for kind, *row in rows}
