"""What all members share: how much work is done, where the backtest begins, and the seasonal naive on rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, Self

import numpy as np

from forecasting.members.baseline import DAY_HOURS, ERROR_DAYS, WEEK_HOURS, seasonal_naive
from forecasting.members.forest import ForestOptions
from forecasting.members.splits import split_in_time
from forecasting.members.trees import TreeOptions
from forecasting.networks.encoders import Encoder
from forecasting.networks.training import TrainingOptions
from forecasting.networks.windows import HISTORY_HOURS
from forecasting.nouns import IndexArray
from forecasting.series.calendar import Calendar
from forecasting.series.outlook import LONGEST_NEAR_HOURS
from forecasting.series.rows import Rows
from forecasting.series.splits import TimeSplit, split_history
from grid.time_axis import FloatArray

Effort = Literal["fast", "full"]
LEVELS = (0.01, 0.03, *(round(0.05 * k, 2) for k in range(1, 20)), 0.97, 0.99)
"""The levels the members speak in; those asked for are read off them."""
LONGEST_NETWORK_HOURS = LONGEST_NEAR_HOURS
"""Beyond a week the last days, which the networks read, say little."""
_FIRST_HOURS = 14 * 24
_FEWEST_TRAINING_HOURS = 7 * 24
_NIGHTLY_STEP_HOURS = 7
"""Odd, so that it runs through all hours of the day."""
_FEWEST_ORIGINS, _MOST_ORIGINS, _SCORED_HOURS = 24, 84, 2016
"""A backtest scores about so many hours, from so many origins."""

NETWORKS: dict[str, Encoder] = {"lstm": "lstm", "tcn": "tcn", "self-attention": "attention"}
"""Members that read the last week by a network, and how they do so."""
REGRESSION, TREES, FOREST, RECENT, ANALOGS, CLIMATOLOGY, NAIVE, WEATHER, PHYSICAL, WEATHER_TREES = (
    "regression",
    "boosted-trees",
    "quantile-forest",
    "recent-days",
    "analog-days",
    "climatology",
    "seasonal-naive",
    "weather-network",
    "physical",
    "weather-trees",
)
MEMBERS = frozenset(
    {*NETWORKS, REGRESSION, TREES, FOREST, RECENT, ANALOGS, CLIMATOLOGY, NAIVE, WEATHER, PHYSICAL, WEATHER_TREES}
)
Quantiles = dict[str, FloatArray]
"""By member, each of shape (rows, origins, periods, levels)."""


@dataclass(frozen=True, slots=True)
class Course:
    """How much work to do, and with which seed.

    Attributes:
        share: Of the work of a full course.
        budget_seconds: A ceiling on the wall time of all networks that read the last days together. Steps are counted,
            so that a seed tells all, unless it binds; a network that gets no step is left out.
        threads: For torch.
    """

    share: float = 1.0
    seed: int = 0
    budget_seconds: float = 3600.0
    threads: int = 1

    @property
    def networks(self) -> dict[str, Encoder]:
        """Which networks are trained."""
        return NETWORKS if self.share > _ONE_NETWORK else {"lstm": "lstm"}

    def network(self, encoder: Encoder, *, learning_rate: float, leads: int, late: float = 0.2) -> TrainingOptions:
        """Options of a network.

        Args:
            late: Share of its windows whose last hours have not arrived.
        """
        return TrainingOptions(
            seed=self.seed,
            max_steps=max(round(300 * min(self.share, 1.0)), 10),
            budget_seconds=self.budget_seconds / len(self.networks),
            learning_rate=learning_rate,
            leads=leads,
            late=late,
            threads=self.threads,
            encoder=encoder,
        )

    @property
    def trees(self) -> TreeOptions:
        """Options of the boosted trees."""
        return TreeOptions(seed=self.seed, rounds=max(round(120 * min(self.share, 1.0)), 10))

    @property
    def sun_trees(self) -> TreeOptions:
        """Of the sun's power: hours are less alike than those of load, so that trees may be finer."""
        return replace(self.trees, learning_rate=0.1, leaves=24, leaf_samples=60)

    @property
    def sun_forest(self) -> ForestOptions:
        """Options of the forest."""
        return ForestOptions(seed=self.seed, trees=max(round(60 * min(self.share, 1.0)), 10))

    @property
    def weather_steps(self) -> int:
        return max(round(2000 * min(self.share, 1.0)), 100)

    @property
    def weather_networks(self) -> int:
        return 3 if self.share > _ONE_NETWORK else 1


