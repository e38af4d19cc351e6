"""Intervals are regular by UTC or by the zone's clock; a day by the wall clock lasts 23, 24 or 25 hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grid.local_days import local_midnight
from grid.readings import Quality
from grid.time_axis import to_us
from grid.units import Channel
from grid.validation import LOOK_AHEAD, LOOK_BACK, ChannelProfile, IntervalReadings, KnownTotals, Verdicts, judge
from grid.validation.clocks import Clock, clock_changes, kept_clock
from grid.validation.lattice import DAY_US, HOUR_US, MINUTE_US
from grid.validation.nouns import IntArray

ZONES = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
]
MINUTES = [5, 15, 30, 60, 180, 360, 720, 1440]
DRAWN = settings(max_examples=60, deadline=None)
FIRST_DAYS = st.dates(date(2024, 1, 1), date(2027, 12, 1))


def starts_by(timezone: str, follows: str, minutes: int, first: date, days: int) -> IntArray:
    """Starts of the intervals of some days by UTC, by the zone's winter time, or by its wall clock."""
    midnight, zone = datetime(first.year, first.month, first.day, tzinfo=UTC), ZoneInfo(timezone)
    shown = [midnight + timedelta(minutes=minutes) * i for i in range(days * 1440 // minutes)]
    if follows == "utc":
        return np.array([to_us(wall) for wall in shown])
    ahead = min(datetime(2026, month, 1, tzinfo=zone).utcoffset() or timedelta(0) for month in range(1, 13))
    whole_hours_change = timezone != "Australia/Lord_Howe"
    if follows == "winter" or minutes < 60 or (minutes == 60 and whole_hours_change):  # these go on through a change
        return np.array([to_us(wall - ahead) for wall in shown])
    return np.array([to_us(wall.replace(tzinfo=zone).astimezone(UTC)) for wall in shown])


def judge_all(starts_us: IntArray, minutes: int, timezone: str, **options: object) -> Verdicts:
    values = (10 + starts_us // MINUTE_US % 7 + starts_us // HOUR_US % 11).astype(np.float64)
    sent = IntervalReadings(minutes, starts_us, values, starts_us + minutes * MINUTE_US + HOUR_US)
    bounds = {"judge_from": datetime(2000, 1, 1, tzinfo=UTC), "judge_until": datetime(2100, 1, 1, tzinfo=UTC)}
    return judge(sent, ChannelProfile(Channel.LOAD, timezone=timezone), **(bounds | options))  # type: ignore[arg-type]


@DRAWN
@given(
    st.sampled_from(ZONES),
    st.sampled_from(["utc", "winter", "wall"]),
    st.sampled_from(MINUTES),
    FIRST_DAYS,
)
def test_regular_channel_by_utc_or_by_the_zones_clock_is_never_off_grid(
    timezone: str, follows: str, minutes: int, first: date
) -> None:
    days = 20 if minutes < 60 else 300
    told = judge_all(starts_by(timezone, follows, minutes, first, days), minutes, timezone)
    assert not (told.quality & int(Quality.OFF_GRID | Quality.GAP)).any()


@DRAWN
@given(
    st.sampled_from(ZONES),
    st.sampled_from(["utc", "winter", "wall"]),
    st.sampled_from(MINUTES),
    FIRST_DAYS,
    st.integers(5, 25),
    st.integers(1, 10_000),
)
def test_single_stray_stamp_is_off_grid_and_the_only_one(
    timezone: str, follows: str, minutes: int, first: date, at: int, aside: int
) -> None:
    starts = starts_by(timezone, follows, minutes, first, 30)
    starts[at] += (1 + aside % (minutes - 1)) * MINUTE_US
    assume(starts[at] < starts[at + 1])  # an interval in which clocks are put forward is shorter
    told = judge_all(starts, minutes, timezone)
    across = told.quality & int(Quality.OFF_GRID | Quality.DERIVED) == int(Quality.OFF_GRID)
    assert told.starts_us[across].tolist() == [starts[at]]


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(["utc", "winter", "wall"]),
    st.sampled_from([60, 180, 1440]),
    st.integers(15, 60),
    st.lists(st.tuples(st.integers(1, 179), st.integers(1, 50)), max_size=5),
)
def test_pieces_across_clock_changes_give_what_judging_at_once_gives(
    timezone: str, follows: str, minutes: int, piece_days: int, strays: list[tuple[int, int]]
) -> None:
    first, days = date(2026, 1, 20), 180
    begin = datetime(2026, 1, 18, tzinfo=UTC)
    starts = starts_by(timezone, follows, minutes, first, days)
    for day, aside in strays:
        starts[day * 1440 // minutes] += aside * MINUTE_US
    starts = np.unique(starts)
    whole = judge_all(starts, minutes, timezone)
    pieces = []
    for day in range(0, days + 5, piece_days):
        since, until = begin + timedelta(days=day), begin + timedelta(days=day + piece_days)
        near = starts[(starts >= to_us(since - LOOK_BACK)) & (starts < to_us(until + LOOK_AHEAD))]
        pieces.append(judge_all(near, minutes, timezone, judge_from=since, judge_until=until))
    np.testing.assert_array_equal(np.concatenate([piece.starts_us for piece in pieces]), whole.starts_us)
    np.testing.assert_array_equal(np.concatenate([piece.quality for piece in pieces]), whole.quality)
    np.testing.assert_allclose(np.concatenate([piece.values for piece in pieces]), whole.values, rtol=1e-9)


@pytest.mark.parametrize(
    ("changed", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 7, 1), 24)]
)
def test_local_day_that_is_missing_is_one_gap_and_its_energy_that_of_its_hours(changed: date, hours: int) -> None:
    """Daily means beside a register: the estimate is the register's energy over 23, 24 or 25 hours."""
    days = [changed + timedelta(days=i) for i in range(-20, 7)]
    starts = np.array([to_us(local_midnight(day, "Europe/Berlin")) for day in days])
    assert starts[21] - starts[20] == hours * HOUR_US
    there = np.arange(len(days)) != 20
    sent = IntervalReadings(1440, starts[there], np.full(26, 2.0), starts[there] + 2 * DAY_US)
    totals = KnownTotals(starts[20:21], starts[21:22], np.array([3.0 * hours]))
    berlin = ChannelProfile(Channel.IMPORT, timezone="Europe/Berlin")
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    told = judge(sent, berlin, totals=totals, judge_from=since, judge_until=until)
    assert told.starts_us.tolist() == [starts[20]]
    assert told.values.tolist() == [pytest.approx(3.0)]
    assert told.quality[0] & int(Quality.GAP)


def test_sender_that_takes_to_another_clock_is_regular_by_both() -> None:
    """Hours in India by UTC, then at half past: nothing is off the grid, whatever piece is judged."""
    first = to_us(datetime(2026, 1, 5, tzinfo=UTC)) + HOUR_US * np.arange(200, dtype=np.int64)
    then = first[-1] + HOUR_US * 3 // 2 + HOUR_US * np.arange(100, dtype=np.int64)
    starts = np.concatenate([first, then])
    assert clock_changes(starts, "Asia/Kolkata", step_us=HOUR_US).tolist() == [200]
    assert len(judge_all(starts, 60, "Asia/Kolkata")) == 0


def test_stray_stamp_on_another_clock_is_no_change_of_clocks() -> None:
    starts = to_us(datetime(2026, 1, 5, tzinfo=UTC)) + HOUR_US * np.arange(200, dtype=np.int64)
    starts[100:102] += HOUR_US // 2
    assert clock_changes(starts, "Asia/Kolkata", step_us=HOUR_US).tolist() == []
    told = judge_all(starts, 60, "Asia/Kolkata")
    assert starts[100] in told.starts_us
    assert starts[101] in told.starts_us


def test_clock_of_most_readings_is_kept_and_of_none_is_utc() -> None:
    days = DAY_US * np.arange(20_000, 20_010, dtype=np.int64)
    assert kept_clock(days, "Europe/Berlin", step_us=DAY_US) == Clock()
    assert kept_clock(days - 2 * HOUR_US, "Europe/Berlin", step_us=DAY_US) != Clock()
    assert kept_clock(days[:0], "Europe/Berlin", step_us=DAY_US) == Clock()


@pytest.mark.parametrize(
    ("timezone", "left_out", "change", "minutes"),
    [
        ("Africa/Cairo", datetime(2026, 4, 24, tzinfo=UTC), datetime(2026, 4, 23, 22, tzinfo=UTC), 1440),
        ("Australia/Lord_Howe", datetime(2024, 10, 6, 2, tzinfo=UTC), datetime(2024, 10, 5, 15, 30, tzinfo=UTC), 60),
    ],
)
def test_time_that_a_wall_clock_leaves_out_is_the_instant_of_the_change(
    timezone: str, left_out: datetime, change: datetime, minutes: int
) -> None:
    """In Cairo clocks go from 00:00 to 01:00, on Lord Howe from 02:00 to 02:30: there the day, the hour begins."""
    clock = Clock(timezone=timezone)
    start = clock.instants(np.array([to_us(left_out)]))
    assert start.tolist() == [to_us(change)]
    assert clock.begins(start, step_us=minutes * MINUTE_US).all()
