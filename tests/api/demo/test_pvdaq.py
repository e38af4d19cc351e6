from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pvlib
import pytest

from api.demo import pvdaq
from api.demo.recordings import Recording
from api.demo.wheels import PVDAQ_WHEEL, read_member
from grid.time_axis import TimeAxis


def labelled(first: str, last: str) -> pd.DatetimeIndex:
    return pd.date_range(f"{first}-07:00", f"{last}-07:00", freq="15min")


def test_winter_stamp_ends_its_quarter_hour() -> None:
    axis, _ = pvdaq.correct_clock(labelled("2012-01-10T12:00", "2012-01-10T12:15"), np.array([1.0, 2.0]))
    assert axis.start == datetime(2012, 1, 10, 18, 45, tzinfo=UTC)
    assert axis.step == timedelta(minutes=15)


def test_summer_stamp_is_one_hour_early() -> None:
    axis, _ = pvdaq.correct_clock(labelled("2012-07-10T12:00", "2012-07-10T12:15"), np.array([1.0, 2.0]))
    assert axis.start == datetime(2012, 7, 10, 17, 45, tzinfo=UTC)


def test_spring_change_closes_the_gap_of_the_wall_clock() -> None:
    stamps = labelled("2012-03-11T01:45", "2012-03-11T03:15")
    watts = np.array([1.0, np.nan, np.nan, np.nan, np.nan, 2.0, 3.0])
    axis, values = pvdaq.correct_clock(stamps, watts)
    assert axis.start == datetime(2012, 3, 11, 8, 30, tzinfo=UTC)
    assert values.tolist() == [1.0, 2.0, 3.0]


def test_autumn_change_leaves_the_second_hour_missing() -> None:
    stamps = labelled("2012-11-04T00:45", "2012-11-04T02:15")
    axis, values = pvdaq.correct_clock(stamps, np.arange(1.0, 8.0))
    assert axis.start == datetime(2012, 11, 4, 6, 30, tzinfo=UTC)
    assert values.size == 11
    assert values[:5].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert np.isnan(values[5:9]).all()
    assert values[9:].tolist() == [6.0, 7.0]


@pytest.fixture(scope="module")
def wheel(demo_cache: Path) -> Path:
    return demo_cache / PVDAQ_WHEEL.filename


def minutes_late(generation: Recording) -> pd.Series:
    """Per clear day, how much later the measured power is centred than irradiance modelled on the array. [minutes]

    A day is clear where measured power follows the model nearly perfectly, at some shift of up to an hour.
    """
    power = pd.Series(generation.values, generation.axis.index)["2007-01-02":"2008-12-30"]
    place = pvlib.location.Location(pvdaq.LATITUDE, pvdaq.LONGITUDE, altitude=1800)
    sun = place.get_solarposition(power.index + pd.Timedelta(minutes=7.5))
    clear = pvlib.clearsky.simplified_solis(sun.apparent_elevation)
    on_array = pvlib.irradiance.get_total_irradiance(
        pvdaq.TILT_DEG, pvdaq.AZIMUTH_DEG, sun.apparent_zenith, sun.azimuth, clear.dni, clear.ghi, clear.dhi
    )["poa_global"].to_numpy()
    local = power.index.tz_convert("Etc/GMT+5")
    minute = local.hour * 60 + local.minute + 7.5
    table = pd.DataFrame({"power": power.to_numpy(), "model": on_array, "minute": minute, "day": local.normalize()})
    late = {}
    for day, rows in table.groupby("day"):
        p, m = rows["power"].to_numpy(), rows["model"].to_numpy()
        if len(p) != 96 or np.isnan(p).any() or max(np.corrcoef(np.roll(p, -k), m)[0, 1] for k in range(-1, 5)) < 0.99:
            continue
        late[day] = (p @ rows["minute"]) / p.sum() - (m @ rows["minute"]) / m.sum()
    return pd.Series(late)


def test_sun_stands_right_in_every_month_after_the_correction(wheel: Path) -> None:
    late = minutes_late(pvdaq.read_generation(wheel))
    by_month = late.groupby(late.index.month).median()
    assert len(by_month) == 12
    # Early by some minutes all year: warm cells, reflection and the foothills take from the afternoon.
    assert by_month.between(-18, 0).all(), by_month
    assert abs(by_month[[5, 6, 7]].mean() - by_month[[11, 12, 1]].mean()) < 6, by_month


def test_sun_jumps_by_an_hour_between_seasons_without_the_correction(wheel: Path) -> None:
    table = pd.read_parquet(io.BytesIO(read_member(wheel, "pvanalytics/data/system_50_ac_power_2_full_DST.parquet")))
    start = pd.Timestamp(table["measured_on"].iloc[0]).to_pydatetime().astimezone(UTC)
    axis = TimeAxis(start - timedelta(minutes=15) + pvdaq.TO_DEMO_CALENDAR, timedelta(minutes=15), len(table))
    raw = pvdaq.read_generation(wheel)
    late = minutes_late(
        Recording(raw.source, raw.owner_id, raw.channel, "W", axis, table["ac_power_2"].to_numpy(dtype=np.float64))
    )
    by_month = late.groupby(late.index.month).median()
    assert by_month[[5, 6, 7]].mean() - by_month[[11, 12, 1]].mean() == pytest.approx(60, abs=6)


def test_generation_stays_within_the_stated_capacity_and_the_demos_calendar(wheel: Path) -> None:
    generation = pvdaq.read_generation(wheel)
    assert generation.axis.start == datetime(2006, 4, 15, 3, 45, tzinfo=UTC)
    assert 0.99 < np.nanmax(generation.values) / 1000.0 / pvdaq.CAPACITY_KW <= 1.0
    assert np.nanmin(generation.values) >= 0.0


def test_weather_is_the_mean_between_instants(wheel: Path) -> None:
    irradiance, temperature = pvdaq.read_weather(wheel)
    source = pd.read_parquet(
        io.BytesIO(read_member(wheel, "pvanalytics/data/system_50_ac_power_2_full_DST_psm3.parquet"))
    )
    at = irradiance.axis.position(datetime(2013, 6, 16, 19, tzinfo=UTC) + pvdaq.TO_DEMO_CALENDAR)
    instants = source.set_index("index").loc["2013-06-16T12:00-07:00":"2013-06-16T12:30-07:00"]
    assert len(instants) == 2
    assert irradiance.values[at] == pytest.approx(instants["ghi"].mean())
    assert temperature.values[at] == pytest.approx(instants["temp_air"].mean())
