"""The sun over Golden, Colorado: a plant's made-up clear days, and what is planted into them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grid.readings import Quality
from grid.time_axis import FloatArray, to_us
from grid.units import Channel
from grid.validation import LOOK_AHEAD, LOOK_BACK, ChannelProfile, IntervalReadings, judge
from grid.validation.lattice import DAY_US, Lattice
from grid.validation.sun_rules import Sky, clear_sky

Judged = Callable[..., dict[float, tuple[float, Quality]]]
START = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 20
PLANT = ChannelProfile(
    Channel.GENERATION,
    "solar",
    "America/Denver",
    capacity=100.0,
    latitude=39.74,
    longitude=-105.18,
    tilt_deg=30.0,
    azimuth_deg=180.0,
)
DRAWN = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def sky_over(profile: ChannelProfile, *, start: datetime = START, days: int = DAYS) -> Sky:
    slots = days * 48
    return clear_sky(Lattice(to_us(start), 1_800_000_000, np.zeros(slots), np.ones(slots, dtype=bool)), profile)


@pytest.fixture(scope="module")
def power() -> FloatArray:
    """Power of clear days with some haze, the same share all day. [kW]"""
    haze = np.repeat(np.random.default_rng(1).uniform(0.6, 0.95, DAYS), 48)
    wobble = np.random.default_rng(2).uniform(0.97, 1.0, DAYS * 48)
    return np.round(sky_over(PLANT).mean / 1000.0 * 100.0 * haze * wobble, 3)


def found(judged: Judged, values: FloatArray, bit: Quality, profile: ChannelProfile = PLANT) -> list[float]:
    return [slot for slot, (_, quality) in judged(values, profile, start=START).items() if bit in quality]


def test_sun_stands_where_it_does() -> None:
    """21 June 2026 at 40 N on the prime meridian: noon near 12:02 UTC at 73.4 degrees, up for fifteen hours."""
    profile = ChannelProfile(Channel.IRRADIANCE, latitude=40.0, longitude=0.0)
    sky = sky_over(profile, start=datetime(2026, 6, 21, tzinfo=UTC), days=1)
    assert sky.height.argmax() in (23, 24)
    assert np.degrees(np.arcsin(sky.height.max())) == pytest.approx(73.4, abs=0.3)
    assert 14.5 <= (~sky.down).sum() / 2 <= 16.5
    assert sky.mean.max() == pytest.approx(1098 * 0.958 * np.exp(-0.059 / 0.958), rel=0.01)  # Haurwitz


def test_sun_never_rises_in_a_polar_night() -> None:
    profile = ChannelProfile(Channel.IRRADIANCE, latitude=80.0, longitude=10.0)
    assert sky_over(profile, start=datetime(2026, 12, 21, tzinfo=UTC), days=2).down.all()


def test_steep_plane_facing_north_gets_less() -> None:
    north = sky_over(replace(PLANT, tilt_deg=60.0, azimuth_deg=0.0)).mean.sum()
    assert north < 0.8 * sky_over(replace(PLANT, tilt_deg=60.0)).mean.sum()


def test_clear_days_are_valid(judged: Judged, power: FloatArray) -> None:
    assert judged(power, PLANT, start=START) == {}


@DRAWN
@given(day=st.integers(5, DAYS - 2), hour=st.sampled_from([6, 7, 8, 9, 10]), share=st.floats(0.03, 0.2))
def test_generation_at_night_is_found(judged: Judged, power: FloatArray, day: int, hour: int, share: float) -> None:
    values = power.copy()
    slot = day * 48 + hour * 2  # 06:00 UTC is 23:00 of Denver's standard time
    values[slot] = share * 100.0
    assert found(judged, values, Quality.NIGHT_GENERATION) == [slot]


def test_night_generation_is_replaced_and_little_of_it_is_noise(judged: Judged, power: FloatArray) -> None:
    values = power.copy()
    values[10 * 48 + 16] = 5.0
    values[12 * 48 + 16] = 1.9
    told = judged(values, PLANT, start=START)
    assert told == {10 * 48 + 16: (0.0, Quality.NIGHT_GENERATION | Quality.ESTIMATED_LINEARLY)}


@DRAWN
@given(day=st.integers(5, DAYS - 2), percent=st.integers(70, 98))
def test_more_than_the_clear_sky_gives_is_doubted(judged: Judged, power: FloatArray, day: int, percent: int) -> None:
    """Two hours after sunrise the array cannot give seven tenths of its capacity."""
    values = power.copy()
    slot = day * 48 + 26  # 13:00 UTC, 06:00 of standard time
    values[slot : slot + 3] = float(percent)
    assert slot in found(judged, values, Quality.ABOVE_CLEAR_SKY)


def test_irradiance_beyond_what_is_extremely_rare_is_doubted(judged: Judged) -> None:
    sensor = ChannelProfile(Channel.IRRADIANCE, latitude=39.74, longitude=-105.18)
    values = np.round(sky_over(sensor).mean * 0.9, 1)
    values[7 * 48 + 38] = 1700.0  # noon
    assert found(judged, values, Quality.ABOVE_CLEAR_SKY, sensor) == [7 * 48 + 38]


@DRAWN
@given(slots=st.sampled_from([-4, -3, -2, 2, 3, 4]))
def test_clock_an_hour_or_more_off_is_drifting(judged: Judged, power: FloatArray, slots: int) -> None:
    told = found(judged, np.roll(power, slots), Quality.CLOCK_DRIFT)
    days = {int(slot // 48) for slot in told}
    assert days >= set(range(4, DAYS - 4))


def test_drifting_values_stand_and_are_doubted(judged: Judged, power: FloatArray) -> None:
    value, quality = judged(np.roll(power, 2), PLANT, start=START)[10 * 48 + 40]
    assert value == power[10 * 48 + 38]
    assert quality == Quality.QUESTIONABLE | Quality.CLOCK_DRIFT


@pytest.mark.parametrize("minutes", [15, 30, 60])
def test_clock_is_told_from_the_lit_hours_wherever_the_array_looks(judged: Judged, minutes: int) -> None:
    """The middle of the energy of an array to the east comes two hours before noon; it grows light as elsewhere."""
    slots = DAYS * 1440 // minutes
    lattice = Lattice(to_us(START), minutes * 60_000_000, np.zeros(slots), np.ones(slots, dtype=bool))
    east = clear_sky(lattice, replace(PLANT, tilt_deg=45.0, azimuth_deg=100.0)).mean / 1000.0 * 80.0
    for profile in (PLANT, replace(PLANT, tilt_deg=None, azimuth_deg=None)):
        for hours in (0, -1, 1):
            sent = np.roll(np.round(east, 3), hours * 60 // minutes)
            told = judged(sent, profile, start=START, minutes=minutes).values()
            assert any(Quality.CLOCK_DRIFT in quality for _, quality in told) == (hours != 0)


def test_generation_in_the_depth_of_the_night_does_not_move_the_clock(judged: Judged, power: FloatArray) -> None:
    values = power.copy()
    values[7 * 2 :: 48] = 20.0  # midnight of standard time
    assert found(judged, values, Quality.CLOCK_DRIFT) == []
    assert len(found(judged, values, Quality.NIGHT_GENERATION)) == DAYS


def test_clock_judged_in_pieces_is_the_clock_judged_at_once(readings: Callable[..., IntervalReadings]) -> None:
    """An hour late for three weeks of four months with clouds, in pieces of nine days."""
    days = 120
    cloud = np.random.default_rng(4).uniform(0.1, 1.0, days * 48)
    values = np.round(sky_over(PLANT, days=days).mean / 10.0 * cloud, 3)
    values[50 * 48 : 71 * 48] = values[50 * 48 - 2 : 71 * 48 - 2]
    sent = readings(values, start=START)
    bounds = [START + timedelta(days=day) for day in range(0, days + 9, 9)]
    whole = judge(sent, PLANT, judge_from=bounds[0], judge_until=bounds[-1])
    assert 15 <= len(np.unique(whole.starts_us[whole.quality & int(Quality.CLOCK_DRIFT) != 0] // DAY_US)) <= 24
    told = []
    for begin, end in pairwise(bounds):
        near = (sent.starts_us >= to_us(begin - LOOK_BACK)) & (sent.starts_us < to_us(end + LOOK_AHEAD))
        some = IntervalReadings(30, sent.starts_us[near], values[near], sent.received_us[near])
        told.append(judge(some, PLANT, judge_from=begin, judge_until=end))
    np.testing.assert_array_equal(np.concatenate([piece.starts_us for piece in told]), whole.starts_us)
    np.testing.assert_array_equal(np.concatenate([piece.quality for piece in told]), whole.quality)
    np.testing.assert_array_equal(np.concatenate([piece.values for piece in told]), whole.values)


def test_dark_afternoons_do_not_move_the_clock(judged: Judged, power: FloatArray) -> None:
    """Thunderstorms every afternoon take nine tenths; the energy's middle lies an hour early."""
    hour = (np.arange(DAYS * 48) / 2.0 - 7.0) % 24  # of standard time
    assert found(judged, np.where(hour >= 12.5, 0.1 * power, power), Quality.CLOCK_DRIFT) == []


