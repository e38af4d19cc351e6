from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grid.readings import Quality
from grid.time_axis import FloatArray, floor_to_step, to_us
from grid.units import Channel
from grid.validation import LOOK_AHEAD, LOOK_BACK, ChannelProfile, Edits, IntervalReadings, KnownTotals, judge
from grid.validation.lattice import DAY_US, MINUTE_US

START = datetime(2026, 1, 5, tzinfo=UTC)
HALF_HOUR_US = 30 * MINUTE_US
Judged = Callable[..., dict[float, tuple[float, Quality]]]
Readings = Callable[..., IntervalReadings]


def kept(readings: IntervalReadings, mask: np.ndarray) -> IntervalReadings:
    return IntervalReadings(
        readings.interval_minutes, readings.starts_us[mask], readings.values[mask], readings.received_us[mask]
    )


def test_plain_readings_get_no_verdict(judged: Judged, household: FloatArray) -> None:
    assert judged(household) == {}


def test_no_readings_give_no_verdict(judged: Judged) -> None:
    assert judged(np.empty(0)) == {}


def test_gap_between_readings_is_told_and_filled_along_the_line(judged: Judged, readings: Readings) -> None:
    sent = readings(np.array([1.0, 9.0, 9.0, 4.0, 5.0]))
    told = judged(kept(sent, np.array([True, False, False, True, True])))
    gap = Quality.GAP | Quality.ESTIMATED_LINEARLY
    assert told == {1: (pytest.approx(2.0), gap), 2: (pytest.approx(3.0), gap)}


def test_nothing_is_missing_after_the_last_reading_nor_before_the_first(judged: Judged, readings: Readings) -> None:
    sent = readings(np.ones(5))
    assert judged(kept(sent, np.array([False, True, True, False, False]))) == {}


def test_value_reported_as_missing_at_the_end_stays_missing(judged: Judged) -> None:
    told = judged(np.array([1.0, 2.0, np.nan]))
    assert list(told) == [2]
    assert np.isnan(told[2][0])
    assert told[2][1] == Quality.MISSING


def test_only_the_last_eight_days_of_a_long_outage_are_gaps(judged: Judged, readings: Readings) -> None:
    sent = readings(np.ones(12 * 48))
    away = np.ones(12 * 48, dtype=bool)
    away[10 : 10 + 10 * 48] = False  # ten days
    told = judged(kept(sent, away))
    assert min(told) == 10 + 2 * 48
    assert max(told) == 9 + 10 * 48
    assert all(np.isnan(value) and quality == Quality.GAP for value, quality in told.values())


def test_edit_stands_against_every_rule(judged: Judged, readings: Readings) -> None:
    sent = kept(readings(np.array([1.0, -5.0, 0.0, 4.0])), np.array([True, True, False, True]))
    edits = Edits(sent.starts_us[1:2], np.array([-3.0]))
    told = judged(sent, edits=edits)
    assert told[1] == (-3.0, Quality.EDITED)


def test_edited_value_is_where_the_line_starts(judged: Judged, readings: Readings) -> None:
    sent = kept(readings(np.array([1.0, 80.0, 0.0, 4.0])), np.array([True, True, False, True]))
    told = judged(sent, edits=Edits(sent.starts_us[1:2], np.array([2.0])))
    assert told == {1: (2.0, Quality.EDITED), 2: (3.0, Quality.GAP | Quality.ESTIMATED_LINEARLY)}


def test_edit_may_declare_a_value_missing(judged: Judged, readings: Readings) -> None:
    sent = readings(np.array([1.0, 2.0, 3.0]))
    told = judged(sent, edits=Edits(sent.starts_us[1:2], np.array([np.nan])))
    assert told[1][1] == Quality.EDITED | Quality.MISSING
    assert np.isnan(told[1][0])


def test_edit_needs_no_reading(judged: Judged) -> None:
    at = np.array([to_us(START)])
    assert judged(np.empty(0), edits=Edits(at, np.array([7.0]))) == {0: (7.0, Quality.EDITED)}


def test_reading_received_before_its_interval_was_over_is_not_used(judged: Judged, readings: Readings) -> None:
    sent = readings(np.array([1.0, 50.0, 3.0]))
    sent.received_us[1] = sent.starts_us[1]
    told = judged(sent)
    assert told == {1: (2.0, Quality.FUTURE | Quality.ESTIMATED_LINEARLY)}


def test_reading_far_in_the_future_makes_no_gap_before_it(judged: Judged, readings: Readings) -> None:
    sent = readings(np.array([1.0, 2.0, 3.0]))
    sent.starts_us[2] += 365 * 400 * DAY_US  # the year 2425
    told = judged(sent, judge_until=datetime(9999, 1, 1, tzinfo=UTC))
    ((value, quality),) = told.values()
    assert np.isnan(value)
    assert quality == Quality.FUTURE


