"""Forecasts and training for a site, from its database and back into it: the edge where forecasting meets the store."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import numpy as np
import numpy.typing as npt
import psycopg

from forecasting.calendar import make_calendar
from forecasting.contest import contest_load, contest_solar, options_for, trainable_series
from forecasting.fitting import Progress
from forecasting.issuing import (
    Issuance,
    ModelAnswer,
    baseline_forecast,
    external_forecast,
    primary_forecast,
    why_not_ask,
)
from forecasting.load_windows import LoadPanel
from forecasting.models import LoadModel, SolarModel, TrainedModel, predict_kw
from forecasting.registry import ModelRefusedError, SealedModel, seal, unseal
from forecasting.site_data import (
    HOUR,
    history_axis,
    load_external_issues,
    load_load_history,
    load_meters_kw,
    meter_series,
    meters_of,
)
from forecasting.solar import Plant, clear_sky_kw, make_clear_sky
from forecasting.solar_windows import make_solar_panel
from forecasting.training import TrainingOptions
from forecasting.verdict import TrainingReport, too_old
from grid.forecasts import DEFAULT_LEVELS, Forecast
from grid.site import Meter, Site
from grid.store.forecasts import BASELINE, PRIMARY, save_forecasts
from grid.store.models import find_champion, load_weights, promote, save_model
from grid.time_axis import FloatArray, TimeAxis, ceil_to_step, require_utc

BoolArray = npt.NDArray[np.bool_]
logger = logging.getLogger(__name__)

HISTORY_READ = timedelta(days=92)
"""What a forecast reads: eight weeks of the baseline's errors and the seasons before them."""
LONGEST_HISTORY = timedelta(days=5 * 366)
TRAINED_PERIODS = 48
DEFAULT_BUDGET_SECONDS = 30.0
EXTERNAL_ISSUES_READ = timedelta(days=60)


@dataclass(frozen=True, slots=True, eq=False)
class Champion:
    """The champion of a kind, opened; or the sentence that says why there is none to ask."""

    model_id: str
    model: TrainedModel | None
    reason: str | None


