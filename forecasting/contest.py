"""A challenger is trained, then stands against the seasonal naive and the champion on the same recent origins."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from forecasting.backtest import Scores, score
from forecasting.baseline import DAY_HOURS, WEEK_HOURS, seasonal_naive
from forecasting.daily_scores import DailyScores, daily_scores
from forecasting.drift import promises
from forecasting.fitting import (
    Progress,
    TimeSplit,
    every_window,
    fit_load_model,
    fit_solar_model,
    split_in_time,
)
from forecasting.load_windows import LOAD_CONTEXT_HOURS, LoadPanel, extended_calendar
from forecasting.models import LoadModel, SolarModel, TrainedModel, predict_kw
from forecasting.significance import compare
from forecasting.solar import Plant, fit_plant, make_clear_sky
from forecasting.solar_core import DAYLIGHT_SHARE
from forecasting.solar_windows import make_solar_panel
from forecasting.training import TrainingOptions
from forecasting.verdict import Contest
from forecasting.windows import IndexArray, WindowSource, future_positions
from grid.readings import series_id
from grid.site import Meter
from grid.time_axis import FloatArray, TimeAxis
from grid.units import Channel


class _Own(TypedDict):
    learning_rate: float
    leads: int


logger = logging.getLogger(__name__)

MINIMUM_KNOWN_HOURS = 14 * 24
_OWN_OPTIONS: dict[str, _Own] = {
    "load": {"learning_rate": 2e-3, "leads": 16},
    "solar": {"learning_rate": 1e-3, "leads": 24},
}
TEST_STEP_HOURS = 7
"""Between the backtest's origins: odd, so that it starts at every hour of the day."""


def contest_load(
    panel: LoadPanel,
    *,
    weather_ids: Sequence[str],
    levels: tuple[float, ...],
    periods: int,
    options: TrainingOptions,
    champion: LoadModel | None,
    on_progress: Progress | None = None,
) -> Contest:
    """Train a load model on a panel's past and score it, and the champion, on its last weeks.

    Raises:
        ValueError: If the history is too short.
    """
    split = split_in_time(panel.axis.periods)
    model, result = fit_load_model(
        panel,
        weather_ids=weather_ids,
        split=split,
        levels=levels,
        periods=periods,
        options=options,
        on_progress=on_progress,
    )
    offset = extended_calendar(panel, periods).utc_offset_hours

    def judge(judged: LoadModel, names: Sequence[str]) -> tuple[Scores, DailyScores]:
        part = panel.only(names)
        series, origins = _test_windows(part.kw, split, periods, context=LOAD_CONTEXT_HOURS)
        baseline = _baseline(part.kw, series, origins, periods, WEEK_HOURS, levels, offset)
        quantiles = _ask(judged, judged.windows(part), series, origins)
        actual, mean = judged.windows(part).actual_kw(series, origins), _mean_kw(part.kw)
        hours = future_positions(origins, periods)
        daily = daily_scores(actual, quantiles, levels=levels, mean_kw=mean, series=series, hours=hours)
        return score(actual, quantiles, baseline, levels=levels, mean_kw=mean[series]), daily

    scores, daily = judge(model, model.series_ids)
    promise = promises(model.series_ids, daily, mean_kw=_mean_kw(panel.only(model.series_ids).kw))
    shared = [name for name in model.series_ids if champion is not None and name in champion.series_ids]
    comparable = champion is not None and champion.levels == levels and champion.weather_ids == tuple(weather_ids)
    if champion is None or not shared or not comparable:
        return Contest(model, result, split, scores, None, None, promise)
    theirs, champion_daily = judge(champion, shared)
    rows = [model.series_ids.index(name) for name in shared]
    return Contest(model, result, split, scores, theirs, compare(daily.loss[rows], champion_daily.loss), promise)


def contest_solar(
    meters: Sequence[Meter],
    axis: TimeAxis,
    kw: FloatArray,
    *,
    levels: tuple[float, ...],
    periods: int,
    options: TrainingOptions,
    champion: SolarModel | None,
    on_progress: Progress | None = None,
) -> Contest:
    """Train a solar model on the plants' past and score it, and the champion, on its last weeks.

    A plant that cannot be fitted, such as one that is days old, is left out with a warning; the others are trained.

    Args:
        meters: The plants, each with its place.
        kw: Shape (meters, hours). NaN where unknown.

    Raises:
        ValueError: If the history is too short, or no plant can be fitted: then it says why of each.
    """
    split = split_in_time(axis.periods)
    fitted = _fitted_plants(meters, axis, kw, until=split.tail)
    plants = list(fitted.values())
    names = [series_id(meters[row].meter_id, Channel(meters[row].channel)) for row in fitted]
    kw = kw[list(fitted)]
    panel = make_solar_panel(axis, series_ids=names, kw=kw, plants=plants, periods=periods)
    model, result = fit_solar_model(
        panel,
        plants=plants,
        split=split,
        levels=levels,
        periods=periods,
        options=options,
        on_progress=on_progress,
    )
    series, origins = _test_windows(panel.kw, split, periods, context=LOAD_CONTEXT_HOURS)
    ahead = future_positions(origins, periods)
    share = panel.clear_kw[series[:, None], ahead] / panel.capacity_kw[series][:, None]  # (windows, periods)
    day = share > DAYLIGHT_SHARE
    naive = _baseline(panel.kw, series, origins, periods, DAY_HOURS, levels, None)
    baseline = np.where(share[..., None] > 0.0, np.minimum(naive, panel.capacity_kw[series][:, None, None]), 0.0)
    mean = _mean_kw(panel.kw)

    def judge(judged: SolarModel) -> tuple[Scores, DailyScores]:
        own = [judged.plants[judged.series_ids.index(name)] for name in panel.series_ids]
        view = make_solar_panel(panel.axis, series_ids=panel.series_ids, kw=panel.kw, plants=own, periods=periods)
        source = judged.windows(view)
        quantiles = _ask(judged, source, series, origins)
        actual = source.actual_kw(series, origins)
        daily = daily_scores(actual, quantiles, levels=levels, mean_kw=mean, series=series, hours=ahead)
        return score(actual, quantiles, baseline, levels=levels, mean_kw=mean[series], counted=day), daily

    scores, daily = judge(model)
    promise = promises(panel.series_ids, daily, mean_kw=mean)
    comparable = (
        champion is not None and champion.levels == levels and set(champion.series_ids) == set(panel.series_ids)
    )
    if champion is None or not comparable:
        return Contest(model, result, split, scores, None, None, promise)
    theirs, champion_daily = judge(champion)
    return Contest(model, result, split, scores, theirs, compare(daily.loss, champion_daily.loss), promise)


