"""Forecasts that lie there for a whole span."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from grid.dispatch import DispatchProblem
from grid.simulation import GivenForecasts, perfect_foresight
from grid.time_axis import TimeAxis

MakeSystem = Callable[..., DispatchProblem]
HOUR = timedelta(hours=1)


def test_they_tell_as_far_as_they_reach(make_system: MakeSystem) -> None:
    forecasts = GivenForecasts(make_system(np.arange(30.0)))
    axis = TimeAxis(forecasts.forecast.axis.start + 28 * HOUR, HOUR, 28)

    expected = forecasts.expect(axis, issued_at=axis.start)

    assert expected.axis == TimeAxis(axis.start, HOUR, 2)
    assert expected.load_mw[1].tolist() == [28.0, 29.0]


def test_a_coarser_axis_gets_means(make_system: MakeSystem) -> None:
    forecasts = GivenForecasts(make_system([1.0, 3.0, 5.0, 9.0], step=timedelta(minutes=30)))
    axis = TimeAxis(forecasts.forecast.axis.start, HOUR, 2)

    assert forecasts.expect(axis, issued_at=axis.start).load_mw[1].tolist() == [2.0, 7.0]


@pytest.mark.parametrize(
    ("shift", "step"),
    [(-HOUR, HOUR), (2 * HOUR, HOUR), (timedelta(minutes=20), HOUR), (0 * HOUR, timedelta(minutes=45))],
)
def test_an_axis_that_does_not_match_is_refused(make_system: MakeSystem, shift: timedelta, step: timedelta) -> None:
    forecasts = GivenForecasts(make_system([1.0, 3.0, 5.0, 9.0], step=timedelta(minutes=30)))
    axis = TimeAxis(forecasts.forecast.axis.start + shift, step, 2)

    with pytest.raises(ValueError, match="whole multiples"):
        forecasts.expect(axis, issued_at=axis.start)


def test_who_knows_what_happens_holds_no_reserve(make_system: MakeSystem) -> None:
    actual = make_system([80.0] * 4, [10.0] * 4, reserve_up_mw=20.0)

    expected = perfect_foresight(actual).expect(actual.axis, issued_at=actual.axis.start)

    assert not expected.reserve_up_mw.any()
    assert expected.net_load_mw.tolist() == [70.0] * 4
