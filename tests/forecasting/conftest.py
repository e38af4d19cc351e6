"""Small made-up histories with a daily and a weekly course, for the tests of forecasting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.core import fit_load_core
from forecasting.load_windows import LoadPanel, LoadWindows, extended_calendar, floor_kw
from forecasting.solar import Plant
from forecasting.solar_core import fit_solar_core
from forecasting.solar_windows import SolarPanel, SolarWindows, make_solar_panel
from forecasting.temperature import fit_temperature
from grid.time_axis import FloatArray, TimeAxis

START = datetime(2008, 3, 1, 5, tzinfo=UTC)  # a week before the clocks go forward in New York
PERIODS = 48
PLANT = Plant(39.74, -75.18, 40.0, 170.0, 0.003, 3.4)


@dataclass(frozen=True)
class Made:
    """One history of each kind with the source that cuts windows from it."""

    load: LoadPanel
    load_source: LoadWindows
    solar: SolarPanel
    solar_source: SolarWindows


@pytest.fixture(scope="session")
def made() -> Made:
    """Seventy days of two loads and of one plant."""
    loads, sun = load_panel(), solar_panel()
    return Made(loads, load_windows(loads), sun, solar_windows(sun))


def axis_of(days: int) -> TimeAxis:
    return TimeAxis(START, timedelta(hours=1), 24 * days)


def made_temperature(axis: TimeAxis, *, seed: int = 0) -> FloatArray:
    draw = np.random.default_rng(seed)
    hours = np.arange(axis.periods)
    drift = np.convolve(draw.normal(size=axis.periods + 95), np.hanning(96) / 1.5, mode="valid")
    return 17.0 + 6.0 * np.sin(2 * np.pi * (hours - 9) / 24) + drift


def load_panel(days: int = 70, *, series: int = 2, seed: int = 0) -> LoadPanel:
    """Load with a day, a week, an answer to temperature, and noise; all in kW."""
    axis, draw = axis_of(days), np.random.default_rng(seed)
    calendar = extended_calendar(_bare(axis), 0)
    temperature = made_temperature(axis, seed=seed)
    shape = 1.0 + 0.3 * np.sin(2 * np.pi * (calendar.hour - 8) / 24) - 0.15 * (calendar.day_type > 0)
    heat = 0.04 * np.maximum(temperature - 16.0, 0.0)
    kw = [1000.0 * (row + 1) * (shape + heat) * np.exp(0.02 * draw.normal(size=axis.periods)) for row in range(series)]
    names = tuple(f"m-{row}:load" for row in range(series))
    return LoadPanel(
        axis, "America/New_York", "US", names, np.stack(kw), np.zeros(series, dtype=np.int64), temperature[None]
    )


def load_windows(panel: LoadPanel) -> LoadWindows:
    calendar = extended_calendar(panel, 0)
    temperature = fit_temperature(panel.temperature_c[0], calendar, periods=PERIODS)
    floor = floor_kw(panel.kw)
    core = fit_load_core(
        np.log(np.maximum(panel.kw, 0.0) + floor[:, None]), np.repeat(panel.temperature_c, len(panel.kw), 0), calendar
    )
    return LoadWindows(
        panel,
        core=core,
        temperatures=[temperature],
        floor=floor,
        model_row=np.arange(len(panel.kw)),
        periods=PERIODS,
    )


def solar_panel(days: int = 70, *, seed: int = 0) -> SolarPanel:
    """A clear sky with a cloudiness of its own each day."""
    axis, draw = axis_of(days), np.random.default_rng(seed)
    clear = make_solar_panel(
        axis, series_ids=["pv:generation"], kw=np.zeros((1, axis.periods)), plants=[PLANT], periods=0
    ).clear_kw
    cloud = np.repeat(draw.uniform(0.2, 1.0, size=days), 24) * draw.uniform(0.8, 1.0, size=axis.periods)
    return make_solar_panel(axis, series_ids=["pv:generation"], kw=clear * cloud, plants=[PLANT], periods=PERIODS)


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


def _bare(axis: TimeAxis) -> LoadPanel:
    empty = np.zeros((0, axis.periods))
    return LoadPanel(axis, "America/New_York", "US", (), empty, np.zeros(0, dtype=np.int64), empty)
