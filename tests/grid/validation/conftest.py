"""Made-up channels: a household's two months, a clear-sky solar plant, and their judgement."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from grid.readings import Quality
from grid.time_axis import FloatArray, to_us
from grid.units import Channel
from grid.validation import ChannelProfile, IntervalReadings, Verdicts, judge
from grid.validation.lattice import MINUTE_US

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
Readings = Callable[..., IntervalReadings]
Judged = Callable[..., dict[float, tuple[float, Quality]]]


@pytest.fixture
def household() -> FloatArray:
    """Thirty days of half-hours: a standby, mornings and evenings, and noise to three digits. [kW]"""
    hour = np.arange(30 * 48) % 48 / 2.0
    shape = 0.2 + 0.8 * np.exp(-(((hour - 7.5) / 1.5) ** 2)) + 1.6 * np.exp(-(((hour - 19.0) / 2.5) ** 2))
    noise = np.random.default_rng(7).gamma(25.0, 0.04, len(hour))
    return np.round(shape * noise, 3)


@pytest.fixture
def readings() -> Readings:
    """Readings at regular half-hours from START, each received when it was over, unless told otherwise."""

    def make(values: FloatArray, *, start: datetime = START, minutes: int = 30) -> IntervalReadings:
        starts = to_us(start) + np.arange(len(values)) * minutes * MINUTE_US
        return IntervalReadings(minutes, starts, np.asarray(values, dtype=np.float64), starts + minutes * MINUTE_US)

    return make


@pytest.fixture
def judged(readings: Readings) -> Judged:
    """Judge values at regular half-hours: what is told of each, by position, such as 1.333 across slots."""

    def run(
        values: FloatArray | IntervalReadings,
        profile: ChannelProfile | None = None,
        *,
        start: datetime = START,
        minutes: int = 30,
        **options: object,
    ) -> dict[float, tuple[float, Quality]]:
        made = values if isinstance(values, IntervalReadings) else readings(values, start=start, minutes=minutes)
        profile = profile or ChannelProfile(Channel.IMPORT, "load")
        span = {"judge_from": START - timedelta(days=4000), "judge_until": START + timedelta(days=4000)}
        verdicts: Verdicts = judge(made, profile, **(span | options))  # type: ignore[arg-type]
        at = (verdicts.starts_us - to_us(start)) / (made.interval_minutes * MINUTE_US)
        told = zip(at.round(3).tolist(), verdicts.values.tolist(), verdicts.quality.tolist(), strict=True)
        return {slot: (value, Quality(quality)) for slot, value, quality in told}

    return run
