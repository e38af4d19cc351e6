"""Forecasts and training for a site, from its database and back into it: the edge where forecasting meets the store."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import psycopg

from forecasting.engine.format import ModelRefusedError
from forecasting.engine.model import ISSUE_HISTORY
from forecasting.engine.registry import SealedModel, seal, unseal
from forecasting.explaining.words import SeriesExplanation
from forecasting.judging.contest import hold_contest
from forecasting.judging.stakes import Stakes
from forecasting.judging.verdict import TrainingReport, out_of_date
from forecasting.members.course import Course, course_within
from forecasting.members.splits import LONGEST_TEST_DAYS
from forecasting.networks.team import Team
from forecasting.networks.training import Progress
from forecasting.nouns import ShortHistoryError
from forecasting.series.request import FileSeries
from forecasting.site.as_known import AsKnown, channels_read
from forecasting.site.asking import ask_external, ask_loads, ask_solar
from forecasting.site.champions import Champion, Champions, Promoted
from forecasting.site.data import (
    forecast_step,
    history_axis,
    hours_of,
    load_external_issues,
    load_load_history,
    load_meters_kw,
    load_series_kw,
    load_solar_history,
    meter_series,
    meters_of,
)
from forecasting.site.explanation import explain_stored, model_that_spoke, unexplained
from forecasting.site.issuing import HOUR, Issuance
from forecasting.site.series import load_series, solar_series
from forecasting.site.stand_ins import Asked, forecast_all
from grid.forecasts import DEFAULT_LEVELS, Forecast
from grid.readings import Source
from grid.site import SITE_LOAD, PromotionCriterion, Site
from grid.store.corrections import load_corrections
from grid.store.events import publish_event_once
from grid.store.forecasts import BASELINE, PRIMARY, save_forecasts
from grid.store.models import (
    CHAMPION,
    find_champion,
    find_model,
    is_retired,
    list_champions,
    load_weights,
    lock_promotions,
    promote,
    save_model,
)
from grid.time_axis import TimeAxis, ceil_to_step, require_utc

logger = logging.getLogger(__name__)

KINDS = ("load", "solar")
"""What there are models of."""
LONGEST_HISTORY = timedelta(days=5 * 366)
TRAINED_HOURS = 48
DEFAULT_BUDGET_SECONDS = 30.0
EXTERNAL_ISSUES_READ = timedelta(days=60)


class ForecastService:
    """Issues forecasts; keeps opened models by id, so that a promotion speaks from the next call on."""

    def __init__(self) -> None:
        self._champions = Champions()

    def forecast(
        self, conn: psycopg.Connection, site: Site, *, issued_at: datetime, periods: int = 48
    ) -> list[Forecast]:
        """Forecast and store every series of the site: meters, and ``site:load``.

        For each series the primary forecast and the baseline beside it are saved in the caller's transaction. Where
        the model cannot speak, the chain of :mod:`forecasting.site.fallbacks` does, and every interval tells who.

        Args:
            issued_at: The site's present; nothing that ends later is used.
            periods: Hours from the first full hour at or after ``issued_at``, in the site's intervals.

        Returns:
            The primary forecasts. A series of which nothing is known, neither a reading nor a capacity nor another of
            its kind, cannot be forecast: it is logged and left out.

        Raises:
            ValueError: If ``issued_at`` is not in UTC or ``periods`` is not positive.
        """
        if periods < 1:
            raise ValueError(f"periods must be at least 1, got {periods}")
        start, step = ceil_to_step(require_utc(issued_at, name="issued_at"), HOUR), forecast_step(site)
        origin = ISSUE_HISTORY // step
        issuance = Issuance(issued_at, TimeAxis(start, step, periods * HOUR // step), origin, DEFAULT_LEVELS)
        history = TimeAxis(start - ISSUE_HISTORY, step, origin)
        asked = self._whom_to_ask(conn, site, history, issuance)
        made = forecast_all(asked, issuance)
        for name, forecast in made.items():
            if forecast is None:
                logger.warning("%s is not forecast: no reading, no capacity and no other of its kind is known", name)
        primaries = [forecast for forecast in made.values() if forecast is not None]
        with conn.transaction():
            save_forecasts(conn, primaries, role=PRIMARY)
            save_forecasts(conn, [one.baseline for one in asked if one.baseline is not None], role=BASELINE)
            for kind, reason in self._champions.refused.items():
                _raise_alarm(conn, kind, reason)
        degraded = sum(forecast.degraded for forecast in primaries)
        logger.info("issued %d forecasts at %s, %d degraded", len(primaries), issued_at.isoformat(), degraded)
        return primaries

    def _whom_to_ask(self, conn: psycopg.Connection, site: Site, history: TimeAxis, issuance: Issuance) -> list[Asked]:
        """Read what is known of every series, and who can speak of it."""
        issued_at, asked, refuse = issuance.issued_at, [], self._champions.refuse
        if meters_of(site, "load"):
            read = load_load_history(conn, site, history, issued_at=issued_at)
            champion = self._champion(conn, "load")
            asked += ask_loads(site, read, champion, issuance, on_failure=partial(refuse, "load"))
        if meters := meters_of(site, "solar"):
            read = load_solar_history(conn, site, history, issued_at=issued_at)
            champion = self._champion(conn, "solar")
            asked += ask_solar(meters, read, champion, issuance, on_failure=partial(refuse, "solar"))
        if meters := meters_of(site, "external"):
            power = load_meters_kw(conn, meters, history, issued_at=issued_at)
            since = issued_at - EXTERNAL_ISSUES_READ
            issues = load_external_issues(conn, meters, history, issued_at=issued_at, since=since)
            asked += ask_external(meters, power, issues, history, issuance)
        return asked

    def _champion(self, conn: psycopg.Connection, kind: str) -> Champion:
        promoted = (
            Promoted(one.model_id, one.manifest, one.status == CHAMPION, partial(load_weights, conn, one.model_id))
            for one in list_champions(conn, kind)
        )
        return self._champions.of(kind, promoted, retired=is_retired(conn, kind))

    def explain(self, conn: psycopg.Connection, site: Site, stored: Forecast) -> SeriesExplanation:
        """Why a stored forecast is what it is; who stood in where no model spoke.

        The model that spoke is asked again, as of the instant of issue, and nothing is written.
        """
        model_id = model_that_spoke(stored)
        found = None if model_id is None else find_model(conn, model_id)
        if found is None:
            return unexplained(stored, *(() if model_id is None else (f"The model {model_id} is no longer stored.",)))
        try:
            weights = load_weights(conn, found.model_id)
            model = unseal(SealedModel(found.model_id, found.kind, found.manifest, weights))
        except ModelRefusedError as error:
            return unexplained(stored, f"The model cannot be opened: {error}.")
        name = stored.series_id
        if name != SITE_LOAD:  # of one meter alone, the others are not read
            meters = tuple(meter for meter in site.meters if meter_series(meter) == name)
            site = replace(site, meters=meters, loads=())
        step = stored.axis.step
        history = TimeAxis(stored.axis.start - ISSUE_HISTORY, step, ISSUE_HISTORY // step)
        series, weather_ids = self._known_series(conn, site, found.kind, history, issued_at=stored.issued_at)
        trained = dict(zip(model.series_ids, model.weather_ids, strict=True))
        for one, weather in zip(series, weather_ids, strict=True):
            if one.series_id == name and trained.get(name) == weather:
                return explain_stored(stored, model, one)
        return unexplained(stored, f"The site has changed: {name} is gone from it, or reads another weather site.")

    def train(
        self,
        conn: psycopg.Connection,
        site: Site,
        *,
        issued_at: datetime,
        seed: int = 0,
        budget_seconds: float = DEFAULT_BUDGET_SECONDS,
        threads: int = 1,
        kinds: Sequence[str] = KINDS,
        doubts: Mapping[str, str] | None = None,
        on_progress: Callable[[str, float], None] | None = None,
    ) -> list[TrainingReport]:
        """Train a challenger of each kind and promote it if it is significantly better than the champion.

        Writes in the caller's transaction. The challenger is scored against the seasonal naive and the champion on
        the last weeks before ``issued_at``, which trees and networks of neither have seen.

        Args:
            issued_at: The site's present; nothing that ends later is used.
            seed: Same seed, data, budget and machine: same model, unless the budget of time runs out first.
            budget_seconds: About how long both kinds may train together; more also means more steps and members.
            threads: For torch.
            kinds: Which to train.
            doubts: Why a kind's champion is no longer trusted: its challenger need only be ahead.
            on_progress: Told the kind and the share of its course that is done.

        Returns:
            One report per kind that is wanted and that the site has meters of.
        """
        reports = []
        for kind in kinds:
            if not meters_of(site, kind):
                continue
            told = None if on_progress is None else partial(on_progress, kind)
            course = course_within(budget_seconds, seed=seed, threads=threads)
            doubt = (doubts or {}).get(kind)
            reports.append(
                self._train_kind(conn, site, kind, course, issued_at=issued_at, doubt=doubt, on_progress=told)
            )
        return reports

    def _known_series(
        self, conn: psycopg.Connection, site: Site, kind: str, axis: TimeAxis, *, issued_at: datetime
    ) -> tuple[list[FileSeries], Sequence[str]]:
        """Every series of a kind, and the weather site that each reads; "" for none."""
        if kind == "load":
            history = load_load_history(conn, site, axis, issued_at=issued_at)
            return list(load_series(site, history, periods=TRAINED_HOURS).values()), history.weather_ids
        history = load_solar_history(conn, site, axis, issued_at=issued_at)
        made = solar_series(meters_of(site, "solar"), history, periods=TRAINED_HOURS)
        return list(made.values()), history.weather_ids

    def _train_kind(
        self,
        conn: psycopg.Connection,
        site: Site,
        kind: str,
        course: Course,
        *,
        issued_at: datetime,
        doubt: str | None,
        on_progress: Progress | None,
    ) -> TrainingReport:
        began = time.monotonic()
        axis = history_axis(conn, site, kind=kind, issued_at=issued_at, longest=LONGEST_HISTORY)
        if axis is None:
            return TrainingReport.refused(kind, "There is no reading to train on.", seconds=time.monotonic() - began)
        stored, champion = find_champion(conn, kind), self._champion(conn, kind)
        try:
            series, weather_ids = self._known_series(conn, site, kind, axis, issued_at=issued_at)
            contest = hold_contest(
                series,
                weather_ids,
                kind=kind,
                levels=DEFAULT_LEVELS,
                course=course,
                champion=champion.model,
                timezone=site.timezone,
                known_at=_as_known(conn, site, series).at,
                stakes=_stakes(conn, site, until=axis.end),
                on_progress=on_progress,
            )
        except ShortHistoryError as error:
            logger.warning("no %s model was trained: %s", kind, error)
            return TrainingReport.refused(kind, f"Not trained: {error}.", seconds=time.monotonic() - began)
        if not Team.present().leads:
            return TrainingReport.refused(
                kind, "The first process of the team keeps it.", seconds=time.monotonic() - began
            )
        if doubt is None and stored is not None:  # one that cannot speak, or is too old, need only be overtaken
            doubt = champion.reason or out_of_date(stored.manifest, issued_at=issued_at, history=axis)
        promoted, reason = contest.verdict(doubt=doubt)
        with conn.transaction():
            lock_promotions(conn)
            present = find_champion(conn, kind)
            if promoted and present is not None and (stored is None or present.model_id != stored.model_id):
                promoted, reason = False, f"{present.model_id} was promoted meanwhile, and has not been compared with."
            sealed = seal(contest.model, trained_at=issued_at, about={**contest.about(axis), "verdict": reason})
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
            regret=contest.regret,
            seconds=time.monotonic() - began,
        )


def _as_known(conn: psycopg.Connection, site: Site, series: Sequence[FileSeries]) -> AsKnown:
    """The series at any instant of the weeks that judge."""
    one = series[0]
    history = TimeAxis(one.axis.start, one.axis.step, one.origin)
    first, read = history.end - timedelta(days=LONGEST_TEST_DAYS), channels_read(site, series)
    meters, weather = (
        load_corrections(conn, [one for one in read if one[0] is source], axis, first=first, last=history.end)
        for source, axis in ((Source.METER, history), (Source.WEATHER, hours_of(history)))
    )
    return AsKnown(site, series, lambda instant: meters.undone_at(instant) | weather.undone_at(instant))


def _stakes(conn: psycopg.Connection, site: Site, *, until: datetime) -> Stakes | None:
    """What the series of the last weeks came to, where the site lets regret decide."""
    if site.promotion.criterion is not PromotionCriterion.REGRET:
        return None
    names = Stakes.series_of(site)
    hours = 24 * LONGEST_TEST_DAYS
    axis = TimeAxis(until - hours * HOUR, HOUR, hours)
    return Stakes(site, axis, dict(zip(names, load_series_kw(conn, site, names, axis), strict=True)))


def _raise_alarm(conn: psycopg.Connection, kind: str, reason: str) -> None:
    same = {"alarm": "model_refused", "kind": kind}
    payload = {
        **same,
        "level": "medium",
        "cause": reason,
        "consequence": f"Forecasts of {kind} are made by the champion before it, or by simpler methods.",
        "action": f"gridpilot train, or models rollback {kind} if it opens but fails; then look into the cause.",
    }
    publish_event_once(conn, kind="alarm", payload=payload, same=same, within=timedelta(days=1))
