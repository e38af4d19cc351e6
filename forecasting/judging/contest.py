"""A challenger is trained, then stands against the seasonal naive and the champion on the same recent origins."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.engine.model import KnownAt, TrainedModel, ask_past, in_units, make_members, past_as_known
from forecasting.judging.backtest import Scores, score
from forecasting.judging.blends import DAYLIGHT_SHARE, learn_blends
from forecasting.judging.daily_scores import DailyScores, daily_scores
from forecasting.judging.drift import promises
from forecasting.judging.significance import compare
from forecasting.judging.stakes import RegretComparison, Stakes, UntoldError
from forecasting.judging.verdict import Contest
from forecasting.members.baseline import DAY_HOURS
from forecasting.members.course import (
    CLIMATOLOGY,
    LEVELS,
    NAIVE,
    Course,
    Quantiles,
    Trial,
    nightly_trial,
)
from forecasting.networks.team import Team
from forecasting.networks.training import Progress
from forecasting.networks.windows import future_positions
from forecasting.nouns import IndexArray, ShortHistoryError
from forecasting.quantiles.mixing import at_levels
from forecasting.series.calendar import hours_since_epoch
from forecasting.series.request import FileSeries
from forecasting.series.rows import Rows, make_rows, own_unit
from forecasting.series.splits import MINIMUM_KNOWN_HOURS
from grid.faults import InputError
from grid.local_days import local_index
from grid.scores import peak_threshold
from grid.site import PromotionCriterion
from grid.time_axis import FloatArray

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Ground:
    """Where challenger and champion meet: what happened at some origins, and the seasonal naive there, in kW.

    Attributes:
        parts: Rows of every series.
        origins: Shape (origins,).
        actual: Shape (rows, origins, periods). NaN where unknown.
        baseline: Shape (rows, origins, periods, levels).
        counted: Hours whose coverage counts, shape (rows, origins, periods): a night that is told exactly would
            flatter a solar band.
        mean: Of each series, shape (series,).
        peak: From where on power counts as a peak, shape (rows, origins).
        hour: Local hour of the day of each interval, shape (origins, periods).
    """

    levels: tuple[float, ...]
    parts: int
    origins: IndexArray
    actual: FloatArray
    baseline: FloatArray
    counted: np.typing.NDArray[np.bool_]
    mean: FloatArray
    peak: FloatArray
    hour: IndexArray

    def judge(self, told: FloatArray, places: Sequence[int]) -> tuple[Scores, DailyScores]:
        """Score what was told of the series at some places, shape (rows of these, origins, periods, LEVELS)."""
        chosen = _rows_of(places, self.parts)
        actual = self.actual[chosen]
        periods = actual.shape[-1]
        quantiles = at_levels(told, levels=LEVELS, wanted=self.levels).reshape(-1, periods, len(self.levels))
        series = np.repeat(np.arange(len(places)), self.parts * len(self.origins))
        hours = np.tile(future_positions(self.origins, periods), (len(chosen), 1))
        mean = self.mean[list(places)]
        flat = actual.reshape(-1, periods)
        return score(
            flat,
            quantiles,
            self.baseline[chosen].reshape(quantiles.shape),
            levels=self.levels,
            mean_kw=mean[series],
            peak_kw=self.peak[chosen].ravel(),
            hour=np.tile(self.hour, (len(chosen), 1)),
            counted=self.counted[chosen].reshape(-1, periods),
        ), daily_scores(flat, quantiles, levels=self.levels, mean_kw=mean, series=series, hours=hours)


def hold_contest(
    series: Sequence[FileSeries],
    weather_ids: Sequence[str],
    *,
    kind: str,
    levels: tuple[float, ...],
    course: Course,
    champion: TrainedModel | None,
    timezone: str = "UTC",
    known_at: KnownAt | None = None,
    stakes: Stakes | None = None,
    on_progress: Progress | None = None,
) -> Contest:
    """Train a model of a kind on the past of its series, and score it, and the champion, on the last weeks.

    The first half of the weeks that networks and trees have not seen chooses the weights, by horizons that end in it;
    the second half scores: so they do not flatter the challenger. The model that is kept has its weights from both; as
    a champion that is judged again on days that chose them it is given others, from the first half of the challenger's
    weeks.

    Args:
        series: Of one axis, that begins at a midnight in UTC, each with a horizon of as many hours as will be asked.
        weather_ids: Whose temperature stands beside each; "" for none.
        timezone: By whose hours scores are told.
        known_at: The series as they were known at an origin, where some were corrected since; what happened is told as
            it stands now.
        stakes: What is at stake for the site, if regret is to decide.

    Raises:
        ShortHistoryError: If the history is too short, or no series can be learnt from.
    """
    parts, origin = series[0].parts, series[0].origin
    trial = nightly_trial(origin // parts, (series[0].axis.periods - origin) // parts)
    usable = [place for place, one in enumerate(series) if _learnable(one, until=trial.split.tail * parts)]
    if not usable:
        raise ShortHistoryError(f"no series has {MINIMUM_KNOWN_HOURS} known hours before the last weeks")
    known = [series[place] for place in usable]
    units = [own_unit(one, until=trial.split.tail * parts) for one in known]
    rows = make_rows(known, units=units)
    members = make_members(rows, trial=trial, course=course, on_progress=on_progress)
    kept = members.parts()
    said = past_as_known(members, kept, rows, trial, trial.origins, known_at=known_at)
    actual = _actual(rows, trial.origins)

    half = int(np.searchsorted(trial.origins, (trial.split.test + trial.split.end) // 2))
    choosing = len(_choosing(trial, half))
    chosen_by = {name: one[:, :choosing] for name, one in said.items()}
    early = learn_blends(chosen_by, actual[:, :choosing], trial, course, parts=parts)
    later = {name: one[:, half:] for name, one in said.items()}
    ground = _ground(rows, trial.origins[half:], actual[:, half:], later, levels=levels, timezone=timezone)
    names = [one.series_id for one in rows.series]
    everyone = range(len(names))
    scores, daily = ground.judge(in_units(later, early, units), everyone)
    model = TrainedModel(
        kind=kind,
        series_ids=tuple(names),
        weather_ids=tuple(weather_ids[place] for place in usable),
        units=tuple(units),
        periods=rows.periods,
        seen_until=int(hours_since_epoch(rows.axis)[trial.split.test]),
        parts=kept,
        blends=tuple(learn_blends(said, actual, trial, course, parts=parts)),
        blended_until=int(hours_since_epoch(rows.axis)[-1]) + 1,
        interval_minutes=series[0].settings.interval_minutes,
    )
    promise = promises(names, daily, mean_kw=ground.mean)
    theirs, comparison, regret, untold = None, None, None, None
    if champion is not None and _comparable(champion, model):
        shared = [names.index(name) for name in champion.series_ids]
        alike = [rows.series[place] for place in shared]
        days = np.empty(0, dtype=np.int64)
        if stakes is not None:
            days = stakes.midnights(rows.axis, first=int(ground.origins[0]), periods=rows.periods)
        told = _champion_told(
            champion, alike, trial, ground.origins, days, first=half, course=course, known_at=known_at
        )
        if told is not None:
            theirs, champion_daily = ground.judge(told[0], shared)
            comparison = compare(daily.loss[shared], champion_daily.loss)
            if stakes is not None and Team.present().leads:  # it alone decides
                try:
                    if not len(days):
                        raise UntoldError("the weeks that judge have no whole day")
                    own_past = past_as_known(members, kept, rows, trial, days, known_at=known_at)
                    own = in_units(own_past, early, units)[_rows_of(shared, parts)]
                    regret = _regret(stakes, rows, days, champion.series_ids, own, told[1])
                except UntoldError as error:
                    logger.warning("what errors cost is not told: %s", error)
                    untold = str(error)
    criterion = PromotionCriterion.PINBALL if stakes is None else PromotionCriterion.REGRET
    return Contest(model, course, trial.split, scores, theirs, comparison, promise, criterion, regret, untold)


def _rows_of(places: Sequence[int], parts: int) -> list[int]:
    """The rows of the series at some places."""
    return [place * parts + part for place in places for part in range(parts)]


def _learnable(one: FileSeries, *, until: int) -> bool:
    known = int(np.isfinite(one.values[:until]).sum()) // one.parts
    if known < MINIMUM_KNOWN_HOURS or float(np.nanmax(np.abs(one.values[:until]))) <= 0.0:
        logger.warning("%s is left out of the training: %d hours are known before the last weeks", one.series_id, known)
        return False
    return True


def _comparable(champion: TrainedModel, challenger: TrainedModel) -> bool:
    """Whether the champion can be asked about the same origins, which it has not seen.

    All its series must be there, each at the weather site that it was trained with.
    """
    places = [set(zip(one.series_ids, one.weather_ids, strict=True)) for one in (champion, challenger)]
    return (
        places[0] <= places[1]
        and (champion.periods, champion.interval_minutes) == (challenger.periods, challenger.interval_minutes)
        and champion.seen_until <= challenger.seen_until
    )


def _champion_told(
    champion: TrainedModel,
    series: Sequence[FileSeries],
    trial: Trial,
    *origins: IndexArray,
    first: int,
    course: Course,
    known_at: KnownAt | None,
) -> list[FloatArray] | None:
    """What :func:`ask_past` says; None if the champion fails: a broken one must not keep others from being trained.

    Args:
        origins: None before the first of the trial's that judge, whose number is ``first``; nothing is said of none.
    """
    try:
        fair = _unflattered(champion, series, trial, first, course, known_at)
        return [ask_past(fair, series, trial, some, known_at=known_at) for some in origins if len(some)]
    except Exception:  # whatever a stored model does, training goes on
        logger.exception("the champion cannot be compared with: it fails")
        return None


def _choosing(trial: Trial, first: int) -> IndexArray:
    """Origins whose horizons end before the first of those that judge begins; its number is ``first``."""
    return trial.origins[: np.searchsorted(trial.origins, trial.origins[first] - trial.ahead, side="right")]


def _unflattered(
    champion: TrainedModel,
    series: Sequence[FileSeries],
    trial: Trial,
    first: int,
    course: Course,
    known_at: KnownAt | None,
) -> TrainedModel:
    """The champion with weights and bands that do not know the days that judge: where its own do, with new ones."""
    rows = make_rows(series, units=champion.units)
    judged_from = int(hours_since_epoch(rows.axis)[trial.origins[first]])
    if champion.blended_until <= judged_from:
        return champion
    origins = _choosing(trial, first)
    members = make_members(rows, trial=trial, course=course, parts=champion.parts)
    said = past_as_known(members, champion.parts, rows, trial, origins, known_at=known_at)
    blends = learn_blends(said, _actual(rows, origins), trial, course, parts=rows.parts)
    return replace(champion, blends=tuple(blends))


def _regret(
    stakes: Stakes,
    rows: Rows,
    days: IndexArray,
    series_ids: Sequence[str],
    challenger: FloatArray,
    champion: FloatArray,
) -> RegretComparison:
    """What both cost the site.

    Args:
        days: Positions of the midnights at which both spoke.
        challenger, champion: Of ``series_ids``, shape (rows of these, days, periods, LEVELS). A plan takes the mean of
            an hour.

    Raises:
        UntoldError: If that cannot be told, whatever the reason: it must not keep models from being trained.
    """
    said = [
        dict(zip(series_ids, told.reshape(len(series_ids), -1, *told.shape[1:]).mean(axis=1), strict=True))
        for told in (challenger, champion)
    ]
    try:
        return stakes.compare(*said, start=rows.axis.start + int(days[0]) * rows.axis.step)
    except (InputError, RuntimeError) as error:  # a solver that finds no optimum, or takes no problem, is among these
        raise UntoldError(f"the site cannot be run through these days: {error}") from error


def _actual(rows: Rows, origins: IndexArray) -> FloatArray:
    """What happened, in the rows' units, shape (rows, origins, periods). NaN where unknown."""
    at = future_positions(origins, rows.periods)
    known = np.where(at < rows.axis.periods, rows.values[:, np.minimum(at, rows.axis.periods - 1)], np.nan)
    return np.asarray(known)


def _ground(
    rows: Rows,
    origins: IndexArray,
    actual: FloatArray,
    said: Quantiles,
    *,
    levels: tuple[float, ...],
    timezone: str,
) -> _Ground:
    offset, scale = (np.repeat(one, rows.parts)[:, None, None] for one in (rows.offset, rows.scale))
    naive = at_levels(said[NAIVE], levels=LEVELS, wanted=levels)
    every = rows.values.reshape(len(rows.series), -1)
    mean = np.nansum(every, axis=1) / np.maximum(np.isfinite(every).sum(axis=1), 1)
    kw = rows.values * scale[..., 0] + offset[..., 0]
    peak = [[peak_threshold(one[:at], day=DAY_HOURS, periods=rows.periods) for at in origins.tolist()] for one in kw]
    return _Ground(
        levels=levels,
        parts=rows.parts,
        origins=origins,
        actual=actual * scale + offset,
        baseline=naive * scale[..., None] + offset[..., None],
        counted=said[CLIMATOLOGY][..., -1] > DAYLIGHT_SHARE,
        mean=mean * rows.scale + rows.offset,
        peak=np.array(peak),
        hour=local_index(rows.axis, timezone).hour.to_numpy()[future_positions(origins, rows.periods)],
    )
