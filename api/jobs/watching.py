"""Issued forecasts are scored by day against validated readings, and each champion is held against its promise."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import date, datetime, timedelta

import numpy as np
import psycopg

from forecasting.judging.daily_scores import daily_scores
from forecasting.judging.drift import ALL, WATCHED_DAYS, Drift, read_promises, watch_model
from forecasting.site.data import forecast_step, site_load_kw
from forecasting.site.issuing import HOUR
from forecasting.site.service import TRAINED_HOURS
from grid.local_days import local_date, local_midnight
from grid.readings import Layer
from grid.site import SITE_LOAD, Site
from grid.store.events import publish_event_once
from grid.store.models import CHAMPION, StoredModel, list_models
from grid.store.readings import load_power_matrix
from grid.store.scores import DayScore, Spoken, load_scores, load_spoken, save_drift, save_scores, scored_days
from grid.time_axis import FloatArray, TimeAxis, ceil_to_step

logger = logging.getLogger(__name__)

SCORED_AGAIN = 3
"""So many of the last days are scored at every look: readings still come, or are judged again."""
_ONCE_IN = timedelta(days=1)


def watch_champions(conn: psycopg.Connection, site: Site, *, present: datetime) -> dict[str, str]:
    """Score the last days, note each champion's drift, and raise an alarm where it is declared.

    Writes in transactions of its own. Nothing is known of a champion without a promise in its manifest.

    Args:
        present: The site's.

    Returns:
        Why a kind's champion is no longer trusted, as a sentence, by kind; only of those that drifted.
    """
    today = local_date(present, site.timezone)
    days = [today - timedelta(days=back) for back in range(WATCHED_DAYS, 0, -1)]
    known = scored_days(conn, since=days[0])
    for day in days:
        if day not in known or day >= today - timedelta(days=SCORED_AGAIN):
            with conn.transaction():
                save_scores(conn, _score(conn, site, day))
    drifted = {}
    for model in list_models(conn):
        if model.status == CHAMPION and (promised := read_promises(model.manifest)):
            pinball_kw, missed = _by_series(load_scores(conn, model.model_id, since=days[0]), days)
            found = watch_model(promised, pinball_kw, missed)
            mean = found[ALL]
            with conn.transaction():
                document = {name: _plain(drift) for name, drift in found.items()}
                save_drift(conn, model.model_id, checked_at=present, declared=mean.declared, document=document)
                if mean.declared:
                    _raise_alarm(conn, model, mean)
            if mean.declared:
                drifted[model.kind] = mean.reason
    return drifted


def _score(conn: psycopg.Connection, site: Site, day: date) -> list[DayScore]:
    """Every model that spoke of a local day, against what came; a series without a reading has no score."""
    step = forecast_step(site)
    begin = ceil_to_step(local_midnight(day, site.timezone), step)
    end = ceil_to_step(local_midnight(day + timedelta(days=1), site.timezone), step)
    axis = TimeAxis(begin, step, (end - begin) // step)
    spoken = load_spoken(conn, begin=begin, end=end, step=step, reach=TRAINED_HOURS * HOUR)
    names = sorted({one.series_id for one in spoken} - {SITE_LOAD} | {load.series_id for load in site.loads})
    kw = load_power_matrix(conn, names, axis, layer=Layer.VALIDATED)
    actual = dict(zip(names, kw, strict=True)) | {SITE_LOAD: site_load_kw(site, names, kw)}
    return [score for one in spoken if (score := _day_score(one, day, actual[one.series_id], axis)) is not None]


def _day_score(spoken: Spoken, day: date, actual_kw: FloatArray, axis: TimeAxis) -> DayScore | None:
    at = np.array([(start - axis.start) // axis.step for start in spoken.starts])
    known = np.isfinite(actual_kw[at])
    if not known.any():
        return None
    first = np.zeros(len(at), dtype=np.int64)
    found = daily_scores(
        actual_kw[at][:, None],
        spoken.quantiles[:, None],
        levels=spoken.levels,
        mean_kw=np.ones(1),
        series=first,
        hours=first[:, None],
    )
    missed = float(found.missed[0, 0])
    return DayScore(
        series_id=spoken.series_id,
        day=day,
        model_id=spoken.model_id,
        intervals=int(known.sum()),
        pinball_kw=float(found.loss[0, 0]),
        missed=missed if np.isfinite(missed) else None,
    )


def _by_series(scores: list[DayScore], days: list[date]) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Pinball losses and misses by series, each of shape (days,). NaN where not scored."""
    pinball_kw, missed = ({one.series_id: np.full(len(days), np.nan) for one in scores} for _ in range(2))
    for one in scores:
        if one.day in days:
            pinball_kw[one.series_id][days.index(one.day)] = one.pinball_kw
            missed[one.series_id][days.index(one.day)] = np.nan if one.missed is None else one.missed
    return pinball_kw, missed


def _plain(drift: Drift) -> dict[str, object]:
    """For JSON, which has no NaN."""
    return {name: None if value != value else value for name, value in asdict(drift).items()}


def _raise_alarm(conn: psycopg.Connection, model: StoredModel, drift: Drift) -> None:
    payload = {
        "alarm": "drift",
        "model_id": model.model_id,
        "kind": model.kind,
        "level": "medium",
        "cause": f"The {model.kind} model {model.model_id} drifts. {drift.reason}",
        "consequence": f"Forecasts of {model.kind} are worse than their bands say, and plans that stand on them.",
        "action": "gridpilot retrain trains a challenger at once; gridpilot models drift shows which series it is.",
    }
    same = {"alarm": "drift", "model_id": model.model_id}
    if publish_event_once(conn, kind="alarm", payload=payload, same=same, within=_ONCE_IN):
        logger.error("alarm: %s %s %s", payload["cause"], payload["consequence"], payload["action"])
