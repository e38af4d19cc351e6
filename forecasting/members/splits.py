"""A history split in time: what is learnt from, what stops training and calibrates, and what judges."""

from __future__ import annotations

import numpy as np

from forecasting.networks.training import Split
from forecasting.networks.windows import WindowSource
from forecasting.nouns import IndexArray, ShortHistoryError
from forecasting.series.splits import TimeSplit

MINIMUM_DAYS = 28
"""Less history than this and no model is trained."""
_TAIL_DAYS, LONGEST_TEST_DAYS = 42, 42
_TAIL_WINDOWS = 600


def split_in_time(hours: int) -> TimeSplit:
    """Six weeks of tail and six of test, less where the history is short.

    Raises:
        ShortHistoryError: If there are fewer than :data:`MINIMUM_DAYS` days.
    """
    days = hours // 24
    if days < MINIMUM_DAYS:
        raise ShortHistoryError(f"training needs at least {MINIMUM_DAYS} days of history, got {days}")
    test = hours - 24 * min(LONGEST_TEST_DAYS, max(days // 5, 6))
    return TimeSplit(tail=test - 24 * min(_TAIL_DAYS, max(days // 7, 4)), test=test, end=hours)


def every_window(rows: int, begin: int, end: int, *, step: int) -> tuple[IndexArray, IndexArray]:
    """Series and origins of all windows whose origin lies in [begin, end), every ``step`` hours, both (windows,)."""
    series, origins = np.meshgrid(np.arange(rows), np.arange(begin, max(end, begin), step), indexing="ij")
    return series.ravel(), origins.ravel()


def split_windows(source: WindowSource, split: TimeSplit, *, context: int, periods: int) -> Split:
    """Windows that train, and later ones that judge; no hour is forecast by both.

    The tail's origins are spread so that every hour of the day is among them.
    """
    rows = source.series_count
    wanted = max(_TAIL_WINDOWS // rows, 1)
    step = max((split.test - split.tail) // wanted, 1)
    step += step % 2 == 0  # odd, so that it runs through all hours of the day
    train = every_window(rows, context, split.tail - periods + 1, step=1)
    tail = every_window(rows, split.tail, split.test - periods + 1, step=step)
    return Split(*train, *tail)
