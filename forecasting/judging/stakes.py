"""What the errors of a model, and those of its champion, cost the site that plans with them, by the closed loop.

Every midnight (UTC) the day is planned from what a model then says, with reserves from its quantiles as the site wants
them, and carried out against what happened; once more with perfect foresight. What neither speaks of is told as it
came. Pinball loss weighs every error alike, money does not: an error that starts no other unit costs nothing.

Reference: Morales, Conejo, Madsen, Pinson and Zugno, "Integrating Renewables in Electricity Markets", Springer, 2014.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from forecasting.judging.significance import MINIMUM_DAYS, Comparison, compare
from forecasting.members.course import LEVELS
from forecasting.nouns import IndexArray
from forecasting.quantiles.mixing import at_levels
from grid.dispatch import DispatchProblem
from grid.dispatch.assemble import assemble_problem
from grid.forecasts import DEFAULT_LEVELS, Forecast
from grid.problem.window import window
from grid.simulation import Expected, Forecaster, Operation, daily_totals, perfect_foresight, simulate
from grid.site import SITE_LOAD, Site
from grid.time_axis import FloatArray, TimeAxis

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_DAY_HOURS = 24
_MOST_MISSING = 0.05
"""Of a series' hours may be bridged by lines; what was not read cannot tell whose forecast was right."""
_LONGEST_SECONDS = 480.0
"""For all simulations together; others of a team wait meanwhile, and give up after ten minutes (NCCL's limit)."""


class UntoldError(ValueError):
    """What errors cost cannot be told; the message says why, as a clause."""


@dataclass(frozen=True, slots=True)
class RegretComparison:
    """What a challenger's errors cost against the champion's, over the same days. All in the site's currency, a day.

    Attributes:
        challenger, champion: Regret: realised cost above that of perfect foresight.
        foresight: Cost with perfect foresight.
        estimated_hours: Hours of a series whose reading was missing, so that a straight line stood for it.
        cost: The test of the two realised costs, day by day.
    """

    challenger: float
    champion: float
    foresight: float
    estimated_hours: int
    cost: Comparison

    def as_dict(self) -> dict[str, Any]:
        """For a manifest: plain numbers, rounded to six digits."""
        told = {name: round(value, 6) for name, value in asdict(self).items() if name != "cost"}
        return {**told, "cost": self.cost.as_dict()}


