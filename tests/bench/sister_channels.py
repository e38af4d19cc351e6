"""What the other channels of a plant say of a doubt: did they see light where it is dark, and whose clock is off."""

from __future__ import annotations

import numpy as np
import pandas as pd

from grid.readings import Quality
from grid.validation import IntervalReadings, Verdicts

DAY_US = 86_400_000_000
SLOT_US = 900_000_000
_LAGS = range(-6, 7)


def borne_out(readings: IntervalReadings, verdicts: Verdicts, others: list[IntervalReadings]) -> np.ndarray:
    """Which verdicts on a quarter-hourly channel the others bear out, shape (verdicts,).

    Darkness, on days on which another saw a fifth or more of its mean light at those very instants; and a clock that is
    off, if in those days the channel's changes come half an hour or more later beside another's than they do else.
    """
    dark = verdicts.quality & int(Quality.ZERO) != 0
    drifting = verdicts.quality & int(Quality.CLOCK_DRIFT) != 0
    own = _series(readings)
    told = np.zeros(len(verdicts), dtype=bool)
    for other in map(_series, others):
        at = other.reindex(verdicts.starts_us[dark])
        light = at.groupby(at.index // DAY_US).transform("mean")
        told[np.flatnonzero(dark)[(light > 0.2 * other[other > 0].mean()).to_numpy()]] = True
        if drifting.any():
            changes = own.diff(), other.diff()
            off = _slots_later(*changes, at=verdicts.starts_us[drifting]) - _slots_later(
                *changes, at=readings.starts_us
            )
            told |= drifting & (abs(off) >= 2)
    return told


def _series(readings: IntervalReadings) -> pd.Series:
    known = np.where(readings.values > -50.0, readings.values, np.nan)  # without sentinels
    return pd.Series(known, index=readings.starts_us)


def _slots_later(own: pd.Series, other: pd.Series, *, at: np.ndarray) -> int:
    """By how many slots changes come later than another channel's, by their correlation at some instants."""
    there = other.reindex(at).to_numpy()
    agreed = {lag: pd.Series(there).corr(pd.Series(own.reindex(at + lag * SLOT_US).to_numpy())) for lag in _LAGS}
    return max(agreed, key=lambda lag: agreed[lag])
