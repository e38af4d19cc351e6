"""What the members of a forecast from a file share: where the backtest begins, and the members without a network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, Self

import numpy as np

from forecasting.baseline import DAY_HOURS, WEEK_HOURS, seasonal_naive
from forecasting.calendar import Calendar
from forecasting.encoders import Encoder
from forecasting.file_rows import Rows
from forecasting.fitting import TimeSplit
from forecasting.load_windows import LOAD_CONTEXT_HOURS
from forecasting.training import TrainingOptions
from forecasting.trees import TreeOptions
from forecasting.windows import IndexArray
from grid.time_axis import FloatArray

Effort = Literal["fast", "full"]
LEVELS = (0.01, 0.03, *(round(0.05 * k, 2) for k in range(1, 20)), 0.97, 0.99)
"""The levels the members speak in; those asked for are read off them."""
LONGEST_NETWORK_HOURS = 8 * 24
"""Beyond a week the last days, which the networks read, say little."""
MINIMUM_KNOWN_HOURS = 14 * 24
_FEWEST_ORIGINS, _MOST_ORIGINS, _SCORED_HOURS = 24, 84, 2016
"""A backtest scores about so many hours, from so many origins."""

NETWORKS: dict[str, Encoder] = {"lstm": "lstm", "tcn": "tcn", "self-attention": "attention"}
"""Members that read the last week by a network, and how they do so."""
REGRESSION, TREES, CLIMATOLOGY, NAIVE, WEATHER = (
    "regression",
    "boosted-trees",
    "climatology",
    "seasonal-naive",
    "weather-network",
)
Quantiles = dict[str, FloatArray]
"""By member, each of shape (rows, origins, periods, levels)."""


@dataclass(frozen=True, slots=True)
class Course:
    """How much work to do, and with which seed."""

    effort: Effort = "full"
    seed: int = 0

    @property
    def networks(self) -> dict[str, Encoder]:
        """Which networks are trained."""
        return NETWORKS if self.effort == "full" else {"lstm": "lstm"}

    def network(self, encoder: Encoder, *, learning_rate: float, leads: int) -> TrainingOptions:
        """Options of a network; its steps are counted, not timed, so that a seed tells all."""
        return TrainingOptions(
            seed=self.seed,
            max_steps={"fast": 80, "full": 300}[self.effort],
            budget_seconds=3600.0,
            learning_rate=learning_rate,
            leads=leads,
            encoder=encoder,
        )

    @property
    def trees(self) -> TreeOptions:
        """Options of the boosted trees."""
        return TreeOptions(seed=self.seed, rounds={"fast": 40, "full": 120}[self.effort])

    @property
    def sun_trees(self) -> TreeOptions:
        """Of the sun's power: hours are less alike than those of load, so that trees may be finer."""
        return replace(self.trees, rounds=2 * self.trees.rounds, leaves=24, leaf_samples=60)

    @property
    def weather_steps(self) -> int:
        return {"fast": 400, "full": 1500}[self.effort]

    @property
    def weather_networks(self) -> int:
        return {"fast": 1, "full": 2}[self.effort]


class Members(Protocol):
    """The members that can speak of some rows.

    Attributes:
        reasons: Sentences on what could not be used, and what stood in for it.
    """

    reasons: list[str]

    def past(self, origins: IndexArray, periods: int) -> Quantiles:
        """What each would have said at origins in the backtest, having been fitted before them."""
        ...

    def present(self) -> Quantiles:
        """What each says of the horizon, having seen all the history."""
        ...

    def shown(self, rows: Rows) -> Self:
        """The same fits, shown other inputs: rows that differ in late values, covariates or the horizon's calendar."""
        ...

    def ordinary(self) -> FloatArray:
        """The rows' values had the last weeks been as was to be expected, shape (rows, hours)."""
        ...

    def attention(self) -> dict[str, FloatArray]:
        """Share of its attention that each network's forecast gives to each day of the last week, (rows, days)."""
        ...


def split_history(hours: int, periods: int) -> TimeSplit:
    """The last fifth of a history for the backtest, a year at most; a quarter at most for calibration before it."""
    test = hours - min(366 * 24, hours // 5)
    return TimeSplit(tail=test - min(max(42 * 24, periods + 14 * 24), hours // 4), test=test, end=hours)


def network_fits(split: TimeSplit, periods: int) -> bool:
    """Whether there is enough history to train, calibrate and judge a network on such a horizon."""
    return (
        periods <= LONGEST_NETWORK_HOURS
        and split.tail >= LOAD_CONTEXT_HOURS + periods + MINIMUM_KNOWN_HOURS
        and split.test - split.tail >= periods + 72
        and split.end - split.test >= periods + 24
    )


def backtest_origins(split: TimeSplit, periods: int) -> tuple[IndexArray, int]:
    """Origins at the hour of day at which the horizon begins, and how many hours ahead they are scored."""
    ahead = min(periods, split.end - split.test)
    origins = np.arange(split.end - ahead, split.test - 1, -24)[::-1]
    wanted = min(max(_SCORED_HOURS // ahead, _FEWEST_ORIGINS), _MOST_ORIGINS)
    step = max(-(-len(origins) // wanted), 1)
    return origins[::-1][::step][::-1].astype(np.int64), ahead


@dataclass(slots=True)
class NaiveMember:
    """The seasonal naive on rows, by the wall clock where people live by it.

    Attributes:
        season_hours: A week, or a day for the sun.
    """

    values: FloatArray
    calendar: Calendar
    season_hours: int
    reasons: list[str] = field(default_factory=list)

    def quantiles(self, origins: IndexArray, periods: int) -> FloatArray:
        """Shape (rows, origins, periods, LEVELS). NaN where a row has no reading in the weeks before an origin."""
        made = np.full((len(self.values), len(origins), periods, len(LEVELS)), np.nan)
        offset = None if self.season_hours == DAY_HOURS else self.calendar.utc_offset_hours
        # Beyond four weeks it would look for seasons of the future: from there on the fourth week is repeated.
        reach = min(periods, 4 * WEEK_HOURS)
        for i, row in enumerate(self.values):
            for k, origin in enumerate(origins):
                try:
                    naive = seasonal_naive(
                        row,
                        origins=np.array([origin]),
                        periods=reach,
                        season_hours=self.season_hours,
                        levels=LEVELS,
                        utc_offset_hours=offset,
                    )
                except ValueError:
                    continue
                again = np.concatenate([np.arange(reach), reach - 168 + np.arange(max(periods - reach, 0)) % 168])
                made[i, k] = naive.quantiles[0][again[:periods]]
        return made


def filled(quantiles: FloatArray, by: FloatArray) -> FloatArray:
    """The first where it speaks, the second elsewhere."""
    return np.where(np.isfinite(quantiles), quantiles, by)
