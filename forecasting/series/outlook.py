"""What the air temperature was expected to be, as of every origin: sent, or climate plus a fading anomaly.

Measured temperature of the future is never used as if it had been forecast. Two things are known ahead: what somebody
had sent by an origin, and what a file gives for its horizon, which counts as a weather forecast that comes with every
origin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.nouns import IndexArray
from forecasting.series.calendar import Calendar
from forecasting.series.sent import SentForecast, newest
from forecasting.series.temperature import (
    ANOMALY_HOURS,
    TemperatureModel,
    anomaly_statistics,
    climatology_c,
    fit_temperature,
)
from grid.time_axis import FloatArray

LONGEST_NEAR_HOURS = 8 * 24
"""Beyond a week an anomaly has faded: what temperature may do is then told by scenarios."""
_FEWEST_HOURS = 240
_GIVEN = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """The temperature of one place. [degC]

    Attributes:
        path_c: Shape (hours + periods,): measured, then as known ahead; climate where nothing is known.
        climate_c: Normal temperature, same shape.
        model: Of the climate, and of how an anomaly fades.
        periods: Hours of a horizon.
        reach: Hours after every origin that count as known; all of the horizon if it is given.
        far: The horizon reaches beyond what is known, and further than an anomaly lasts.
        sent: By instant of issue.
    """

    path_c: FloatArray
    climate_c: FloatArray
    model: TemperatureModel
    periods: int
    reach: int
    far: bool
    sent: tuple[SentForecast, ...] = ()

    @property
    def given(self) -> bool:
        """Whether the path itself stands for what was expected."""
        return self.far or self.reach >= self.periods

    def expected(self, origins: IndexArray, periods: int, *, context: int) -> FloatArray:
        """The path around each origin as expected there, shape (origins, context + periods)."""
        at = origins[:, None] + np.arange(-context, periods)
        path: FloatArray = self.path_c[np.maximum(at, 0)]
        if self.given:
            return path
        begin = np.minimum(origins + self.reach, len(self.path_c))
        recent = begin[:, None] + np.arange(-ANOMALY_HOURS, 0)
        anomaly = np.where(recent >= 0, (self.path_c - self.climate_c)[np.maximum(recent, 0)], 0.0)
        damping = self.model.damping[: max(periods - self.reach, 0)]  # (hours foretold, 4)
        fading = anomaly_statistics(anomaly) @ damping.T  # (origins, hours foretold)
        path[:, context + self.reach :] = self.climate_c[at[:, context + self.reach :]] + fading
        for i, origin in enumerate(origins.tolist()) if self.sent else ():
            self._overlay(path[i, context:], origin)
        return path

    def _overlay(self, expected_c: FloatArray, origin: int) -> None:
        """Write the newest forecast sent by ``origin`` over what is expected, where it reaches."""
        if known := newest(self.sent, origin=origin):
            told = known.over(origin, len(expected_c))
            expected_c[:] = np.where(np.isfinite(told), told, expected_c)


def make_outlook(
    temperature_c: FloatArray,
    calendar: Calendar,
    *,
    periods: int,
    until: int,
    sent: Sequence[SentForecast] = (),
    model: TemperatureModel | None = None,
) -> Outlook | None:
    """The outlook on a measured course; None where too little of it is known.

    Args:
        temperature_c: Shape (hours + periods,). NaN where unknown.
        calendar: Of all these hours.
        until: Climate and fading are learnt from the hours before it.
        sent: By instant of issue.
        model: Climate and fading learnt before, instead.
    """
    hours = len(temperature_c) - periods
    if model is None and np.isfinite(temperature_c[:until]).sum() < _FEWEST_HOURS:
        return None
    known = np.isfinite(temperature_c)
    ahead = known[hours:]
    reach = periods if ahead.mean() >= _GIVEN else int(np.flatnonzero(~ahead)[0])
    far = periods - reach > 0 and periods > LONGEST_NEAR_HOURS
    if model is None:
        leads = 1 if far else max(periods - reach, 1)
        model = fit_temperature(temperature_c[:until], calendar.part(slice(0, until)), periods=leads)
    climate = climatology_c(model, calendar)
    path = np.where(known, temperature_c, climate)
    return Outlook(path, climate, model, periods, reach, far, tuple(sent))