COURSES: dict[Effort, float] = {"fast": 0.3, "full": 1.0}
"""Share of the work by effort."""
_ONE_NETWORK = 0.3
"""Up to this share one network learns instead of three."""
_FULL_SECONDS = 100.0


def course_within(budget_seconds: float, *, seed: int, threads: int) -> Course:
    """As much work as about fits into a budget for both kinds; the same budget and seed give the same course."""
    return Course(min(budget_seconds / _FULL_SECONDS, 1.0), seed, budget_seconds / 2.0, threads)


class Members(Protocol):
    """The members that can speak of some rows. Those that are not asked cost nothing; climatology always speaks.

    Attributes:
        reasons: Sentences on what could not be used, and what stood in for it.
    """

    reasons: list[str]

    def past(self, origins: IndexArray, periods: int, *, asked: Collection[str] = MEMBERS) -> Quantiles:
        """What each would have said at origins in the backtest, having been fitted before them."""
        ...

    def present(self, *, asked: Collection[str] = MEMBERS) -> Quantiles:
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


def first_residual(hours: int) -> int:
    """Where residuals out of sample begin: a quarter of a history, two weeks at least, is for the first fit."""
    return max(hours // 4, _FIRST_HOURS)


def no_network(hours: int, periods: int) -> str:
    """Why no network speaks of a horizon after so many hours of history, as a sentence."""
    if periods > LONGEST_NETWORK_HOURS:
        return f"No network reads the last days: the horizon is longer than {LONGEST_NETWORK_HOURS // 24} days."
    return (
        f"No network reads the last days: at most {hours} hours of history are too few to train and judge it on a "
        f"horizon of {periods} hours."
    )


def network_fits(split: TimeSplit, periods: int) -> bool:
    """Whether there is enough history to train, calibrate and judge a network on such a horizon."""
    return (
        periods <= LONGEST_NETWORK_HOURS
        and split.tail >= first_residual(split.end) + HISTORY_HOURS + periods + _FEWEST_TRAINING_HOURS
        and split.test - split.tail >= periods + 72
        and split.end - split.test >= periods + 24
    )


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """How members are judged.

    Attributes:
        split: What may be learnt from, and what judges.
        origins: In the test.
        ahead: Hours that are scored from each.
        nightly: Any hour may be asked later, by somebody who has read the last three months only.
    """

    split: TimeSplit
    origins: IndexArray
    ahead: int
    nightly: bool

    @property
    def every(self) -> int:
        """Hours between the origins that members learn from: at one hour of the day, or running through all of them."""
        return 25 if self.nightly else 24


def single_trial(hours: int, periods: int) -> Trial:
    """For one horizon that is asked: from origins at the hour of day at which it begins, over the last fifth."""
    split = split_history(hours, periods)
    ahead = min(periods, split.end - split.test)
    origins = np.arange(split.end - ahead, split.test - 1, -24)[::-1]
    wanted = min(max(_SCORED_HOURS // ahead, _FEWEST_ORIGINS), _MOST_ORIGINS)
    step = max(-(-len(origins) // wanted), 1)
    return Trial(split, origins[::-1][::step][::-1].astype(np.int64), ahead, nightly=False)


def nightly_trial(hours: int, periods: int) -> Trial:
    """For horizons that will be asked every hour: from origins at every hour of the day, over the last weeks.

    Raises:
        ValueError: If there are fewer than four weeks.
    """
    split = split_in_time(hours)
    return Trial(split, np.arange(split.test, hours - periods + 1, _NIGHTLY_STEP_HOURS), periods, nightly=True)


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
        again = np.concatenate([np.arange(reach), reach - 168 + np.arange(max(periods - reach, 0)) % 168])[:periods]
        for i, origin in enumerate(origins.tolist()):
            begin = max(origin - ERROR_DAYS * DAY_HOURS, 0)
            usable = np.flatnonzero(np.isfinite(self.values[:, begin:origin]).any(axis=1))
            if len(usable):
                naive = seasonal_naive(
                    self.values[usable],
                    origins=np.full(len(usable), origin),
                    periods=reach,
                    season_hours=self.season_hours,
                    levels=LEVELS,
                    utc_offset_hours=offset,
                )
                made[usable, i] = naive.quantiles[:, again]
        return made


def filled(quantiles: FloatArray, by: FloatArray) -> FloatArray:
    """The first where it speaks, the second elsewhere."""
    return np.where(np.isfinite(quantiles), quantiles, by)