class ForecastService:
    """Issues forecasts; keeps opened models by id, so that a promotion speaks from the next call on."""

    def __init__(self) -> None:
        self._opened: dict[str, Champion] = {}

    def forecast(
        self, conn: psycopg.Connection, site: Site, *, issued_at: datetime, periods: int = 48
    ) -> list[Forecast]:
        """Forecast and store every series of the site: meters, and ``site:load``.

        For each series the primary forecast and the baseline beside it are saved in the caller's transaction. Where
        the model cannot speak, the primary is the baseline, marked degraded, with its reasons.

        Args:
            issued_at: The site's present; nothing that ends later is used.
            periods: Hours from the first full hour at or after ``issued_at``.

        Returns:
            The primary forecasts. A series without a single known hour in eight weeks cannot be forecast: it is logged
            and left out.

        Raises:
            ValueError: If ``issued_at`` is not in UTC or ``periods`` is not positive.
        """
        if periods < 1:
            raise ValueError(f"periods must be at least 1, got {periods}")
        ahead = TimeAxis(ceil_to_step(require_utc(issued_at, name="issued_at"), HOUR), HOUR, periods)
        origin = HISTORY_READ // HOUR
        issuance = Issuance(issued_at, ahead, origin, DEFAULT_LEVELS)
        history = TimeAxis(ahead.start - HISTORY_READ, HOUR, origin)
        made = [
            *self._loads(conn, site, history, issuance),
            *self._solar(conn, site, history, issuance),
            *self._external(conn, site, history, issuance),
        ]
        primaries = [primary for primary, _ in made]
        with conn.transaction():
            save_forecasts(conn, primaries, role=PRIMARY)
            save_forecasts(conn, [baseline for _, baseline in made if baseline is not None], role=BASELINE)
        degraded = sum(forecast.degraded for forecast in primaries)
        logger.info("issued %d forecasts at %s, %d degraded", len(primaries), issued_at.isoformat(), degraded)
        return primaries

    def champion(self, conn: psycopg.Connection, kind: str) -> Champion:
        """The present champion of a kind, opened once and kept until another one is promoted."""
        stored = find_champion(conn, kind)
        if stored is None:
            return Champion("", None, f"No {kind} model has been promoted yet.")
        known = self._opened.get(kind)
        if known is not None and known.model_id == stored.model_id and known.model is not None:
            return known
        sealed = SealedModel(stored.model_id, kind, stored.manifest, load_weights(conn, stored.model_id))
        try:
            opened = Champion(stored.model_id, unseal(sealed), None)
        except ModelRefusedError as error:
            logger.error("champion refused: %s", error)
            opened = Champion(stored.model_id, None, f"The champion cannot be used: {error}.")
        self._opened[kind] = opened
        return opened

    def train(
        self,
        conn: psycopg.Connection,
        site: Site,
        *,
        issued_at: datetime,
        seed: int = 0,
        budget_seconds: float = DEFAULT_BUDGET_SECONDS,
        threads: int = 1,
        doubts: Mapping[str, str] | None = None,
        on_progress: Callable[[str, float], None] | None = None,
    ) -> list[TrainingReport]:
        """Train a challenger of each kind and promote it if it is significantly better than the champion.

        Writes in the caller's transaction. The challenger is scored against the seasonal naive and the champion on
        the last weeks before ``issued_at``, which neither was trained on.

        Args:
            issued_at: The site's present; nothing that ends later is used.
            seed: Same seed, data, budget and machine: same model, unless the budget of time runs out first.
            budget_seconds: About how long both networks may train together; more also means more steps.
            threads: For torch.
            doubts: Why a kind's champion is no longer trusted: its challenger need only be ahead.
            on_progress: Told the kind and the share of its course that is done.

        Returns:
            One report per kind that the site has meters of.
        """
        reports = []
        for kind in ("load", "solar"):
            if not meters_of(site, kind):
                continue
            told = None if on_progress is None else partial(on_progress, kind)
            options = options_for(kind, seed=seed, budget_seconds=budget_seconds, threads=threads)
            doubt = (doubts or {}).get(kind)
            reports.append(
                self._train_kind(conn, site, kind, options, issued_at=issued_at, doubt=doubt, on_progress=told)
            )
        return reports

    def _train_kind(
        self,
        conn: psycopg.Connection,
        site: Site,
        kind: str,
        options: TrainingOptions,
        *,
        issued_at: datetime,
        doubt: str | None,
        on_progress: Progress | None,
    ) -> TrainingReport:
        began = time.monotonic()
        axis = history_axis(conn, site, kind=kind, issued_at=issued_at, longest=LONGEST_HISTORY)
        if axis is None:
            return TrainingReport.refused(kind, "There is no reading to train on.", seconds=time.monotonic() - began)
        stored, champion = find_champion(conn, kind), self.champion(conn, kind).model
        try:
            if kind == "load":
                history = load_load_history(conn, site, axis, issued_at=issued_at)
                contest = contest_load(
                    history.panel.only(trainable_series(history.panel)),
                    weather_ids=history.weather_ids,
                    levels=DEFAULT_LEVELS,
                    periods=TRAINED_PERIODS,
                    options=options,
                    champion=champion if isinstance(champion, LoadModel) else None,
                    on_progress=on_progress,
                )
            else:
                meters = meters_of(site, "solar")
                contest = contest_solar(
                    meters,
                    axis,
                    load_meters_kw(conn, meters, axis, issued_at=issued_at),
                    levels=DEFAULT_LEVELS,
                    periods=TRAINED_PERIODS,
                    options=options,
                    champion=champion if isinstance(champion, SolarModel) else None,
                    on_progress=on_progress,
                )
        except ValueError as error:
            logger.warning("no %s model was trained: %s", kind, error)
            return TrainingReport.refused(kind, f"Not trained: {error}.", seconds=time.monotonic() - began)
        promoted, reason = contest.verdict(
            doubt=doubt or (too_old(stored.manifest, issued_at=issued_at) if stored else None)
        )
        sealed = seal(contest.model, trained_at=issued_at, about={**contest.about(axis, options), "verdict": reason})
        save_model(conn, model_id=sealed.model_id, kind=kind, manifest=sealed.manifest, weights=sealed.weights)
        if promoted:
            promote(conn, sealed.model_id)
        logger.info("%s: %s", sealed.model_id, reason)
        return TrainingReport(
            kind=kind,
            model_id=sealed.model_id,
            promoted=promoted,
            reason=reason,
            scores=contest.scores,
            champion_scores=contest.champion_scores,
            comparison=contest.comparison,
            steps=contest.result.steps,
            stopped_by=contest.result.stopped_by,
            seconds=time.monotonic() - began,
        )

    def _loads(
        self, conn: psycopg.Connection, site: Site, history: TimeAxis, issuance: Issuance
    ) -> list[tuple[Forecast, Forecast | None]]:
        if not meters_of(site, "load"):
            return []
        champion = self.champion(conn, "load")
        model = champion.model if isinstance(champion.model, LoadModel) else None
        read = load_load_history(
            conn,
            site,
            history,
            issued_at=issuance.issued_at,
            weather_ids=model.weather_ids if model else None,
        )
        panel = read.panel
        answers = _ask_load(champion.model_id, model, panel, issuance) if model else {}
        longer = TimeAxis(history.start, HOUR, history.periods + issuance.axis.periods)
        offset = make_calendar(longer, timezone=site.timezone, holidays="").utc_offset_hours
        made: list[tuple[Forecast, Forecast | None]] = []
        for name, kw in zip(panel.series_ids, panel.kw, strict=True):
            baseline = baseline_forecast(name, kw, issuance, weekly=True, utc_offset_hours=offset)
            if baseline is None:
                logger.warning("%s has no known hour in eight weeks and is not forecast", name)
                continue
            reason = champion.reason or _why_not(name, kw, model, issuance)
            if reason is None and name in read.elsewhere:
                reason = f"The model was trained without the weather site {read.elsewhere[name]!r} of this series."
            answer = None if reason else answers.get(name)
            made.append((primary_forecast(name, issuance, baseline, answer=answer, reason=reason), baseline))
        return made

    def _solar(
        self, conn: psycopg.Connection, site: Site, history: TimeAxis, issuance: Issuance
    ) -> list[tuple[Forecast, Forecast | None]]:
        meters = meters_of(site, "solar")
        if not meters:
            return []
        champion = self.champion(conn, "solar")
        model = champion.model if isinstance(champion.model, SolarModel) else None
        power = load_meters_kw(conn, meters, history, issued_at=issuance.issued_at)
        made: list[tuple[Forecast, Forecast | None]] = []
        for meter, kw in zip(meters, power, strict=True):
            name = meter_series(meter)
            capacity = meter.capacity_kw or (float(np.nanmax(kw)) if np.isfinite(kw).any() else np.inf)
            night = night_hours(meter, issuance.axis)
            baseline = baseline_forecast(name, kw, issuance, weekly=False, capacity_kw=capacity, night=night)
            if baseline is None:
                logger.warning("%s has no known hour in eight weeks and is not forecast", name)
                continue
            reason = champion.reason or _why_not(name, kw, model, issuance)
            answer = None
            if model is not None and reason is None:
                answer = _ask_solar(champion.model_id, model, name, kw, history, issuance)
            made.append((primary_forecast(name, issuance, baseline, answer=answer, reason=reason), baseline))
        return made

    def _external(
        self, conn: psycopg.Connection, site: Site, history: TimeAxis, issuance: Issuance
    ) -> list[tuple[Forecast, Forecast | None]]:
        meters = meters_of(site, "external")
        if not meters:
            return []
        power = load_meters_kw(conn, meters, history, issued_at=issuance.issued_at)
        since = issuance.issued_at - EXTERNAL_ISSUES_READ
        issues = load_external_issues(conn, meters, history, issued_at=issuance.issued_at, since=since)
        made: list[tuple[Forecast, Forecast | None]] = []
        for meter, kw in zip(meters, power, strict=True):
            name, capacity = meter_series(meter), meter.capacity_kw or np.inf
            baseline = baseline_forecast(name, kw, issuance, weekly=False, capacity_kw=capacity)
            primary = external_forecast(name, kw, issues[meter.meter_id], issuance, baseline, capacity_kw=capacity)
            if primary is None:
                logger.warning("%s has neither a sent forecast nor a known hour in eight weeks", name)
                continue
            made.append((primary, baseline))
        return made