def test_late_reading_is_valid_and_told(judged: Judged, readings: Readings) -> None:
    """The first of the next day is received at 00:30 on it; 72 hours after that is the limit."""
    sent = readings(np.arange(1.0, 97.0))
    sent.received_us[1] = sent.received_us[48] + 72 * 60 * MINUTE_US
    assert judged(sent) == {}
    sent.received_us[1] += 1
    assert judged(sent) == {1: (2.0, Quality.VALID | Quality.LATE)}


def test_history_that_is_loaded_in_order_is_not_late(judged: Judged, readings: Readings) -> None:
    sent = readings(np.arange(1.0, 97.0))
    assert judged(replace(sent, received_us=sent.received_us + 3650 * DAY_US)) == {}


def test_readings_across_the_slots_give_their_mean_by_overlap(judged: Judged, readings: Readings) -> None:
    """Readings ten minutes late: a half-hour holds 10 minutes of the reading before and 20 of the one within."""
    sent = readings(np.array([3.0, 6.0, 9.0, 9.0]))
    sent.starts_us[1:3] += 10 * MINUTE_US
    sent.received_us[1:3] += 10 * MINUTE_US
    told = judged(sent)
    assert told[1][1] == Quality.DERIVED | Quality.OFF_GRID
    assert told[1][0] == pytest.approx(6.0)  # 20 of its 30 minutes are known, all of the one value
    assert told[2] == (pytest.approx((10 * 6.0 + 20 * 9.0) / 30), Quality.DERIVED | Quality.OFF_GRID)


def test_off_grid_reading_itself_has_no_value(readings: Readings) -> None:
    sent = readings(np.array([3.0, 6.0, 9.0]))
    sent.starts_us[1] += 10 * MINUTE_US
    sent.received_us[1] += 10 * MINUTE_US
    verdicts = judge(sent, ChannelProfile(Channel.IMPORT), judge_from=START, judge_until=START + timedelta(days=1))
    at = verdicts.starts_us.tolist().index(int(sent.starts_us[1]))
    assert np.isnan(verdicts.values[at])
    assert verdicts.quality[at] == Quality.OFF_GRID


def test_hours_in_a_zone_of_half_hours_lie_on_its_clock(judged: Judged, readings: Readings) -> None:
    india = ChannelProfile(Channel.IMPORT, timezone="Asia/Kolkata")
    half_past = START - timedelta(minutes=30)
    assert judged(np.arange(1.0, 9.0), india, start=half_past, minutes=60) == {}
    assert judged(np.arange(1.0, 9.0), india, minutes=60) == {}  # or by UTC
    quarter_past = judged(np.arange(1.0, 3.0), india, start=START + timedelta(minutes=15), minutes=60)
    assert {quality for _, quality in quarter_past.values()} == {Quality.OFF_GRID, Quality.DERIVED | Quality.OFF_GRID}


def test_interval_that_divides_no_day_is_judged_by_what_a_value_shows(judged: Judged) -> None:
    told = judged(np.array([1.0, -1.0, 3.0]), start=floor_to_step(START, timedelta(minutes=7)), minutes=7)
    assert told == {1: (2.0, Quality.NEGATIVE | Quality.ESTIMATED_LINEARLY)}


def test_bounds_must_be_utc(readings: Readings) -> None:
    with pytest.raises(ValueError, match="judge_from must be UTC"):
        judge(
            readings(np.ones(1)),
            ChannelProfile(Channel.IMPORT),
            judge_from=START.replace(tzinfo=None),
            judge_until=START,
        )


FAULTS = st.tuples(
    st.sampled_from(["gap", "missing", "flat", "zero", "times", "negative", "mark", "shifted", "edit"]),
    st.integers(0, 48 * 100),
    st.sampled_from([1, 2, 5, 30, 120, 300]),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FAULTS, max_size=14), st.lists(st.integers(1, 48 * 40), min_size=1, max_size=5), st.booleans())
