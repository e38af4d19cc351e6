"""Rules on values of intervals, each through the judgement: what is planted is found, what is clean is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from grid.readings import Quality
from grid.time_axis import FloatArray
from grid.units import Channel
from grid.validation import DEFAULT_RULES, ChannelProfile, IntervalReadings, Rules
from grid.validation.settings import RangeRule, RunRule

Judged = Callable[..., dict[float, tuple[float, Quality]]]
Readings = Callable[..., IntervalReadings]
DRAWN = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PLACES = st.integers(3 * 48, 28 * 48)  # not in the first days, of which too little is known


@pytest.mark.parametrize(
    ("channel", "capacity", "value", "beyond"),
    [
        (Channel.IMPORT, 10.0, 12.0, False),  # 1.2 times the capacity
        (Channel.IMPORT, 10.0, 12.1, True),
        (Channel.IMPORT, None, 1e9, False),  # no capacity, and three readings make nothing usual
        (Channel.AIR_TEMPERATURE, None, 59.9, False),
        (Channel.AIR_TEMPERATURE, None, 60.1, True),
        (Channel.AIR_TEMPERATURE, None, -90.1, True),
        (Channel.IRRADIANCE, None, 2000.1, True),
        (Channel.IRRADIANCE, None, -10.0, False),
        (Channel.VOLTAGE, None, -0.1, True),
        (Channel.STATE_OF_CHARGE, 10.0, 12.1, True),
    ],
)
def test_range_is_that_of_nature_or_of_the_capacity(
    judged: Judged, channel: Channel, capacity: float | None, value: float, beyond: bool
) -> None:
    told = judged(np.array([1.0, value, 1.0]), ChannelProfile(channel, capacity=capacity))
    assert (1 in told and Quality.OUT_OF_RANGE in told[1][1]) == beyond


@DRAWN
@given(begin=PLACES, slots=st.integers(1, 24), times=st.floats(100.0, 1e4))
def test_wrong_unit_is_out_of_the_usual_range(
    judged: Judged, household: FloatArray, begin: int, slots: int, times: float
) -> None:
    values = household.copy()
    values[begin : begin + slots] *= times
    told = judged(values)
    assert set(range(begin, begin + slots)) <= set(told)
    assert all(Quality.OUT_OF_RANGE in told[slot][1] for slot in range(begin, begin + slots))


def school(days: int) -> FloatArray:
    """Hours from a Monday on: 40 kW, and 160 kW from 06:00 to 18:00 of working days. [kW]"""
    hour = np.arange(24 * days)
    in_use = (hour // 24 % 7 < 5) & (hour % 24 >= 6) & (hour % 24 < 18)
    return np.where(in_use, 160.0, 40.0) * np.random.default_rng(1).normal(1.0, 0.05, len(hour))


@pytest.mark.parametrize("reopened", range(35, 42))
@pytest.mark.parametrize("holiday", [None, 42])
def test_first_working_day_after_a_long_closure_is_believed(judged: Judged, reopened: int, holiday: int | None) -> None:
    values = school(days=56)
    closed = [*range(21, reopened), *([holiday] if holiday else [])]
    values.reshape(-1, 24)[closed] = school(days=7).reshape(-1, 24)[6]  # as on a Sunday
    assert judged(values, minutes=60) == {}


def test_new_level_is_out_of_range_until_four_days_bear_it_out(judged: Judged) -> None:
    values = school(days=49)
    values.reshape(-1, 24)[21:42] = values.reshape(-1, 24)[6]
    told = judged(values[: 24 * 45], minutes=60)  # Wednesday is over
    assert {slot // 24 for slot, (_, quality) in told.items() if Quality.OUT_OF_RANGE in quality} == {42, 43, 44}
    assert judged(values[: 24 * 46], minutes=60) == {}


@pytest.mark.parametrize("began", range(7))
@pytest.mark.parametrize("days", [5, 6, 7, 14])
def test_first_working_day_of_a_new_meter_is_believed(judged: Judged, began: int, days: int) -> None:
    assert judged(school(days=21)[24 * began : 24 * (began + days)], minutes=60) == {}


def test_faults_on_three_days_of_twenty_do_not_hide_each_other(judged: Judged) -> None:
    values = school(days=28)
    wrong = [24 * day + 12 for day in (14, 16, 20)]
    values[wrong] *= 10.0
    assert list(judged(values, minutes=60)) == wrong


def test_voltage_may_not_be_far_above_its_usual_peak(judged: Judged) -> None:
    volts = 230.0 + np.random.default_rng(0).integers(-50, 50, 30 * 48) / 10.0
    volts[700:703] = 310.0  # 1.3 times 235 is 305.5
    told = judged(volts, ChannelProfile(Channel.VOLTAGE))
    assert [slot for slot, (_, quality) in told.items() if Quality.OUT_OF_RANGE in quality] == [700, 701, 702]


@DRAWN
@given(begin=PLACES, slots=st.integers(1, 6))
def test_negative_values_of_a_one_way_channel_are_found(
    judged: Judged, household: FloatArray, begin: int, slots: int
) -> None:
    values = household.copy()
    values[begin : begin + slots] *= -1.0
    told = judged(values)
    assert [slot for slot, (_, quality) in told.items() if Quality.NEGATIVE in quality] == list(
        range(begin, begin + slots)
    )


def test_plant_may_use_a_little_itself_at_night(judged: Judged) -> None:
    plant = ChannelProfile(Channel.GENERATION, "solar", capacity=100.0)
    told = judged(np.array([-2.0, -2.1, 0.0]), plant)  # 2 % of the capacity
    assert [slot for slot, (_, quality) in told.items() if Quality.NEGATIVE in quality] == [1]


@pytest.mark.parametrize("channel", [Channel.AIR_TEMPERATURE])
def test_temperature_may_be_negative(judged: Judged, channel: Channel) -> None:
    assert judged(np.array([-2.0, -2.1, 0.0]), ChannelProfile(channel)) == {}


@pytest.mark.parametrize(
    ("channel", "value"),
    [
        (Channel.IMPORT, -99.0),
        (Channel.IMPORT, -0.099),  # sent in W
        (Channel.IMPORT, 131.07),  # 65535 Wh in a half-hour
        (Channel.IMPORT, 9999.0),
        (Channel.AIR_TEMPERATURE, 3276.7),
        (Channel.AIR_TEMPERATURE, float(np.float32(-3276.7))),
        (Channel.AIR_TEMPERATURE, (-999.0 - 32.0) * 5.0 / 9.0),  # sent in degrees Fahrenheit
        (Channel.IRRADIANCE, 6553.5),
    ],
)
def test_numbers_that_mean_no_value_are_named(
    judged: Judged, household: FloatArray, channel: Channel, value: float
) -> None:
    values = household.copy()
    values[[500, 900]] = value
    told = judged(values, ChannelProfile(channel))
    assert [slot for slot, (_, quality) in told.items() if Quality.SENTINEL in quality] == [500, 900]
    assert not np.isclose(told[500][0], value)


def test_number_that_could_be_true_is_no_sentinel_unless_it_repeats(judged: Judged, household: FloatArray) -> None:
    values = household * 9.0
    values[500] = 9.999
    assert not any(Quality.SENTINEL in quality for _, quality in judged(values).values())
    values[501] = 9.999
    told = judged(values)
    assert [slot for slot, (_, quality) in told.items() if Quality.SENTINEL in quality] == [500, 501]


@DRAWN
@given(begin=PLACES, slots=st.integers(1, 2), times=st.floats(2.0, 9.0))
def test_one_or_two_values_above_both_neighbours_are_a_spike(
    judged: Judged, household: FloatArray, begin: int, slots: int, times: float
) -> None:
    """With it may be told a peak of the household beside it, as if the two were one spike."""
    values = household.copy()
    values[begin : begin + slots] += times * 2.0
    told = judged(values)
    planted = range(begin, begin + slots)
    assert set(planted) <= set(told) <= {begin - 1, *planted, begin + slots}
    assert all(quality & (Quality.SPIKE | Quality.OUT_OF_RANGE) for _, quality in told.values())
    np.testing.assert_allclose([told[slot][0] for slot in planted], household[begin : begin + slots], atol=2.5)


def test_value_beside_a_rejected_one_is_not_compared_with_its_other_neighbour(
    judged: Judged, household: FloatArray
) -> None:
    values = household.copy()
    values[181:183] += 4.0  # and the value after them is the day's highest but for them
    assert list(judged(values)) == [181, 182]


def test_energy_that_arrives_in_one_value_after_a_gap_is_a_spike(judged: Judged, household: FloatArray) -> None:
    values = household.copy()
    values[600:648] = np.nan
    values[648] = 6.0
    assert Quality.SPIKE in judged(values)[648][1]


def test_newest_value_is_no_spike_before_its_neighbour_has_come(judged: Judged, household: FloatArray) -> None:
    values = household.copy()
    values[-1] = 6.5
    assert judged(values) == {}


def test_new_level_is_no_spike(judged: Judged, household: FloatArray) -> None:
    values = household.copy()
    values[700:] += 2.0
    assert judged(values) == {}


@DRAWN
@given(begin=PLACES, kwh=st.floats(50.0, 5000.0), sign=st.sampled_from([-1.0, 1.0]), apart=st.integers(1, 4))
def test_wrapped_counter_leaves_a_pair_that_cancels(
    judged: Judged, household: FloatArray, begin: int, kwh: float, sign: float, apart: int
) -> None:
    values = household.copy()
    values[begin] += sign * kwh * 2.0
    values[begin + apart] -= sign * kwh * 2.0
    told = judged(values)
    assert {begin, begin + apart} <= {slot for slot, (_, quality) in told.items() if Quality.ROLLOVER in quality}
    assert abs(told[begin][0]) < 10.0


@DRAWN
@given(begin=PLACES, slots=st.integers(12, 96))
def test_value_that_stands_still_is_a_flat_line(judged: Judged, household: FloatArray, begin: int, slots: int) -> None:
    values = household.copy()
    values[begin : begin + slots] = values[begin]
    told = judged(values)
    flat = {slot for slot, (_, quality) in told.items() if Quality.FLAT_LINE in quality}
    assert set(range(begin, min(begin + slots, len(values)))) <= flat
    assert len(flat) <= slots + 1


def test_channel_that_often_repeats_itself_is_not_flat(judged: Judged) -> None:
    coarse = np.round(20.0 + np.sin(np.arange(30 * 48) / 200.0) * 4.0)  # whole degrees, for hours
    assert judged(coarse, ChannelProfile(Channel.AIR_TEMPERATURE)) == {}


def test_battery_may_rest(judged: Judged) -> None:
    assert judged(np.full(10 * 48, 7.5), ChannelProfile(Channel.STATE_OF_CHARGE)) == {}


@DRAWN
@example(begin=1141, slots=12)
@given(begin=st.integers(14 * 48, 28 * 48), slots=st.integers(12, 48))
def test_zero_on_an_active_meter_is_doubted_but_stands(
    judged: Judged, household: FloatArray, begin: int, slots: int
) -> None:
    values = household.copy()
    values[begin : begin + slots] = 0.0
    told = judged(values)
    last = min(begin + slots, len(values))
    beside = {begin - 1, last}  # a high value beside the zeros may stand out as a spike does
    assert set(told) - beside == set(range(begin, last))
    assert {told[slot] for slot in range(begin, last)} == {(0.0, Quality.QUESTIONABLE | Quality.ZERO)}


def test_zero_every_night_is_no_fault(judged: Judged, household: FloatArray) -> None:
    values = household.copy()
    values[np.arange(len(values)) % 48 < 14] = 0.0
    assert judged(values) == {}


def test_parameters_change_what_is_told(judged: Judged, household: FloatArray) -> None:
    values = household.copy()
    values[700:712] = 0.0
    patient = replace(DEFAULT_RULES.load, runs=RunRule(zero_hours=7.0))
    assert len(judged(values)) == 12
    assert judged(values, rules=patient) == {}
    assert (
        judged(
            np.array([1.0, -0.5, 1.0]),
            ChannelProfile(Channel.IMPORT, capacity=10.0),
            rules=Rules(RangeRule(own_use_share=0.05)),
        )
        == {}
    )