def night_hours(meter: Meter, axis: TimeAxis) -> BoolArray | None:
    """True where the sun is down over a meter all hour, shape (periods,); None if nobody knows where it stands."""
    if meter.latitude is None or meter.longitude is None:
        return None
    plant = Plant(meter.latitude, meter.longitude, 0.0, 180.0, 1.0, np.inf)
    sky = make_clear_sky(axis, latitude=meter.latitude, longitude=meter.longitude)
    return np.asarray(clear_sky_kw(plant, sky) <= 0.0)


def _why_not(name: str, kw: FloatArray, model: TrainedModel | None, issuance: Issuance) -> str | None:
    if model is not None and name not in model.series_ids:
        return "The model was trained before this series was known."
    if model is not None and model.levels != issuance.levels:
        return "The model was trained for other quantile levels."
    return why_not_ask(kw, origin=issuance.origin)


def _ask_load(model_id: str, model: LoadModel, panel: LoadPanel, issuance: Issuance) -> dict[str, ModelAnswer]:
    """The model's answer for every series of the panel that it knows."""
    known = panel.only([name for name in panel.series_ids if name in model.series_ids])
    if not known.series_ids:
        return {}
    rows = np.arange(len(known.series_ids))
    origins = np.full(len(rows), issuance.origin)
    quantiles = predict_kw(model.network, model.shifts, model.windows(known), rows, origins)
    return {name: ModelAnswer(model_id, answer) for name, answer in zip(known.series_ids, quantiles, strict=True)}


def _ask_solar(
    model_id: str, model: SolarModel, name: str, kw: FloatArray, history: TimeAxis, issuance: Issuance
) -> ModelAnswer:
    plant = model.plants[model.series_ids.index(name)]
    panel = make_solar_panel(history, series_ids=[name], kw=kw[None], plants=[plant], periods=model.periods)
    first = np.zeros(1, dtype=np.int64)
    origins = np.array([issuance.origin])
    return ModelAnswer(model_id, predict_kw(model.network, model.shifts, model.windows(panel), first, origins)[0])