def test_judging_in_pieces_gives_what_judging_at_once_gives(
    readings: Readings, faults: list[tuple[str, int, int]], pieces: list[int], rated: bool
) -> None:
    rng = np.random.default_rng(3)
    values = np.round(rng.gamma(2.0, 0.5, 48 * 110) * (1.0 + np.sin(np.arange(48 * 110) / 48 * 2 * np.pi) ** 2), 2)
    starts = readings(values).starts_us.copy()
    there = np.ones(len(values), dtype=bool)
    edits = Edits(np.empty(0, dtype=np.int64), np.empty(0))
    for name, begin, slots in faults:
        span = slice(begin, begin + slots)
        match name:
            case "gap":
                there[span] = False
            case "missing":
                values[span] = np.nan
            case "flat":
                values[span] = values[begin]
            case "zero":
                values[span] = 0.0
            case "times":
                values[begin : begin + 2] *= 40.0
            case "negative":
                values[span] *= -1.0
            case "mark":
                values[span] = 65.535
            case "shifted":
                starts[span] += 7 * MINUTE_US
            case "edit":
                edits = Edits(starts[begin : begin + 3].copy(), np.array([1.0, np.nan, 2.0]))
    sent = IntervalReadings(30, starts[there], values[there], starts[there] + HALF_HOUR_US)
    order = np.argsort(sent.starts_us)
    sent = kept(sent, order)
    days = to_us(START) + np.arange(110) * DAY_US
    totals = KnownTotals(days[:-1], days[1:], rng.uniform(10.0, 80.0, 109))
    donor = readings(np.where(rng.random(len(values)) < 0.02, np.nan, 3.0 * values + rng.gamma(2.0, 0.5, len(values))))
    profile = ChannelProfile(Channel.IMPORT, "load", "Europe/Berlin", capacity=30.0 if rated else None)
    end = START + timedelta(days=110)
    whole = judge(sent, profile, edits=edits, totals=totals, donors=[donor], judge_from=START, judge_until=end)
    got, at, turn = [], START, 0
    while at < end:
        until = min(end, at + timedelta(minutes=30) * pieces[turn % len(pieces)] * 8)
        low, high = to_us(at - LOOK_BACK), to_us(until + LOOK_AHEAD)
        near = kept(sent, (sent.starts_us >= low) & (sent.starts_us < high))
        inside = (totals.starts_us >= low) & (totals.ends_us <= high)
        known = KnownTotals(totals.starts_us[inside], totals.ends_us[inside], totals.kwh[inside])
        told = (edits.starts_us >= low) & (edits.starts_us < high)
        some = Edits(edits.starts_us[told], edits.values[told])
        beside = kept(donor, (donor.starts_us >= low) & (donor.starts_us < high))
        judged_here = {"judge_from": at, "judge_until": until}
        got.append(judge(near, profile, edits=some, totals=known, donors=[beside], **judged_here))
        at, turn = until, turn + 1
    np.testing.assert_array_equal(np.concatenate([piece.starts_us for piece in got]), whole.starts_us)
    np.testing.assert_array_equal(np.concatenate([piece.quality for piece in got]), whole.quality)
    np.testing.assert_allclose(np.concatenate([piece.values for piece in got]), whole.values, rtol=1e-9)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(-10, 10) | st.just(float("nan")), min_size=1, max_size=60))
def test_no_estimate_is_called_valid_and_verdicts_are_in_order(readings: Readings, values: list[float]) -> None:
    sent = readings(np.array(values))
    profile = ChannelProfile(Channel.IMPORT)
    verdicts = judge(sent, profile, judge_from=START, judge_until=START + timedelta(days=9))
    estimated = verdicts.quality & int(Quality.ESTIMATED_LINEARLY | Quality.ESTIMATED_BY_REFERENCE_DAYS) != 0
    assert not (verdicts.quality[estimated] & int(Quality.VALID)).any()
    assert not np.isnan(verdicts.values[estimated]).any()
    assert (np.diff(verdicts.starts_us) > 0).all()
    assert not np.isnan(verdicts.values[verdicts.quality & int(Quality.VALID) != 0]).any()


def test_estimates_do_not_change_what_was_handed_in(readings: Readings, household: FloatArray) -> None:
    sent = readings(household)
    sent.values[5:8] = np.nan
    before = replace(sent, values=sent.values.copy())
    judge(sent, ChannelProfile(Channel.IMPORT), judge_from=START, judge_until=START + timedelta(days=30))
    np.testing.assert_array_equal(sent.values, before.values)


@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.parametrize("minutes", [1, 15, 960, 1500])
def test_every_channel_and_interval_is_judged_whatever_is_sent(
    readings: Readings, channel: Channel, minutes: int
) -> None:
    values = np.tile([0.0, 1e308, -1e308, np.nan, 1e-300, -1.0, 65535.0, 0.5], 20)
    profile = ChannelProfile(channel, "solar", "Australia/Lord_Howe", latitude=-90.0, longitude=180.0)
    start = floor_to_step(START, timedelta(minutes=minutes))
    end = start + timedelta(minutes=minutes * 200)
    sent = readings(values, start=start, minutes=minutes)
    donors = [replace(sent, values=values[::-1]), replace(sent, values=np.nan_to_num(values))]
    verdicts = judge(sent, profile, donors=donors, judge_from=start, judge_until=end)
    assert len(verdicts) >= 20  # every missing value at least
    assert np.isfinite(verdicts.values[verdicts.quality & int(Quality.VALID) != 0]).all()
