from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.readings import Quality
from grid.time_axis import EPOCH, to_us
from grid.units import Channel
from grid.validation import LOOK_AHEAD, LOOK_BACK, ChannelProfile, IntervalReadings, judge, known_totals
from grid.validation.lattice import DAY_US
from grid.validation.registers import misread, rolled_over, was_reset

Judged = Callable[..., dict[float, tuple[float, Quality]]]
REGISTER = ChannelProfile(Channel.IMPORT_REGISTER, register_kwh=100_000.0)


def daily(kwh: list[float], *, days: list[int] | None = None) -> IntervalReadings:
    starts = np.array(days if days else range(len(kwh)), dtype=np.int64) * DAY_US
    return IntervalReadings(1440, starts, np.array(kwh), starts + DAY_US)


def test_register_wraps_from_its_last_tenth_into_its_first() -> None:
    kwh = np.array([99_990.0, 5.0, 20.0])
    assert rolled_over(kwh, register_kwh=100_000.0).tolist() == [False, True, False]
    assert not rolled_over(kwh, register_kwh=1_000_000.0).any()
    assert not was_reset(kwh, register_kwh=100_000.0).any()
    assert was_reset(kwh, register_kwh=1_000_000.0).tolist() == [False, True, False]


def test_end_of_an_unknown_register_is_the_next_power_of_ten() -> None:
    assert rolled_over(np.array([9_995.0, 3.0]), register_kwh=None).tolist() == [False, True]
    assert not rolled_over(np.array([5_000.0, 3.0]), register_kwh=None).any()


def test_reading_between_two_that_agree_is_misread() -> None:
    assert misread(np.array([100.0, 900.0, 110.0]), register_kwh=None).tolist() == [False, True, False]
    assert misread(np.array([100.0, 9.0, 110.0]), register_kwh=None).tolist() == [False, True, False]
    assert not misread(np.array([100.0, 105.0, 110.0]), register_kwh=None).any()


def test_totals_count_on_over_a_wrap_and_stop_at_a_reset() -> None:
    totals = known_totals(daily([99_990.0, 5.0, 20.0, 3.0, 10.0]), register_kwh=100_000.0)
    assert totals.kwh.tolist() == [15.0, 15.0, 7.0]
    assert (totals.starts_us // DAY_US).tolist() == [0, 1, 3]
    assert (totals.ends_us // DAY_US).tolist() == [1, 2, 4]


def test_misread_and_missing_values_widen_the_span() -> None:
    totals = known_totals(daily([100.0, np.nan, 120.0, 900.0, 140.0]))
    assert totals.kwh.tolist() == [20.0, 20.0]
    assert (totals.ends_us // DAY_US).tolist() == [2, 4]


def test_there_is_no_total_over_more_than_eight_days() -> None:
    totals = known_totals(daily([100.0, 200.0, 300.0], days=[0, 8, 17]))
    assert totals.kwh.tolist() == [100.0]


@pytest.mark.parametrize("readings", [[], [5.0], [np.nan, np.nan]])
def test_too_few_readings_give_no_total(readings: list[float]) -> None:
    assert len(known_totals(daily(readings)).kwh) == 0


@given(st.lists(st.floats(0.0, 900.0), min_size=1, max_size=30), st.floats(0.0, 9_999.0))
def test_totals_of_a_wrapping_register_are_what_was_used(used: list[float], first: float) -> None:
    counted = np.concatenate([[first], first + np.cumsum(used)])
    totals = known_totals(daily((counted % 10_000.0).tolist()), register_kwh=10_000.0)
    np.testing.assert_allclose(totals.kwh, used, atol=1e-6)


def test_wrap_is_valid_and_told_and_reset_is_doubted(judged: Judged) -> None:
    told = judged(np.array([99_990.0, 5.0, 20.0, 3.0, 10.0]), REGISTER)
    assert told == {1: (5.0, Quality.VALID | Quality.ROLLOVER), 3: (3.0, Quality.QUESTIONABLE | Quality.RESET)}


def test_misread_register_is_a_spike_and_is_filled_on_the_line(judged: Judged) -> None:
    told = judged(np.array([100.0, 900.0, 110.0, 120.0]), REGISTER)
    assert told == {1: (105.0, Quality.SPIKE | Quality.ESTIMATED_LINEARLY)}


def monthly(kwh: list[float], *, days: list[int]) -> IntervalReadings:
    starts = np.array(days, dtype=np.int64) * DAY_US
    return IntervalReadings(15, starts, np.array(kwh), starts + DAY_US)


@pytest.mark.parametrize("days", [30, 48])
def test_register_read_monthly_wraps_and_is_reset(judged: Judged, days: int) -> None:
    sent = monthly([99_990.0, 400.0, 900.0, 20.0], days=[20_000 + i * days for i in range(4)])
    told = [quality for _, quality in judged(sent, REGISTER).values()]
    assert told == [Quality.VALID | Quality.ROLLOVER, Quality.QUESTIONABLE | Quality.RESET]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 60), st.floats(-50.0, 2_000.0)), min_size=2, max_size=30),
    st.integers(8, 80),
)
def test_sparse_register_is_judged_in_pieces_as_at_once(read: list[tuple[int, float]], piece_days: int) -> None:
    days, kwh = (np.array(column) for column in zip(*read, strict=True))
    first, last = 20_000, 20_000 + int(days.sum())
    starts = (first + np.cumsum(days)) * DAY_US
    sent = IntervalReadings(1440, starts, 98_000.0 + np.cumsum(kwh) % 4_000.0, starts + DAY_US)
    profile = ChannelProfile(Channel.IMPORT_REGISTER, register_kwh=100_000.0)
    sent.values[sent.values > 100_000.0] -= 100_000.0

    def judge_days(since_day: int, until_day: int) -> list[tuple[int, int]]:
        since, until = (EPOCH + timedelta(days=day) for day in (since_day, until_day))
        near = (starts >= to_us(since - LOOK_BACK)) & (starts < to_us(until + LOOK_AHEAD))
        piece = IntervalReadings(1440, starts[near], sent.values[near], sent.received_us[near])
        told = judge(piece, profile, judge_from=since, judge_until=until)
        return list(zip(told.starts_us.tolist(), told.quality.tolist(), strict=True))

    whole = judge(sent, profile, judge_from=EPOCH, judge_until=EPOCH + timedelta(days=last + 1))
    pieces = [told for day in range(first, last + 1, piece_days) for told in judge_days(day, day + piece_days)]
    assert pieces == list(zip(whole.starts_us.tolist(), whole.quality.tolist(), strict=True))


def test_where_a_register_stood_is_looked_up_no_further_back_than_is_loaded(judged: Judged) -> None:
    assert judged(monthly([99_990.0, 400.0], days=[20_000, 20_049]), REGISTER) == {}


def test_what_cannot_be_a_reading_is_not_where_a_register_stood(judged: Judged) -> None:
    sent = monthly([500.0, -1.0, np.nan, 100_001.0, 600.0], days=[20_000, 20_001, 20_002, 20_003, 20_030])
    told = list(judged(sent, REGISTER).values())
    assert not any(quality & (Quality.RESET | Quality.ROLLOVER) for _, quality in told)


def test_register_stands_still_at_night(judged: Judged) -> None:
    assert judged(np.full(96, 4_321.0), REGISTER) == {}


def test_register_beyond_its_range_or_below_zero_is_rejected(judged: Judged) -> None:
    told = judged(np.array([10.0, 100_001.0, 12.0, -1.0, 14.0]), REGISTER)
    assert Quality.OUT_OF_RANGE in told[1][1]
    assert Quality.NEGATIVE in told[3][1]
