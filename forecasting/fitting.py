"""From a panel of history to a trained model: split in time, fit the core, train the network, calibrate its bands.

The last days are kept apart for the backtest: nothing here, neither core nor climatology nor bands, has seen them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.calibration import fit_shifts
from forecasting.core import LoadCore, fit_load_core
from forecasting.load_windows import LOAD_CONTEXT_HOURS, LoadPanel, LoadWindows, extended_calendar, floor_kw
from forecasting.models import LoadModel, SolarModel
from forecasting.solar import Plant
from forecasting.solar_core import SolarCore, fit_solar_core
from forecasting.solar_windows import SOLAR_CONTEXT_HOURS, SolarPanel, SolarWindows
from forecasting.temperature import TemperatureModel, climatology_c, fit_temperature, no_temperature
from forecasting.training import Split, TrainingOptions, TrainingResult, predict, train_network
from forecasting.windows import IndexArray, WindowSource
from grid.time_axis import FloatArray

MINIMUM_DAYS = 28
"""Less history than this and no model is trained."""
_TAIL_DAYS, _TEST_DAYS = 42, 21
_TAIL_WINDOWS = 600

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """Positions on a panel's axis: training ends at ``tail``, the tail at ``test``, the test at ``end``.

    The tail stops training early and calibrates the bands; the test is only for the backtest.
    """

    tail: int
    test: int
    end: int


def split_in_time(hours: int) -> TimeSplit:
    """Six weeks of tail and three of test, less where the history is short.

    Raises:
        ValueError: If there are fewer than :data:`MINIMUM_DAYS` days.
    """
    days = hours // 24
    if days < MINIMUM_DAYS:
        raise ValueError(f"training needs at least {MINIMUM_DAYS} days of history, got {days}")
    test = hours - 24 * min(_TEST_DAYS, max(days // 10, 3))
    return TimeSplit(tail=test - 24 * min(_TAIL_DAYS, max(days // 7, 4)), test=test, end=hours)


def fit_load_model(
    panel: LoadPanel,
    *,
    weather_ids: Sequence[str],
    split: TimeSplit,
    levels: tuple[float, ...],
    periods: int,
    options: TrainingOptions,
    on_progress: Progress | None = None,
) -> tuple[LoadModel, TrainingResult]:
    """Train a load model on everything before the panel's test.

    Args:
        panel: Only its hours before ``split.test`` are looked at.
        weather_ids: Names of the panel's rows of temperature.
    """
    panel = replace(panel, kw=np.where(np.arange(panel.axis.periods) < split.test, panel.kw, np.nan))
    floor = floor_kw(panel.kw[:, : split.tail])
    core, temperatures = fit_load_core_and_weather(panel, hours=split.tail, floor=floor, periods=periods)
    source = LoadWindows(
        panel,
        core=core,
        temperatures=temperatures,
        floor=floor,
        model_row=np.arange(len(panel.series_ids)),
        periods=periods,
    )
    windows = split_windows(source, split, context=LOAD_CONTEXT_HOURS, periods=periods)
    network, result = train_network(source, windows, levels=levels, options=options, on_progress=on_progress)
    tail = source.cut(windows.tail_series, windows.tail_origins)
    model = LoadModel(
        series_ids=panel.series_ids,
        weather_ids=tuple(weather_ids),
        timezone=panel.timezone,
        holidays=panel.holidays,
        periods=periods,
        core=core,
        temperatures=temperatures,
        floor_kw=floor,
        network=network,
        shifts=fit_shifts(predict(network, tail), tail, levels=levels),
    )
    return model, result


def fit_load_core_and_weather(
    panel: LoadPanel, *, hours: int, floor: FloatArray, periods: int
) -> tuple[LoadCore, tuple[TemperatureModel, ...]]:
    """The core and the climate of temperature from the first ``hours`` of a panel.

    Args:
        floor: From :func:`floor_kw`. [kW]
    """
    fitted = slice(0, hours)
    calendar = extended_calendar(panel, periods).part(fitted)
    temperatures = tuple(
        fit_temperature(row, calendar, periods=periods) if np.isfinite(row).sum() >= 240 else no_temperature(periods)
        for row in panel.temperature_c[:, fitted]
    )
    observed = np.stack(
        [
            np.where(np.isfinite(row), row, climatology_c(model, calendar))
            for row, model in zip(panel.temperature_c[:, fitted], temperatures, strict=True)
        ]
    )  # (sites, fitted hours)
    log_kw = np.log(np.maximum(panel.kw[:, fitted], 0.0) + floor[:, None])
    return fit_load_core(log_kw, observed[panel.weather_row], calendar), temperatures


def fit_solar_model(
    panel: SolarPanel,
    *,
    plants: Sequence[Plant],
    split: TimeSplit,
    levels: tuple[float, ...],
    periods: int,
    options: TrainingOptions,
    on_progress: Progress | None = None,
) -> tuple[SolarModel, TrainingResult]:
    """Train a solar model on everything before the panel's test; ``plants`` stand in the order of its rows."""
    panel, core = before_test(panel, split, periods=periods)
    source = SolarWindows(panel, core=core, model_row=np.arange(len(plants)), periods=periods)
    windows = split_windows(source, split, context=SOLAR_CONTEXT_HOURS, periods=periods)
    network, result = train_network(source, windows, levels=levels, options=options, on_progress=on_progress)
    tail = source.cut(windows.tail_series, windows.tail_origins)
    shifts = fit_shifts(predict(network, tail), tail, levels=levels)
    return SolarModel(panel.series_ids, tuple(plants), periods, core, network, shifts), result


def before_test(panel: SolarPanel, split: TimeSplit, *, periods: int) -> tuple[SolarPanel, SolarCore]:
    """The panel without the readings of its test, and the core fitted to what lies before its tail."""
    panel = replace(panel, kw=np.where(np.arange(panel.axis.periods) < split.test, panel.kw, np.nan))
    fitted = slice(0, split.tail)
    share = panel.clear_kw / panel.capacity_kw[:, None]
    core = fit_solar_core(
        panel.index[:, fitted],
        share[:, fitted],
        panel.day_angle[:, fitted],
        panel.year_angle[fitted],
        periods=periods,
    )
    return panel, core


def every_window(rows: int, begin: int, end: int, *, step: int) -> tuple[IndexArray, IndexArray]:
    """Series and origins of all windows whose origin lies in [begin, end), every ``step`` hours, both (windows,)."""
    series, origins = np.meshgrid(np.arange(rows), np.arange(begin, max(end, begin), step), indexing="ij")
    return series.ravel(), origins.ravel()


def split_windows(source: WindowSource, split: TimeSplit, *, context: int, periods: int) -> Split:
    """Windows that train, and later ones that judge; no hour is forecast by both.

    The tail's origins are spread so that every hour of the day is among them.
    """
    rows = source.series_count
    wanted = max(_TAIL_WINDOWS // rows, 1)
    step = max((split.test - split.tail) // wanted, 1)
    step += step % 2 == 0  # odd, so that it runs through all hours of the day
    train = every_window(rows, context, split.tail - periods + 1, step=1)
    tail = every_window(rows, split.tail, split.test - periods + 1, step=step)
    return Split(*train, *tail)
