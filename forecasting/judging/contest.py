"""A challenger is trained, then stands against the seasonal naive and the champion on the same recent origins."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.engine.mixture import Blend, averaged, learn_blend, trust_in
from forecasting.engine.model import TrainedModel, ask_past, in_units, make_members
from forecasting.judging.backtest import Scores, score
from forecasting.judging.daily_scores import DailyScores, daily_scores
from forecasting.judging.drift import promises
from forecasting.judging.significance import compare
from forecasting.judging.verdict import Contest
from forecasting.members.course import (
    CLIMATOLOGY,
    LEVELS,
    MINIMUM_KNOWN_HOURS,
    NAIVE,
    Course,
    Quantiles,
    Trial,
    nightly_trial,
)
from forecasting.networks.training import Progress
from forecasting.networks.windows import future_positions
from forecasting.nouns import IndexArray, ShortHistoryError
from forecasting.quantiles.conformal import Bands, learn_bands
from forecasting.quantiles.mixing import at_levels
from forecasting.series.calendar import hours_since_epoch
from forecasting.series.request import FileSeries
from forecasting.series.rows import Rows, make_rows, own_unit
from grid.time_axis import FloatArray

logger = logging.getLogger(__name__)

_DAYLIGHT_SHARE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class _Ground:
    """Where challenger and champion meet: what happened at some origins, and the seasonal naive there, in kW.

    Attributes:
        origins: Shape (origins,).
        actual: Shape (series, origins, periods). NaN where unknown.
        baseline: Shape (series, origins, periods, levels).
        counted: Hours whose coverage counts, shape (series, origins, periods): a night that is told exactly would
            flatter a solar band.
        mean: Of each series, shape (series,).
    """

    levels: tuple[float, ...]
    origins: IndexArray
    actual: FloatArray
    baseline: FloatArray
    counted: np.typing.NDArray[np.bool_]
    mean: FloatArray

    def judge(self, told: FloatArray, rows: Sequence[int]) -> tuple[Scores, DailyScores]:
        """Score what was told of some series, shape (series, origins, periods, LEVELS)."""
        chosen = list(rows)
        actual = self.actual[chosen]
        periods = actual.shape[-1]
        quantiles = at_levels(told, levels=LEVELS, wanted=self.levels).reshape(-1, periods, len(self.levels))
        series = np.repeat(np.arange(len(chosen)), len(self.origins))
        hours = np.tile(future_positions(self.origins, periods), (len(chosen), 1))
        mean = self.mean[chosen]
        flat = actual.reshape(-1, periods)
        return score(
            flat,
            quantiles,
            self.baseline[chosen].reshape(quantiles.shape),
            levels=self.levels,
            mean_kw=mean[series],
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
    on_progress: Progress | None = None,
) -> Contest:
    """Train a model of a kind on the past of its series, and score it, and the champion, on the last weeks.

    The first half of the weeks that networks and trees have not seen chooses the weights, the second half scores: so
    they do not flatter the challenger. The model that is kept has its weights from both; as a champion it may be judged
    again on days that chose them, which flatters it a little.

    Args:
        series: Of one hourly axis, each with a horizon of as many hours as will be asked.
        weather_ids: Whose temperature stands beside each; "" for none.

    Raises:
        ShortHistoryError: If the history is too short, or no series can be learnt from.
    """
    trial = nightly_trial(series[0].origin, series[0].axis.periods - series[0].origin)
    usable = [row for row, one in enumerate(series) if _learnable(one, until=trial.split.tail)]
    if not usable:
        raise ShortHistoryError(f"no series has {MINIMUM_KNOWN_HOURS} known hours before the last weeks")
    known = [series[row] for row in usable]
    units = [own_unit(one, until=trial.split.tail) for one in known]
    rows = make_rows(known, units=units)
    members = make_members(rows, trial=trial, course=course, on_progress=on_progress)
    parts = members.parts()
    said = members.past(trial.origins, rows.periods)
    actual = _actual(rows, trial.origins)

    half = int(np.searchsorted(trial.origins, (trial.split.test + trial.split.end) // 2))
    trust = trust_in((trial.split.end - trial.split.test) / rows.periods)
    early = _blends({name: one[:, :half] for name, one in said.items()}, actual[:, :half], course, trust=trust)
    later = {name: one[:, half:] for name, one in said.items()}
    ground = _ground(rows, trial.origins[half:], actual[:, half:], later, levels=levels)
    names = [one.series_id for one in rows.series]
    everyone = range(len(names))
    scores, daily = ground.judge(in_units(later, early, units), everyone)
    model = TrainedModel(
        kind=kind,
        series_ids=tuple(names),
        weather_ids=tuple(weather_ids[row] for row in usable),
        units=tuple(units),
        periods=rows.periods,
        seen_until=int(hours_since_epoch(rows.axis)[trial.split.test]),
        parts=parts,
        blends=tuple(_blends(said, actual, course, trust=trust)),
    )
    promise = promises(names, daily, mean_kw=ground.mean)
    theirs, comparison = None, None
    if champion is not None and _comparable(champion, model):
        shared = [names.index(name) for name in champion.series_ids]
        told = _champion_told(champion, [rows.series[row] for row in shared], trial, ground.origins)
        if told is not None:
            theirs, champion_daily = ground.judge(told, shared)
            comparison = compare(daily.loss[shared], champion_daily.loss)
    return Contest(model, course, trial.split, scores, theirs, comparison, promise)


def _learnable(one: FileSeries, *, until: int) -> bool:
    known = int(np.isfinite(one.values[:until]).sum())
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
        and champion.periods == challenger.periods
        and champion.seen_until <= challenger.seen_until
    )


def _champion_told(
    champion: TrainedModel, series: Sequence[FileSeries], trial: Trial, origins: IndexArray
) -> FloatArray | None:
    """What :func:`ask_past` says; None if the champion fails: a broken one must not keep others from being trained."""
    try:
        return ask_past(champion, series, trial, origins)
    except Exception:  # whatever a stored model does, training goes on
        logger.exception("the champion cannot be compared with: it fails")
        return None


def _blends(said: Quantiles, actual: FloatArray, course: Course, *, trust: float) -> list[Blend]:
    """Weights from all series together, which say more than one; bands of its own for each.

    Args:
        said: Each of shape (series, origins, periods, levels), in the rows' units.
        actual: Shape (series, origins, periods).
    """
    weights = learn_blend(said, actual, trust=trust, seed=course.seed).weights
    mixed = averaged(said, weights)
    rows = [slice(row, row + 1) for row in range(len(actual))]
    bands = [learn_bands(actual[row], mixed[row], levels=LEVELS) for row in rows]
    # Never narrower: the calm weeks of one season must not narrow the bands of the next.
    return [Blend(weights, Bands(np.maximum(one.scale, 1.0))) for one in bands]


def _actual(rows: Rows, origins: IndexArray) -> FloatArray:
    """What happened, in the rows' units, shape (rows, origins, periods). NaN where unknown."""
    at = future_positions(origins, rows.periods)
    known = np.where(at < rows.axis.periods, rows.values[:, np.minimum(at, rows.axis.periods - 1)], np.nan)
    return np.asarray(known)


def _ground(
    rows: Rows, origins: IndexArray, actual: FloatArray, said: Quantiles, *, levels: tuple[float, ...]
) -> _Ground:
    offset, scale = rows.offset[:, None, None], rows.scale[:, None, None]
    naive = at_levels(said[NAIVE], levels=LEVELS, wanted=levels)
    count = np.isfinite(rows.values).sum(axis=1)
    mean = np.nansum(rows.values, axis=1) / np.maximum(count, 1)
    return _Ground(
        levels=levels,
        origins=origins,
        actual=actual * scale + offset,
        baseline=naive * scale[..., None] + offset[..., None],
        counted=said[CLIMATOLOGY][..., -1] > _DAYLIGHT_SHARE,
        mean=mean * rows.scale + rows.offset,
    )
