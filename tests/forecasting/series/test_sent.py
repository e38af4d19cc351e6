"""Sent forecasts on a series' hours: each says what it says where it says it, and no later issue is known before."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecasting.series.sent import SentForecast, newest


@given(start=st.integers(-30, 30), count=st.integers(0, 20), first=st.integers(-30, 30), periods=st.integers(0, 20))
def test_every_hour_gets_its_own_value_and_all_others_none(start: int, count: int, first: int, periods: int) -> None:
    told = SentForecast(0, start, np.arange(start, start + count, dtype=np.float64)).over(first, periods)
    wanted = [float(hour) if start <= hour < start + count else np.nan for hour in range(first, first + periods)]
    np.testing.assert_array_equal(told, wanted)


def test_the_newest_issue_is_the_last_that_was_known_at_the_origin() -> None:
    sent = [SentForecast(issued, issued, np.ones(3)) for issued in (2, 5, 5, 9)]
    assert newest(sent, origin=1) is None
    assert newest(sent, origin=4) is sent[0]
    assert newest(sent, origin=5) is sent[2]
    assert newest(sent, origin=100) is sent[3]