def test_sensor_that_may_face_the_sun_gets_more_than_a_level_one(judged: Judged) -> None:
    """800 W/m2 an hour and a half after sunrise: on the level that is extremely rare."""
    sensor = ChannelProfile(Channel.IRRADIANCE, latitude=39.74, longitude=-105.18)
    values = np.round(sky_over(sensor).mean * 0.9, 1)
    values[7 * 48 + 26 : 7 * 48 + 28] = 800.0  # 06:00 of standard time
    assert found(judged, values, Quality.ABOVE_CLEAR_SKY, sensor) == []
    assert found(judged, values, Quality.ABOVE_CLEAR_SKY, replace(sensor, tilt_deg=0.0)) == [362, 363]


def test_sensor_that_dies_is_told_from_five_dark_days_on(judged: Judged, power: FloatArray) -> None:
    values = power.copy()
    values[10 * 48 :] *= 0.03
    days = {int(slot // 48) for slot in found(judged, values, Quality.ZERO)}
    assert days == set(range(10, DAYS))
    four_days = power.copy()
    four_days[10 * 48 : 14 * 48] *= 0.03
    assert found(judged, four_days, Quality.ZERO) == []


def test_without_a_place_the_sun_says_nothing(judged: Judged, power: FloatArray) -> None:
    values = power.copy()
    values[10 * 48 + 16] = 5.0
    assert found(judged, values, Quality.NIGHT_GENERATION, replace(PLANT, latitude=None)) == []


def test_wind_blows_at_night(judged: Judged, power: FloatArray) -> None:
    windy = np.roll(power, 24)
    assert found(judged, windy, Quality.NIGHT_GENERATION, replace(PLANT, kind="generic")) == []
