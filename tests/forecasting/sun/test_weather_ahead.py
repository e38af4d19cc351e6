"""Weather known ahead as features: values, shares of a clear sky, and what stands where nothing is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.series.request import Covariate, FileSeries, SeriesSettings
from forecasting.series.rows import Rows, make_rows
from forecasting.sun.weather_ahead import weather_ahead, weather_told
from grid.time_axis import FloatArray, TimeAxis

DAYS, HORIZON = 20, 24
HOURS = DAYS * 24
SUN = np.maximum(np.sin((np.arange(HOURS + HORIZON) % 24 - 6.0) / 12.0 * np.pi), 0.0)
CLEAR = SUN[None]
MEANT = {"ghi": "W/m2", "clear_sky_ghi": "W/m2", "solar_zenith": "deg"}
VALUE = 0
SHARES = slice(1, 8)
DAY = 8


def rows_with(cloudless: FloatArray | float = 0.5, **covariates: FloatArray) -> Rows:
    """A plant under such a share of the sky, with covariates of every hour; those named in MEANT mean just that."""
    value = np.where(np.arange(HOURS + HORIZON) < HOURS, cloudless * SUN, np.nan)
    meant = {name: Covariate(means=name, unit=unit) for name, unit in MEANT.items() if name in covariates}
    axis = TimeAxis(datetime(2026, 4, 1, tzinfo=UTC), timedelta(hours=1), HOURS + HORIZON)
    one = FileSeries(
        series_id="roof",
        settings=SeriesSettings(kind="solar", interval_minutes=60, capacity=1.0, covariates=meant),
        axis=axis,
        values=value,
        covariates=covariates,
        origin=HOURS,
        asked=np.arange(HOURS, HOURS + HORIZON),
    )
    return make_rows([one])


def features_of(**covariates: FloatArray) -> FloatArray:
    return weather_ahead(rows_with(**covariates), CLEAR)


def test_a_covariate_shows_its_value_in_deviations_from_its_mean_in_daylight() -> None:
    draw = np.random.default_rng(1).normal(10.0, 3.0, HOURS + HORIZON)
    made = features_of(cloud=draw)
    assert made.shape == (1, HOURS + HORIZON, 1)
    seen = draw[:HOURS][SUN[:HOURS] > 0.0]
    assert np.allclose(made[0, :, VALUE], (draw - seen.mean()) / seen.std())


def test_irradiance_is_a_share_of_the_clear_sky_near_the_hour_and_over_the_day_around() -> None:
    draw = np.random.default_rng(2)
    cloudy = np.repeat(draw.uniform(0.3, 0.9, DAYS + 1), 24)
    made = features_of(ghi=800.0 * SUN * cloudy)
    assert made.shape[-1] == DAY + 1
    noon = np.arange(12, HOURS, 24)
    for feature in [*range(SHARES.start, SHARES.stop), DAY]:
        assert np.corrcoef(made[0, noon, feature], cloudy[noon])[0, 1] > 0.99
    # Three hours before the sun is up nothing is known of a share: the mean stands there, and at noon the day counts.
    assert (made[0, np.arange(7, HOURS, 24), SHARES.start] == 0.0).all()


def test_a_clear_sky_tells_how_clear_the_air_is_where_the_zenith_is_known() -> None:
    air = np.repeat(np.random.default_rng(5).uniform(0.6, 0.8, DAYS + 1), 24)
    sky, zenith = 1361.0 * SUN * air, np.rad2deg(np.arccos(SUN))
    assert features_of(clear_sky_ghi=sky).shape[-1] == 1
    made = features_of(clear_sky_ghi=sky, solar_zenith=zenith)
    assert made.shape[-1] == 3
    day = np.flatnonzero(SUN > 0.05)
    assert np.corrcoef(made[0, day, 1], air[day])[0, 1] == pytest.approx(1.0)
    assert (made[0, SUN == 0.0, 1] == 0.0).all()


def test_an_hour_sees_no_more_than_the_day_around_it() -> None:
    ghi = 800.0 * SUN * np.random.default_rng(3).uniform(0.3, 0.9, HOURS + HORIZON)
    changed = ghi.copy()
    changed[HOURS + 12] = 0.0  # in the horizon, so that nothing is standardised otherwise
    far = np.abs(np.arange(HOURS + HORIZON) - (HOURS + 12)) > 11
    before, after = features_of(ghi=ghi), features_of(ghi=changed)
    assert (before[:, far] == after[:, far]).all()
    assert (before[:, HOURS + 12] != after[:, HOURS + 12]).any()


def test_where_nothing_is_known_stands_the_mean() -> None:
    cloud = np.random.default_rng(4).normal(10.0, 3.0, HOURS + HORIZON)
    cloud[100] = np.nan
    made = features_of(cloud=cloud)
    assert np.isfinite(made).all()
    assert made[0, 100, VALUE] == 0.0


def test_weather_that_ends_before_the_horizon_is_not_known_ahead() -> None:
    cloudless = np.repeat(np.random.default_rng(5).uniform(0.2, 1.0, DAYS + 1), 24)
    known_ahead = 1.0 - cloudless
    withheld = np.where(np.arange(HOURS + HORIZON) < HOURS, known_ahead, np.nan)
    assert weather_told(rows_with(cloudless, cloud=known_ahead), until=HOURS)
    assert not weather_told(rows_with(cloudless, cloud=withheld), until=HOURS)


def test_weather_is_told_by_what_changes_with_the_power_not_by_the_sky_above_or_a_number_of_the_row() -> None:
    hour = np.arange(HOURS + HORIZON)
    cloudless = np.repeat(np.random.default_rng(6).uniform(0.2, 1.0, DAYS + 1), 24)
    higher = SUN * (1.0 + 0.002 * hour / 24.0)
    known = {"clear_sky_ghi": 1000.0 * higher, "solar_zenith": 90.0 - 60.0 * higher, "row": 0.1 * hour}
    assert not weather_told(rows_with(cloudless, **known), until=HOURS)
    assert weather_told(rows_with(cloudless, **known, ghi=1000.0 * SUN * cloudless), until=HOURS)


def test_what_comes_after_the_hour_looked_until_does_not_make_weather() -> None:
    cloudless = np.repeat(np.random.default_rng(7).uniform(0.2, 1.0, DAYS + 1), 24)
    cloud = np.where(np.arange(HOURS + HORIZON) < HOURS // 2, 0.5, 1.0 - cloudless)
    assert not weather_told(rows_with(cloudless, cloud=cloud), until=HOURS // 2)
    assert weather_told(rows_with(cloudless, cloud=cloud), until=HOURS)
