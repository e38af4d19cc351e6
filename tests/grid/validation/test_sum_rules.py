from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grid.readings import Quality
from grid.time_axis import FloatArray
from grid.units import Channel
from grid.validation import DEFAULT_RULES, ChannelProfile, IntervalReadings, KnownTotals
from grid.validation.lattice import DAY_US
from grid.validation.settings import SumRule

Judged = Callable[..., dict[float, tuple[float, Quality]]]
Readings = Callable[..., IntervalReadings]
OPEN = Quality.QUESTIONABLE | Quality.SUM_MISMATCH


def test_parts_that_do_not_add_up_doubt_the_check_meter(judged: Judged, readings: Readings) -> None:
    """2 % of the larger may be open: 10.0 against 10.2 is 0.2 of 10.2, against 10.3 is too much."""
    told = judged(np.full(4, 10.0), parts=readings(np.array([10.0, 10.2, 10.3, np.nan])))
    assert told == {2: (10.0, OPEN)}


def test_tolerance_is_a_parameter(judged: Judged, readings: Readings) -> None:
    loose = replace(DEFAULT_RULES.load, sums=SumRule(share=0.1))
    assert judged(np.full(2, 10.0), parts=readings(np.array([10.9, 11.2])), rules=loose) == {1: (10.0, OPEN)}


def test_parts_may_cover_other_times(judged: Judged, readings: Readings) -> None:
    few = readings(np.array([10.0, 99.0]))
    few.starts_us[:] += 3 * 30 * 60_000_000
    assert judged(np.full(4, 10.0), parts=few) == {}


def test_parts_must_have_the_interval_of_the_check_meter(judged: Judged, readings: Readings) -> None:
    with pytest.raises(ValueError, match="parts must have the check meter's interval of 30 minutes, got 15"):
        judged(np.ones(2), parts=readings(np.ones(4), minutes=15))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(begin=st.integers(0, 29 * 48), slots=st.integers(1, 48), share=st.floats(0.3, 1.0))
def test_part_that_is_missing_from_the_sum_is_found_where_it_matters(
    judged: Judged, readings: Readings, household: FloatArray, begin: int, slots: int, share: float
) -> None:
    parts = household.copy()
    parts[begin : begin + slots] *= 1.0 - share
    told = judged(household, parts=readings(parts))
    assert list(told) == list(range(begin, begin + slots))


def test_intervals_that_do_not_add_up_to_the_register_are_doubted(judged: Judged, readings: Readings) -> None:
    """Two days of 1 kW are 24 kWh each; the register counted 24 and 30."""
    sent = readings(np.ones(96))
    midnights = sent.starts_us[0] + np.arange(3) * DAY_US
    totals = KnownTotals(midnights[:2], midnights[1:], np.array([24.0, 30.0]))
    told = judged(sent, totals=totals)
    assert list(told) == list(range(48, 96))
    assert {quality for _, quality in told.values()} == {OPEN}


def test_register_says_nothing_of_a_day_with_a_gap(judged: Judged, readings: Readings) -> None:
    sent = readings(np.where(np.arange(48) == 20, np.nan, 1.0))
    totals = KnownTotals(sent.starts_us[:1], sent.starts_us[:1] + DAY_US, np.array([99.0]))
    assert list(judged(sent, totals=totals)) == [20]


def test_totals_are_no_matter_of_a_voltage(judged: Judged, readings: Readings) -> None:
    sent = readings(np.full(48, 230.0))
    totals = KnownTotals(sent.starts_us[:1], sent.starts_us[:1] + DAY_US, np.array([99.0]))
    assert judged(sent, ChannelProfile(Channel.VOLTAGE), totals=totals) == {}
