"""The clear sky over a plant: night, noon, the plane that fits, and forecasts that stay within them."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pvlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.sun.core import climatology_index, recent_deviation
from forecasting.sun.plant import SUBSTEPS, Plant, _turbidity, clear_sky_kw, fit_plant, make_clear_sky, plane_irradiance
from grid.time_axis import TimeAxis

GOLDEN = {"latitude": 39.7406, "longitude": -105.1775}
SUMMER = TimeAxis(datetime(2012, 6, 20, 7, tzinfo=UTC), timedelta(hours=1), 24)  # a local standard day
PLANT = Plant(39.7406, -105.1775, 40.0, 180.0, 0.003, 3.4)


def test_the_sun_is_down_at_night_and_high_at_noon() -> None:
    kw = clear_sky_kw(PLANT, make_clear_sky(SUMMER, **GOLDEN))
    assert np.all(kw[[0, 1, 2, 3, 21, 22, 23]] == 0.0)
    assert np.all(kw[6:18] > 0.0)
    assert int(np.argmax(kw)) in (11, 12)


def test_clear_sky_irradiance_is_that_of_a_mountain_summer() -> None:
    sky = make_clear_sky(SUMMER, **GOLDEN)
    assert 950.0 < sky.ghi_w_m2.max() < 1100.0
    assert sky.zenith_deg.min() == pytest.approx(39.74 - 23.44, abs=0.6)


def test_the_haze_that_is_kept_of_a_place_is_that_of_every_day_of_common_and_leap_years() -> None:
    days = pd.date_range("2023-01-01", "2025-12-31", tz="UTC")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="DatetimeIndex.dayofyear is deprecated")
        kept = _turbidity(50.0, 8.0)[days.day_of_year - 1 + 365 * days.is_leap_year]
        told = pvlib.clearsky.lookup_linke_turbidity(days, 50.0, 8.0).to_numpy()
    assert np.array_equal(kept, told)


def test_the_clear_sky_power_stays_within_the_capacity() -> None:
    small = Plant(39.7406, -105.1775, 40.0, 180.0, 0.01, 3.4)
    kw = clear_sky_kw(small, make_clear_sky(SUMMER, **GOLDEN))
    assert kw.max() == 3.4


def test_steps_above_an_hour_are_refused() -> None:
    with pytest.raises(ValueError, match="step must be one hour"):
        make_clear_sky(TimeAxis(SUMMER.start, timedelta(hours=2), 4), **GOLDEN)


@pytest.mark.parametrize(("tilt", "azimuth"), [(20.0, 120.0), (40.0, 210.0)])
def test_the_plane_and_the_scale_are_found_under_clouds(tilt: float, azimuth: float) -> None:
    axis = TimeAxis(SUMMER.start, timedelta(hours=1), 24 * 120)
    sky = make_clear_sky(axis, **GOLDEN)
    clear = clear_sky_kw(Plant(39.7406, -105.1775, tilt, azimuth, 0.003, 10.0), sky)
    cloud = np.random.default_rng(0).choice([1.0, 1.0, 0.7, 0.2], size=len(clear))
    found = fit_plant(clear * cloud, sky, capacity_kw=None, tilt_deg=None, azimuth_deg=None, **GOLDEN)
    assert (found.tilt_deg, found.azimuth_deg) == (tilt, azimuth)
    assert found.kw_per_w_m2 == pytest.approx(0.003, rel=0.03)
    assert found.capacity_kw == pytest.approx((clear * cloud).max())


def test_a_plane_that_is_known_is_kept() -> None:
    sky = make_clear_sky(TimeAxis(SUMMER.start, timedelta(hours=1), 24 * 20), **GOLDEN)
    kw = plane_irradiance(sky, tilt_deg=10.0, azimuth_deg=90.0).reshape(-1, SUBSTEPS).mean(axis=1) / 500.0
    found = fit_plant(kw, sky, capacity_kw=5.0, tilt_deg=45.0, azimuth_deg=158.0, **GOLDEN)
    assert (found.tilt_deg, found.azimuth_deg, found.capacity_kw) == (45.0, 158.0, 5.0)


def test_a_plant_without_daylight_readings_is_refused() -> None:
    sky = make_clear_sky(SUMMER, **GOLDEN)
    with pytest.raises(ValueError, match="50 known hours of daylight"):
        fit_plant(np.zeros(24), sky, capacity_kw=None, tilt_deg=None, azimuth_deg=None, **GOLDEN)


def test_night_counts_nowhere_and_day_by_its_clear_sky(made: Any) -> None:
    windows = made.solar_source.cut(np.zeros(1, dtype=np.int64), np.array([700]))
    clear = made.solar.clear_kw[0, 700:748]
    assert np.all(windows.weight[0, clear <= 0.0] == 0.0)
    assert np.all(windows.weight[0, clear > 0.5] > 0.1)


@settings(max_examples=25, deadline=None)
@given(origin=st.integers(200, 1600), seed=st.integers(0, 2**31 - 1))
def test_whatever_the_network_says_power_is_zero_at_night_and_within_capacity(
    made: Any, origin: int, seed: int
) -> None:
    said = np.sort(np.random.default_rng(seed).normal(0.5, 3.0, size=(1, 48, 5)), axis=-1)
    kw = made.solar_source.to_kw(said, np.zeros(1, dtype=np.int64), np.array([origin]))
    night = made.solar.clear_kw[0, origin : origin + 48] <= 0.0
    assert night.any()
    assert np.all(kw[0, night] == 0.0)
    assert kw.min() >= 0.0
    assert kw.max() <= made.solar.capacity_kw[0]
    assert np.all(np.diff(kw, axis=-1) >= 0.0)


def test_the_core_knows_how_cloudy_it_usually_is_and_lately_was(made: Any) -> None:
    source, panel = made.solar_source, made.solar
    usual = climatology_index(source._core, np.full(1, np.pi), panel.year_angle[:1])
    assert 0.4 < usual[0] < 0.7  # cloud is uniform over 0.2 to 1, then over 0.8 to 1 of that
    clear = np.tile(np.r_[np.zeros(12), np.ones(12)], 3)
    lately = recent_deviation(np.where(np.arange(72) >= 48, 0.3, 0.0), clear)
    np.testing.assert_allclose(lately, [0.3, 0.3, 0.1])