def _fitted_plants(meters: Sequence[Meter], axis: TimeAxis, kw: FloatArray, *, until: int) -> dict[int, Plant]:
    """The plants that can be fitted, by row of ``kw``.

    Raises:
        ValueError: If none can.
    """
    fitted: dict[int, Plant] = {}
    faults = []
    for row, meter in enumerate(meters):
        try:
            fitted[row] = fit_meter(meter, axis, kw[row], until=until)
        except ValueError as error:
            faults.append(f"{meter.meter_id}: {error}")
            logger.warning("solar plant %s is left out of the training: %s", meter.meter_id, error)
    if not fitted:
        raise ValueError("; ".join(faults))
    return fitted


def fit_meter(meter: Meter, axis: TimeAxis, kw: FloatArray, *, until: int) -> Plant:
    """A solar meter's plant, fitted to its hours before position ``until``.

    Raises:
        ValueError: If nobody knows where it stands, or it has too few hours of daylight.
    """
    if meter.latitude is None or meter.longitude is None:
        raise ValueError(f"meter {meter.meter_id} must have a latitude and a longitude to be forecast as solar")
    sky = make_clear_sky(TimeAxis(axis.start, axis.step, until), latitude=meter.latitude, longitude=meter.longitude)
    return fit_plant(
        kw[:until],
        sky,
        latitude=meter.latitude,
        longitude=meter.longitude,
        capacity_kw=meter.capacity_kw,
        tilt_deg=meter.tilt_deg,
        azimuth_deg=meter.azimuth_deg,
    )


def options_for(kind: str, *, seed: int, budget_seconds: float, threads: int) -> TrainingOptions:
    """Steps and ceilings of one kind for a budget of both: steps follow from the budget, so a seed tells all.

    The network of load has three fifths of the time, that of solar two.
    """
    share, steps = {"load": (0.6, 10.0), "solar": (0.4, 7.0)}[kind]
    return TrainingOptions(
        seed=seed,
        max_steps=max(int(steps * budget_seconds), 10),
        budget_seconds=share * budget_seconds,
        threads=threads,
        **_OWN_OPTIONS[kind],
    )


def trainable_series(panel: LoadPanel) -> list[str]:
    """The series with enough known hours before the test to fit a core to.

    Raises:
        ValueError: If there is none, or the history is too short.
    """
    split = split_in_time(panel.axis.periods)
    known = np.isfinite(panel.kw[:, : split.tail]).sum(axis=1)
    names = [name for name, hours in zip(panel.series_ids, known, strict=True) if hours >= MINIMUM_KNOWN_HOURS]
    if not names:
        raise ValueError(f"no series has {MINIMUM_KNOWN_HOURS} known hours before the last weeks")
    return names


def _test_windows(kw: FloatArray, split: TimeSplit, periods: int, *, context: int) -> tuple[IndexArray, IndexArray]:
    begin = max(split.test, context)
    return every_window(len(kw), begin, split.end - periods + 1, step=TEST_STEP_HOURS)


def _ask(model: TrainedModel, source: WindowSource, series: IndexArray, origins: IndexArray) -> FloatArray:
    return predict_kw(model.network, model.shifts, source, series, origins)


def _baseline(
    kw: FloatArray,
    series: IndexArray,
    origins: IndexArray,
    periods: int,
    season_hours: int,
    levels: tuple[float, ...],
    offset: FloatArray | None,
) -> FloatArray:
    """Seasonal naive quantiles of every window, shape (windows, periods, levels). [kW] NaN where it has no source."""
    quantiles = np.full((len(series), periods, len(levels)), np.nan)
    for row in np.unique(series):
        chosen = series == row
        try:
            naive = seasonal_naive(
                kw[row],
                origins=origins[chosen],
                periods=periods,
                season_hours=season_hours,
                levels=levels,
                utc_offset_hours=offset,
            )
        except ValueError:
            continue  # a series without eight weeks of any reading: its windows have no score to be compared with
        quantiles[chosen] = naive.quantiles
    return quantiles


def _mean_kw(kw: FloatArray) -> FloatArray:
    """Mean power of each series, shape (series,). [kW] NaN for one without a reading."""
    count = np.isfinite(kw).sum(axis=1)
    return np.where(count > 0, np.nansum(kw, axis=1) / np.maximum(count, 1), np.nan)
