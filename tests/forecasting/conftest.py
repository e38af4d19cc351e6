"""Small made-up histories with a daily and a weekly course, for the tests of forecasting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.load.design import Design
from forecasting.load.features import LoadFeatures
from forecasting.load.panel import Panel
from forecasting.load.regression_member import fit_regressions, recall_regressions
from forecasting.load.residuals import ResidualModel
from forecasting.load.windows import ResidualWindows
from forecasting.members.splits import split_in_time
from forecasting.series.calendar import Calendar, hours_since_epoch, make_calendar
from forecasting.series.outlook import make_outlook
from forecasting.series.request import Covariate, FileSeries, SeriesSettings
from forecasting.series.rows import make_rows
from forecasting.series.sent import SentForecast
from forecasting.sun.core import fit_solar_core
from forecasting.sun.plant import Plant, clear_sky_kw, make_clear_sky
from forecasting.sun.windows import SolarPanel, SolarWindows
from grid.time_axis import FloatArray, TimeAxis

START = datetime(2008, 3, 1, tzinfo=UTC)  # a week before the clocks go forward in New York
PERIODS = 48
PLANT = Plant(39.74, -75.18, 40.0, 170.0, 0.003, 3.4)


@dataclass(frozen=True, eq=False)
class Loads:
    """Hourly load, shape (series, hours) [kW], and the temperature of its one place, shape (1, hours) [degC]."""

    axis: TimeAxis
    kw: FloatArray
    temperature_c: FloatArray


@dataclass(frozen=True)
class Made:
    """One history of each kind with the source that cuts windows from it, and as series with a horizon."""

    load: Loads
    load_source: ResidualWindows
    load_again: Callable[..., ResidualWindows]
    load_series: list[FileSeries]
    solar: SolarPanel
    solar_source: SolarWindows
    solar_series: list[FileSeries]


@pytest.fixture(scope="session")
def made() -> Made:
    """Seventy days of two loads and of one plant."""
    loads, sun = made_loads(), solar_panel()
    return Made(
        load=loads,
        load_source=load_windows(loads, like=load_windows(loads)),  # recalled, as any other windows of the same fits
        load_again=load_windows,
        load_series=[load_series(loads, row) for row in (0, 1)],
        solar=sun,
        solar_source=solar_windows(sun),
        solar_series=[sun_series(sun)],
    )


def axis_of(days: int) -> TimeAxis:
    return TimeAxis(START, timedelta(hours=1), 24 * days)


def made_temperature(axis: TimeAxis, *, seed: int = 0) -> FloatArray:
    draw = np.random.default_rng(seed)
    hours = np.arange(axis.periods)
    drift = np.convolve(draw.normal(size=axis.periods + 95), np.hanning(96) / 1.5, mode="valid")
    return 17.0 + 6.0 * np.sin(2 * np.pi * (hours - 9) / 24) + drift


def made_loads(days: int = 70, *, series: int = 2, seed: int = 0) -> Loads:
    """Load with a day, a week, an answer to temperature, and noise."""
    axis, draw = axis_of(days), np.random.default_rng(seed)
    calendar = make_calendar(axis, timezone="America/New_York", holidays="US")
    temperature = made_temperature(axis, seed=seed)
    shape = 1.0 + 0.3 * np.sin(2 * np.pi * (calendar.hour - 8) / 24) - 0.15 * (calendar.day_type > 0)
    heat = 0.04 * np.maximum(temperature - 16.0, 0.0)
    kw = [1000.0 * (row + 1) * (shape + heat) * np.exp(0.02 * draw.normal(size=axis.periods)) for row in range(series)]
    return Loads(axis, np.stack(kw), temperature[None])


def load_windows(
    loads: Loads, *, like: ResidualWindows | None = None, sent: tuple[SentForecast, ...] = ()
) -> ResidualWindows:
    """Windows of the loads by regressions fitted on them, or by those of other windows."""
    hours = loads.axis.periods
    longer = TimeAxis(loads.axis.start, loads.axis.step, hours + PERIODS)
    calendar = make_calendar(longer, timezone="America/New_York", holidays="US")
    path = np.concatenate([loads.temperature_c[0], np.full(PERIODS, np.nan)])
    known = like.panel.regressions[0].outlook if like else None
    model = known.model if known else None
    design = Design(calendar, make_outlook(path, calendar, periods=PERIODS, until=hours, sent=sent, model=model))
    if like is None:
        regressions = fit_regressions(loads.kw, design, split=split_in_time(hours), periods=PERIODS)
        courses = [one.errors(PERIODS, hours) for one in regressions]
        return _windows(loads, Panel(regressions), courses, calendar)
    fitted = [one.fitted for one in like.panel.regressions]
    regressions = recall_regressions(loads.kw, design, fitted, periods=PERIODS, every=24)
    return _windows(loads, Panel(regressions), like.courses, calendar)


def _windows(loads: Loads, panel: Panel, courses: Sequence[ResidualModel], calendar: Calendar) -> ResidualWindows:
    rows = make_rows([load_series(loads, row) for row in range(len(loads.kw))])
    return ResidualWindows(panel, LoadFeatures(rows, panel), courses, calendar, periods=PERIODS)


def load_series(loads: Loads, row: int) -> FileSeries:
    settings = SeriesSettings(
        kind="load",
        interval_minutes=60,
        timezone="America/New_York",
        holidays="US",
        covariates={"w": Covariate(means="air_temperature", unit="degC")},
    )
    return _as_series(f"m-{row}:load", settings, loads.axis, loads.kw[row], {"w": loads.temperature_c[0]})


def sun_series(panel: SolarPanel) -> FileSeries:
    settings = SeriesSettings(
        kind="solar",
        interval_minutes=60,
        capacity=PLANT.capacity_kw,
        latitude=PLANT.latitude,
        longitude=PLANT.longitude,
        tilt_deg=PLANT.tilt_deg,
        azimuth_deg=PLANT.azimuth_deg,
    )
    return _as_series("pv:generation", settings, panel.axis, panel.kw[0], {})


def _as_series(
    name: str, settings: SeriesSettings, axis: TimeAxis, kw: FloatArray, covariates: dict[str, FloatArray]
) -> FileSeries:
    ahead = np.full(PERIODS, np.nan)
    return FileSeries(
        series_id=name,
        settings=settings,
        axis=TimeAxis(axis.start, axis.step, axis.periods + PERIODS),
        values=np.concatenate([kw, ahead]),
        origin=axis.periods,
        asked=axis.periods + np.arange(PERIODS),
        covariates={key: np.concatenate([values, ahead]) for key, values in covariates.items()},
    )


def solar_panel(days: int = 70, *, seed: int = 0) -> SolarPanel:
    """A clear sky with a cloudiness of its own each day."""
    axis, draw = axis_of(days), np.random.default_rng(seed)
    clear = make_solar_panel(
        axis, series_ids=["pv:generation"], kw=np.zeros((1, axis.periods)), plants=[PLANT], periods=0
    ).clear_kw
    cloud = np.repeat(draw.uniform(0.2, 1.0, size=days), 24) * draw.uniform(0.8, 1.0, size=axis.periods)
    return make_solar_panel(axis, series_ids=["pv:generation"], kw=clear * cloud, plants=[PLANT], periods=PERIODS)


def make_solar_panel(
    axis: TimeAxis, *, series_ids: Sequence[str], kw: FloatArray, plants: Sequence[Plant], periods: int
) -> SolarPanel:
    """Put the clear sky beside measured power.

    Args:
        kw: Shape (plants, hours). NaN where unknown.
        plants: One per series.
        periods: How many hours past the axis the clear sky is wanted.
    """
    longer = TimeAxis(axis.start, timedelta(hours=1), axis.periods + periods)
    clear = [
        clear_sky_kw(plant, make_clear_sky(longer, latitude=plant.latitude, longitude=plant.longitude))
        for plant in plants
    ]
    hour_utc = (hours_since_epoch(longer) % 24) + 0.5
    angles = [2.0 * np.pi * (hour_utc + plant.longitude / 15.0) / 24.0 for plant in plants]
    return SolarPanel(
        axis=axis,
        series_ids=tuple(series_ids),
        kw=kw,
        capacity_kw=np.array([plant.capacity_kw for plant in plants]),
        clear_kw=np.stack(clear),
        day_angle=np.stack(angles),
        year_angle=make_calendar(longer, timezone="UTC", holidays="").year_angle,
    )


def solar_windows(panel: SolarPanel) -> SolarWindows:
    hours = panel.axis.periods
    core = fit_solar_core(
        panel.index,
        (panel.clear_kw / panel.capacity_kw[:, None])[:, :hours],
        panel.day_angle[:, :hours],
        panel.year_angle[:hours],
        periods=PERIODS,
    )
    return SolarWindows(panel, core=core, model_row=np.zeros(1, dtype=np.int64), periods=PERIODS)