@dataclass(frozen=True, slots=True, eq=False)
class Stakes:
    """A site's system, and what its series came to: what is at stake in a contest.

    Attributes:
        axis: Hourly.
        kw: Every series that a plan of the site needs, each of shape (hours,). [kW] NaN where unknown.
    """

    site: Site
    axis: TimeAxis
    kw: Mapping[str, FloatArray]

    @staticmethod
    def series_of(site: Site) -> list[str]:
        """Names of the series that a plan of the site needs."""
        plants = {plant.series_id for plant in site.renewable_plants}
        return [*sorted({load.series_id for load in site.loads} | plants), SITE_LOAD]

    def midnights(self, axis: TimeAxis, *, first: int, periods: int) -> IndexArray:
        """Positions on ``axis``, whose days begin at multiples of 24, at which the days that are run begin.

        Args:
            first: None before.
            periods: So many hours must have been read after each.
        """
        begin = -(-first // _DAY_HOURS) * _DAY_HOURS
        read = (self.axis.end - axis.start) // _HOUR
        return np.arange(begin, read - periods + 1, _DAY_HOURS)[-self.site.promotion.days :]

    def compare(
        self, challenger: Mapping[str, FloatArray], champion: Mapping[str, FloatArray], *, start: datetime
    ) -> RegretComparison:
        """Run the site with what both said, midnight by midnight from ``start`` on.

        Args:
            challenger, champion: At LEVELS by series, each of shape (days, periods, levels). [kW]

        Raises:
            UntoldError: If there are fewer days than a test needs, an hour of which one of them says nothing, or a
                series that was hardly read, or if it takes too long.
            InputError: If the site's series do not make a problem that can be planned.
        """
        days, periods = next(iter(challenger.values())).shape[:2]
        if days < MINIMUM_DAYS:
            raise UntoldError(f"{days} days are fewer than the {MINIMUM_DAYS} that a test needs")
        if not all(np.isfinite(one).all() for one in [*challenger.values(), *champion.values()]):
            raise UntoldError("one of the models is silent on some hours")
        reached = TimeAxis(start, _HOUR, (days - 1) * _DAY_HOURS + periods)
        came, estimated = self._came(reached)
        known = _problem(self.site, {name: _certain(name, kw, reached) for name, kw in came.items()}, reached)
        actual = window(known, TimeAxis(start, _HOUR, days * _DAY_HOURS))
        operation = Operation(lead=timedelta(0), horizon=periods * _HOUR)
        deadline = time.monotonic() + _LONGEST_SECONDS
        forecasters: list[Forecaster] = [perfect_foresight(known)]
        forecasters += [_Speaker(self.site, start, said, reached, came) for said in (challenger, champion)]
        least, own, theirs = (
            daily_totals(simulate(actual, _Hurried(one, deadline), operation=operation)) for one in forecasters
        )
        cost = compare(own[None], theirs[None])
        if cost is None:
            raise UntoldError(f"too few of {days} days have a cost")
        foresight = float(least.mean())
        return RegretComparison(cost.challenger - foresight, cost.champion - foresight, foresight, estimated, cost)

    def _came(self, axis: TimeAxis) -> tuple[dict[str, FloatArray], int]:
        """What every series came to, gaps filled by straight lines, and how many hours were filled.

        Raises:
            UntoldError: If a series has more gaps than can be bridged.
        """
        first = (axis.start - self.axis.start) // _HOUR
        came, estimated = {}, 0
        for name, kw in self.kw.items():
            part = kw[first : first + axis.periods]
            known = np.isfinite(part)
            missing = int((~known).sum())
            if missing > _MOST_MISSING * axis.periods:
                raise UntoldError(f"{name} was not read in {missing} of {axis.periods} hours")
            estimated += missing
            hours = np.arange(axis.periods)
            came[name] = np.interp(hours, hours[known], part[known])
        return came, estimated


@dataclass(frozen=True, slots=True, eq=False)
class _Speaker:
    """A model's forecasts, midnight by midnight, as the closed loop asks for them; the rest is told as it came.

    Attributes:
        said: At LEVELS by series, each of shape (days, periods, levels). [kW]
        came: By series on ``axis``. [kW]
    """

    site: Site
    start: datetime
    said: Mapping[str, FloatArray]
    axis: TimeAxis
    came: Mapping[str, FloatArray]

    def expect(self, axis: TimeAxis, *, issued_at: datetime) -> Expected:
        """What was said at the midnight at which ``axis`` begins."""
        day = (axis.start - self.start) // _DAY
        forecasts = {name: _certain(name, kw, self.axis) for name, kw in self.came.items()}
        for name, quantiles in self.said.items():
            values = at_levels(quantiles[day, : axis.periods], levels=LEVELS, wanted=DEFAULT_LEVELS)
            forecasts[name] = _forecast(name, axis, issued_at, values)
        problem = _problem(self.site, forecasts, axis)
        return Expected(
            axis,
            problem.load_mw,
            problem.available_mw,
            problem.reserve_up_mw,
            problem.reserve_down_mw,
            1.0 - self.site.reserve.up_level,
            requirements=problem.requirements,
            secure_units=problem.secure_units,
        )


@dataclass(frozen=True, slots=True)
class _Hurried:
    """A forecaster that is not asked after a deadline, by the monotonic clock. [s]"""

    forecaster: Forecaster
    deadline: float

    def expect(self, axis: TimeAxis, *, issued_at: datetime) -> Expected:
        if time.monotonic() > self.deadline:
            raise UntoldError(
                f"running the site through these days takes more than {_LONGEST_SECONDS / 60.0:.0f} minutes"
            )
        return self.forecaster.expect(axis, issued_at=issued_at)


def _problem(site: Site, forecasts: Mapping[str, Forecast], axis: TimeAxis) -> DispatchProblem:
    return assemble_problem(site, forecasts, issued_at=axis.start, periods=axis.periods)[0]


def _certain(name: str, kw: FloatArray, axis: TimeAxis) -> Forecast:
    """What came, as a forecast without doubt."""
    return _forecast(name, axis, axis.start, np.repeat(kw[:, None], len(DEFAULT_LEVELS), axis=1))


def _forecast(name: str, axis: TimeAxis, issued_at: datetime, quantiles: FloatArray) -> Forecast:
    return Forecast(name, axis, issued_at, DEFAULT_LEVELS, quantiles, model_id="", method="")
