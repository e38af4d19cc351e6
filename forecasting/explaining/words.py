"""An explanation in rows and words: a table of contributions, a sentence per local day, the networks' attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from grid.time_axis import FloatArray
from grid.words import decimals

_MOST_KW = 5_000.0
"""Above it sentences speak of MW, as the board's charts do."""


@dataclass(frozen=True, slots=True, eq=False)
class SeriesExplanation:
    """Why one series' forecast is what it is.

    Attributes:
        table: ``series_id, time, group, to_median, to_width`` for every row asked for; the groups of an instant add up
            to the forecast's median and to the width of its central 80 %.
        sentences: One per local day.
        attention: By network, share of its attention to each of the last seven days, the oldest first. It tells where
            the network read, not why.
    """

    series_id: str
    table: pd.DataFrame
    sentences: tuple[str, ...]
    attention: dict[str, tuple[float, ...]]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON: everything but the table."""
        return {
            "series_id": self.series_id,
            "sentences": list(self.sentences),
            "attention": {name: list(shares) for name, shares in self.attention.items()},
        }


def in_words(
    series_id: str,
    times: pd.DatetimeIndex,
    groups: Sequence[str],
    values: FloatArray,
    *,
    timezone: str,
    unit: str,
    attention: Mapping[str, FloatArray],
) -> SeriesExplanation:
    """Put contributions into rows and words.

    Args:
        times: Of the intervals, in UTC.
        groups: The reference first.
        values: To the median and to the width, shape (groups, intervals, 2).
        timezone: Whose days the sentences speak of.
        unit: Of the rows; sentences about more than a few thousand kW speak of MW.
        attention: By network, shape (rows of the series, days).
    """
    table = pd.DataFrame(
        {
            "series_id": series_id,
            "time": np.repeat(times, len(groups)),
            "group": np.tile(list(groups), len(times)),
            "to_median": values[..., 0].T.reshape(-1),
            "to_width": values[..., 1].T.reshape(-1),
        }
    )
    days = np.asarray(times.tz_convert(ZoneInfo(timezone)).strftime("%Y-%m-%d"))
    if unit == "kW" and np.abs(values.sum(axis=0)).max(initial=0.0) > _MOST_KW:
        values, unit = values / 1000.0, "MW"
    return SeriesExplanation(
        series_id=series_id,
        table=table,
        sentences=tuple(
            f"{day}: {_sentence(groups, values[:, days == day].mean(axis=1), unit)}"
            for day in dict.fromkeys(days.tolist())
        ),
        attention={name: tuple(shares.mean(axis=0).round(4).tolist()) for name, shares in attention.items()},
    )


def _sentence(groups: Sequence[str], mean: FloatArray, unit: str) -> str:
    """What the groups did on the average of a day, the largest first; the reference stands first among the groups.

    Args:
        mean: To the median and to the width, shape (groups, 2).
    """
    median, width = mean.sum(axis=0)
    digits = decimals(max(abs(median), width), most=6)
    order = 1 + np.argsort(-np.abs(mean[1:, 0]))
    parts = ", ".join(f"{groups[k]} {mean[k, 0]:+,.{digits}f}" for k in order)
    most = 1 + int(np.argmax(np.abs(mean[1:, 1])))
    return (
        f"{median:,.{digits}f} {unit or 'units'} on the average, {mean[0, 0]:,.{digits}f} as usual, {parts}; its "
        f"middle 80 % are {width:,.{digits}f} wide, to which {groups[most]} gave most ({mean[most, 1]:+,.{digits}f})."
    )
