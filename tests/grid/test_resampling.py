"""Mixed lengths on one axis: energy is conserved, nothing is split, nothing counts twice, a state is the last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.resampling import resample, without_overlaps
from grid.time_axis import EPOCH, TimeAxis

START = datetime(2026, 3, 29, tzinfo=UTC)
HOURLY = TimeAxis(START, timedelta(hours=1), 3)
DAY = TimeAxis(START, timedelta(days=1), 1)
nan = float("nan")

Triple = tuple[float, int, float]  # minutes after START, length in minutes, value
LENGTHS = (5, 10, 15, 30, 60)
values = st.floats(-1e6, 1e6)


@st.composite
def tilings(draw: st.DrawFn, hours: int = 3) -> list[Triple]:
    """Intervals of mixed lengths that fill every hour exactly, in any order."""
    found: list[Triple] = []
    for hour in range(hours):
        at = 0
        while at < 60:
            length = draw(st.sampled_from([n for n in LENGTHS if at + n <= 60]))
            found.append((60 * hour + at, length, draw(values)))
            at += length
    return draw(st.permutations(found))


def on_axis(readings: list[Triple], axis: TimeAxis = HOURLY, *, state: bool = False) -> list[float]:
    starts = np.array(
        [(START - EPOCH) // timedelta(microseconds=1) + round(m * 60e6) for m, _, _ in readings], np.int64
    )
    lengths = np.array([length for _, length, _ in readings], np.int64)
    known = np.array([value for _, _, value in readings], np.float64)
    means: list[float] = resample(starts, lengths, known, axis=axis, state=state).tolist()
    return means


def test_four_quarter_hours_make_an_hour_and_three_do_not() -> None:
    quarters = [(15 * i, 15, float(v)) for i, v in enumerate([1, 2, 3, 6, 4, 4, 4])]
    np.testing.assert_equal(on_axis(quarters), [3.0, nan, nan])


def test_lengths_may_change_within_a_period_and_weigh_as_long_as_they_are() -> None:
    assert on_axis([(0, 30, 2.0), (30, 15, 4.0), (45, 5, 1.0), (50, 10, 7.0)])[0] == pytest.approx(3.25)
    morning, afternoon = [(60 * i, 60, 2.0) for i in range(12)], [(720 + 15 * i, 15, 4.0) for i in range(48)]
    assert on_axis(morning + afternoon, DAY) == [pytest.approx(3.0)]


def test_an_interval_of_the_axis_goes_before_finer_ones() -> None:
    mixed = [(0.0, 60, 9.0), (0.0, 30, 1.0), (30.0, 30, 1.0), (60.0, 30, 2.0), (90.0, 30, 4.0)]
    np.testing.assert_equal(on_axis(mixed), [9, 3, nan])


def test_coarser_and_straddling_intervals_are_left_out() -> None:
    np.testing.assert_equal(on_axis([(0, 120, 5.0), (150, 60, 5.0), (60, 7, 1.0)]), [nan, nan, nan])


def test_a_day_reading_is_not_spread_over_hours_but_makes_the_day() -> None:
    readings = [(0.0, 1440, 5.0), *((15.0 * i, 15, 1.0) for i in range(96))]
    np.testing.assert_equal(on_axis(readings), [1.0, 1.0, 1.0])
    assert on_axis(readings, DAY) == [5.0]


def test_an_hour_sent_again_a_minute_late_counts_once_as_it_stands_on_the_grid() -> None:
    sent, again = [(15.0 * i, 15, 1.0) for i in range(4)], [(15.0 * i + 1, 15, 9.0) for i in range(3)]
    np.testing.assert_equal(on_axis(again + sent), [1.0, nan, nan])


def test_readings_outside_the_axis_do_not_matter() -> None:
    np.testing.assert_equal(on_axis([(-60, 60, 1.0), (180, 60, 1.0), (60, 60, 2.0)]), [nan, 2.0, nan])


def test_a_state_is_the_last_one_that_begins_within_the_period_however_full_it_is() -> None:
    np.testing.assert_equal(
        on_axis([(0, 15, 1.0), (30, 15, 7.0), (15, 15, 3.0), (150, 15, 5.0)], state=True), [7, nan, 5]
    )


@given(tilings())
def test_energy_is_conserved_whatever_the_lengths_and_the_order_of_rows(readings: list[Triple]) -> None:
    sent = sum(value * minutes / 60 for _, minutes, value in readings)
    np.testing.assert_allclose(np.sum(on_axis(readings)), sent, rtol=1e-9, atol=1e-3)


@given(tilings(), st.data())
def test_a_period_that_lacks_any_part_of_it_is_missing_and_the_others_stay(
    readings: list[Triple], data: st.DataObject
) -> None:
    lost = data.draw(st.sampled_from(readings))
    before, after = on_axis(readings), on_axis([r for r in readings if r != lost])
    hour = int(lost[0] // 60)
    assert np.isnan(after[hour])
    assert [v for i, v in enumerate(after) if i != hour] == pytest.approx(
        [v for i, v in enumerate(before) if i != hour]
    )


@given(values)
def test_a_reading_as_long_as_the_period_comes_back_bit_for_bit(value: float) -> None:
    assert on_axis([(60, 60, value)])[1] == value


@given(st.lists(st.tuples(st.integers(0, 300), st.sampled_from([7, *LENGTHS])), min_size=1, unique=True))
def test_what_counts_never_overlaps_and_what_is_left_out_overlaps_something(spans: list[tuple[int, int]]) -> None:
    starts, lengths = (np.array(column, np.int64) for column in zip(*spans, strict=True))
    kept = without_overlaps(starts, lengths)
    overlap = (starts[:, None] < (starts + lengths)[None, :]) & (starts[None, :] < (starts + lengths)[:, None])
    np.fill_diagonal(overlap, False)
    assert not overlap[np.ix_(kept, kept)].any()
    assert overlap[~kept].any(axis=1).all()
    assert kept.any()
