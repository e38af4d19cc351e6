"""Gaps of up to two hours: the line in the clear-sky index, donors that are followed, and those that are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from grid.readings import Quality
from grid.time_axis import FloatArray
from grid.units import Channel
from grid.validation import ChannelProfile, IntervalReadings
from grid.validation.faults import sky_over
from grid.validation.lattice import Lattice

Judged = Callable[..., dict[float, tuple[float, Quality]]]
Readings = Callable[..., IntervalReadings]

LINEAR = Quality.MISSING | Quality.ESTIMATED_LINEARLY
BY_DONOR = LINEAR | Quality.DERIVED
PLANT = ChannelProfile(Channel.GENERATION, "solar", latitude=10.0, longitude=0.0)
ANYWHERE = replace(PLANT, latitude=None)
DAYS = 18
GAP = slice(16 * 48 + 18, 16 * 48 + 22)  # 09:00 to 11:00 of the seventeenth day


@pytest.fixture
def light(readings: Readings) -> FloatArray:
    """The clear sky's light at the plant in half-hours. [W/m2]"""
    made = readings(np.zeros(DAYS * 48))
    sky = sky_over(Lattice(int(made.starts_us[0]), 1_800_000_000, made.values, np.ones(DAYS * 48, bool)), PLANT)
    assert sky is not None
    return sky.mean


@pytest.fixture
def clouds() -> FloatArray:
    """What clouds leave of the light, at random. [share]"""
    return np.random.default_rng(4).uniform(0.2, 1.0, DAYS * 48)


def errors(told: dict[float, tuple[float, Quality]], true: FloatArray) -> FloatArray:
    return np.abs([told[slot][0] - true[slot] for slot in range(GAP.start, GAP.stop)])


def without(values: FloatArray) -> FloatArray:
    sent = values.copy()
    sent[GAP] = np.nan
    return sent


def test_a_plant_is_estimated_along_the_line_of_its_clear_sky_index(judged: Judged, light: FloatArray) -> None:
    """A morning under a steady haze, with no day before that bends alike: a line in power cuts its top off."""
    haze = np.repeat(np.random.default_rng(1).uniform(0.5, 1.0, DAYS), 48)
    power = light / 10.0 * haze
    power[: 16 * 48] = np.nan
    known, unknown = judged(without(power), PLANT), judged(without(power), ANYWHERE)
    assert {known[slot][1] for slot in range(GAP.start, GAP.stop)} == {LINEAR}
    assert errors(known, power).max() < 0.5 * errors(unknown, power).max()


def test_a_donor_that_was_followed_before_is_followed_through_the_gap(
    judged: Judged, readings: Readings, light: FloatArray, clouds: FloatArray
) -> None:
    power, irradiance = light * clouds / 10.0, light * clouds
    told = judged(without(power), PLANT, donors=[readings(irradiance)])
    assert {told[slot][1] for slot in range(GAP.start, GAP.stop)} == {BY_DONOR}
    assert errors(told, power).max() < 1e-9
    assert errors(judged(without(power), PLANT), power).max() > 1.0


def test_the_better_of_two_donors_is_followed(
    judged: Judged, readings: Readings, light: FloatArray, clouds: FloatArray
) -> None:
    power = light * clouds / 10.0
    noisy = readings(light * clouds * np.random.default_rng(2).uniform(0.8, 1.2, len(light)))
    both = judged(without(power), PLANT, donors=[noisy, readings(light * clouds)])
    assert errors(both, power).max() < 1e-9


def test_a_donor_that_goes_its_own_way_is_not_followed(judged: Judged, readings: Readings) -> None:
    own, other = np.round(np.random.default_rng(3).gamma(2.0, 1.0, (2, DAYS * 48)), 3)
    home = ChannelProfile(Channel.IMPORT, "load")
    assert judged(without(own), home, donors=[readings(other)]) == judged(without(own), home)


def test_a_donor_that_was_followed_on_one_day_alone_is_not_followed(judged: Judged, readings: Readings) -> None:
    """All of what they have in common is one stormy day, of which the other days know nothing."""
    own, other = np.round(np.random.default_rng(3).uniform(1.0, 1.2, (2, DAYS * 48)), 3)
    storm = np.random.default_rng(5).uniform(0.0, 1.0, 48)
    own[10 * 48 : 11 * 48] += storm
    other[10 * 48 : 11 * 48] += storm
    home = ChannelProfile(Channel.IMPORT, "load")
    assert judged(without(own), home, donors=[readings(other)]) == judged(without(own), home)


@pytest.mark.parametrize("unknown", [GAP.start - 1, GAP.start + 1, GAP.stop])
def test_a_donor_must_be_known_through_the_gap_and_beside_it(
    judged: Judged, readings: Readings, light: FloatArray, clouds: FloatArray, unknown: int
) -> None:
    power, irradiance = light * clouds / 10.0, light * clouds
    irradiance[unknown] = np.nan
    assert judged(without(power), PLANT, donors=[readings(irradiance)]) == judged(without(power), PLANT)


def test_a_donor_of_shorter_intervals_counts_by_their_mean_and_one_of_longer_not_at_all(
    judged: Judged, readings: Readings, light: FloatArray, clouds: FloatArray
) -> None:
    power, irradiance = light * clouds / 10.0, light * clouds
    quarters = readings(np.stack([irradiance - 3.0, irradiance + 3.0], axis=1).ravel(), minutes=15)
    told = judged(without(power), PLANT, donors=[quarters])
    assert errors(told, power).max() < 1e-9
    hours = readings(irradiance.reshape(-1, 2).mean(axis=1), minutes=60)
    assert judged(without(power), PLANT, donors=[hours]) == judged(without(power), PLANT)


def test_a_donor_half_an_interval_behind_is_followed_at_its_own_pace(
    judged: Judged, readings: Readings, light: FloatArray, clouds: FloatArray
) -> None:
    irradiance = light * clouds
    power = (irradiance + np.append(irradiance[1:], 0.0)) / 20.0
    told = judged(without(power), PLANT, donors=[readings(irradiance)])
    assert errors(told, power).max() < 1e-9


def test_a_gap_of_more_than_two_hours_follows_no_donor(
    judged: Judged, readings: Readings, light: FloatArray, clouds: FloatArray
) -> None:
    power = without(light * clouds / 10.0)
    power[GAP.stop] = np.nan
    told = judged(power, PLANT, donors=[readings(light * clouds)])
    assert told[GAP.start][1] == Quality.MISSING | Quality.ESTIMATED_BY_REFERENCE_DAYS
